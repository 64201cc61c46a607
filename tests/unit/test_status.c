/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/channel.h"
#include "base/clock.h"
#include "daemon/status.h"

/* A pack of our own, with as many feeds as a test wants and the longest names. */
struct pack {
	size_t feeds;
	char name[1024];
};

void pack_info(const struct pack *pack, struct pack_info *ret)
{
	*ret = (struct pack_info){
		.domains = 1000000, .created = 1000, .feeds = pack->feeds, .sha256 = "00ff"
	};
}

void pack_feed(const struct pack *pack, size_t i, struct pack_feed *ret)
{
	*ret = (struct pack_feed){ .name = pack->name, .entries = i };
}

static struct config config = { .sensor = {
					.ring_size = 65536, .ports = { 5353 }, .ports_count = 1 } };

static struct status status_make(const struct pack *pack)
{
	struct status status = {
		.version = "0.1.0",
		.now = 5000 * NS_PER_SECOND,
		.started = 2000 * NS_PER_SECOND,
		.cgroup = "/sys/fs/cgroup",
		.programs = { { .name = "egress", .hook = "cgroup_skb/egress", .attached = true } },
		.program_count = 1,
		.pack_path = "/var/lib/cordon/indicators.pack",
		.pack = pack,
		.excepted = 4,
		.config = &config,
		/* It failed once, and works again. */
		.sinks = { { .name = "file", .delivered = 8, .failed = 3 } },
		.sink_count = 1,
		.pool = { .workers = 1, .running = 1, .requests = 5, .read = 5 },
		.flows = { .told = 3 },
		.cages = { { .pid = 77, .greeted = true, .uid = 999 } },
		.cage_count = 1,
		.worker_user = "cordon",
		.worker_reason = "",
	};

	status.cages[0].layers[CAGE_LANDLOCK] = ENOSYS;

	status.ledger.counters[LEDGER_EGRESS][LEDGER_CLEAN] = 7;
	status.ledger.counters[LEDGER_EGRESS][LEDGER_MATCHED] = 2;
	status.ledger.counters[LEDGER_EGRESS][LEDGER_SUBMITTED] = 2;
	status.ledger.flows[LEDGER_FLOW_TLS] = 3;
	status.ledger.flows[LEDGER_FLOW_OTHER] = 1;
	status.ledger.flows[LEDGER_FLOW_PIECES] = status.ledger.flows[LEDGER_FLOW_SUBMITTED] = 3;
	status.ledger.read = status.ledger.events = 5;
	return status;
}

static json_int_t number_at(json_t *object, const char *first, const char *second)
{
	json_t *value = json_object_get(json_object_get(object, first), second);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void healthy_daemons_have_no_problems(void **state)
{
	/* Proves: the reply has the shape that status.h describes, and nothing to complain of. */
	struct pack pack = { .feeds = 2, .name = "feed" };
	struct status status = status_make(&pack);
	json_t *reply = status_json(&status), *ledger, *sink, *cage, *layer;
	size_t i;

	(void)state;
	assert_non_null(reply);
	assert_string_equal(json_string_value(json_object_get(reply, "mode")), "audit");
	assert_int_equal(json_integer_value(json_object_get(reply, "uptime")), 3000);
	assert_int_equal(number_at(reply, "pack", "age"), 4000);
	assert_int_equal(number_at(reply, "pack", "domains"), 1000000);
	assert_int_equal(json_array_size(json_object_get(json_object_get(reply, "pack"), "feeds")),
			 2);
	ledger = json_object_get(reply, "ledger");
	assert_true(json_is_true(json_object_get(ledger, "balances")));
	assert_int_equal(number_at(json_object_get(ledger, "probes"), "egress", "seen"), 9);
	assert_int_equal(number_at(json_object_get(ledger, "probes"), "egress", "clean"), 7);
	assert_int_equal(number_at(ledger, "flows", "seen"), 4);
	assert_int_equal(number_at(ledger, "flows", "tls"), 3);
	assert_int_equal(number_at(reply, "findings", "excepted"), 4);
	sink = json_array_get(json_object_get(reply, "sinks"), 0);
	assert_string_equal(json_string_value(json_object_get(sink, "name")), "file");
	assert_int_equal(json_integer_value(json_object_get(sink, "delivered")), 8);
	assert_int_equal(json_integer_value(json_object_get(sink, "failed")), 3);
	assert_true(json_is_null(json_object_get(sink, "error")));
	assert_int_equal(number_at(reply, "workers", "requests"), 5);
	assert_int_equal(number_at(json_object_get(reply, "workers"), "table", "told"), 3);
	assert_true(json_is_null(json_object_get(json_object_get(reply, "workers"), "reason")));
	cage = json_object_get(json_object_get(reply, "workers"), "cage");
	assert_int_equal(json_array_size(cage), CAGE_LAYERS);
	json_array_foreach(cage, i, layer)
		assert_int_equal(json_is_true(json_object_get(layer, "on")), i != CAGE_LANDLOCK);
	assert_int_equal(json_array_size(json_object_get(reply, "problems")), 0);
	json_decref(reply);
}

static void problems_are_told(void **state)
{
	/* Proves: each thing that is wrong is a problem with its count and a remedy. */
	struct status status = status_make(NULL);
	json_t *reply, *problems;

	(void)state;
	status.ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL] = 5; /* out of nowhere */
	status.programs[0].attached = false;
	status.findings.failed = 3;
	status.sinks[0].error = -ENOSPC;
	reply = status_json(&status);
	problems = json_object_get(reply, "problems");
	assert_int_equal(json_array_size(problems), 6);
	for (size_t i = 0; i < 6; i++) {
		json_t *problem = json_array_get(problems, i);

		assert_true(json_integer_value(json_object_get(problem, "count")) > 0);
		assert_true(json_string_length(json_object_get(problem, "remedy")) > 0);
	}
	assert_int_equal(json_integer_value(json_object_get(json_array_get(problems, 1), "count")),
			 5);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(reply, "sinks"), 0), "error")),
			    strerror(ENOSPC));
	assert_false(json_is_true(json_object_get(json_object_get(reply, "pack"), "loaded")));
	json_decref(reply);
}

