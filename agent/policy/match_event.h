/* SPDX-License-Identifier: Apache-2.0
 *
 * Match keys that look at the event alone: where it goes, what it is, what its flow says. Rows of
 * match_key.c.
 */
#pragma once

#include "policy/match_key.h"

match_asker match_ask_direction, match_ask_address, match_ask_source, match_ask_destination,
	match_ask_kind, match_ask_protocol, match_ask_port, match_ask_source_port, match_ask_alpn,
	match_ask_sni, match_ask_host, match_ask_blocked;
/* What an entry alone tells: a domain is looked up, an address connected to. */
match_asker match_ask_entry_kind;
/* Of flows nothing: neither lookup nor connection has one yet. */
match_asker match_ask_entry_flow;

const char *match_text_ja4(const struct match_subject *subject);
const char *match_text_method(const struct match_subject *subject);
const char *match_text_watch(const struct match_subject *subject);
const char *match_texts_kind(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_qtype(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_address(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_source(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_destination(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_port(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_source_port(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_alpn(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_sni(struct match_subject *subject, size_t i, char *buffer);
const char *match_texts_host(struct match_subject *subject, size_t i, char *buffer);
/* The server as the flow names it, in lower case; NULL: it does not. */
/* The server's. */
uint16_t match_event_port(const struct event *event);
const struct domain_name *match_subject_server(struct match_subject *subject, bool http);
