/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: 24 hours without AWS, 100,000 findings, with restarts and kill -9 in between, and all
 * sinks on: each sink hears of each finding of high and critical severity at least once, under one
 * id, no state of it after a later one; what was dropped is counted and told; the journal stays
 * under its limit; while AWS is away nobody hammers it, and catching up stays below what each
 * service takes.
 *
 * Journal, outbox, delivery, queues and sinks are the agent's own. Doubles: the channel to
 * cordon-cloud, which here is the same process, and its client: AWS is a table in memory. The clock
 * is ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/dispatch_private.h"
#include "cloud/places.h"
#include "daemon/agent.h"
#include "daemon/host_cut.h"
#include "sink_bodies.h"

#define FINDINGS   100000
#define HOUR	   (UINT64_C(3600) * NS_PER_SECOND)
#define DAY	   (24 * HOUR)
#define START	   (UINT64_C(1800000000) * NS_PER_SECOND)
#define STEP	   (DAY / FINDINGS)
#define COMMIT	   500 /* findings in one turn of the loop */
#define TURN	   20  /* findings, 17 s */
#define CATCH_STEP (NS_PER_SECOND / 10)
/* Of the journal's file: rows for 20,000 findings, and what is owed. */
#define DISK_MAX   (UINT64_C(80) << 20)
#define CALLS_MAX  200000

static const struct aws {
	unsigned id;
	const struct cloud_sink *type;
	const char *service;
	int severity;
	/* What the service takes of an account and region in the smallest of them, a second. */
	unsigned calls, entries;
} aws[] = {
	{ CLOUD_CLOUDWATCH, &cloudwatch, "logs", SEVERITY_INFORMATIONAL, 800, 10000000 },
	{ CLOUD_EVENTBRIDGE, &eventbridge, "events", SEVERITY_INFORMATIONAL, 400, 400 },
	{ CLOUD_SECURITY_HUB, &security_hub, "securityhub", SEVERITY_LOW, 10, 1000 },
	{ CLOUD_SNS, &sns, "sns", SEVERITY_HIGH, 300, 300 },
	{ CLOUD_S3, &s3, "s3", SEVERITY_INFORMATIONAL, 3500, 10000000 },
};

/* What outlives a process that is killed: AWS itself, and how far the world has come. */
static struct world {
	char folder[64], path[128];
	bool away;
	uint64_t now, recorded, dropped, told, kills;
	uint64_t failed_calls;
	uint64_t bytes_most;
	uint32_t seen[FINDINGS]; /* times, as far as the journal has them */
	struct {
		uint32_t count[FINDINGS]; /* the last state that came; 0: none */
		uint32_t times[FINDINGS];
		uint64_t calls, out_of_order, unknown;
		struct {
			uint64_t at;
			uint32_t entries;
		} call[CALLS_MAX];
	} sinks[ELEMENTS(aws)];
} * world;

static struct host_process {
	struct agent agent;
	struct courier_handlers handlers;
	void *delivery;
	struct dispatch dispatch;
	struct places places;
	struct pending {
		client_done done;
		void *userdata;
		const char *service;
		size_t entries;
		char *body;
	} pending[ELEMENTS(aws)];
	size_t pending_count;
} process;

static int severity_of(uint64_t number)
{
	if (number % 50 == 0)
		return number / 50 % 2 ? SEVERITY_CRITICAL : SEVERITY_HIGH;
	return 1 + (int)(number % 3);
}

static void at(uint64_t now)
{
	world->now = now;
	clock_hold(now, now - START + DAY);
}

/* ---- the double of cordon-cloud's channel ---- */

static struct courier *const courier_double = (struct courier *)&process;

int courier_new(sd_event *loop, const struct courier_options *options,
		const struct courier_handlers *handlers, void *userdata, struct courier **ret)
{
	(void)loop;
	process.handlers = *handlers;
	process.delivery = userdata;
	process.dispatch.settings_json = json_loads(options->settings, 0, NULL);
	assert_int_equal(settings_read(process.dispatch.settings_json, &process.dispatch.settings),
			 0);
	*ret = courier_double;
	return 0;
}

void courier_free(struct courier *courier)
{
	(void)courier;
}

bool courier_has_room(const struct courier *courier, unsigned sink, size_t size)
{
	const struct places_share *share = &process.places.shares[sink];

	(void)courier;
	/* What the daemon itself asks is not asked here. */
	return process.dispatch.queues[sink].type && share->entries < PLACES_SINK_MAX &&
	       (share->bytes + size <= COURIER_BYTES || share->bytes == 0);
}

