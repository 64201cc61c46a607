/* SPDX-License-Identifier: Apache-2.0
 *
 * A scanner in a test's own loop: a folder of rules, files as memory, and what became of each.
 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "scan/file_scan.h"

#define RIG_DEADLINE (120 * NS_PER_SECOND)

struct rig {
	sd_event *loop;
	struct file_scan *scan;
	char folder[64];
	int loaded; /* 1: not yet */
	unsigned loads, troubles, workers_broken, pending;
	char trouble[1024]; /* the last */
	bool (*listed)(const struct file_hashes *hashes,
		       void *userdata); /* set before it is opened */
	/* The last verdict. */
	enum file_outcome outcome;
	char reason[512], rules[4096], inside[512];
	struct file_verdict verdict;
};

static inline void rig_loaded(int error, void *userdata)
{
	struct rig *rig = userdata;

	rig->loaded = error;
	rig->loads++;
}

static inline void rig_trouble(enum file_scan_trouble trouble, const char *text, void *userdata)
{
	struct rig *rig = userdata;

	rig->troubles++;
	rig->workers_broken += trouble == FILE_SCAN_WORKER;
	(void)snprintf(rig->trouble, sizeof(rig->trouble), "%s", text);
}

static inline void rig_done(const struct file_subject *subject, const struct file_verdict *verdict,
			    void *userdata)
{
	struct rig *rig = userdata;

	(void)subject;
	rig->pending--;
	rig->outcome = verdict->outcome;
	rig->verdict = *verdict;
	(void)snprintf(rig->reason, sizeof(rig->reason), "%s", verdict->reason);
	rig->rules[0] = rig->inside[0] = '\0';
	for (size_t i = 0; i < verdict->reasons.matches_count; i++) {
		size_t used = strlen(rig->rules);

		(void)snprintf(rig->rules + used, sizeof(rig->rules) - used, "%s%s",
			       used ? " " : "", verdict->reasons.matches[i].rule);
		(void)snprintf(rig->inside, sizeof(rig->inside), "%s",
			       verdict->reasons.matches[i].inside);
	}
}

static inline void rig_write(const struct rig *rig, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* Of this build, or beside the running test. */
static inline const char *rig_program(const char *name)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;

	(void)snprintf(slash ? slash : path, 64, "/%s", name);
	return path;
}

static inline int rig_open(struct rig *rig, const struct file_scan_options *options)
{
	const struct file_scan_listener listener = {
		.loaded = rig_loaded, .trouble = rig_trouble, .listed = rig->listed, .userdata = rig
	};
	const char *rules[] = { rig->folder };
	struct file_scan_options own = *options;

	own.rules = rules;
	own.rules_count = 1;
	if (!own.program)
		own.program = rig_program("../../cordon-scan");
	rig->loaded = 1;
	return sd_event_new(&rig->loop) < 0 ? -ENOMEM
					    : file_scan_new(rig->loop, &own, &listener, &rig->scan);
}

static inline void rig_folder(struct rig *rig)
{
	*rig = (struct rig){ .folder = "/tmp/cordon-rig.XXXXXX" };
	if (!mkdtemp(rig->folder))
		abort();
}

static inline void rig_close(struct rig *rig)
{
	char command[128];

	file_scan_free(rig->scan);
	sd_event_unref(rig->loop);
	(void)snprintf(command, sizeof(command), "rm -r %s", rig->folder);
	(void)!system(command);
}

/* Runs the loop until it holds. */
#define RIG_WAIT(rig, condition)                                                                   \
	do {                                                                                       \
		uint64_t until_ = clock_boottime() + RIG_DEADLINE;                                 \
		while (!(condition)) {                                                             \
			assert_true(clock_boottime() < until_);                                    \
			assert_true(sd_event_run((rig)->loop, 100000) >= 0);                       \
		}                                                                                  \
	} while (0)

static inline int rig_memory(const void *bytes, size_t size)
{
	int fd = memfd_create("rig", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	return fd;
}

static inline int rig_submit(struct rig *rig, const char *path, const void *bytes, size_t size)
{
	const struct file_subject subject = { path, "root" };
	int fd = rig_memory(bytes, size);
	int r = file_scan_submit(rig->scan, fd, &subject, rig_done, rig);

	if (r < 0)
		(void)close(fd);
	else
		rig->pending++;
	return r;
}

#define RIG_SCAN(rig, path, bytes, size)                                                           \
	do {                                                                                       \
		assert_int_equal(rig_submit(rig, path, bytes, size), 0);                           \
		RIG_WAIT(rig, (rig)->pending == 0);                                                \
	} while (0)
