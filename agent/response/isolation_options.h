/* SPDX-License-Identifier: Apache-2.0
 *
 * How isolation is configured (`isolation` in cordon.yaml(5)). Texts are borrowed from the
 * configuration.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISOLATION_TARGET_GROUPS_MAX 16

/* Whose instances count for the budget. */
enum isolation_scope {
	ISOLATION_SCOPE_NONE, /* no budget: the swap follows at once */
	ISOLATION_SCOPE_VPC,
	ISOLATION_SCOPE_ASG, /* the Auto Scaling group; the VPC for an instance that is in none */
	ISOLATION_SCOPE_TAG, /* those with the same value of a tag; the VPC without that tag */
};

enum isolation_unknown {
	ISOLATION_UNKNOWN_CONTAIN, /* the host stays cut off while nobody answers */
	ISOLATION_UNKNOWN_LIFT,
};

enum isolation_scaling {
	ISOLATION_SCALING_NONE,
	ISOLATION_SCALING_STANDBY,
	ISOLATION_SCALING_DETACH,
	ISOLATION_SCALING_PROTECT,
};

/* What is done to the instance once it is in quarantine. In order: each is more than the one
 * before.
 */
enum isolation_end {
	ISOLATION_END_NONE,
	ISOLATION_END_STOP,
	ISOLATION_END_TERMINATE,
	ISOLATION_ENDS,
};

struct isolation_options {
	const char *quarantine; /* security group; "": none, the host is only contained */
	const char *transition; /* "": straight to quarantine */
	struct {
		enum isolation_scope scope;
		const char *tag;
		uint64_t count, percent; /* the smaller of both; percent 0: only count */
		uint64_t window;	 /* ns: isolations before that do not count any more */
		uint64_t settle; /* ns from our own tag to the count: until all see all tags */
	} budget;
	enum isolation_unknown unknown;
	uint64_t unknown_after; /* ns for which the budget is asked in vain */
	uint64_t grace;		/* ns after boot */
	uint64_t confirm;	/* ns until it is released if no person confirmed it; 0: never */
	enum isolation_end end; /* the most that a policy may ask for */
	/* A bundle is gathered, and goes to S3: the end waits for that. */
	bool evidence, evidence_s3;
	const char *never_tag, *never_file;
	bool tags, snapshots, keep_volumes, termination_protection;
	enum isolation_scaling scaling;
	const char *target_groups[ISOLATION_TARGET_GROUPS_MAX];
	size_t target_group_count;
};

/* Tags of the instance. */
#define ISOLATION_TAG		"cordon:isolation" /* "STATE TIME UID" */
#define ISOLATION_TAG_UNDO	"cordon:undo:"	   /* "cordon:undo:0": "KIND RESOURCE VALUE" */
#define ISOLATION_TAG_REASON	"cordon:reason"
/* The UID: a person confirms it from outside. */
#define ISOLATION_TAG_CONFIRMED "cordon:confirmed"
