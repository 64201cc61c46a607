/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the way from a file's verdict to findings on standard output: the same detectors, policy and
 * form as the daemon's. Nothing is journalled or acted on.
 */
#include "cli/scan_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/replay_intel.h"
#include "cli/scan_progress.h"
#include "cli/scan_walk.h"
#include "daemon/config.h"
#include "detect/detect.h"
#include "detect/file_detector.h"
#include "policy/policy.h"
#include "report/ocsf.h"
#include "scan/file_scan.h"

struct scan_report {
	bool json;
	struct policy *policy;
	struct detect *detect;
	struct replay_intel intel;
	struct ocsf_host host;
	uint64_t findings, files, excepted;
	bool met; /* of the file at hand: something that is told */
};

CLEANUP_DEFINE(struct scan_report *, scan_report_free)

/* One error a line. */
static int errors_tell(const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");

		log_error("%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
	return -EINVAL;
}

/* This host's pack, where there is one: lists are not compiled for a scan that does not name them.
 */
static int intel_open(struct scan_report *report, const struct config *config,
		      const char *const *packs, size_t count)
{
	const char *own = config->intel.pack;

	if (count == 0 && access(own, R_OK) < 0)
		return 0;
	return replay_intel_open(count ? packs : &own, count ? count : 1, config, &report->intel);
}

static int policy_open(struct scan_report *report, const struct config *config)
{
	const char *const *paths = (const char *const *)config->policy.files;
	size_t count = config->policy.count;
	struct policy_error error;

	/* The default one, where cordon is not installed. */
	if (count == 1 && access(paths[0], F_OK) < 0 && errno == ENOENT)
		count = 0;
	return policy_load(paths, count, &report->policy, &error) < 0 ? errors_tell(error.text) : 0;
}

int scan_report_new(const struct config *config, const char *const *packs, size_t packs_count,
		    bool json, struct scan_report **ret)
{
	CLEANUP(scan_report_free_cleanup) struct scan_report *report = calloc(1, sizeof(*report));
	int r;

	if (!report)
		return -ENOMEM;
	report->json = json;
	r = policy_open(report, config);
	if (r == 0)
		r = intel_open(report, config, packs, packs_count);
	if (r == 0)
		r = ocsf_host_read(&report->host);
	if (r == 0)
		r = detect_new(report->host.machine_id, &report->detect);
	if (r < 0)
		return r;
	*ret = take_ptr(report);
	return 0;
}

void scan_report_free(struct scan_report *report)
{
	if (!report)
		return;
	detect_free(report->detect);
	ocsf_host_free(&report->host);
	if (report->intel.packs)
		replay_intel_close(&report->intel);
	policy_free(report->policy);
	free(report);
}

static int finding_print_json(struct scan_report *report, const struct finding *finding,
			      const struct verdict *verdict)
{
	const struct ocsf_finding input = { .finding = finding,
					    .verdict = verdict,
					    .host = &report->host,
					    .count = 1,
					    .first_seen = finding->event->time,
					    .last_seen = finding->event->time };
	json_t *object = ocsf_finding(&input, 1);
	CLEANUP(free_cleanup) char *line = object ? ocsf_line(object) : NULL;

	json_decref(object);
	if (!line)
		return -ENOMEM;
	(void)printf("%s\n", line);
	return 0;
}

static int finding_print(const struct finding *finding, const struct verdict *verdict)
{
	const struct file_facts *file = finding->event->file;
	CLEANUP(free_cleanup) char *path = escape_text_dup(file->path, strlen(file->path));

	if (!path)
		return -ENOMEM;
	if (file->match)
		(void)printf("%s%s%s: %s (%s)\n", path, file->match->inside[0] ? "!" : "",
			     file->match->inside, file->match->rule,
			     severity_name(verdict->severity));
	else
		(void)printf("%s: %s (%s)\n", path, finding->why, severity_name(verdict->severity));
	return 0;
}

static int finding_met(const struct finding *finding, void *userdata)
{
	struct scan_report *report = userdata;
	struct verdict verdict;

	policy_evaluate(report->policy, finding, finding->event->time, &verdict);
	if (verdict.excepted) {
		report->excepted++;
		return 0;
	}
	report->findings++;
	report->met = true;
	return report->json ? finding_print_json(report, finding, &verdict)
			    : finding_print(finding, &verdict);
}

int scan_report_file(struct scan_report *report, const struct file_subject *subject,
		     const struct file_verdict *verdict)
{
	struct file_facts facts = { .path = subject->path,
				    .size = verdict->size,
				    .hashed = verdict->hashed };
	const struct event event = { .kind = EVENT_FILE, .time = clock_realtime(), .file = &facts };
	struct file_reasons reasons = verdict->reasons;
	size_t packs = report->intel.count;
	uint64_t before = report->findings + report->excepted;
	int r = 0;

	if (verdict->outcome != FILE_MATCHED)
		return 0;
	memcpy(facts.sha256, verdict->sha256, sizeof(facts.sha256));
	report->met = false;
	for (size_t i = 0; r >= 0 && (i == 0 || i < packs); i++) {
		r = detect_file(report->detect, &event, &reasons,
				packs ? report->intel.packs[i] : NULL, event.time, finding_met,
				report);
		/* Told already; what is listed may be so in several packs. */
		reasons.matches_count = 0;
	}
	report->files += report->met;
	return r < 0 ? r : report->findings + report->excepted > before;
}

unsigned scan_report_hashes(const struct scan_report *report)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < report->intel.count; i++)
		kinds |= file_hashes_wanted(report->intel.packs[i]);
	return kinds;
}