int courier_send(struct courier *courier, uint64_t id, const struct message_entry *head,
		 const char *document, size_t size)
{
	struct batch_entry *entry;

	if (!courier_has_room(courier, head->sink, size))
		return -EAGAIN;
	entry = calloc(1, sizeof(*entry));
	assert_non_null(entry);
	entry->document = strndup(document, size);
	entry->id = places_take(&process.places, id, head->sink, false, size);
	entry->size = size;
	entry->time = head->time;
	entry->urgent = head->urgent;
	entry->came = clock_boottime();
	entry->number = process.dispatch.number++;
	process.dispatch.entries++;
	sink_queue_add(&process.dispatch.queues[head->sink], entry);
	return 0;
}

void courier_status(const struct courier *courier, struct courier_status *ret)
{
	(void)courier;
	*ret = (struct courier_status){ 0 };
}

void dispatch_send(struct dispatch *dispatch, const struct message_frame *frame)
{
	struct message message;
	const char *why;

	(void)dispatch;
	assert_int_equal(message_read(frame, MESSAGE_PARENT_GREETED, &message, &why), 0);
	for (size_t i = 0; i < message.result.count; i++) {
		struct place *place = places_find(&process.places, message.result.ids[i]);

		assert_non_null(place);
		places_return(&process.places, place);
		process.handlers.result(place->id, place->sink, message.result.outcome,
					message.result.after, message.result.text,
					process.delivery);
	}
}

void pipeline_dropped(struct agent *agent, uint64_t count)
{
	(void)agent;
	world->told += count;
}

void pipeline_cloud_broken(struct agent *agent, const char *reason)
{
	(void)agent;
	fail_msg("%s", reason);
}

void host_cut_configure(struct agent *agent)
{
	(void)agent;
}

void policy_host_changed(struct agent *agent)
{
	(void)agent;
}

bool policy_host_asks(const struct agent *agent)
{
	(void)agent;
	return false;
}

/* Nobody asks for a response. */
int courier_call(struct courier *courier, uint64_t id, const char *text, size_t size)
{
	(void)courier;
	(void)id;
	(void)text;
	(void)size;
	return -EAGAIN;
}

void isolation_instance(struct agent *agent, const char *instance)
{
	(void)agent;
	(void)instance;
}

void isolation_call_replied(struct agent *agent, uint64_t number, const char *text, size_t size)
{
	(void)agent;
	fail_msg("reply %llu: %.*s", (unsigned long long)number, (int)size, text);
}

void isolation_call_lost(struct agent *agent)
{
	(void)agent;
}

bool isolation_ready(const struct agent *agent, char *why, size_t size)
{
	(void)agent;
	(void)snprintf(why, size, "not tried");
	return true;
}

void isolation_ready_hurry(struct agent *agent)
{
	(void)agent;
}

/* ---- the double of AWS ---- */

struct arrival {
	size_t place;
};

static void finding_came(const char *uid, uint64_t count, void *userdata)
{
	const struct arrival *arrival = userdata;
	uint64_t number = strtoull(uid + 1, NULL, 10);

	if (uid[0] != 'f' || number >= FINDINGS) {
		world->sinks[arrival->place].unknown++;
		return;
	}
	if (count < world->sinks[arrival->place].count[number])
		world->sinks[arrival->place].out_of_order++;
	world->sinks[arrival->place].count[number] = (uint32_t)count;
	world->sinks[arrival->place].times[number]++;
}

int client_endpoint(const struct client *client, const struct service *service,
		    char out[static ENDPOINT_URL_SIZE])
{
	(void)client;
	(void)service;
	(void)strcpy(out, "https://s3.eu-west-1.amazonaws.com");
	return 0;
}

void client_statistics(const struct client *client, struct client_statistics *ret)
{
	(void)client;
	*ret = (struct client_statistics){ 0 };
}

int client_call(struct client *client, const struct client_request *request, client_done done,
		void *userdata, struct client_call **ret)
{
	(void)client;
	(void)ret;
	assert_true(process.pending_count < ELEMENTS(process.pending));
	process.pending[process.pending_count++] = (struct pending){
		.done = done,
		.userdata = userdata,
		.service = request->service->name,
		.entries = request->body_size,
		.body = memcpy(malloc(request->body_size), request->body, request->body_size),
	};
	return 0;
}

