/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock: of all that the kernel can refuse with it, all is refused but to read what the plan
 * names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cage.h"

/* The kernel's struct landlock_ruleset_attr, as of ABI 6: older headers have less of it, and newer
 * kernels take any length. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* LANDLOCK_ACCESS_NET_CONNECT_TCP. */
#define CONNECT_TCP (UINT64_C(1) << 1)

#define BITS(count) ((UINT64_C(1) << (count)) - 1)

/* What each ABI can refuse (Documentation/userspace-api/landlock.rst). */
static const struct {
	size_t size;
	struct ruleset all;
} abis[] = {
	{ 8, { BITS(13), 0, 0 } },		/* 1, Linux 5.13 */
	{ 8, { BITS(14), 0, 0 } },		/* 2, 5.19: refer */
	{ 8, { BITS(15), 0, 0 } },		/* 3, 6.2: truncate */
	{ 16, { BITS(15), BITS(2), 0 } },	/* 4, 6.7: bind and connect TCP */
	{ 16, { BITS(16), BITS(2), 0 } },	/* 5, 6.10: ioctl of devices */
	{ 24, { BITS(16), BITS(2), BITS(2) } }, /* 6, 6.12: abstract sockets, signals */
};

/* What is not there cannot be read. */
static int readable_add(int ruleset, const char *path)
{
	CLEANUP(close_cleanup) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
						   .parent_fd = fd };
	struct stat status;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
		       ? -errno
		       : 0;
}

int cage_landlock_restrict(const struct cage_plan *plan)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	CLEANUP(close_cleanup) int fd = -1;
	struct ruleset refused;
	size_t row;
	int r = 0;

	if (abi < 0)
		return -errno;
	if (abi < 1)
		return -EOPNOTSUPP;
	row = (size_t)abi > ELEMENTS(abis) ? ELEMENTS(abis) - 1 : (size_t)abi - 1;
	refused = abis[row].all;
	if (plan->network)
		refused.net &= ~CONNECT_TCP;
	fd = (int)syscall(SYS_landlock_create_ruleset, &refused, abis[row].size, 0);
	if (fd < 0)
		return -errno;
	for (const char *const *path = plan->readable; r == 0 && path && *path; path++)
		r = readable_add(fd, *path);
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
