/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/resolver_list.h"

#include "base/fd.h"

/* resolver_list_builtin.c */
extern const char resolver_list_builtin[], resolver_list_builtin_end[];

/* popular_list_builtin.c */
extern const char popular_list_builtin[], popular_list_builtin_end[];

int resolver_list_open(void)
{
	return fd_open_memory(resolver_list_builtin,
			      (size_t)(resolver_list_builtin_end - resolver_list_builtin));
}

int popular_list_open(void)
{
	return fd_open_memory(popular_list_builtin,
			      (size_t)(popular_list_builtin_end - popular_list_builtin));
}
