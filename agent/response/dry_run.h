/* SPDX-License-Identifier: Apache-2.0
 *
 * What an isolation would do: each call in its order, what it would change, whether IAM allows it
 * (EC2 is asked, with DryRun; other services have nothing of the kind), whether the agent would
 * still reach AWS afterwards, and what the budget says. Changes nothing. Replies are a stranger's.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "response/isolation_options.h"

struct dry_run;

/* Makes a call; dry_run_replied(). Negative: not now. */
typedef int (*dry_run_call)(const char *text, size_t size, void *userdata);

/* options: copied; its texts are borrowed until the end. Begins at once. */
int dry_run_new(const struct isolation_options *options, const char *instance, dry_run_call call,
		void *userdata, struct dry_run **ret);
void dry_run_free(struct dry_run *run);
/* text NULL: no reply will come. */
void dry_run_replied(struct dry_run *run, const char *text, size_t size);

/* Borrowed: {"done": bool, "steps": [{"what", "call", "allowed": true|false|null, "why"}],
 * "channel": [...], "budget": {...}, "guard", "problem", "skipped", "errors": [...]} */
json_t *dry_run_result(const struct dry_run *run);
