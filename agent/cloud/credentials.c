/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/credentials.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

/* Role credentials are replaced at least five minutes before they end; we look before that. */
#define REFRESH_AHEAD (10 * 60 * NS_PER_SECOND)
/* While fetching fails, old keys that are still good serve; this is how often it is tried again. */
#define REFRESH_AGAIN (30 * NS_PER_SECOND)

#define ROLE_PATH "meta-data/iam/security-credentials/"
#define ROLE_MAX  128 /* IAM: 64 characters */

struct waiter {
	struct waiter *next;
	credentials_done done;
	void *userdata;
};

struct credentials {
	struct imds *imds;
	struct credentials_keys keys;
	bool have, fixed, fetching;
	uint64_t again; /* on the boot clock: not fetched before, unless there are none */
	char error[CREDENTIALS_ERROR_SIZE];
	struct waiter *waiters;
};

int credentials_new(struct imds *imds, const struct credentials_keys *given,
		    struct credentials **ret)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (!credentials)
		return -ENOMEM;
	credentials->imds = imds;
	if (given) {
		credentials->keys = *given;
		credentials->have = credentials->fixed = true;
	}
	*ret = credentials;
	return 0;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return;
	while (credentials->waiters) {
		struct waiter *waiter = credentials->waiters;

		credentials->waiters = waiter->next;
		free(waiter);
	}
	explicit_bzero(&credentials->keys, sizeof(credentials->keys));
	free(credentials);
}

void credentials_forget(struct credentials *credentials, void *userdata)
{
	struct waiter **at = &credentials->waiters;

	while (*at) {
		struct waiter *waiter = *at;

		if (waiter->userdata == userdata) {
			*at = waiter->next;
			free(waiter);
		} else {
			at = &waiter->next;
		}
	}
}

static bool keys_last(const struct credentials *credentials, uint64_t ahead)
{
	return credentials->have && (credentials->keys.expires == 0 ||
				     credentials->keys.expires > clock_realtime() + ahead);
}

/* Those who wait get what there is, whether it is new or the old one that is still good. A waiter
 * may ask again, or forget others. */
static void waiters_serve(struct credentials *credentials)
{
	credentials->fetching = false;
	credentials->again = clock_boottime() + REFRESH_AGAIN;
	while (credentials->waiters && !credentials->fetching) {
		struct waiter waiter = *credentials->waiters;

		free(credentials->waiters);
		credentials->waiters = waiter.next;
		if (keys_last(credentials, 0))
			waiter.done(&credentials->keys, "", waiter.userdata);
		else
			waiter.done(NULL, credentials->error, waiter.userdata);
	}
}

static void fetch_failed(struct credentials *credentials, const char *why)
{
	(void)snprintf(credentials->error, sizeof(credentials->error), "no credentials: %s", why);
	waiters_serve(credentials);
}

/* One text of the reply, into out; false when it is missing, too long, or no printable line. */
static bool text_take(const json_t *object, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text || !*text || strlen(text) >= size)
		return false;
	for (const char *at = text; *at; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

int credentials_parse(const char *json, size_t size, struct credentials_keys *ret,
		      const char **ret_why)
{
	struct credentials_keys keys = { 0 };
	json_t *object = json_loadb(json, size, JSON_REJECT_DUPLICATES, NULL);
	const char *code = json_string_value(json_object_get(object, "Code"));
	char expiration[64];
	int r = -EBADMSG;

	if (!json_is_object(object))
		*ret_why = "the role's credentials are no JSON object";
	/* As the SDKs have it: some who stand in for the service leave it out. */
	else if (code && strcmp(code, "Success") != 0)
		*ret_why = "the role's credentials have another Code than Success";
	else if (!text_take(object, "AccessKeyId", keys.access_key, sizeof(keys.access_key)) ||
		 !text_take(object, "SecretAccessKey", keys.secret_key, sizeof(keys.secret_key)) ||
		 !text_take(object, "Token", keys.session_token, sizeof(keys.session_token)))
		*ret_why = "the role's credentials lack AccessKeyId, SecretAccessKey or Token";
	else if (!text_take(object, "Expiration", expiration, sizeof(expiration)) ||
		 parse_time(expiration, &keys.expires) < 0 || keys.expires == 0)
		*ret_why = "the role's credentials have no Expiration that is a time";
	else
		r = 0;
	json_decref(object);
	if (r == 0)
		*ret = keys;
	explicit_bzero(&keys, sizeof(keys));
	return r;
}

static void keys_came(enum imds_outcome outcome, const char *body, size_t size, void *userdata)
{
	struct credentials *credentials = userdata;
	const char *why = imds_outcome_text(outcome);

	if (outcome != IMDS_OK || credentials_parse(body, size, &credentials->keys, &why) < 0) {
		fetch_failed(credentials, why);
		return;
	}
	credentials->have = true;
	credentials->error[0] = '\0';
	if (!keys_last(credentials, 0))
		(void)snprintf(
			credentials->error, sizeof(credentials->error),
			"no credentials: those of the role have expired; is the clock right?");
	waiters_serve(credentials);
}

static void role_came(enum imds_outcome outcome, const char *body, size_t size, void *userdata)
{
	struct credentials *credentials = userdata;
	size_t length = strcspn(body, "\r\n");
	char path[sizeof(ROLE_PATH) + ROLE_MAX];

	if (outcome == IMDS_NOT_FOUND || (outcome == IMDS_OK && size == 0)) {
		fetch_failed(credentials, "the instance has no role");
		return;
	}
	if (outcome != IMDS_OK) {
		fetch_failed(credentials, imds_outcome_text(outcome));
		return;
	}
	/* IAM: letters, digits and +=,.@_- */
	if (length > ROLE_MAX || strspn(body, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					      "0123456789+=,.@_-") != length) {
		fetch_failed(credentials, "the role's name is none");
		return;
	}
	(void)snprintf(path, sizeof(path), ROLE_PATH "%.*s", (int)length, body);
	if (imds_get(credentials->imds, path, keys_came, credentials) < 0)
		fetch_failed(credentials, "memory is short");
}

static int fetch(struct credentials *credentials)
{
	int r;

	if (credentials->fetching)
		return 0;
	credentials->fetching = true;
	r = imds_get(credentials->imds, ROLE_PATH, role_came, credentials);
	if (r < 0)
		credentials->fetching = false;
	return r;
}

static int waiter_add(struct credentials *credentials, credentials_done done, void *userdata)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter)), **at = &credentials->waiters;

	if (!waiter)
		return -ENOMEM;
	waiter->done = done;
	waiter->userdata = userdata;
	while (*at)
		at = &(*at)->next;
	*at = waiter;
	return 0;
}

int credentials_get(struct credentials *credentials, bool force, credentials_done done,
		    void *userdata)
{
	int r;

	/* Given keys cannot be fetched anew: AWS will say what is wrong with them. */
	if (credentials->fixed || (!force && keys_last(credentials, REFRESH_AHEAD))) {
		done(&credentials->keys, "", userdata);
		return 0;
	}
	/* Near their end: they serve while new ones are not to be had. */
	if (!force && clock_boottime() < credentials->again && keys_last(credentials, 0)) {
		done(&credentials->keys, "", userdata);
		return 0;
	}
	r = waiter_add(credentials, done, userdata);
	if (r < 0)
		return r;
	r = fetch(credentials);
	if (r < 0)
		credentials_forget(credentials, userdata);
	return r;
}
