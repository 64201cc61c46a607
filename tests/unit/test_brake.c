/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves what keeps a finding from isolating: an entry in the probation of its feed, of which a
 * list of the administrator's own has none; an entry that covers a name in use for long; and,
 * where policy asks for it, that no other finding has come, of another entry and another feed or
 * detector. In this order, and each with its reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/agent.h"
#include "daemon/brake.h"
#include "daemon/isolation_private.h"
#include "intel/name_history.h"
#include "intel/pack_history.h"
#include "intel_folder.h"

#define NOW UINT64_C(1780272000) /* 2026-06-01 */
#define DAY UINT64_C(86400)

static struct config_feed feeds[] = {
	{ .name = "own", .path = "/list", .probation = FEED_PROBATION_DEFAULT },
	{ .name = "elsewhere", .url = "https://a.example", .probation = FEED_PROBATION_DEFAULT },
	{ .name = "trusted", .url = "https://b.example", .probation = 0 },
	{ .name = "strict", .path = "/list", .probation = 2 * DAY * NS_PER_SECOND },
};

struct bench {
	struct intel_folder *folder;
	struct agent agent;
	struct isolation isolation;
};

static void time_set(uint64_t now)
{
	clock_hold(now * NS_PER_SECOND, (now - NOW + DAY) * NS_PER_SECOND);
}

static void pack_put(struct bench *bench, const char *list)
{
	struct compile_report report;
	struct pack *pack = NULL;
	const char *why = "";

	assert_int_equal(intel_folder_compile(bench->folder, list, NULL, NULL, &report), 0);
	assert_int_equal(pack_open(bench->folder->pack, &pack, &why), 0);
	pack_close(bench->agent.pack);
	bench->agent.pack = pack;
	brake_pack(&bench->agent);
	for (int i = 0; i < 5; i++)
		brake_tick(&bench->agent);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	void *folder = NULL;

	if (!bench || intel_folder_make(&folder) < 0)
		return -1;
	time_set(NOW);
	bench->folder = folder;
	bench->agent.config.mode = CONFIG_ENFORCE;
	bench->agent.config.state_dir = bench->folder->path;
	bench->agent.config.intel.feeds = feeds;
	bench->agent.config.intel.feeds_count = sizeof(feeds) / sizeof(feeds[0]);
	bench->agent.config.isolation.quarantine = (char *)(uintptr_t) "sg-1";
	bench->agent.config.isolation.probation = 3600;
	bench->agent.config.isolation.long_use = 7;
	bench->agent.config.isolation.second_within = DAY;
	bench->agent.isolation = &bench->isolation;
	*state = bench;
	return brake_open(&bench->agent, &bench->isolation.brake);
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	void *folder = bench->folder;
	char command[256];

	brake_close(bench->isolation.brake);
	pack_close(bench->agent.pack);
	clock_release();
	(void)snprintf(command, sizeof(command), "rm -rf %s/" PACK_HISTORY_FOLDER " %s/names*",
		       bench->folder->path, bench->folder->path);
	(void)!system(command);
	free(bench);
	return intel_folder_remove(&folder);
}

/* What holds it back; ISOLATE_NEWS: nothing. */
static enum isolate_news ask(struct bench *bench, const char *feed, const char *entry,
			     const char *detector, enum response response)
{
	struct indicator indicator = { .kind = INDICATOR_DOMAIN, .feed = feed, .tags = "" };
	struct finding finding = { .detector = detector };
	const struct verdict verdict = { .response = response, .rule = "rule" };
	enum isolate_news news = ISOLATE_NEWS;
	char why[ISOLATION_NOTE_SIZE] = "";

	(void)snprintf(indicator.text, sizeof(indicator.text), "%s", entry ? entry : "");
	(void)snprintf(finding.subject, sizeof(finding.subject), "%s", detector);
	(void)snprintf(finding.uid, sizeof(finding.uid), "%.8s-%.20s", detector,
		       entry ? entry : "");
	finding.indicator = entry ? &indicator : NULL;
	if (!brake_holds(&bench->agent, &finding, &verdict, &news, why))
		return ISOLATE_NEWS;
	assert_true(*why && (!entry || news == ISOLATE_REFUSED_ALONE || strstr(why, entry)));
	return news;
}

