/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon doctor`: runs the table of checks and prints what they say. Exits 1 when there is
 * something to do. With --unload it removes what is pinned in the kernel instead.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/writer.h"

static const struct check {
	const char *name;
	doctor_check run;
} checks[] = {
	{ "kernel", doctor_kernel },
	{ "btf", doctor_btf },
	{ "cgroup", doctor_cgroup },
	{ "capabilities", doctor_capabilities },
	{ "bpf", doctor_bpf },
	{ "sockets", doctor_sockets },
	{ "jit", doctor_jit },
	{ "unprivileged-bpf", doctor_unprivileged },
	{ "memlock", doctor_memlock },
	{ "files", doctor_watch },
	{ "configuration", doctor_configuration },
	{ "policy", doctor_policy },
	{ "pack", doctor_pack },
	{ "permissions", doctor_permissions },
	{ "disk", doctor_disk },
	{ "clock", doctor_clock },
	{ "journald", doctor_journald },
	{ "daemon", doctor_daemon },
	{ "pins", doctor_pins },
	{ "resolvers", doctor_resolvers },
};

static const struct {
	const char *name;
	enum writer_style style;
} states[DOCTOR_STATES] = {
	[DOCTOR_OK] = { "ok", WRITER_GOOD },
	[DOCTOR_WARN] = { "warn", WRITER_WARN },
	[DOCTOR_FAIL] = { "fail", WRITER_BAD },
};

/* Adds to text, after "; " when there is something already. What does not fit is cut. */
__attribute__((format(printf, 2, 0))) static void text_add(char text[static DOCTOR_TEXT_SIZE],
							   const char *format, va_list arguments)
{
	size_t used = strlen(text);

	if (used > 0 && used + 2 < DOCTOR_TEXT_SIZE) {
		memcpy(text + used, "; ", 3);
		used += 2;
	}
	(void)vsnprintf(text + used, DOCTOR_TEXT_SIZE - used, format, arguments);
}

void doctor_found(struct doctor_result *result, enum doctor_state state, const char *format, ...)
{
	va_list arguments;

	if (state > result->state)
		result->state = state;
	va_start(arguments, format);
	text_add(result->found, format, arguments);
	va_end(arguments);
}

void doctor_remedy(struct doctor_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_add(result->remedy, format, arguments);
	va_end(arguments);
}

void doctor_configure(struct doctor *doctor, const char *path)
{
	struct document_error *error = calloc(1, sizeof(*error));
	int r = error ? config_load(path, &doctor->config, error) : -ENOMEM;

	doctor->configured = r >= 0;
	if (r < 0)
		(void)snprintf(doctor->config_error, sizeof(doctor->config_error), "%.*s",
			       error ? (int)strcspn(error->text, "\n") : 0,
			       error ? error->text : "");
	free(error);
}

static enum doctor_state checks_run(const struct doctor *doctor, struct writer *writer)
{
	static const struct writer_column columns[] = {
		{ .key = "check", .title = "CHECK" },
		{ .key = "state", .title = "STATE" },
		{ .key = "found", .title = "FOUND" },
		{ .key = "remedy", .below = true },
	};
	enum doctor_state worst = DOCTOR_OK;

	writer_table(writer, "checks", "Checks", columns, ELEMENTS(columns));
	for (size_t i = 0; i < ELEMENTS(checks); i++) {
		struct doctor_result result = { 0 };

		checks[i].run(doctor, &result);
		if (result.state > worst)
			worst = result.state;
		writer_cell(writer, WRITER_PLAIN, "%s", checks[i].name);
		writer_cell(writer, states[result.state].style, "%s", states[result.state].name);
		writer_cell(writer, WRITER_PLAIN, "%s", result.found);
		writer_cell(writer, WRITER_PLAIN, "%s", result.remedy);
	}
	writer_end(writer);
	return worst;
}

static int usage(FILE *file)
{
	(void)fputs("usage: cordon doctor [--json] [--config FILE]\n"
		    "       cordon doctor --unload [--force] [--config FILE]\n",
		    file);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

static int doctor_run(const char *config, bool json)
{
	struct writer *writer = writer_new(stdout, json);
	struct doctor doctor = { 0 };
	enum doctor_state worst, hooks, aws;
	int r;

	if (!writer) {
		(void)log_errno(LOG_ERR, -ENOMEM, "doctor");
		return COMMAND_FAILED;
	}
	doctor_configure(&doctor, config);
	worst = checks_run(&doctor, writer);
	hooks = doctor_hooks(&doctor, writer);
	worst = hooks > worst ? hooks : worst;
	aws = doctor_aws(&doctor, writer);
	worst = aws > worst ? aws : worst;
	if (doctor.configured)
		config_free(&doctor.config);
	r = writer_finish(writer);
	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "cannot print");
		return COMMAND_FAILED;
	}
	return worst == DOCTOR_OK ? COMMAND_FINE : COMMAND_FOUND;
}

int command_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },   { "config", required_argument, NULL, 'c' },
		{ "unload", no_argument, NULL, 'u' }, { "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },   { 0 }
	};
	const char *config = NULL;
	bool json = false, unload = false, force = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout);
		if (option == 'j')
			json = true;
		else if (option == 'c')
			config = optarg;
		else if (option == 'u')
			unload = true;
		else if (option == 'f')
			force = true;
		else
			return usage(stderr);
	}
	if (optind < argc || (force && !unload) || (json && unload))
		return usage(stderr);
	return unload ? doctor_unload(config, force) : doctor_run(config, json);
}