static void pins_are_told(void **state)
{
	/* Proves: what happened while nobody attended is shown, losses under daemons before are no
	 * problem of this one, and pins that were wanted and are not there are. */
	struct pack pack = { .feeds = 1, .name = "feed" };
	struct status status = status_make(&pack);
	json_t *reply, *pins;

	(void)state;
	status.pins = (struct sensor_pins){ .folder = "/sys/fs/bpf/cordon", .taken_over = true };
	status.pins.absence = (struct sensor_absence){
		.known = true, .time = 12 * NS_PER_SECOND, .blocked = 3, .passed = 2, .lost = 1
	};
	status.ledger.counters[LEDGER_EGRESS][LEDGER_MATCHED] += 4;
	status.ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL] = 4;
	status.ring_full_before = 4;
	reply = status_json(&status);
	pins = json_object_get(reply, "pins");
	assert_true(json_is_true(json_object_get(pins, "pinned")));
	assert_int_equal(number_at(pins, "unattended", "seconds"), 12);
	assert_int_equal(number_at(pins, "unattended", "blocked"), 3);
	assert_int_equal(number_at(pins, "unattended", "passed"), 2);
	assert_int_equal(number_at(pins, "unattended", "lost"), 1);
	assert_int_equal(json_array_size(json_object_get(reply, "problems")), 0);
	json_decref(reply);

	status.pins = (struct sensor_pins){ .error = "no place" };
	reply = status_json(&status);
	pins = json_object_get(reply, "pins");
	assert_true(json_is_false(json_object_get(pins, "pinned")));
	assert_true(json_is_null(json_object_get(pins, "unattended")));
	assert_int_equal(json_array_size(json_object_get(reply, "problems")), 1);
	json_decref(reply);
}

static void replies_always_fit_into_a_frame(void **state)
{
	/* Proves: with more feeds and policies than are shown, all with the longest names and bytes
	 * that take the most room, the reply is valid and below the largest frame. */
	struct pack pack = { .feeds = 5000 };
	struct status status = status_make(&pack);
	const char *files[STATUS_FILES_MAX * 2];
	json_t *reply;
	char *text;

	(void)state;
	memset(pack.name, 1, sizeof(pack.name) - 1);
	for (size_t i = 0; i < STATUS_FILES_MAX * 2; i++)
		files[i] = pack.name;
	status.policy_files = files;
	status.policy_file_count = STATUS_FILES_MAX * 2;
	status.pack_error = pack.name;
	status.pack_path = pack.name;
	memset(&status.ledger, 0xff, sizeof(status.ledger));
	reply = status_json(&status);
	assert_non_null(reply);
	text = json_dumps(reply, JSON_COMPACT);
	assert_non_null(text);
	assert_true(strlen(text) > 64 * 1024);
	assert_true(strlen(text) < CHANNEL_FRAME_MAX);
	assert_int_equal(number_at(reply, "pack", "feed_count"), 5000);
	free(text);
	json_decref(reply);
}

static void settings_are_those_in_force(void **state)
{
	/* Proves: settings are told as they are, and those that wait for a start are named. */
	struct status status = status_make(NULL);
	json_t *object, *waiting;

	(void)state;
	status.config_waiting = 3;
	object = status_json(&status);
	assert_string_equal(json_string_value(json_object_get(json_object_get(object, "settings"),
							      "sensor.ports")),
			    "53, 5353");
	assert_string_equal(json_string_value(json_object_get(json_object_get(object, "settings"),
							      "sensor.ring_size")),
			    "65536");
	waiting = json_object_get(object, "settings_waiting");
	assert_int_equal(json_array_size(waiting), 2);
	assert_string_equal(json_string_value(json_array_get(waiting, 0)), "mode");
	assert_string_equal(json_string_value(json_array_get(waiting, 1)), "state_dir");
	json_decref(object);
}

static void costs_are_measured(void **state)
{
	/* Proves: the process's own memory and CPU time are read. */
	struct status status = { 0 };

	(void)state;
	status_measure(&status);
	assert_true(status.rss > 100 * 1024);
	assert_true(status.cpu_user_us + status.cpu_system_us > 0);
	assert_true(status.pid > 0 && status.now > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_daemons_have_no_problems),
		cmocka_unit_test(problems_are_told),
		cmocka_unit_test(pins_are_told),
		cmocka_unit_test(replies_always_fit_into_a_frame),
		cmocka_unit_test(settings_are_those_in_force),
		cmocka_unit_test(costs_are_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