bool scan_report_listed(const struct scan_report *report, const struct file_hashes *hashes)
{
	struct pack_match match;

	for (size_t i = 0; i < report->intel.count; i++)
		if (file_hashes_listed(report->intel.packs[i], hashes, clock_realtime(), &match))
			return true;
	return false;
}

uint64_t scan_report_matches(const struct scan_report *report)
{
	return report->findings;
}

static void count_print(FILE *out, const char *what, uint64_t count)
{
	if (count > 0)
		(void)fprintf(out, "%-18s %" PRIu64 "\n", what, count);
}

void scan_report_summary(const struct scan_report *report, const struct scan_summary *summary,
			 FILE *out)
{
	const struct file_scan_statistics *statistics = summary->statistics;
	double seconds = (double)summary->elapsed / (double)NS_PER_SECOND;
	char bytes[16], rate[16];

	scan_progress_bytes(statistics->bytes, bytes);
	scan_progress_bytes(seconds > 0 ? (uint64_t)((double)statistics->bytes / seconds) : 0,
			    rate);
	(void)fprintf(out, "\n%s\n",
		      summary->interrupted ? "Interrupted."
		      : summary->failed	   ? "Given up."
					   : "Done.");
	(void)fprintf(out, "%-18s %" PRIu64 "\n", "Rules:", statistics->rules);
	count_print(out, "Rules left out:", statistics->left_out);
	(void)fprintf(out, "%-18s %" PRIu64 " (%s)\n",
		      "Scanned files:", statistics->clean + statistics->matched, bytes);
	count_print(out, "Known as clean:", summary->known);
	(void)fprintf(out, "%-18s %" PRIu64 "\n", "Matching files:", report->files);
	(void)fprintf(out, "%-18s %" PRIu64 "\n", "Matches:", report->findings);
	count_print(out, "Excepted:", report->excepted);
	count_print(out, "Partly scanned:", statistics->partial);
	count_print(out, "Not scannable:", statistics->unscannable);
	count_print(out, "Not readable:", summary->unreadable);
	count_print(out, "Too large:", summary->too_large);
	count_print(out, "Excluded:", summary->walk->excluded);
	count_print(out, "Not changed:", summary->walk->unchanged);
	count_print(out, "Not scanned:", summary->interrupted ? statistics->queued : 0);
	count_print(out, "Workers replaced:", statistics->broken);
	(void)fprintf(out, "%-18s %.1f s (%s/s)\n", "Time:", seconds, rate);
}
