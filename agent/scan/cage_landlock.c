/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock without a single rule: of all that the kernel can refuse with it, all is refused.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "scan/cage.h"

/* The kernel's struct landlock_ruleset_attr, as of ABI 6: older headers have less of it, and newer
 * kernels take any length. */
struct ruleset {
	uint64_t fs, net, scoped;
};

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

int cage_landlock_restrict(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	CLEANUP(close_cleanup) int fd = -1;
	size_t row;

	if (abi < 0)
		return -errno;
	if (abi < 1)
		return -EOPNOTSUPP;
	row = (size_t)abi > ELEMENTS(abis) ? ELEMENTS(abis) - 1 : (size_t)abi - 1;
	fd = (int)syscall(SYS_landlock_create_ruleset, &abis[row].all, abis[row].size, 0);
	if (fd < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
