/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how a bundle goes to S3: a cordon-cloud that is started for it is handed the file's
 * descriptor. A host that was just cut off may have to wait for its way to S3, so it is tried
 * again, later and later.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud/fetch_job.h"
#include "daemon/agent.h"
#include "daemon/isolation_private.h"

/* Of a process that talks to AWS: curl, TLS, threads that resolve names; the file is mapped on top.
 */
#define MEMORY	     (UINT64_C(1) << 30)
/* 64 MiB over 1 Mbit/s. */
#define TIMEOUT	     (10 * 60 * NS_PER_SECOND)
#define PAUSE_MIN    (2 * NS_PER_SECOND)
#define PAUSE_MAX    (10 * 60 * NS_PER_SECOND)
/* Some two and a half hours. */
#define ATTEMPTS_MAX 25

struct isolation_put {
	struct agent *agent;
	struct fetch_job *job;
	sd_event_source *timer;
	int file;
	uint64_t size, pause;
	unsigned attempts;
	char url[FETCH_URL_SIZE];
	isolation_put_done done;
	void *userdata;
};

CLEANUP_DEFINE(struct isolation_put *, isolation_put_free)

void isolation_put_free(struct isolation_put *put)
{
	if (!put)
		return;
	fetch_job_free(put->job);
	(void)sd_event_source_disable_unref(put->timer);
	close_cleanup(&put->file);
	free(put);
}

static void attempt_fail(struct isolation_put *put, const char *why)
{
	bool last = put->attempts >= ATTEMPTS_MAX;

	if (put->attempts == 1 || last)
		put->done(put->url, why, last, put->userdata);
	if (last)
		return;
	(void)sd_event_source_set_time_relative(put->timer, put->pause / 1000);
	(void)sd_event_source_set_enabled(put->timer, SD_EVENT_ONESHOT);
	put->pause = 2 * put->pause < PAUSE_MAX ? 2 * put->pause : PAUSE_MAX;
}

/* The job ends in the timer, not within its own callback. */
static void put_ended(const struct fetch_result *result, void *userdata)
{
	struct isolation_put *put = userdata;

	if (result->outcome == FETCH_NEW)
		put->done(put->url, NULL, false, put->userdata);
	else
		attempt_fail(put, result->text);
}

static int job_begin(struct isolation_put *put)
{
	const struct config *config = &put->agent->config;
	char *settings = delivery_settings(config, put->agent->host.hostname);
	const struct fetch_job_options options = { .settings = settings,
						   .memory = MEMORY + put->size };
	struct fetch_ask ask = { .size_max = put->size, .timeout = TIMEOUT, .put = 1 };
	int r;

	if (!settings)
		return -EINVAL;
	r = fetch_job_new(put->agent->loop, &options, put_ended, put, &put->job);
	explicit_bzero(settings, strlen(settings));
	free(settings);
	(void)snprintf(ask.url, sizeof(ask.url), "%s", put->url);
	(void)snprintf(ask.owner, sizeof(ask.owner), "%.15s",
		       config->isolation.evidence.owner ? config->isolation.evidence.owner : "");
	return r < 0 ? r : fetch_job_ask(put->job, &ask, put->file);
}

static int attempt_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct isolation_put *put = userdata;
	int r;

	(void)source;
	(void)usec;
	fetch_job_free(put->job);
	put->job = NULL;
	put->attempts++;
	r = job_begin(put);
	if (r < 0)
		attempt_fail(put, strerror(-r));
	return 0;
}

static int file_open(struct isolation_put *put, const char *path)
{
	struct stat status;

	put->file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (put->file < 0 || fstat(put->file, &status) < 0)
		return -errno;
	put->size = (uint64_t)status.st_size;
	return 0;
}

/* Whose it is goes before its name: a bucket has many hosts'. */
static int url_make(struct isolation_put *put, const char *name)
{
	const struct config *config = &put->agent->config;
	const char *instance = isolate_instance_id(put->agent->isolation->isolate);
	int length = snprintf(
		put->url, sizeof(put->url), "s3://%s/%s%s/%s", config->isolation.evidence.bucket,
		config->isolation.evidence.prefix ? config->isolation.evidence.prefix : "",
		*instance ? instance : put->agent->host.hostname, name);

	return length >= (int)sizeof(put->url) ? -ENAMETOOLONG : 0;
}

int isolation_put_begin(struct agent *agent, const char *path, const char *name,
			isolation_put_done done, void *userdata, struct isolation_put **ret)
{
	CLEANUP(isolation_put_free_cleanup) struct isolation_put *put = calloc(1, sizeof(*put));
	int r;

	if (!put)
		return -ENOMEM;
	*put = (struct isolation_put){
		.agent = agent, .file = -1, .pause = PAUSE_MIN, .done = done, .userdata = userdata
	};
	r = file_open(put, path);
	if (r == 0)
		r = url_make(put, name);
	/* From the loop. */
	if (r == 0)
		r = sd_event_add_time_relative(agent->loop, &put->timer, CLOCK_BOOTTIME, 0, 0,
					       attempt_due, put);
	if (r < 0)
		return r;
	*ret = take_ptr(put);
	return 0;
}
