/* SPDX-License-Identifier: Apache-2.0
 *
 * Random lists, full of parents, children and siblings, and names to ask for that nearly match.
 */
#pragma once

#include "match_reference.h"
#include "probe_run.h"

/* Fills reference with so many entries of one to sixteen labels, no two of the same name and
 * action, and compiles them. Those with an odd line in the list are to be kept: see
 * name_random_keep(). Both are the caller's to free. */
struct pack *name_random_list(struct probe_random *random, size_t count,
			      struct match_reference *reference);

struct indicator;
/* A sensor_keep for the list. */
bool name_random_keep(const struct indicator *indicator, void *userdata);

/* An entry, something below or above one, or a near miss: any bytes, any case, up to 127 labels
 * and 255 bytes. */
void name_random_query(struct probe_random *random, const struct match_reference *reference,
		       struct domain_name *ret);
