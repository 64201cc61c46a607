/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of `isolation`: what they hold, their defaults, and how they are read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "response/isolation_options.h"

struct mapping_table;

/* What becomes of the process that an isolation was begun for. */
enum config_culprit {
	CONFIG_CULPRIT_NONE,
	CONFIG_CULPRIT_FREEZE,
	CONFIG_CULPRIT_KILL, /* stopped at once, killed when the evidence has been gathered */
};

struct config_isolation {
	char *quarantine, *transition; /* security groups; NULL: none */
	struct {
		enum isolation_scope scope;
		char *tag;
		uint64_t count, percent;
		uint64_t window; /* seconds */
		uint64_t settle; /* ms */
	} budget;
	enum isolation_unknown when_unknown;
	uint64_t unknown_after, grace; /* seconds */
	uint64_t probation;	       /* of feeds that say nothing else; seconds */
	uint64_t long_use;	       /* days; 0: names in use are not noted */
	uint64_t second_within;	       /* seconds */
	uint64_t confirm_within;       /* seconds; 0: it need not be confirmed */
	enum isolation_end instance_end;
	char *never_tag, *never_file;
	bool tags, snapshots, keep_volumes, termination_protection;
	enum isolation_scaling scaling;
	char *target_groups[ISOLATION_TARGET_GROUPS_MAX];
	size_t target_group_count;
	enum config_culprit culprit;
	struct {
		bool bundle;
		uint64_t memory, max_size; /* bytes */
		uint64_t seconds, keep;
		uint64_t keep_size; /* bytes */
		char *key;	    /* file; NULL: not signed */
		char *bucket, *prefix;
		char *owner; /* account that the bucket must be of; NULL: any */
	} evidence;
};

extern const struct mapping_table config_isolation_table;

/* -ENOMEM. */
int config_isolation_begin(struct config_isolation *isolation);
/* What the table's own readers do not free. */
void config_isolation_clear(struct config_isolation *isolation);
/* Borrows the texts. */
void config_isolation_options(const struct config_isolation *isolation,
			      struct isolation_options *ret);
