/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled rule set that is kept on disk, with what it was compiled from: as long as none of that
 * has changed, nothing is compiled again, and verdicts of before hold.
 *
 * Two files in a folder that only we (and root) write to: NAME.set, the compiled rules, and
 * NAME.json, which says of what. It names the inode and time of the first, so that the two belong
 * together whatever a crash or another process left there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct file_identity;
struct rule_set;

/* name: the path of both without their ending. program: what compiled it. 0 when it is kept or
 * cannot be told apart from what it may be next (then nothing is kept). */
int rule_store_keep(const char *name, const struct file_identity *program,
		    const struct rule_set *set);

/* What is kept of just these paths. 0, ret->fd is the caller's, and what was told when it was
 * compiled has been told again. -ENOENT: nothing, or something has changed. */
int rule_store_find(const char *name, const struct file_identity *program, const char *const *paths,
		    size_t count, void (*trouble)(const char *text, bool warning, void *userdata),
		    void *userdata, struct rule_set *ret);

/* It cannot be loaded, say. */
void rule_store_forget(const char *name);
