/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detector.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/escape.h"
#include "detect/asker.h"
#include "detect/resolver_bypass.h"
#include "sensor/file_facts.h"

CLEANUP_DEFINE(struct detect *, detect_free)
CLEANUP_DEFINE(struct digest *, digest_free)

struct detect {
	char host[128];
	struct askers askers;
	struct learnt *learnt;
	struct rebinding *rebinding;
};

struct detector {
	const char *name;
	detector_look *look;
};

static detector_look indicator_look, answer_look, learnt_look, rebinding_look, resolver_look;
static detector_look unreadable_look;

static const struct detector detectors[] = {
	{ "indicator", indicator_look },       { "indicator", connection_indicator_look },
	{ "indicator", flow_indicator_look },  { "indicator", fingerprint_indicator_look },
	{ "indicator", answer_look },	       { "indicator", learnt_look },
	{ "rebinding", rebinding_look },       { "resolver-bypass", resolver_look },
	{ "unreadable-dns", unreadable_look }, { "yara", yara_look },
	{ "file-hash", file_hash_look },
};

int detect_new(const char *host, struct detect **ret)
{
	CLEANUP(detect_free_cleanup) struct detect *detect = calloc(1, sizeof(*detect));
	int r;

	if (!detect)
		return -ENOMEM;
	r = learnt_new(&detect->learnt);
	if (r == 0)
		r = rebinding_new(&detect->rebinding);
	if (r < 0)
		return r;
	(void)snprintf(detect->host, sizeof(detect->host), "%s", host);
	*ret = take_ptr(detect);
	return 0;
}

void detect_free(struct detect *detect)
{
	if (!detect)
		return;
	learnt_free(detect->learnt);
	rebinding_free(detect->rebinding);
	free(detect);
}

void detect_learn(struct detect *detect, learnt_callback callback, void *userdata)
{
	learnt_listen(detect->learnt, callback, userdata);
}

void detect_search(struct detect *detect, const struct domain_name *names, size_t count)
{
	rebinding_search(detect->rebinding, names, count);
}

void detect_statistics(const struct detect *detect, struct detect_statistics *ret)
{
	learnt_statistics(detect->learnt, &ret->learnt);
	rebinding_statistics(detect->rebinding, &ret->rebinding);
}

void detect_line_add(char *line, size_t size, const char *format, ...)
{
	size_t used = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line + used, size - used, format, arguments);
	va_end(arguments);
}

static const char *attribution_text(const struct event *event)
{
	static const char *const texts[] = {
		[EVENT_ATTRIBUTION_NONE] = "the process is not known",
		[EVENT_ATTRIBUTION_SEND] = "the process was noted in its own send call",
		[EVENT_ATTRIBUTION_CURRENT] = "the process was running as the packet left",
		[EVENT_ATTRIBUTION_CONNECT] = "the process connected the socket",
		[EVENT_ATTRIBUTION_CREATE] = "the process created the socket",
		[EVENT_ATTRIBUTION_OWNER] = "the process holds the socket",
	};

	return texts[event->attribution];
}

static void why_sender(const struct detect *detect, const struct event *event, char *why,
		       size_t size)
{
	const struct asker *asker;
	char comm[80];

	if (event->frame || event->kind == EVENT_FILE ||
	    (event->direction == EVENT_DIRECTION_IN && event->kind != EVENT_ANSWER))
		return;
	detect_line_add(why, size, "; %s", attribution_text(event));
	if (event->opener_pid)
		detect_line_add(why, size, " (socket opened by pid %d)", (int)event->opener_pid);
	if (!event->process || event->process->role != PROCESS_ROLE_STUB)
		return;
	asker = askers_find(&detect->askers, event);
	if (!asker) {
		detect_line_add(why, size, ", a resolver on this host asking for another program");
		return;
	}
	escape_text(asker->comm, strlen(asker->comm), comm, sizeof(comm));
	detect_line_add(why, size, ", a resolver on this host asking for pid %d (%s)",
			(int)asker->pid, comm);
}

