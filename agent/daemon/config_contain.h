/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the configuration below "contain": what stays open while the host is cut off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/mapping.h"
#include "sensor/containment.h"

#define CONFIG_CONTAIN_LIST_MAX 32 /* of each list; the kernel side has room for twice as many */

enum config_interfaces {
	CONFIG_INTERFACES_AUTO, /* when the whole host is watched */
	CONFIG_INTERFACES_NO,
	CONFIG_INTERFACES_YES,
};

struct config_texts {
	char **texts; /* owned */
	size_t count;
	bool given; /* else the default holds */
};

struct config_contain {
	struct config_texts units;     /* stay connected */
	struct config_texts resolvers; /* units that resolve for them */
	struct config_texts names;     /* that those may ask for, beside AWS's own */
	struct containment_open open[CONFIG_CONTAIN_LIST_MAX];
	size_t open_count;
	bool ntp;
	enum config_interfaces interfaces;
	uint64_t seconds; /* after which a containment by policy lifts itself; 0: never */
};

extern const struct mapping_table config_contain_table; /* of struct config */

struct config;
/* What is not given. 0 or -ENOMEM. */
int config_contain_finish(struct config *config);
void config_contain_clear(struct config *config);