/* As each service says that it has taken all of them. */
static char *reply_of(const char *service, size_t entries)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (strcmp(service, "events") == 0) {
		(void)fprintf(out, "{\"FailedEntryCount\":0,\"Entries\":[");
		for (size_t i = 0; i < entries; i++)
			(void)fprintf(out, "%s{\"EventId\":\"e\"}", i ? "," : "");
		(void)fprintf(out, "]}");
	} else if (strcmp(service, "securityhub") == 0) {
		(void)fprintf(out, "{\"FailedCount\":0,\"SuccessCount\":%zu,\"FailedFindings\":[]}",
			      entries);
	} else if (strcmp(service, "sns") == 0) {
		(void)fprintf(out, "<PublishBatchResponse><PublishBatchResult><Successful>");
		for (size_t i = 0; i < entries; i++)
			(void)fprintf(out, "<member><Id>%zu</Id></member>", i);
		(void)fprintf(out, "</Successful></PublishBatchResult></PublishBatchResponse>");
	} else if (strcmp(service, "logs") == 0) {
		(void)fprintf(out, "{}");
	}
	(void)fclose(out);
	return text;
}

static size_t service_place(const char *service)
{
	for (size_t i = 0; i < ELEMENTS(aws); i++)
		if (strcmp(aws[i].service, service) == 0)
			return i;
	fail();
	return 0;
}

static void call_answer(struct pending *call)
{
	struct client_result result = { .status = 200, .etag = "\"e\"", .body = "" };
	struct arrival arrival = { service_place(call->service) };
	char *reply = NULL;
	uint64_t number;

	if (world->away) {
		result.failure = FAILURE_TRANSIENT;
		result.status = 0;
		world->failed_calls++;
	} else {
		number = world->sinks[arrival.place].calls++;
		assert_true(number < CALLS_MAX);
		call->entries =
			body_read(call->service, call->body, call->entries, finding_came, &arrival);
		world->sinks[arrival.place].call[number].at = world->now;
		world->sinks[arrival.place].call[number].entries = (uint32_t)call->entries;
		reply = reply_of(call->service, call->entries);
		result.body = reply;
		result.body_size = strlen(reply);
	}
	free(call->body);
	call->done(&result, call->userdata);
	free(reply);
}

static void calls_answer(void)
{
	while (process.pending_count > 0) {
		struct pending call = process.pending[--process.pending_count];

		call_answer(&call);
	}
}

/* ---- the agent ---- */

static void process_turn(void)
{
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		if (process.dispatch.queues[id].type)
			sink_queue_turn(&process.dispatch.queues[id]);
	calls_answer();
	process.handlers.turned(process.delivery);
}

static void cloud_start(void)
{
	struct dispatch *dispatch = &process.dispatch;

	dispatch->loop = process.agent.loop;
	dispatch->started = true;
	dispatch->instance = (struct message_instance){ .id = "i-0123456789abcdef0",
							.region = "eu-west-1",
							.account = "123456789012",
							.partition = "aws" };
	for (size_t i = 0; i < ELEMENTS(aws); i++)
		assert_true(sink_queue_open(dispatch, aws[i].type, &dispatch->queues[aws[i].id]) >=
			    0);
	process.handlers.instance(&dispatch->instance, process.delivery);
}

static void process_start(void)
{
	static const char text[] = "aws: { region: eu-west-1, metadata: 'off' }\n"
				   "report:\n"
				   "  cloudwatch: { group: /g }\n"
				   "  eventbridge: { bus: default }\n"
				   "  security_hub: { enabled: yes }\n"
				   "  sns: { topic: 'arn:aws:sns:eu-west-1:123456789012:t' }\n"
				   "  s3: { bucket: evidence }\n"
				   "  outbox: { max_entries: 60000 }\n";
	const struct journal_limits limits = { .findings = 20000 };
	struct document_error error = { 0 };
	bool damaged;

	process = (struct host_process){ 0 };
	places_clear(&process.places);
	assert_int_equal(
		config_from_text("test", text, sizeof(text) - 1, &process.agent.config, &error), 0);
	assert_int_equal(ocsf_host_read(&process.agent.host), 0);
	assert_int_equal(journal_open(world->path, &limits, &process.agent.journal, &damaged), 0);
	assert_false(damaged);
	assert_true(sd_event_new(&process.agent.loop) >= 0);
	assert_int_equal(delivery_open(&process.agent), 0);
	cloud_start();
}

/* As systemd stops it: what is in memory is written. */
static void process_stop(void)
{
	delivery_close(&process.agent);
	journal_close(process.agent.journal);
	_exit(0);
}

struct rendering {
	char text[2048];
};

