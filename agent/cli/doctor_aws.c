/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the daemon to try the calls of AWS that its configuration needs, waits until it has, and
 * prints what is missing with the statement to add to the policy of the instance's role. Texts in
 * it may be AWS's, or whoever's who answered in its place: the writer escapes them.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/writer.h"
#include "daemon/control_call.h"

/* Each call may wait for its timeout and be tried again. */
#define RUN_TIME (120 * NS_PER_SECOND)
#define LOOK_MS	 100

CLEANUP_DEFINE(json_t *, json_decref)

static const struct writer_column columns[] = {
	{ .key = "call", .title = "CALL" },	  { .key = "state", .title = "STATE" },
	{ .key = "used_by", .title = "USED BY" }, { .key = "found", .below = true },
	{ .key = "remedy", .below = true },
};

/* What cordond says of a call, and what that is here. */
static const struct {
	const char *state;
	enum doctor_state here;
	const char *shown;
	enum writer_style style;
} states[] = {
	{ "allowed", DOCTOR_OK, "ok", WRITER_GOOD },
	{ "denied", DOCTOR_FAIL, "fail", WRITER_BAD },
	{ "open", DOCTOR_WARN, "warn", WRITER_WARN },
	{ "untried", DOCTOR_WARN, "warn", WRITER_WARN },
};

/* What is known to help, by words in what was found. */
static const struct {
	const char *word, *remedy;
} remedies[] = {
	{ "hop limit",
	  "aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled "
	  "--http-put-response-hop-limit 2; on hosts that are no EC2 instances give cordond's unit "
	  "AWS_ACCESS_KEY_ID and company" },
	{ "turned off for this instance",
	  "aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled" },
	{ "no such thing", "attach an instance profile to the instance: its role makes the calls" },
	{ "is aws.region right", "set aws.region" },
	{ "does not manage", "see that amazon-ssm-agent runs, and is registered" },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void remedy_print(struct writer *writer, const json_t *row)
{
	const json_t *statement = json_object_get(row, "statement");
	CLEANUP(free_cleanup) char *text = statement ? json_dumps(statement, 0) : NULL;

	if (text) {
		writer_cell(writer, WRITER_PLAIN, "add to the policy of the instance's role: %s",
			    text);
		return;
	}
	for (size_t i = 0; i < ELEMENTS(remedies); i++) {
		if (!strstr(text_of(row, "found"), remedies[i].word))
			continue;
		writer_cell(writer, WRITER_PLAIN, "%s", remedies[i].remedy);
		return;
	}
	writer_cell(writer, WRITER_PLAIN, "%s", "");
}

static enum doctor_state row_print(struct writer *writer, const json_t *row)
{
	size_t i = 0;

	while (i + 1 < ELEMENTS(states) && strcmp(states[i].state, text_of(row, "state")) != 0)
		i++;
	writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "call"));
	writer_cell(writer, states[i].style, "%s", states[i].shown);
	writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "used_by"));
	writer_cell(writer, WRITER_PLAIN, "%s", text_of(row, "found"));
	remedy_print(writer, row);
	return states[i].here;
}

static enum doctor_state calls_print(struct writer *writer, const json_t *calls)
{
	enum doctor_state worst = DOCTOR_OK;
	const json_t *row;
	size_t i;

	writer_table(writer, "aws", "Calls of AWS", columns, ELEMENTS(columns));
	json_array_foreach(calls, i, row)
	{
		enum doctor_state state = row_print(writer, row);

		worst = state > worst ? state : worst;
	}
	writer_end(writer);
	return worst;
}

/* A row in the place of calls that nobody could be asked for. */
static enum doctor_state failure_print(struct writer *writer, const char *why)
{
	CLEANUP(json_decref_cleanup)
	json_t *calls = json_pack("[{s:s, s:s, s:s, s:s}]", "call", "none", "state", "open",
				  "used_by", "cordond", "found", why);

	return calls_print(writer, calls);
}

/* The preflight in a status, when run has ended; NULL: not yet. */
static json_t *preflight_of(const json_t *status, json_int_t run)
{
	json_t *deliveries = json_object_get(status, "deliveries");
	json_t *preflight = json_object_get(deliveries, "preflight");

	return json_integer_value(json_object_get(preflight, "runs")) >= run ? preflight : NULL;
}

static enum doctor_state run_wait(const char *path, json_int_t run, struct writer *writer)
{
	uint64_t deadline = clock_boottime() + RUN_TIME;

	do {
		CLEANUP(json_decref_cleanup) json_t *status = NULL;
		const json_t *preflight;
		int r = control_call(path, "status", &status);

		if (r < 0)
			return failure_print(writer, strerror(-r));
		preflight = preflight_of(status, run);
		if (preflight)
			return calls_print(writer, json_object_get(preflight, "calls"));
		(void)poll(NULL, 0, LOOK_MS);
	} while (clock_boottime() < deadline);
	return failure_print(writer, "cordond has not tried all calls in two minutes");
}

enum doctor_state doctor_aws(const struct doctor *doctor, struct writer *writer)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	char path[DOCTOR_SOCKET_SIZE];
	const char *error;
	json_int_t run;

	doctor_socket(doctor, path);
	/* That it does not run was said before. */
	if (control_call(path, "preflight", &reply) < 0)
		return DOCTOR_OK;
	error = json_string_value(json_object_get(reply, "error"));
	if (error)
		return failure_print(writer, error);
	run = json_integer_value(json_object_get(reply, "run"));
	return run > 0 ? run_wait(path, run, writer) : DOCTOR_OK;
}
