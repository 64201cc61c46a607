/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/glance.h"

/* What stands behind the first bracket is left out: any part of what is needed will do. */
void glance_add_glob(struct glance *glance, const char *pattern)
{
	int before = -1;

	while (*pattern && *pattern != '[') {
		if (*pattern == '*' || *pattern == '?') {
			pattern++;
			before = -1;
			continue;
		}
		pattern += *pattern == '\\' && pattern[1];
		if (before >= 0)
			glance_add_pair(glance, (uint8_t)before, (uint8_t)*pattern);
		before = (uint8_t)*pattern++;
	}
}
