/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/resolver_list.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* resolver_list_builtin.c */
extern const char resolver_list_builtin[], resolver_list_builtin_end[];

int resolver_list_open(void)
{
	CLEANUP(close_cleanup) int fd = memfd_create("resolvers", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, resolver_list_builtin,
			 (size_t)(resolver_list_builtin_end - resolver_list_builtin));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : take_fd(&fd);
}
