/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the order in which a worker gives up its rights, and each step but the two with a file of
 * their own (cage_landlock.c, cage_calls.c). Nothing foreign was read before it is through.
 */
#include "base/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* The kernel takes a worker before anything else of the host: proc(5), oom_score_adj. */
#define OOM_SCORE "1000"

static int descriptors_close(const struct cage_options *options)
{
	socklen_t size = sizeof(int);
	int type;

	(void)options;
	if (getsockopt(CAGE_CHANNEL, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return -errno;
	if (type != SOCK_SEQPACKET)
		return -ENOTSOCK;
	return syscall(SYS_close_range, CAGE_CHANNEL + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int oom_raise(const struct cage_options *options)
{
	CLEANUP(close_cleanup) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)options;
	if (fd < 0)
		return -errno;
	return write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0 ? -errno : 0;
}

static int namespaces_leave(const struct cage_options *options)
{
	return unshare(options->plan->namespaces) < 0 ? -errno : 0;
}

/* A folder that was removed is empty, and nothing can be made in it. */
static int root_empty(const struct cage_options *options)
{
	char path[] = "/tmp/cordon-worker.XXXXXX";
	CLEANUP(close_cleanup) int fd = -1;

	if (options->plan->root_kept)
		return -CAGE_UNPLANNED;
	if (!mkdtemp(path))
		return -errno;
	fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (rmdir(path) < 0 || fd < 0)
		return -errno;
	if (fchdir(fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

/* Those above what the kernel knows are told by EINVAL. */
static int bounding_empty(const struct cage_options *options)
{
	(void)options;
	for (unsigned long capability = 0;; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EINVAL && capability > 0 ? 0 : -errno;
}

static int user_change(const struct cage_options *options)
{
	if (geteuid() != 0)
		return -EPERM;
	if (setgroups(0, NULL) < 0 || setresgid(options->gid, options->gid, options->gid) < 0 ||
	    setresuid(options->uid, options->uid, options->uid) < 0)
		return -errno;
	return 0;
}

static int capabilities_drop(const struct cage_options *options)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	(void)options;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* Should the parent have died by now, then the channel has ended, and so does the worker. */
static int parent_follow(const struct cage_options *options)
{
	(void)options;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

static int dumpable_clear(const struct cage_options *options)
{
	(void)options;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int limits_set(const struct cage_options *options)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t limit;
	} limits[] = {
#ifndef CAGE_SANITIZED
		/* The sanitizer's own map takes terabytes of it. */
		{ RLIMIT_AS, options->memory },
#endif
		{ RLIMIT_NOFILE, options->plan->descriptors },
		{ RLIMIT_FSIZE, options->plan->file_size },
		{ RLIMIT_NPROC, options->plan->tasks },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
	};

	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		struct rlimit limit = { limits[i].limit, limits[i].limit };
		struct rlimit now;

		if (getrlimit(limits[i].resource, &now) < 0)
			return -errno;
		/* Nobody but root can raise what was set lower. */
		if (now.rlim_max < limit.rlim_max)
			limit.rlim_cur = limit.rlim_max = now.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			return -errno;
	}
	return 0;
}

static int privileges_freeze(const struct cage_options *options)
{
	(void)options;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int landlock_restrict(const struct cage_options *options)
{
	return cage_landlock_restrict(options->plan);
}

static int calls_filter(const struct cage_options *options)
{
	return cage_calls_filter(options->plan);
}

/* In this order: namespaces, root folder and bounding set take capabilities, which go with the
 * user; a change of user clears the parent's death signal and what is dumpable; Landlock and
 * seccomp want no_new_privs from who has no capabilities; and after seccomp nothing goes. */
static const struct {
	enum cage_layer layer;
	bool required; /* a worker without it does not run */
	int (*apply)(const struct cage_options *options);
} steps[CAGE_LAYERS] = {
	{ CAGE_DESCRIPTORS, true, descriptors_close },	{ CAGE_OOM, false, oom_raise },
	{ CAGE_NAMESPACES, false, namespaces_leave },	{ CAGE_ROOT, false, root_empty },
	{ CAGE_BOUNDING, false, bounding_empty },	{ CAGE_USER, false, user_change },
	{ CAGE_CAPABILITIES, true, capabilities_drop }, { CAGE_PARENT, true, parent_follow },
	{ CAGE_DUMPABLE, true, dumpable_clear },	{ CAGE_LIMITS, true, limits_set },
	{ CAGE_PRIVILEGES, true, privileges_freeze },	{ CAGE_LANDLOCK, false, landlock_restrict },
	{ CAGE_SECCOMP, true, calls_filter },
};

int cage_arguments(int argc, char **argv, struct cage_options *ret)
{
	uint64_t uid, gid;

	if (argc < 4 || argc > 5 || parse_u64(argv[1], UINT32_MAX - 1, &uid) < 0 ||
	    parse_u64(argv[2], UINT32_MAX - 1, &gid) < 0 ||
	    parse_u64(argv[3], INT64_MAX, &ret->memory) < 0)
		return -EINVAL;
	ret->uid = (uid_t)uid;
	ret->gid = (gid_t)gid;
	ret->mode = argc == 5 ? argv[4] : "";
	return 0;
}

int cage_enter(const struct cage_options *options, uint16_t ret_errors[static CAGE_LAYERS],
	       enum cage_layer *ret_layer)
{
	for (size_t i = 0; i < ELEMENTS(steps); i++) {
		int r = steps[i].apply(options);

		ret_errors[steps[i].layer] = (uint16_t)-r;
		if (r == 0 || !steps[i].required)
			continue;
		*ret_layer = steps[i].layer;
		return r;
	}
	return 0;
}
