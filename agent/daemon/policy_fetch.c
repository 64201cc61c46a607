/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the last step of a policy that comes from elsewhere: what was downloaded (feeds.c) is
 * checked beside this host's own files, and then it is one of them. Whatever is wrong with it, it
 * is told, and the policy in force stays. Input: a stranger's bytes, unless they have to be signed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/agent.h"
#include "daemon/feeds.h"
#include "daemon/policy_trust.h"

/* More than the configuration lets through is no policy of ours. */
#define FILE_MAX ((size_t)16 << 20)

struct text {
	char *bytes;
	size_t size;
	uint8_t digest[SHA256_SIZE];
};

static void text_clear(struct text *text)
{
	free(text->bytes);
}

static int text_read(const char *path, struct text *ret)
{
	int r = fd_read_file(path, FILE_MAX, &ret->bytes, &ret->size);

	return r < 0 ? r : digest_sha256(ret->bytes, ret->size, ret->digest);
}

/* By itself, so that errors name where it is from; then as it would be in its place. */
static int candidate_read(const struct config *config, const char *candidate,
			  const struct text *text, struct policy_error *ret_error)
{
	CLEANUP(free_cleanup) const char **files = calloc(config->policy.count + 1, sizeof(*files));
	struct policy *policy;
	size_t count = 0;
	int r;

	if (!files)
		return -ENOMEM;
	for (size_t i = 0; i < config->policy.count; i++)
		if (strcmp(config->policy.files[i], config->policy.fetched) != 0)
			files[count++] = config->policy.files[i];
	files[count++] = candidate;
	r = policy_parse(config->policy.source.url, text->bytes, text->size, &policy, ret_error);
	if (r < 0)
		return r;
	policy_free(policy);
	r = policy_load(files, count, &policy, ret_error);
	if (r == 0)
		policy_free(policy);
	return r;
}

/* told: it has been said of the same bytes. */
static void refuse(struct agent *agent, bool told, const char *why)
{
	struct feed_record *record = feed_store_record(&agent->feeds->store, FEEDS_POLICY);
	size_t line = strcspn(why, "\n");

	if (record) {
		(void)snprintf(record->error, sizeof(record->error), "%.*s", (int)line, why);
		record->etag[0] = record->modified[0] = '\0';
	}
	if (!told)
		log_error("the policy that came is refused: %.*s; the one in force stays",
			  (int)line, why);
	(void)feed_store_save(&agent->feeds->store);
}

static bool candidate_is_sound(struct agent *agent, const char *candidate, const struct text *text)
{
	bool told = memcmp(text->digest, agent->feeds->refused, sizeof(text->digest)) == 0;
	struct policy_error policy_error = { 0 };
	char error[CONTROL_ERROR_SIZE];

	if (policy_trust_candidate(&agent->config, &agent->feeds->store, candidate,
				   agent->config.policy.fetched, error) < 0)
		refuse(agent, told, error);
	else if (candidate_read(&agent->config, candidate, text, &policy_error) < 0)
		refuse(agent, told, policy_error.text);
	else
		return true;
	memcpy(agent->feeds->refused, text->digest, sizeof(text->digest));
	return false;
}

void policy_fetch_settle(struct agent *agent)
{
	CLEANUP(text_clear) struct text came = { 0 }, had = { 0 };
	const char *place = agent->config.policy.fetched;
	char candidate[PATH_MAX];

	if (!place)
		return;
	feed_store_path(&agent->feeds->store, FEEDS_POLICY, FEED_NEW, candidate);
	if (text_read(candidate, &came) < 0)
		return;
	/* A parameter has no ETag: the same comes each time. */
	if ((text_read(place, &had) == 0 && memcmp(came.digest, had.digest, SHA256_SIZE) == 0) ||
	    !candidate_is_sound(agent, candidate, &came)) {
		(void)unlink(candidate);
		return;
	}
	if (rename(candidate, place) < 0) {
		log_error("%s: %s", place, strerror(errno));
		return;
	}
	log_notice("a new policy came from %s", agent->config.policy.source.url);
	(void)reload_policy(agent);
}
