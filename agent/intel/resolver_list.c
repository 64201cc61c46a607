/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/resolver_list.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* resolver_list_builtin.c */
extern const char resolver_list_builtin[], resolver_list_builtin_end[];

/* popular_list_builtin.c */
extern const char popular_list_builtin[], popular_list_builtin_end[];

static int builtin_open(const char *begin, const char *end)
{
	CLEANUP(close_cleanup) int fd = memfd_create("list", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, begin, (size_t)(end - begin));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : take_fd(&fd);
}

int resolver_list_open(void)
{
	return builtin_open(resolver_list_builtin, resolver_list_builtin_end);
}

int popular_list_open(void)
{
	return builtin_open(popular_list_builtin, popular_list_builtin_end);
}
