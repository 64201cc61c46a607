/* SPDX-License-Identifier: Apache-2.0
 *
 * Match keys that look at the event alone: where it goes, what it is, what its flow says. Rows of
 * match.c.
 */
#pragma once

#include "policy/match.h"
#include "policy/match_value.h"

typedef enum match_answer match_asker(const struct match_condition *condition,
				      struct match_subject *subject);

match_asker match_ask_direction, match_ask_address, match_ask_kind, match_ask_protocol,
	match_ask_port, match_ask_alpn, match_ask_sni, match_ask_host;
/* What an entry alone tells: a domain is looked up, an address connected to. */
match_asker match_ask_entry_kind;
/* Of flows nothing: neither lookup nor connection has one yet. */
match_asker match_ask_entry_flow;

static inline enum match_answer match_answer_of(bool yes)
{
	return yes ? MATCH_YES : MATCH_NO;
}

static inline enum match_answer match_mask(const struct match_condition *condition, unsigned value)
{
	return match_answer_of(condition->mask >> value & 1);
}
