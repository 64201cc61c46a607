/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns jobs and what has been said of them so far. A worker's words are copied here, made safe to
 * show.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "scan/file_scan_private.h"

/* More than any worker tells of one file. */
#define MATCHES_MAX 10000
#define TEXTS	    5
/* Listed files in one archive that are told of. */
#define LISTED_MAX  256

void file_jobs_append(struct file_jobs *jobs, struct file_job *job)
{
	job->next = NULL;
	if (jobs->newest)
		jobs->newest->next = job;
	else
		jobs->oldest = job;
	jobs->newest = job;
	jobs->count++;
}

void file_jobs_prepend(struct file_jobs *jobs, struct file_job *job)
{
	job->next = jobs->oldest;
	jobs->oldest = job;
	if (!jobs->newest)
		jobs->newest = job;
	jobs->count++;
}

struct file_job *file_jobs_take(struct file_jobs *jobs)
{
	struct file_job *job = jobs->oldest;

	if (!job)
		return NULL;
	jobs->oldest = job->next;
	if (!jobs->oldest)
		jobs->newest = NULL;
	jobs->count--;
	return job;
}

void file_job_reasons_clear(struct file_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		free((void *)(uintptr_t)job->matches[i].rule);
	for (size_t i = 0; i < job->listed_count; i++)
		free((void *)(uintptr_t)job->listed[i].inside);
	job->count = job->listed_count = 0;
}

void file_job_free(struct file_job *job)
{
	if (!job)
		return;
	file_job_reasons_clear(job);
	free(job->matches);
	free(job->listed);
	for (size_t i = 0; i < ELEMENTS(job->fds); i++)
		close_cleanup(&job->fds[i]);
	free(job->path);
	free(job->owner);
	free(job);
}

/* An escaped byte takes at most four. */
static size_t room_needed(const char *text)
{
	return strlen(text) * 4 + 1;
}

static int match_copy(const struct file_message *message, struct file_match *ret)
{
	static const unsigned order[TEXTS] = { FILE_MATCH_RULE, FILE_MATCH_NAMESPACE,
					       FILE_MATCH_REFERENCE, FILE_MATCH_DESCRIPTION,
					       FILE_MATCH_INSIDE };
	const char **fields[TEXTS] = { &ret->rule, &ret->namespace_, &ret->reference,
				       &ret->description, &ret->inside };
	size_t room = 0;
	char *at;

	for (size_t i = 0; i < TEXTS; i++)
		room += room_needed(message->texts[order[i]]);
	at = malloc(room);
	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = message->texts[order[i]];

		*fields[i] = at;
		at += escape_text(text, strlen(text), at, room_needed(text)) + 1;
	}
	ret->severity = message->numbers[FILE_MATCH_SEVERITY] <= 5
				? (int)message->numbers[FILE_MATCH_SEVERITY]
				: 0;
	ret->score = message->numbers[FILE_MATCH_SCORE];
	return 0;
}

int file_job_match(struct file_job *job, const struct file_message *message)
{
	int r;

	if (job->count == MATCHES_MAX)
		return -EBADMSG;
	if (job->count == job->room) {
		size_t room = job->room ? job->room * 2 : 4;
		struct file_match *matches = reallocarray(job->matches, room, sizeof(*matches));

		if (!matches)
			return -ENOMEM;
		job->matches = matches;
		job->room = room;
	}
	r = match_copy(message, &job->matches[job->count]);
	job->count += r == 0;
	return r;
}

void file_job_hashes_read(const struct file_message *message, struct file_hashes *ret)
{
	const uint64_t *numbers = message->numbers;

	*ret = (struct file_hashes){ .kinds = (unsigned)numbers[FILE_HASHES_KINDS],
				     .size = numbers[FILE_HASHES_SIZE],
				     .inside = message->texts[0] };
	memcpy(ret->md5, &numbers[FILE_HASHES_MD5], sizeof(ret->md5));
	memcpy(ret->sha1, &numbers[FILE_HASHES_SHA1], sizeof(ret->sha1));
	memcpy(ret->sha256, message->digest, sizeof(ret->sha256));
}

int file_job_listed(struct file_job *job, const struct file_hashes *hashes)
{
	struct file_hashes *listed;
	char *inside;

	if (job->listed_count == LISTED_MAX)
		return 0;
	listed = reallocarray(job->listed, job->listed_count + 1, sizeof(*listed));
	if (!listed)
		return -ENOMEM;
	job->listed = listed;
	inside = escape_text_dup(hashes->inside, strlen(hashes->inside));
	if (!inside)
		return -ENOMEM;
	listed[job->listed_count] = *hashes;
	listed[job->listed_count++].inside = inside;
	return 0;
}