static enum isolate_news isolate(struct bench *bench, const char *feed, const char *entry)
{
	return ask(bench, feed, entry, "indicator", RESPONSE_ISOLATE);
}

static void probation(void **state)
{
	struct bench *bench = *state;

	pack_put(bench, "a.example\n");
	assert_int_equal(isolate(bench, "elsewhere", "a.example"), ISOLATE_REFUSED_PROBATION);
	assert_int_equal(isolate(bench, "unknown", "a.example"), ISOLATE_REFUSED_PROBATION);
	assert_int_equal(isolate(bench, "strict", "a.example"), ISOLATE_REFUSED_PROBATION);
	assert_int_equal(isolate(bench, "own", "a.example"), ISOLATE_NEWS);
	assert_int_equal(isolate(bench, "trusted", "a.example"), ISOLATE_NEWS);
	/* Found without an entry: a file, a rebinding. */
	assert_int_equal(ask(bench, "", NULL, "yara", RESPONSE_ISOLATE), ISOLATE_NEWS);
	time_set(NOW + 3600 + 5);
	assert_int_equal(isolate(bench, "elsewhere", "a.example"), ISOLATE_NEWS);
	assert_int_equal(isolate(bench, "strict", "a.example"), ISOLATE_REFUSED_PROBATION);
	time_set(NOW + 2 * DAY + 5);
	assert_int_equal(isolate(bench, "strict", "a.example"), ISOLATE_NEWS);
	/* A clock that was set back makes nothing old. */
	time_set(NOW - 3600);
	assert_int_equal(isolate(bench, "elsewhere", "a.example"), ISOLATE_REFUSED_PROBATION);
}

static void names_in_use(void **state)
{
	struct bench *bench = *state;
	struct event event = { 0 };

	assert_int_equal(domain_name_parse("www.a.example", &event.name), 0);
	pack_put(bench, "other.example\n");
	brake_name(&bench->agent, &event);
	time_set(NOW + 8 * DAY);
	pack_put(bench, "other.example\na.example\n");
	assert_int_equal(isolate(bench, "own", "a.example"), ISOLATE_REFUSED_HISTORY);
	assert_int_equal(isolate(bench, "own", "other.example"), ISOLATE_NEWS);
	assert_int_equal(isolate(bench, "elsewhere", "a.example"), ISOLATE_REFUSED_PROBATION);
}

static void a_second_finding(void **state)
{
	const enum response second = RESPONSE_ISOLATE_SECOND;
	struct bench *bench = *state;

	pack_put(bench, "a.example\nb.example\n");
	assert_int_equal(ask(bench, "own", "a.example", "indicator", second),
			 ISOLATE_REFUSED_ALONE);
	/* The same again, another entry of the feed, what is held back itself: none is a second. */
	assert_int_equal(ask(bench, "own", "a.example", "indicator", second),
			 ISOLATE_REFUSED_ALONE);
	assert_int_equal(ask(bench, "own", "b.example", "indicator", second),
			 ISOLATE_REFUSED_ALONE);
	assert_int_equal(ask(bench, "elsewhere", "c.example", "indicator", second),
			 ISOLATE_REFUSED_PROBATION);
	assert_int_equal(ask(bench, "own", "a.example", "indicator", second),
			 ISOLATE_REFUSED_ALONE);
	assert_int_equal(ask(bench, "", NULL, "yara", second), ISOLATE_NEWS);
	assert_int_equal(ask(bench, "own", "a.example", "indicator", second), ISOLATE_NEWS);
	/* Too long ago by then. */
	time_set(NOW + DAY + 1);
	assert_int_equal(ask(bench, "own", "a.example", "indicator", second),
			 ISOLATE_REFUSED_ALONE);
	assert_int_equal(ask(bench, "trusted", "b.example", "indicator", second), ISOLATE_NEWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(probation, setup, teardown),
		cmocka_unit_test_setup_teardown(names_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_finding, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
