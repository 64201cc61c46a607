/* SPDX-License-Identifier: Apache-2.0
 *
 * The brake that needs no network: what of a finding keeps it from isolating this instance, though
 * policy asks for that. Owns what it is judged by: the packs that were in force
 * (intel/pack_history.h), the names that this host uses (intel/name_history.h), and who has asked
 * lately.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "journal/isolation.h"
#include "response/isolate.h"

struct agent;
struct config;
struct brake;
struct event;
struct finding;
struct verdict;

/* Names never seen before that the sensor is to record a second: what the configuration says, or
 * enough for the history. */
unsigned brake_unseen_rate(const struct config *config);

/* A list of the names that this host has used for long, to read, the caller's to close; 0: there
 * are none; -errno. */
int brake_names_open(const struct agent *agent);

/* Without one or the other history what it would tell is taken as not known; why is logged.
 * -ENOMEM.
 */
int brake_open(struct agent *agent, struct brake **ret);
void brake_close(struct brake *brake);
/* Another pack is in force. */
void brake_pack(struct agent *agent);
/* A name that nothing lists was asked for. */
void brake_name(struct agent *agent, const struct event *event);
/* Once a second. */
void brake_tick(struct agent *agent);

/* false: nothing holds it back. Else what is to be told, and why: safe to show. It also notes that
 * this finding asks. */
bool brake_holds(struct agent *agent, const struct finding *finding, const struct verdict *verdict,
		 enum isolate_news *ret_news, char why[static ISOLATION_NOTE_SIZE]);
