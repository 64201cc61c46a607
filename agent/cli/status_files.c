/* SPDX-License-Identifier: Apache-2.0
 *
 * The part "files" of the daemon's reply (daemon/guard_status.c) as lines. Taken as a stranger's:
 * what is missing is shown as "-".
 */
#include "cli/status_files.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "cli/writer.h"

/* Where it stands: a part of "files", or "" for itself. */
static const struct file_line {
	const char *part, *key, *label;
} lines[] = {
	{ "", "seen", "noticed" },
	{ "", "clean", "clean" },
	{ "", "matched", "matched" },
	{ "", "unscannable", "not to be scanned" },
	{ "", "cached", "known from before" },
	{ "", "merged", "waited already" },
	{ "", "changed", "changed under the scan" },
	{ "", "skipped_gone", "gone before" },
	{ "", "skipped_empty", "empty" },
	{ "", "skipped_special", "no regular files" },
	{ "", "dropped", "dropped, and looked for" },
	{ "", "waiting", "waiting" },
	{ "engine", "rules", "rules" },
	{ "engine", "left_out", "rules left out" },
	{ "engine", "broken", "workers replaced" },
	{ "watch", "named", "file systems watched" },
	{ "watch", "unnamed", "of others only writes and executions" },
	{ "watch", "unmarked", "not to be watched" },
	{ "watch", "overflows", "times the kernel's queue ran over" },
	{ "unnamed", "told", "executions without a file" },
	{ "gate", "asked", "executions held" },
	{ "gate", "denied", "of these refused" },
	{ "gate", "expired", "went on at the limit" },
	{ "gate", "unheard", "not held while the daemon was silent" },
	{ "acts", "quarantined", "put into quarantine" },
	{ "acts", "killed", "processes killed" },
	{ "acts", "stopped", "processes stopped" },
	{ "acts", "limited", "left alone: too many at once" },
	{ "acts", "suspects", "processes behind findings" },
	{ "walk", "files", "listed by walks" },
};

void status_files_print(struct writer *writer, const json_t *reply)
{
	const json_t *files = json_object_get(reply, "files");

	if (!json_is_object(files))
		return;
	writer_section(writer, "files", "Files");
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		const struct file_line *line = &lines[i];
		const json_t *part = line->part[0] ? json_object_get(files, line->part) : files;
		const json_t *value = json_object_get(part, line->key);

		if (json_is_integer(value))
			writer_value(writer, line->key, line->label, WRITER_PLAIN,
				     "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		else if (!json_is_null(part))
			writer_value(writer, line->key, line->label, WRITER_FAINT, "-");
	}
	writer_end(writer);
}
