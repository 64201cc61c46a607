/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether AWS would allow the calls that the configuration needs, found out before they are needed:
 * at the start, once a day, and when `cordon doctor` asks. cordon-cloud tries them (cloud/
 * preflight.c), one after the other, without changing anything.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/control.h"

struct agent;
struct config;

enum preflight_state {
	PREFLIGHT_UNTRIED,
	PREFLIGHT_ALLOWED,
	PREFLIGHT_DENIED,
	PREFLIGHT_OPEN, /* it could not be found out: text says why */
};

/* At least as many as preflight.c has. */
#define PREFLIGHT_ROWS_MAX  32
#define PREFLIGHT_TEXT_SIZE 512

struct preflight {
	bool running;
	uint64_t runs;	   /* ended */
	uint64_t next_run; /* boot clock */
	uint64_t ended;	   /* ns since the epoch; 0: never */
	size_t row;	   /* being tried */
	bool waits;	   /* for its result */
	struct {
		enum preflight_state state;
		char text[PREFLIGHT_TEXT_SIZE];
	} found[PREFLIGHT_ROWS_MAX];
	struct agent *agent;
};

/* Once a second. */
void preflight_tick(struct agent *agent);
/* What was left open may have lacked only what is known now. */
void preflight_hurry(struct preflight *preflight);
/* Begins a run now, unless one is under way; returns the number that preflight.runs has when it has
 * ended. -ENOTCONN: nothing of AWS is configured, or cordon-cloud cannot be had. */
int preflight_begin(struct agent *agent, uint64_t *ret_run);

/* preflight_begin() for the control socket (control.h); userdata: the agent. *ret_run stays as it
 * is when nothing goes to AWS. */
int preflight_ask(void *userdata, uint64_t *ret_run, char error[static CONTROL_ERROR_SIZE]);

/* Whether nothing is known to be missing; why: what is, or that nothing is known. */
bool preflight_sound(const struct preflight *preflight, char *why, size_t size);
/* The first parameter of Parameter Store that the configuration names; NULL: none. */
const char *preflight_pointer(const struct config *config);
/* Calls that AWS would refuse. */
uint64_t preflight_denied(const struct preflight *preflight);
/* { "running", "runs": N, "time": TEXT or null, "calls": [ { "call", "used_by", "state", "found",
 * "statement": of an IAM policy, when it is denied } ] } */
json_t *preflight_json(const struct agent *agent);
