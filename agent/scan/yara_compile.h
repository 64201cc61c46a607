/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules from sources to a compiled set, in a worker's cage. What does not compile is told and left
 * out. The set is split by what files must begin with (yara_source.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/yara_source.h"

/* In front of each part of a compiled set, which is a file of them. */
struct rule_set_head {
	uint32_t magic, key; /* key: as yara_rule_text.key */
	uint64_t size;	     /* of the part, in libyara's own format */
};
#define RULE_SET_MAGIC	   0x54455352u
/* Parts: one for any file, some by their beginning, and one for each compiled file. */
#define RULE_SET_PARTS_MAX 64

/* One file of rules. */
struct yara_text {
	char *name; /* as it is to be shown */
	char *text;
	size_t size;
	bool top;      /* not only there because another one includes it */
	bool included; /* another one has it within, so it does not stand alone */
	bool left_out;
	bool unsplit;	  /* it stays in one part */
	unsigned *nested; /* number of the text for each include directive; UINT_MAX: not there */
	struct yara_source parts;
};

struct yara_compile {
	struct yara_text *texts;
	size_t count;
	/* line 0: of the file as a whole. warning: the rule stays. */
	void (*tell)(const char *name, unsigned line, const char *why, bool warning,
		     void *userdata);
	void *userdata;
};

struct yara_compiled {
	uint64_t rules, left_out;
	bool magic; /* rules may ask libmagic: yara_prepare_magic() */
};

/* Writes the set into fd. 0, -ENOMEM, or what writing said. */
int yara_compile(struct yara_compile *compile, int fd, struct yara_compiled *ret);

/* Before the cage is closed. -ENOMEM. */
int yara_prepare(void);
/* The same, and libmagic reads its own file, which is not there later. Takes some 7 ms. */
int yara_prepare_magic(void);
