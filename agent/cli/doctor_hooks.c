/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the daemon where its programs are attached, and prints a row for each hook: on when all of
 * its programs are.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/doctor.h"
#include "cli/writer.h"
#include "daemon/control_call.h"

/* Twice as many as the probes have; those beyond are not shown. */
#define HOOKS_MAX 32

CLEANUP_DEFINE(json_t *, json_decref)

static const struct writer_column columns[] = {
	{ .key = "hook", .title = "HOOK" },
	{ .key = "state", .title = "STATE" },
	{ .key = "programs", .title = "PROGRAMS", .right = true },
};

struct hook {
	const char *name; /* the status's */
	size_t programs, attached;
};

/* The place for a program's hook; NULL: there is no more. */
static struct hook *hook_find(struct hook hooks[static HOOKS_MAX], size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(hooks[i].name, name) == 0)
			return &hooks[i];
	if (*count == HOOKS_MAX)
		return NULL;
	hooks[*count].name = name;
	return &hooks[(*count)++];
}

static size_t hooks_count(const json_t *programs, struct hook hooks[static HOOKS_MAX])
{
	const json_t *program;
	size_t i, count = 0;

	json_array_foreach(programs, i, program)
	{
		const char *name = json_string_value(json_object_get(program, "hook"));
		struct hook *hook = name ? hook_find(hooks, &count, name) : NULL;

		if (!hook)
			continue;
		hook->programs++;
		hook->attached += json_is_true(json_object_get(program, "attached"));
	}
	return count;
}

enum doctor_state doctor_hooks(const struct doctor *doctor, struct writer *writer)
{
	CLEANUP(json_decref_cleanup) json_t *status = NULL;
	char path[DOCTOR_SOCKET_SIZE];
	struct hook hooks[HOOKS_MAX] = { 0 };
	enum doctor_state worst = DOCTOR_OK;
	size_t count;

	doctor_socket(doctor, path);
	/* That it does not run was said before. */
	if (control_call(path, "status", &status) < 0)
		return DOCTOR_OK;
	count = hooks_count(json_object_get(status, "programs"), hooks);
	writer_table(writer, "hooks", "Hooks", columns, ELEMENTS(columns));
	for (size_t i = 0; i < count; i++) {
		bool on = hooks[i].attached == hooks[i].programs;

		worst = on ? worst : DOCTOR_FAIL;
		writer_cell(writer, WRITER_PLAIN, "%s", hooks[i].name);
		writer_cell(writer, on ? WRITER_GOOD : WRITER_BAD, "%s", on ? "on" : "off");
		writer_cell(writer, WRITER_PLAIN, "%zu", hooks[i].programs);
	}
	writer_end(writer);
	return worst;
}