static const char *document(const struct journal_entry *entry, void *userdata)
{
	struct rendering *rendering = userdata;

	(void)snprintf(rendering->text, sizeof(rendering->text),
		       "{\"activity_id\":1,\"class_uid\":2004,\"category_uid\":2,"
		       "\"class_name\":\"Detection Finding\",\"severity_id\":%d,"
		       "\"severity\":\"S\",\"count\":%" PRIu64 ",\"time\":%" PRIu64 ","
		       "\"start_time\":%" PRIu64 ",\"metadata\":{\"uid\":\"m\"},"
		       "\"finding_info\":{\"uid\":\"%s\",\"title\":\"t\",\"desc\":\"d\","
		       "\"analytic\":{\"name\":\"indicator\"}}}",
		       entry->severity, entry->count, entry->last_seen / NS_PER_MILLISECOND,
		       entry->first_seen / NS_PER_MILLISECOND, entry->uid);
	return rendering->text;
}

static void see(uint64_t number)
{
	struct rendering rendering;
	char uid[32];
	const struct journal_input input = { .uid = uid,
					     .detector = "indicator",
					     .time = world->now,
					     .severity = severity_of(number),
					     .document = document,
					     .userdata = &rendering };

	(void)snprintf(uid, sizeof(uid), "f%06" PRIu64, number);
	assert_true(journal_record(process.agent.journal, &input, NULL) > 0);
}

static void disk_look(void)
{
	struct journal_statistics statistics;

	journal_statistics(process.agent.journal, &statistics);
	if (statistics.bytes > world->bytes_most)
		world->bytes_most = statistics.bytes;
}

/* Some of the agent's own seconds, of which it prunes in every tenth. */
static void ticks(void)
{
	uint64_t before = delivery_dropped(&process.agent);

	for (int i = 0; i < 40; i++)
		delivery_tick(&process.agent);
	world->dropped += delivery_dropped(&process.agent) - before;
	disk_look();
}

/* One turn of the loop that found something; every tenth is of something seen before. */
static void record_some(void)
{
	uint64_t first = world->recorded;

	journal_begin(process.agent.journal);
	for (uint64_t i = first; i < first + COMMIT; i++) {
		at(START + i * STEP);
		if (i % TURN == 0)
			process_turn();
		see(i);
		if (i % 10 == 0 && i >= 5000)
			see(i - 5000);
	}
	assert_int_equal(journal_commit(process.agent.journal), 0);
	assert_int_equal(journal_flush(process.agent.journal), 0);
	/* From here on it must arrive, whatever becomes of this process. */
	world->recorded = first + COMMIT;
	for (uint64_t i = first; i < first + COMMIT; i++) {
		world->seen[i]++;
		world->seen[i >= 5000 ? i - 5000 : i] += i % 10 == 0 && i >= 5000;
	}
}

/* ---- processes, one after the other ---- */

/* Until so many are recorded; then ends of itself, or is killed in the middle of something. */
static void life_offline(uint64_t until, bool killed)
{
	process_start();
	while (world->recorded < until) {
		record_some();
		process_turn();
		if (world->recorded % 2000 == 0)
			ticks();
	}
	if (!killed)
		process_stop();
	journal_begin(process.agent.journal);
	see(world->recorded);
	(void)kill(getpid(), SIGKILL);
}

/* Severe ones go on while the rest is caught up with. */
static void see_again(uint64_t turn)
{
	uint64_t number = FINDINGS - 50 * (1 + turn % 100);

	see(number);
	assert_int_equal(journal_flush(process.agent.journal), 0);
	world->seen[number]++;
}

static bool all_arrived(void)
{
	struct outbox_statistics statistics;

	assert_int_equal(outbox_statistics(process.agent.journal, 0, &statistics), 0);
	return statistics.waiting == 0;
}

/* Until nothing is owed, or so many steps have gone. */
static void life_online(unsigned steps)
{
	process_start();
	for (unsigned i = 0; i < steps || steps == 0; i++) {
		at(world->now + CATCH_STEP);
		if (i % 10 == 0 && i < 2000)
			see_again(world->now / CATCH_STEP / 10);
		process_turn();
		if (i % 20 == 0 && all_arrived())
			process_stop();
	}
	(void)kill(getpid(), SIGKILL);
}

