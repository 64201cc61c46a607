/* SPDX-License-Identifier: Apache-2.0
 *
 * What the table should answer, by comparing names one after the other: the probes are held
 * against it. Shares no code with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/domain_name.h"

enum match {
	MATCH_NONE,
	MATCH_ALLOWED,
	MATCH_LISTED,
	MATCH_KEPT, /* listed, to be seen and not dropped */
};

struct match_entry {
	struct domain_name name;
	enum match match;
};

struct match_reference {
	struct match_entry *entries; /* owned by whoever fills it */
	size_t count;
};

/* The deepest entry that the name is, or is below; allow stands over block in entries of the same
 * name. folded: compares as the table does, by setting bit 5 of every byte; else letters compare
 * without case and all other bytes are what they are. */
enum match match_find(const struct match_reference *reference, const struct domain_name *name,
		      bool folded);
