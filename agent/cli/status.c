/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon status`: asks the daemon and shows its reply (daemon/status.h). Owns nothing. The reply
 * is taken as a stranger's: what is missing, as from another version, is shown as "-".
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/status_value.h"
#include "cli/status_array.h"
#include "cli/status_feeds.h"
#include "cli/status_files.h"
#include "cli/status_policy.h"
#include "cli/writer.h"
#include "daemon/control_call.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* Probes shown side by side. */
#define PROBES_MAX 8

/* A line of text: where it stands in the reply, and how it is shown. */
struct line {
	const char *path, *label;
	enum form form;
};

static const struct line general_lines[] = {
	{ "version", "version", FORM_TEXT },	 { "mode", "mode", FORM_TEXT },
	{ "mode_lock", "locked to", FORM_TEXT }, { "uptime", "up", FORM_SECONDS },
	{ "pid", "pid", FORM_NUMBER },		 { "cgroup", "cgroup", FORM_TEXT },
};

static const struct line pack_lines[] = {
	{ "pack.path", "pack", FORM_TEXT },
	{ "pack.loaded", "loaded", FORM_TRUTH },
	{ "pack.error", "refused", FORM_TEXT },
	{ "pack.domains", "domains", FORM_NUMBER },
	{ "pack.addresses", "addresses", FORM_NUMBER },
	{ "pack.hashes", "hashes", FORM_NUMBER },
	{ "pack.allows", "allow entries among them", FORM_NUMBER },
	{ "pack.never_block", "never-block list", FORM_TRUTH },
	{ "pack.age", "age", FORM_SECONDS },
	{ "pack.sha256", "sha256", FORM_TEXT },
};

static const struct line pins_lines[] = {
	{ "pins.dir", "folder", FORM_TEXT },
	{ "pins.pinned", "pinned", FORM_TRUTH },
	{ "pins.error", "why not", FORM_TEXT },
	{ "pins.taken_over", "taken over", FORM_TRUTH },
	{ "pins.unattended.seconds", "was unattended for", FORM_SECONDS },
	{ "pins.unattended.blocked", "packets blocked meanwhile", FORM_NUMBER },
	{ "pins.unattended.passed", "let pass, too long unattended", FORM_NUMBER },
	{ "pins.unattended.lost", "records lost meanwhile", FORM_NUMBER },
};

static const struct line ledger_lines[] = {
	{ "ledger.balances", "balances", FORM_TRUTH },
	{ "ledger.read", "records read", FORM_NUMBER },
	{ "ledger.events", "became events", FORM_NUMBER },
	{ "ledger.rejected", "rejected", FORM_NUMBER },
	{ "ledger.waiting", "waiting", FORM_NUMBER },
	{ "ledger.flows.seen", "new flows", FORM_NUMBER },
	{ "ledger.flows.tls", "TLS among them", FORM_NUMBER },
	{ "ledger.flows.http", "HTTP", FORM_NUMBER },
	{ "ledger.flows.quic", "QUIC", FORM_NUMBER },
	{ "ledger.flows.clean", "names not listed", FORM_NUMBER },
	{ "ledger.flows.listed", "names listed", FORM_NUMBER },
	{ "ledger.flows.limited", "parts of them lost", FORM_NUMBER },
	{ "ledger.flows.cut", "packets of cut flows dropped", FORM_NUMBER },
	{ "ledger.table_missing", "seen without a table", FORM_NUMBER },
	{ "ledger.process_notes", "processes noted", FORM_NUMBER },
	{ "ledger.process_failed", "processes not noted", FORM_NUMBER },
	{ "ledger.unattended_passed", "let pass, unattended", FORM_NUMBER },
};

static const struct line findings_lines[] = {
	{ "findings.findings", "in the journal", FORM_NUMBER },
	{ "findings.fresh", "new", FORM_NUMBER },
	{ "findings.repeated", "repeated", FORM_NUMBER },
	{ "findings.excepted", "kept back by an exception", FORM_NUMBER },
	{ "findings.failed", "lost", FORM_NUMBER },
	{ "findings.pruned", "pruned", FORM_NUMBER },
	{ "findings.bytes", "journal", FORM_BYTES },
};

static const struct line block_lines[] = {
	{ "block.answered", "answered NXDOMAIN", FORM_NUMBER },
	{ "block.destroyed", "connections destroyed", FORM_NUMBER },
	{ "block.gone", "gone before", FORM_NUMBER },
	{ "block.skipped", "nobody to tell", FORM_NUMBER },
	{ "block.limited", "over the rate", FORM_NUMBER },
	{ "block.failed", "failed", FORM_NUMBER },
};

static const struct line isolation_lines[] = {
	{ "isolation.state", "state", FORM_TEXT },
	{ "isolation.reason", "asked for by", FORM_TEXT },
	{ "isolation.note", "note", FORM_TEXT },
	{ "isolation.quarantine_security_group", "quarantine group", FORM_TEXT },
	{ "isolation.released_unless_confirmed_by", "released without a word by", FORM_TEXT },
	{ "isolation.ready.ready", "could isolate itself", FORM_TRUTH },
	{ "isolation.ready.why", "as was tried", FORM_TEXT },
};
static const struct line cut_lines[] = {
	{ "cut.destroyed", "connections destroyed", FORM_NUMBER },
	{ "cut.gone", "gone before", FORM_NUMBER },
	{ "cut.dropped", "dropped only", FORM_NUMBER },
	{ "cut.failed", "failed", FORM_NUMBER },
};

static const struct line contain_lines[] = {
	{ "contain.contained", "contained", FORM_TRUTH },
	{ "contain.since", "since", FORM_TEXT },
	{ "contain.until", "until", FORM_TEXT },
	{ "contain.provisional", "not confirmed yet", FORM_TRUTH },
	{ "contain.reason", "reason", FORM_TEXT },
	{ "contain.finding", "finding", FORM_TEXT },
	{ "contain.problem", "not as it should be", FORM_TEXT },
	{ "contain.dropped", "packets of sockets dropped", FORM_NUMBER },
	{ "contain.link_dropped", "packets on interfaces dropped", FORM_NUMBER },
	{ "contain.refused", "system calls refused", FORM_NUMBER },
	{ "contain.destroyed", "sockets destroyed", FORM_NUMBER },
};

static const struct line workers_lines[] = {
	{ "workers.user", "user", FORM_TEXT },
	{ "workers.running", "running", FORM_NUMBER },
	{ "workers.table.flows", "flows being read", FORM_NUMBER },
	{ "workers.table.told", "flows told", FORM_NUMBER },
	{ "workers.table.nothing", "nothing in them", FORM_NUMBER },
	{ "workers.table.evicted", "made room for others", FORM_NUMBER },
	{ "workers.requests", "payloads", FORM_NUMBER },
	{ "workers.queued", "waiting", FORM_NUMBER },
	{ "workers.dropped", "dropped, too far behind", FORM_NUMBER },
	{ "workers.lost", "lost with a worker", FORM_NUMBER },
	{ "workers.broken", "workers replaced", FORM_NUMBER },
	{ "workers.reason", "the last one", FORM_TEXT },
};

static const struct line answer_lines[] = {
	{ "answers.addresses", "addresses of listed names", FORM_NUMBER },
	{ "answers.evicted", "of these made room", FORM_NUMBER },
	{ "answers.names", "names seen outside", FORM_NUMBER },
	{ "answers.names_evicted", "of these made room", FORM_NUMBER },
};

static const struct line cost_lines[] = {
	{ "memory.rss", "memory of the daemon", FORM_BYTES },
	{ "memory.maps", "kernel maps", FORM_BYTES },
	{ "memory.table", "table of indicators among them", FORM_BYTES },
	{ "cpu.user_us", "CPU, user", FORM_MICROSECONDS },
	{ "cpu.system_us", "CPU, system", FORM_MICROSECONDS },
};

static const struct section {
	const char *key, *title;
	const struct line *lines;
	size_t count;
} general = { "general", "Agent", general_lines, ELEMENTS(general_lines) },
  pack = { "pack", "Indicators", pack_lines, ELEMENTS(pack_lines) },
  pins = { "pins", "Pins", pins_lines, ELEMENTS(pins_lines) },
  ledger = { "ledger", "Ledger", ledger_lines, ELEMENTS(ledger_lines) },
  findings = { "findings", "Findings", findings_lines, ELEMENTS(findings_lines) },
  block = { "block", "Blocked lookups", block_lines, ELEMENTS(block_lines) },
  cut = { "cut", "Flows cut", cut_lines, ELEMENTS(cut_lines) },
  contain = { "contain", "Containment", contain_lines, ELEMENTS(contain_lines) },
  isolation = { "isolation", "Isolation", isolation_lines, ELEMENTS(isolation_lines) },
  workers = { "workers", "Workers", workers_lines, ELEMENTS(workers_lines) },
  answers = { "answers", "Answers", answer_lines, ELEMENTS(answer_lines) },
  cost = { "cost", "Cost", cost_lines, ELEMENTS(cost_lines) };

static void section_print(struct writer *writer, const json_t *reply, const struct section *section)
{
	char text[1024];

	writer_section(writer, section->key, section->title);
	for (size_t i = 0; i < section->count; i++) {
		const struct line *line = &section->lines[i];

		value_show(value_find(reply, line->path), line->form, text, sizeof(text));
		writer_value(writer, line->path, line->label, WRITER_PLAIN, "%s", text);
	}
	writer_end(writer);
}

static void programs_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "NAME" },
		{ .key = "hook", .title = "HOOK" },
		{ .key = "attached", .title = "ATTACHED" },
		{ .key = "verified_instructions", .title = "VERIFIED", .right = true },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_TEXT, FORM_TRUTH, FORM_NUMBER };

	status_array_print(writer, json_object_get(reply, "programs"), "Programs", columns, forms,
			   ELEMENTS(columns));
}

static void tables_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "TABLE" },
		{ .key = "capacity", .title = "ROOM", .right = true },
		{ .key = "entries", .title = "ENTRIES", .right = true },
		{ .key = "evicted", .title = "MADE ROOM", .right = true },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_NUMBER, FORM_NUMBER, FORM_NUMBER };

	status_array_print(writer, json_object_get(reply, "tables"), "Tables in the kernel",
			   columns, forms, ELEMENTS(columns));
}

static void sinks_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "SINK" },
		{ .key = "delivered", .title = "DELIVERED", .right = true },
		{ .key = "failed", .title = "FAILED", .right = true },
		{ .key = "held", .title = "WAITING", .right = true },
		{ .key = "error", .title = "ERROR" },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_NUMBER, FORM_NUMBER, FORM_NUMBER,
					   FORM_TEXT };

	status_array_print(writer, json_object_get(reply, "sinks"), "Sinks", columns, forms,
			   ELEMENTS(columns));
}

static void deliveries_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "DELIVERY" },
		{ .key = "delivered", .title = "DELIVERED", .right = true },
		{ .key = "waiting", .title = "WAITING", .right = true },
		{ .key = "oldest", .title = "OLDEST", .right = true },
		{ .key = "failed", .title = "FAILED", .right = true },
		{ .key = "poison", .title = "REFUSED", .right = true },
		{ .key = "error", .title = "ERROR" },
	};
	static const enum form forms[] = { FORM_TEXT,	FORM_NUMBER, FORM_NUMBER, FORM_SECONDS,
					   FORM_NUMBER, FORM_NUMBER, FORM_TEXT };

	status_array_print(writer, value_find(reply, "deliveries.sinks"), "Deliveries", columns,
			   forms, ELEMENTS(columns));
}

static void reports_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "REPORT" },
		{ .key = "delivered", .title = "DELIVERED", .right = true },
		{ .key = "failed", .title = "FAILED", .right = true },
		{ .key = "error", .title = "ERROR" },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_NUMBER, FORM_NUMBER, FORM_TEXT };

	status_array_print(writer, value_find(reply, "deliveries.reports"), "Reports", columns,
			   forms, ELEMENTS(columns));
}

static void calls_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "call", .title = "CALL OF AWS" },
		{ .key = "used_by", .title = "USED BY" },
		{ .key = "state", .title = "STATE" },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_TEXT, FORM_TEXT };

	status_array_print(writer, value_find(reply, "deliveries.preflight.calls"), "Calls of AWS",
			   columns, forms, ELEMENTS(columns));
}

static void cage_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "layer", .title = "CAGE" },
		{ .key = "on", .title = "ON" },
		{ .key = "purpose", .title = "WHAT IT DOES" },
		{ .key = "error", .title = "ERROR" },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_TRUTH, FORM_TEXT, FORM_TEXT };

	status_array_print(writer, value_find(reply, "workers.cage"), "Cage of the workers",
			   columns, forms, ELEMENTS(columns));
}

static void settings_print(struct writer *writer, json_t *reply)
{
	const json_t *value, *waiting;
	const char *key;
	size_t i;

	writer_section(writer, "settings", "Settings");
	json_object_foreach(json_object_get(reply, "settings"), key, value)
		writer_value(writer, key, key, WRITER_PLAIN, "%s",
			     json_is_string(value) ? json_string_value(value) : "-");
	json_array_foreach(json_object_get(reply, "settings_waiting"), i, waiting)
		writer_value(writer, "waiting", "waits for the next start", WRITER_BAD, "%s",
			     json_is_string(waiting) ? json_string_value(waiting) : "-");
	writer_end(writer);
}

/* What became of the messages: a line an outcome, a column a probe. */
static void probes_print(struct writer *writer, json_t *reply)
{
	json_t *probes = json_object_get(json_object_get(reply, "ledger"), "probes");
	struct writer_column columns[1 + PROBES_MAX] = { { .key = "outcome", .title = "OUTCOME" } };
	json_t *first = NULL, *probe, *value;
	const char *name, *counter;
	size_t count = 1;

	json_object_foreach(probes, name, probe)
	{
		if (count > PROBES_MAX)
			break;
		first = first ? first : probe;
		columns[count++] =
			(struct writer_column){ .key = name, .title = name, .right = true };
	}
	if (!first)
		return;
	writer_table(writer, "probes", "Messages and connections", columns, count);
	json_object_foreach(first, counter, value)
	{
		writer_cell(writer, WRITER_PLAIN, "%s", counter);
		for (size_t i = 1; i < count; i++) {
			probe = json_object_get(probes, columns[i].key);
			writer_cell(writer, WRITER_PLAIN, "%" PRIu64,
				    value_number(json_object_get(probe, counter)));
		}
	}
	writer_end(writer);
}

static void problems_print(struct writer *writer, const json_t *problems)
{
	static const struct writer_column columns[] = {
		{ .key = "problem", .title = "WHAT" },
		{ .key = "count", .title = "TIMES", .right = true },
		{ .key = "remedy", .below = true },
	};
	const json_t *row;
	char times[32];
	size_t i;

	if (json_array_size(problems) == 0)
		return;
	writer_table(writer, "problems", "Problems", columns, ELEMENTS(columns));
	json_array_foreach(problems, i, row)
	{
		const char *problem = json_string_value(json_object_get(row, "problem"));
		const char *remedy = json_string_value(json_object_get(row, "remedy"));

		value_show(json_object_get(row, "count"), FORM_NUMBER, times, sizeof(times));
		writer_cell(writer, WRITER_BAD, "%s", problem ? problem : "-");
		writer_cell(writer, WRITER_PLAIN, "%s", times);
		writer_cell(writer, WRITER_PLAIN, "%s", remedy ? remedy : "-");
	}
	writer_end(writer);
}

static int text_print(json_t *reply)
{
	struct writer *writer = writer_new(stdout, false);

	if (!writer)
		return -ENOMEM;
	section_print(writer, reply, &general);
	programs_print(writer, reply);
	section_print(writer, reply, &pins);
	section_print(writer, reply, &pack);
	status_feeds_print(writer, reply);
	status_policy_print(writer, reply);
	settings_print(writer, reply);
	probes_print(writer, reply);
	section_print(writer, reply, &ledger);
	section_print(writer, reply, &findings);
	tables_print(writer, reply);
	sinks_print(writer, reply);
	deliveries_print(writer, reply);
	reports_print(writer, reply);
	calls_print(writer, reply);
	section_print(writer, reply, &block);
	section_print(writer, reply, &cut);
	section_print(writer, reply, &contain);
	section_print(writer, reply, &isolation);
	section_print(writer, reply, &workers);
	cage_print(writer, reply);
	status_files_print(writer, reply);
	section_print(writer, reply, &answers);
	section_print(writer, reply, &cost);
	problems_print(writer, json_object_get(reply, "problems"));
	return writer_finish(writer);
}

static int json_print(const json_t *reply)
{
	if (json_dumpf(reply, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF)
		return -EIO;
	return 0;
}

static int daemon_silent(const char *path, int error)
{
	if (error == -ENOENT || error == -ECONNREFUSED)
		log_error("cordond does not run: nobody listens at %s", path);
	else if (error == -EACCES)
		log_error("%s: only root and the members of group cordon may ask", path);
	else
		(void)log_errno(LOG_ERR, error, "%s: no reply", path);
	return COMMAND_FAILED;
}

static int reply_show(json_t *reply, bool json)
{
	const char *error = json_string_value(json_object_get(reply, "error"));
	int r;

	if (error) {
		log_error("the daemon says: %s", error);
		return COMMAND_FAILED;
	}
	r = json ? json_print(reply) : text_print(reply);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "cannot print");
		return COMMAND_FAILED;
	}
	return json_array_size(json_object_get(reply, "problems")) > 0 ? COMMAND_FOUND
								       : COMMAND_FINE;
}

static int usage(FILE *file)
{
	(void)fputs("usage: cordon status [--json] [--socket PATH]\n", file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

int command_status(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "socket", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	const char *path = CONTROL_PATH;
	bool json = false;
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout);
		if (option == 'j')
			json = true;
		else if (option == 's')
			path = optarg;
		else
			return usage(stderr);
	}
	if (optind < argc)
		return usage(stderr);
	r = control_call(path, "status", &reply);
	return r < 0 ? daemon_silent(path, r) : reply_show(reply, json);
}
