/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports of how this host and its agent are, beside findings: a table of them, each with its pace.
 * A report replaces the one before, so none is kept: what could not be told is made anew.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct agent;
struct config;
struct delivery;

enum report_id {
	REPORT_METRICS,
	REPORT_METRICS_CALL,
	REPORT_INVENTORY,
	REPORT_INVENTORY_FILE,
	REPORT_COMPLIANCE,
	REPORTS,
};

#define REPORT_ERROR_SIZE 512

struct report_state {
	bool under_way;
	char *sent, *going;	  /* as it was taken last; as it is on its way. Owned */
	uint64_t look_at, due_at; /* boot clock: for changes; in any case */
	uint64_t pause;
	uint64_t delivered, failed;
	char error[REPORT_ERROR_SIZE]; /* "": it was taken */
	struct agent *agent;
};
struct reports {
	struct report_state states[REPORTS];
};

/* Whether anything of it is configured. */
bool reports_wanted(const struct config *config);
/* What failed may have lacked only what is known now: it goes at once. */
void reports_hurry(struct reports *reports);
/* Once a second. */
void reports_tick(struct agent *agent);
void reports_clear(struct reports *reports);
/* Those that are not taken at present. */
uint64_t reports_failing(const struct reports *reports);
/* [{ name, delivered, failed, error }] */
json_t *reports_json(const struct reports *reports, const struct config *config);

/* report_inventory.c and report_compliance.c: JSON text as cordon-cloud's sinks of these names take
 * it, to be freed; NULL: memory is short. known: SSM has taken the same before. */
char *report_inventory(struct agent *agent, bool known);
char *report_compliance(struct agent *agent, bool known);
/* Inventory as the SSM agent reads it from a file. */
char *report_inventory_file(struct agent *agent, bool known);
/* Puts it where that looks. -EAGAIN: the instance's id is not known yet; -ENOENT: SSM's folder of
 * this instance is not there. */
int report_inventory_write(struct agent *agent, const char *text);
