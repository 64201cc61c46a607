/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether policies are those that somebody with a key has signed (base/signature.h).
 */
#pragma once

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/feed_store.h"

/* The name of a policy's record in the store, before its path. */
#define POLICY_RECORD "policy:"

/* Checks each file of the configuration, when it names keys. Versions that hold are written down:
 * an older one is refused from then on. 0, or a negative errno with the reason in error. */
int policy_trust_check(const struct config *config, struct feed_store *store,
		       char error[static CONTROL_ERROR_SIZE]);
/* The same of a file that is to take the place of another one of the configuration; nothing is
 * written down. */
int policy_trust_candidate(const struct config *config, struct feed_store *store,
			   const char *candidate, const char *place,
			   char error[static CONTROL_ERROR_SIZE]);
