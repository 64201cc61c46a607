/* SPDX-License-Identifier: Apache-2.0
 *
 * Match keys about who did it: the process, those that started it, its user. Rows of match_key.c.
 */
#pragma once

#include "policy/match_key.h"

/* The process's user, or the socket's; false: neither is known. */
bool match_process_uid(const struct match_subject *subject, uid_t *ret);

match_asker match_ask_stub, match_ask_user, match_ask_ancestor;

const char *match_text_exe(const struct match_subject *subject);
const char *match_text_comm(const struct match_subject *subject);
const char *match_text_args(const struct match_subject *subject);
const char *match_text_unit(const struct match_subject *subject);
const char *match_text_container(const struct match_subject *subject);
const char *match_text_cgroup(const struct match_subject *subject);
const char *match_text_parent(const struct match_subject *subject);
const char *match_text_attribution(const struct match_subject *subject);
const char *match_texts_ancestor(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_ancestor_comm(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_user(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_uid(struct match_subject *subject, size_t i, char *buffer);
