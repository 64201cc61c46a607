/* SPDX-License-Identifier: Apache-2.0
 *
 * One compilation of rules, as the parent sees it: finds and opens the files, hands them to a
 * compiler in its cage, and gets the compiled set back in a sealed file without a name.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/digest.h"

struct rule_files;
struct rule_session;
struct worker_program;

struct rule_set {
	int fd; /* sealed */
	uint64_t rules, left_out;
	bool magic;		     /* they ask libmagic */
	uint8_t digest[SHA256_SIZE]; /* of the names and bytes of all files */
	/* Borrowed while it is told: what it was made of. The first files_given were found below
	 * the paths, the others are included by these. files NULL: not all could be read. */
	const struct rule_files *files;
	size_t files_given;
	uint64_t begun;		/* wall clock: before any of them was opened */
	const json_t *troubles; /* [[text, warning], ...] as they were told; NULL: too many */
};

struct rule_session_listener {
	/* text: safe to show, borrowed. warning: the rule stays. */
	void (*trouble)(const char *text, bool warning, void *userdata);
	/* Once; the session may be freed in it. set: its fd is the callee's; NULL: error says why.
	 */
	void (*done)(int error, const struct rule_set *set, void *userdata);
	void *userdata;
};

/* paths: files, and folders with files of rules anywhere below. Borrows program, copies the rest.
 */
int rule_session_new(sd_event *loop, const struct worker_program *program, const char *const *paths,
		     size_t count, const struct rule_session_listener *listener,
		     struct rule_session **ret);
void rule_session_free(struct rule_session *session);
