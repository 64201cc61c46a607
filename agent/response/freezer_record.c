/* SPDX-License-Identifier: Apache-2.0 */
#include "response/freezer_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define BOOT_ID	     "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 37
#define RECORD_MAX   ((size_t)FREEZER_ENTRIES_MAX * (PATH_MAX + 64))

static int boot_id_read(char out[static BOOT_ID_SIZE])
{
	CLEANUP(fclose_cleanup) FILE *file = fopen(BOOT_ID, "re");

	if (!file || !fgets(out, BOOT_ID_SIZE, file))
		return -ENOENT;
	return 0;
}

static int line_read(const char *line, struct freezer_record *record)
{
	struct freezer_entry *entry = &record->entries[record->count];
	int at = 0;

	if (record->count == FREEZER_ENTRIES_MAX)
		return -EBADMSG;
	*entry = (struct freezer_entry){ 0 };
	if (sscanf(line, "cgroup %" SCNu64 " %n", &entry->inode, &at) == 1 && line[at] == '/' &&
	    strlen(line + at) < sizeof(entry->cgroup))
		(void)snprintf(entry->cgroup, sizeof(entry->cgroup), "%s", line + at);
	else if (sscanf(line, "process %d %" SCNu64 "%n", &entry->pid, &entry->start, &at) != 2 ||
		 line[at] != '\0' || entry->pid <= 1)
		return -EBADMSG;
	record->count++;
	return 0;
}

int freezer_record_load(const char *path, struct freezer_record *ret)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char boot[BOOT_ID_SIZE], *rest, *line;
	size_t size;
	int r = fd_read_file(path, RECORD_MAX, &text, &size);

	ret->count = 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	rest = text;
	line = strsep(&rest, "\n");
	r = boot_id_read(boot);
	if (r < 0 || strncmp(line, "boot ", 5) != 0)
		return r < 0 ? r : -EBADMSG;
	if (strcmp(line + 5, boot) != 0)
		return 0;
	while (r == 0 && (line = strsep(&rest, "\n")))
		if (*line)
			r = line_read(line, ret);
	return r;
}

int freezer_record_save(const char *path, const struct freezer_record *record)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char boot[BOOT_ID_SIZE];
	size_t size;
	FILE *file;
	int r;

	if (record->count == 0)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	r = boot_id_read(boot);
	file = r < 0 ? NULL : open_memstream(&text, &size);
	if (!file)
		return r < 0 ? r : -ENOMEM;
	(void)fprintf(file, "boot %s\n", boot);
	for (size_t i = 0; i < record->count; i++) {
		const struct freezer_entry *entry = &record->entries[i];

		if (*entry->cgroup)
			(void)fprintf(file, "cgroup %" PRIu64 " %s\n", entry->inode, entry->cgroup);
		else
			(void)fprintf(file, "process %d %" PRIu64 "\n", entry->pid, entry->start);
	}
	if (fclose(file) != 0)
		return -ENOMEM;
	return fd_write_file(path, 0600, text, size);
}
