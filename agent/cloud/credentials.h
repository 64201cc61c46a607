/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that requests are signed with: from the unit's environment, or of the instance's role
 * from the metadata service, fetched anew before they expire and kept through its outages. The role
 * is looked up each time, for it may be changed while the instance runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/imds.h"

struct credentials;

struct credentials_keys {
	char access_key[128];
	char secret_key[128];
	char session_token[4096]; /* "" for none */
	uint64_t expires;	  /* ns since the epoch; 0: never */
};

/* Why there are none, or none any more; "" when there are. */
#define CREDENTIALS_ERROR_SIZE 256

/* Keys that an operator gave, or NULL; then the metadata service is asked. Copied. */
int credentials_new(struct imds *imds, const struct credentials_keys *given,
		    struct credentials **ret);
void credentials_free(struct credentials *credentials);

/* Called once: with keys that are good now, or with NULL and a text that says why not. Both are
 * borrowed for the call. */
typedef void (*credentials_done)(const struct credentials_keys *keys, const char *error,
				 void *userdata);

/* Gives keys, at once when there are good ones. force: AWS refused the ones there are. -ENOMEM. */
int credentials_get(struct credentials *credentials, bool force, credentials_done done,
		    void *userdata);
/* done will not be called for this userdata any more. */
void credentials_forget(struct credentials *credentials, void *userdata);

/* Reads what the metadata service says of a role. 0, or -EBADMSG with a text (static). For fuzzing
 * and tests, too. */
int credentials_parse(const char *json, size_t size, struct credentials_keys *ret,
		      const char **ret_why);