void detect_title_name(char name[static DOMAIN_NAME_TEXT_SIZE])
{
	if (strlen(name) > TITLE_NAME_MAX)
		memcpy(name + TITLE_NAME_MAX - 3, "...", 4);
}

void detect_explain(const struct detect *detect, const struct pack_match *match,
		    struct finding *finding)
{
	const struct indicator *indicator = &match->matches[0];
	const struct event *event = finding->event;
	char feed[128], entry[300];

	finding->indicator = indicator;
	finding->default_severity = (enum severity)indicator->severity;
	escape_text(indicator->feed, strlen(indicator->feed), feed, sizeof(feed));
	escape_text(indicator->text, strlen(indicator->text), entry, sizeof(entry));
	(void)snprintf(finding->why, sizeof(finding->why), "entry %s of feed %s", entry,
		       feed[0] ? feed : "without a name");
	if (indicator->line)
		detect_line_add(finding->why, sizeof(finding->why), ", line %u", indicator->line);
	if (event->reason)
		detect_line_add(finding->why, sizeof(finding->why), "; %s", event->reason);
	why_sender(detect, event, finding->why, sizeof(finding->why));
}

static bool indicator_look(struct detect *detect, const struct event *event,
			   const struct pack *pack, uint64_t now, struct pack_match *match,
			   struct finding *finding)
{
	char qname[DOMAIN_NAME_TEXT_SIZE];

	if (event->kind != EVENT_QUESTION || !pack || event->unreadable ||
	    pack_lookup_domain(pack, &event->name, now / NS_PER_SECOND, match) != 1 ||
	    !match->blocked)
		return false;
	domain_name_format(&event->name, qname);
	detect_title_name(qname);
	(void)snprintf(finding->title, sizeof(finding->title), "%s listed domain %s",
		       event->response				? "Answer for"
		       : event->direction == EVENT_DIRECTION_IN ? "Client asked for"
								: "Lookup of",
		       qname);
	detect_explain(detect, match, finding);
	askers_note(&detect->askers, event);
	return true;
}

static bool answer_look(struct detect *detect, const struct event *event, const struct pack *pack,
			uint64_t now, struct pack_match *match, struct finding *finding)
{
	if (!learnt_answer(detect->learnt, event, pack, now, match, finding))
		return false;
	why_sender(detect, event, finding->why, sizeof(finding->why));
	return true;
}

static bool learnt_look(struct detect *detect, const struct event *event, const struct pack *pack,
			uint64_t now, struct pack_match *match, struct finding *finding)
{
	if (!learnt_connection(detect->learnt, event, pack, now, match, finding))
		return false;
	why_sender(detect, event, finding->why, sizeof(finding->why));
	return true;
}

static bool rebinding_look(struct detect *detect, const struct event *event,
			   const struct pack *pack, uint64_t now, struct pack_match *match,
			   struct finding *finding)
{
	(void)pack;
	(void)now;
	(void)match;
	if (!rebinding_answer(detect->rebinding, event, finding))
		return false;
	why_sender(detect, event, finding->why, sizeof(finding->why));
	return true;
}

static bool resolver_look(struct detect *detect, const struct event *event, const struct pack *pack,
			  uint64_t now, struct pack_match *match, struct finding *finding)
{
	(void)pack;
	(void)now;
	(void)match;
	if (!resolver_bypass_connection(event, finding))
		return false;
	why_sender(detect, event, finding->why, sizeof(finding->why));
	return true;
}

/* Something sent to a DNS port that the kernel side could not read, and refused for it: whether
 * user space could read it afterwards or not, whoever sent it wonders. */