/* A life in a process of its own; whether it ended of itself. */
static bool live(void (*life)(uint64_t a, bool b), uint64_t a, bool b)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		life(a, b);
		_exit(3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		world->kills++;
		return false;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void online(uint64_t steps, bool unused)
{
	(void)unused;
	life_online((unsigned)steps);
}

/* ---- what came of it ---- */

/* Most calls and entries of any second. */
static void rate_check(size_t place)
{
	uint64_t from = 0, entries = 0, calls = 0, most_entries = 0, most_calls = 0;

	for (uint64_t i = 0; i < world->sinks[place].calls; i++) {
		calls++;
		entries += world->sinks[place].call[i].entries;
		while (world->sinks[place].call[i].at - world->sinks[place].call[from].at >=
		       NS_PER_SECOND) {
			entries -= world->sinks[place].call[from++].entries;
			calls--;
		}
		most_calls = calls > most_calls ? calls : most_calls;
		most_entries = entries > most_entries ? entries : most_entries;
	}
	print_message("  %-12s %6" PRIu64 " calls, at most %" PRIu64 " calls and %" PRIu64
		      " entries a second\n",
		      aws[place].type->name, world->sinks[place].calls, most_calls, most_entries);
	assert_true(most_calls <= aws[place].calls);
	assert_true(most_entries <= aws[place].entries);
}

static uint64_t sink_check(size_t place)
{
	uint64_t arrived = 0, wanted = 0;

	for (uint64_t i = 0; i < FINDINGS; i++) {
		bool severe = severity_of(i) >= SEVERITY_HIGH;
		wanted += severity_of(i) >= aws[place].severity;
		arrived += world->sinks[place].count[i] > 0;
		if (severe && world->sinks[place].count[i] != world->seen[i])
			fail_msg("%s has state %u of finding %" PRIu64 ", not %u",
				 aws[place].type->name, world->sinks[place].count[i], i,
				 world->seen[i]);
		if (severity_of(i) < aws[place].severity && world->sinks[place].count[i])
			fail_msg("%s has finding %" PRIu64, aws[place].type->name, i);
	}
	assert_int_equal(world->sinks[place].unknown, 0);
	assert_int_equal(world->sinks[place].out_of_order, 0);
	return wanted - arrived;
}

static void day_without_aws(void **state)
{
	/* A file that is not flushed when it is killed; each process goes on where it was. */
	static const struct {
		unsigned part; /* of the day, in twelfths */
		bool killed;
	} lives[] = { { 1, false }, { 2, true }, { 3, true },	{ 5, false }, { 6, true },
		      { 7, true },  { 9, true }, { 10, false }, { 11, true }, { 12, false } };
	uint64_t missing = 0, end;

	(void)state;
	world->away = true;
	for (size_t i = 0; i < ELEMENTS(lives); i++)
		assert_int_equal(live(life_offline, FINDINGS * lives[i].part / 12 / COMMIT * COMMIT,
				      lives[i].killed),
				 !lives[i].killed);
	print_message("  offline: %" PRIu64 " findings, %" PRIu64
		      " dropped, journal at most %" PRIu64 " MiB, %" PRIu64 " calls that failed\n",
		      world->recorded, world->dropped, world->bytes_most >> 20,
		      world->failed_calls);
	assert_true(world->dropped > 0);
	assert_int_equal(world->told, world->dropped);
	assert_true(world->bytes_most < DISK_MAX);
	/* Each sink is tried once or twice a minute, and at first a few times more. */
	assert_true(world->failed_calls < ELEMENTS(aws) * 24 * 60 * 3);

	world->away = false;
	end = world->now;
	for (uint64_t steps = 200; !live(online, world->kills < 12 ? steps : 0, false);)
		continue;
	print_message("  online: caught up in %" PRIu64 " s, %" PRIu64 " times killed in all\n",
		      (world->now - end) / NS_PER_SECOND, world->kills);
	/* Half an hour for a day. */
	assert_true(world->now - end < HOUR / 2);
	for (size_t i = 0; i < ELEMENTS(aws); i++) {
		rate_check(i);
		missing += sink_check(i);
	}
	/* What did not come was dropped, and counted; or it was, and came again when it was seen
	 * again. */
	print_message("  missing at all sinks: %" PRIu64 "\n", missing);
	assert_true(missing <= world->dropped);
	assert_true(missing + FINDINGS / 10 * ELEMENTS(aws) >= world->dropped);
}

static int setup(void **state)
{
	(void)state;
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(world != MAP_FAILED);
	/* In memory where that can be: a thousand commits are on disk before they return. */
	(void)snprintf(world->folder, sizeof(world->folder), "%s/cordon-outage-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(world->folder));
	(void)snprintf(world->path, sizeof(world->path), "%s/journal.db", world->folder);
	at(START);
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
	char path[160];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", world->path, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(world->folder);
	clock_release();
	return munmap(world, sizeof(*world));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(day_without_aws, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
