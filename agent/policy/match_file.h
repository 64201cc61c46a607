/* SPDX-License-Identifier: Apache-2.0
 *
 * Match keys about files: path, rule, namespace, sha256, trigger. Rows of match_key.c.
 */
#pragma once

#include "policy/match_key.h"

/* Digits of either case. */
match_asker match_ask_sha256;

const char *match_text_path(const struct match_subject *subject);
const char *match_text_rule(const struct match_subject *subject);
const char *match_text_namespace(const struct match_subject *subject);
const char *match_text_trigger(const struct match_subject *subject);
const char *match_texts_sha256(struct match_subject *subject, size_t i, char *buffer);