static bool unreadable_look(struct detect *detect, const struct event *event,
			    const struct pack *pack, uint64_t now, struct pack_match *match,
			    struct finding *finding)
{
	(void)pack;
	(void)now;
	if (event->kind != EVENT_QUESTION || event->disposition != EVENT_BLOCKED ||
	    event->response || match->blocked || !(event->unreadable || event->reason))
		return false;
	finding->default_severity = SEVERITY_LOW;
	(void)snprintf(finding->title, sizeof(finding->title), "%s message to DNS port %u refused",
		       event->unreadable ? "Unreadable" : "Unusual", event->destination_port);
	(void)snprintf(finding->why, sizeof(finding->why), "%s",
		       event->reason ? event->reason : "it could not be read");
	why_sender(detect, event, finding->why, sizeof(finding->why));
	return true;
}

static int uid_add(struct digest *digest, const char *text)
{
	return digest_add(digest, text, strlen(text) + 1);
}

/* Stable across repeats and restarts: detector, entry, who (the executable and its container; the
 * asking address when no process is known), host. In the form of a UUID, version 8 (RFC 9562). */
static int finding_identify(const struct detect *detect, struct finding *finding)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	const struct event *event = finding->event;
	const struct process *process = event->process;
	char who[ADDRESS_TEXT_SIZE] = "", digits[33];
	uint8_t hash[SHA256_SIZE];
	int r = 0;

	if (!digest)
		return -ENOMEM;
	if (!process && event->direction != EVENT_DIRECTION_OUT)
		address_format(event->response ? &event->destination : &event->source, who);
	r |= uid_add(digest, detect->host);
	r |= uid_add(digest, finding->detector);
	r |= uid_add(digest, finding->indicator ? finding->indicator->text : finding->subject);
	r |= uid_add(digest, process ? (process->exe[0] ? process->exe : process->comm) : who);
	r |= uid_add(digest, process ? process->container : "");
	/* A connection to a listed name is another finding than its lookup: it shows other things.
	 */
	if (event->kind != EVENT_QUESTION)
		r |= uid_add(digest, event_kind_name(event->kind));
	/* Two files with the same content are two. */
	if (event->file)
		r |= uid_add(digest, event->file->path);
	r |= digest_finish(digest, hash);
	if (r < 0)
		return -EIO;
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	digest_text(hash, 16, digits);
	(void)snprintf(finding->uid, sizeof(finding->uid), "%.8s-%.4s-%.4s-%.4s-%.12s", digits,
		       digits + 8, digits + 12, digits + 16, digits + 20);
	return 0;
}

int detect_event(struct detect *detect, const struct event *event, const struct pack *pack,
		 uint64_t now, int (*found)(const struct finding *finding, void *userdata),
		 void *userdata)
{
	struct pack_match match; /* large: only what is read is set */
	int count = 0;

	match.blocked = false;
	for (size_t i = 0; i < ELEMENTS(detectors); i++) {
		struct finding finding = { .detector = detectors[i].name, .event = event };
		int r;

		if (!detectors[i].look(detect, event, pack, now, &match, &finding) ||
		    !resolver_bypass_adopt(&finding))
			continue;
		r = finding_identify(detect, &finding);
		if (r == 0)
			r = found(&finding, userdata);
		if (r < 0)
			return r;
		count++;
	}
	return count;
}

int detect_loss(struct detect *detect, uint64_t records, uint64_t unattended, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = {
		.detector = "records-lost",
		.default_severity = SEVERITY_MEDIUM,
		.event = &event,
		.title = "Lookups were matched but not told: the ring buffer was full",
	};
	int r = finding_identify(detect, &finding);

	if (r < 0)
		return r;
	if (unattended)
		(void)snprintf(finding.why, sizeof(finding.why),
			       "%llu records found no room while the daemon was not running, for "
			       "%llu s; what policy blocks was blocked",
			       (unsigned long long)records,
			       (unsigned long long)(unattended / NS_PER_SECOND));
	else
		(void)snprintf(finding.why, sizeof(finding.why),
			       "%llu records found no room since the last time; what policy blocks "
			       "was blocked; sensor.ring_size makes the ring larger",
			       (unsigned long long)records);
	return found(&finding, userdata);
}

