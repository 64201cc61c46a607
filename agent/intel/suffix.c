/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/suffix.h"

#include <libpsl.h>
#include <stddef.h>

/* The newer of what the distribution keeps and what libpsl was built with. Read once, kept to the
 * end of the process: it is some 40 KiB. */
static const psl_ctx_t *suffix_list(void)
{
	static const psl_ctx_t *list;

	if (!list) {
		list = psl_latest(NULL);
		if (!list)
			list = psl_builtin();
	}
	return list;
}

bool suffix_is_public(const struct domain_name *name)
{
	const psl_ctx_t *list = suffix_list();
	char text[DOMAIN_NAME_TEXT_SIZE];

	if (!list)
		return false;
	domain_name_format(name, text);
	return psl_is_public_suffix2(list, text, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) == 1;
}

void suffix_prepare(void)
{
	(void)suffix_list();
}
