/* SPDX-License-Identifier: Apache-2.0
 *
 * Match keys about the host and the hour. Rows of match_key.c.
 */
#pragma once

#include "policy/match_key.h"

/* 0: Sunday. */
unsigned match_host_weekday(const struct match_subject *subject);
match_asker match_ask_time, match_ask_weekday, match_ask_instance_tag;

const char *match_text_hostname(const struct match_subject *subject);
const char *match_text_instance(const struct match_subject *subject);
const char *match_text_region(const struct match_subject *subject);
const char *match_text_account(const struct match_subject *subject);
const char *match_text_image(const struct match_subject *subject);
