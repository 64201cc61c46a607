/* SPDX-License-Identifier: Apache-2.0
 *
 * The process behind a finding: its executable, what is mapped of files, and its memory are
 * scanned. What is found in it is a finding of its own, by policy; and the first one is more severe
 * by that, or less where all of it is clean. Anybody may run such a process.
 */
#include "daemon/guard_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Mapped files of a process that are scanned: libraries of an ordinary program. */
#define MAPPED_MAX 64

/* ---- what comes of it ---- */

static struct guard_suspect *suspect_of(struct file_guard *guard, const char *finding)
{
	/* The newest first: another process may have brought the same finding again. */
	for (size_t i = 1; i <= GUARD_SUSPECTS; i++) {
		struct guard_suspect *suspect =
			&guard->suspects[(guard->suspects_next - i) % GUARD_SUSPECTS];

		if (suspect->pid > 0 && strcmp(suspect->finding, finding) == 0)
			return suspect;
	}
	return NULL;
}

/* Bad by two signs that know nothing of each other is worse than by one. A clean process is no
 * proof of anything, so it is one step less, and never less than low. */
static enum severity severity_after(const struct guard_suspect *suspect, enum severity severity)
{
	if (suspect->matched > severity)
		return suspect->matched;
	if (suspect->matched != SEVERITY_NONE)
		return severity < SEVERITY_CRITICAL ? severity + 1 : severity;
	return !suspect->incomplete && severity > SEVERITY_LOW ? severity - 1 : severity;
}

static void suspect_done(struct file_guard *guard, struct guard_suspect *suspect)
{
	const char *why = suspect->matched != SEVERITY_NONE ? "its process was scanned: rules match"
			  : suspect->incomplete
				  ? "its process was scanned, but not all of it: no rule matches"
				  : "its process was scanned: no rule matches";
	enum severity after = severity_after(suspect, suspect->severity);

	suspect->ended = true;
	life_scanned(guard->agent, suspect->finding, (int)after, why);
}

static void pending_end(struct file_guard *guard, struct guard_suspect *suspect)
{
	if (suspect->pending > 0 && --suspect->pending == 0 && !suspect->ended)
		suspect_done(guard, suspect);
}

void guard_suspect_begin(struct file_guard *guard, const char *finding)
{
	struct guard_suspect *suspect = suspect_of(guard, finding);

	if (suspect)
		suspect->pending++;
}

void guard_suspect_end(struct file_guard *guard, const char *finding, bool complete)
{
	struct guard_suspect *suspect = suspect_of(guard, finding);

	if (!suspect)
		return;
	suspect->incomplete |= !complete;
	pending_end(guard, suspect);
}

/* It ended before it could be looked at, say. */
void guard_suspect_miss(struct file_guard *guard, const char *finding)
{
	struct guard_suspect *suspect = suspect_of(guard, finding);

	if (suspect)
		suspect->incomplete = true;
}

void guard_suspect_matched(struct file_guard *guard, const char *finding, enum severity severity)
{
	struct guard_suspect *suspect = suspect_of(guard, finding);

	if (suspect && severity > suspect->matched)
		suspect->matched = severity;
}

/* ---- what is scanned ---- */

static const struct guard_suspect *suspect_known(const struct file_guard *guard, pid_t pid,
						 uint64_t start)
{
	for (size_t i = 0; i < GUARD_SUSPECTS; i++)
		if (guard->suspects[i].pid == pid && guard->suspects[i].start == start)
			return &guard->suspects[i];
	return NULL;
}

static void suspect_file(struct file_guard *guard, const char *link, pid_t pid, const char *finding)
{
	int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct guard_task task = {
		.fd = fd, .trigger = FILE_SUSPECT, .pid = pid, .told = clock_boottime()
	};

	if (fd < 0) {
		guard_suspect_miss(guard, finding);
		return;
	}
	(void)snprintf(task.finding, sizeof(task.finding), "%s", finding);
	guard->counts[GUARD_SEEN]++;
	(void)guard_job_begin(guard, &task);
}

/* Each mapped file once: its mappings follow each other. */
static void suspect_mapped(struct file_guard *guard, pid_t pid, const char *finding)
{
	char folder[32], link[300];
	const struct dirent *entry;
	ino_t before = 0;
	unsigned count = 0;
	DIR *stream;

	(void)snprintf(folder, sizeof(folder), "/proc/%d/map_files", (int)pid);
	stream = opendir(folder);
	while (stream && count < MAPPED_MAX && (entry = readdir(stream))) {
		struct stat status;

		(void)snprintf(link, sizeof(link), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || stat(link, &status) < 0 ||
		    !S_ISREG(status.st_mode) || status.st_ino == before)
			continue;
		before = status.st_ino;
		count++;
		suspect_file(guard, link, pid, finding);
	}
	if (stream)
		(void)closedir(stream);
}

void file_guard_judge(const struct agent *agent, const struct finding *finding,
		      struct verdict *verdict)
{
	const struct process *process = finding->event->process;
	const struct guard_suspect *suspect;

	if (!agent->guard || !process || finding->event->kind == EVENT_FILE)
		return;
	suspect = suspect_known(agent->guard, process->pid, process->start_boottime);
	if (suspect && suspect->ended)
		verdict->severity = severity_after(suspect, verdict->severity);
}

void file_guard_suspect(struct agent *agent, const struct finding *finding,
			const struct verdict *verdict)
{
	const struct process *process = finding->event->process;
	struct file_guard *guard = agent->guard;
	struct guard_suspect *suspect;
	char link[32];

	if (!guard || !agent->config.scan.on_finding || !process || process->pid <= 1 ||
	    finding->event->kind == EVENT_FILE || finding->event->frame ||
	    suspect_known(guard, process->pid, process->start_boottime))
		return;
	suspect = &guard->suspects[guard->suspects_next++ % GUARD_SUSPECTS];
	*suspect = (struct guard_suspect){ .pid = process->pid,
					   .start = process->start_boottime,
					   .severity = verdict->severity,
					   .pending = 1 };
	(void)snprintf(suspect->finding, sizeof(suspect->finding), "%s", finding->uid);
	guard->suspects_scanned++;
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)process->pid);
	suspect_file(guard, link, process->pid, finding->uid);
	suspect_mapped(guard, process->pid, finding->uid);
	if (guard_job_memory(guard, process->pid, finding->uid) < 0)
		suspect->incomplete = true;
	pending_end(guard, suspect);
}