static int process_broken(struct detect *detect, const char *detector, const char *title,
			  const char *reason, uint64_t now,
			  int (*found)(const struct finding *finding, void *userdata),
			  void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = {
		.detector = detector,
		.default_severity = SEVERITY_MEDIUM,
		.event = &event,
	};
	int r = finding_identify(detect, &finding);

	if (r < 0)
		return r;
	(void)snprintf(finding.title, sizeof(finding.title), "%s", title);
	(void)snprintf(finding.why, sizeof(finding.why), "%s", reason);
	return found(&finding, userdata);
}

int detect_worker(struct detect *detect, const char *reason, uint64_t now,
		  int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	return process_broken(detect, "worker-broken", "A sandboxed worker was replaced", reason,
			      now, found, userdata);
}

int detect_cloud(struct detect *detect, const char *reason, uint64_t now,
		 int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	return process_broken(detect, "cloud-broken", "The process that talks to AWS was replaced",
			      reason, now, found, userdata);
}

int detect_dropped(struct detect *detect, uint64_t findings, uint64_t now,
		   int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = {
		.detector = "deliveries-dropped",
		/* So that it is not dropped itself. */
		.default_severity = SEVERITY_HIGH,
		.event = &event,
		.title =
			"Findings will not reach their sinks: these were out of reach for too long",
	};
	int r = finding_identify(detect, &finding);

	if (r < 0)
		return r;
	(void)snprintf(
		finding.why, sizeof(finding.why),
		"%llu findings of medium severity or less are in the journal only, since the "
		"last time; report.outbox says how many may wait, and for how long",
		(unsigned long long)findings);
	return found(&finding, userdata);
}

int detect_response(struct detect *detect, const char *subject, const char *title, const char *why,
		    enum severity severity, uint64_t now,
		    int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = { .detector = "isolation",
				   .default_severity = severity,
				   .event = &event };
	int r;

	(void)snprintf(finding.subject, sizeof(finding.subject), "%s", subject);
	(void)snprintf(finding.title, sizeof(finding.title), "%s", title);
	(void)snprintf(finding.why, sizeof(finding.why), "%s", why);
	r = finding_identify(detect, &finding);
	return r < 0 ? r : found(&finding, userdata);
}

int detect_exception(struct detect *detect, bool over, const char *policy, const char *rule,
		     uint64_t until, const char *why, uint64_t now,
		     int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = {
		.detector = over ? "exception-ended" : "exception-ends",
		.default_severity = over ? SEVERITY_LOW : SEVERITY_INFORMATIONAL,
		.event = &event,
	};
	int r;

	(void)snprintf(finding.subject, sizeof(finding.subject), "%.120s %.120s %llu", policy, rule,
		       (unsigned long long)(until / NS_PER_SECOND));
	(void)snprintf(finding.title, sizeof(finding.title),
		       "Exception \"%.200s\" of the policy %s", rule,
		       over ? "has ended" : "ends within a week");
	(void)snprintf(finding.why, sizeof(finding.why), "%s", why);
	r = finding_identify(detect, &finding);
	return r < 0 ? r : found(&finding, userdata);
}

int detect_update(struct detect *detect, bool held, const char *why, uint64_t now,
		  int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	const struct event event = { .time = now, .unreadable = true };
	struct finding finding = {
		.detector = held ? "update-held" : "update-refused",
		.default_severity = held ? SEVERITY_HIGH : SEVERITY_MEDIUM,
		.event = &event,
	};
	int r = finding_identify(detect, &finding);

	if (r < 0)
		return r;
	(void)snprintf(finding.title, sizeof(finding.title), "An update of the indicators %s",
		       held ? "is held back" : "was refused");
	(void)snprintf(finding.why, sizeof(finding.why), "%s", why);
	return found(&finding, userdata);
}
