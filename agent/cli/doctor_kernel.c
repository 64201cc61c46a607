/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of the kernel, and of what we may do with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <mntent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/doctor.h"
#include "response/socket_diag.h"
#include "sensor/features.h"

/* The oldest kernel that the probes are loaded on in tests. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

/* Until 5.11 maps counted against RLIMIT_MEMLOCK; a table of a million domains is 17 MiB, and two
 * are there while it is swapped. */
#define MEMLOCK_NEEDED (UINT64_C(64) << 20)

/* Whether the running kernel is at least that. */
static bool kernel_at_least(int major, int minor, char release[static 65])
{
	struct utsname name;
	int found_major = 0, found_minor = 0;

	release[0] = '\0';
	if (uname(&name) < 0)
		return false;
	(void)snprintf(release, 65, "%.64s", name.release);
	(void)sscanf(name.release, "%d.%d", &found_major, &found_minor);
	return found_major > major || (found_major == major && found_minor >= minor);
}

void doctor_kernel(const struct doctor *doctor, struct doctor_result *result)
{
	char release[65];

	(void)doctor;
	if (kernel_at_least(KERNEL_MAJOR, KERNEL_MINOR, release)) {
		doctor_found(result, DOCTOR_OK, "Linux %s", release);
		return;
	}
	doctor_found(result, DOCTOR_FAIL, "Linux %s, before %d.%d", release, KERNEL_MAJOR,
		     KERNEL_MINOR);
	doctor_remedy(result, "use a kernel from %d.%d on", KERNEL_MAJOR, KERNEL_MINOR);
}

void doctor_btf(const struct doctor *doctor, struct doctor_result *result)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";

	(void)doctor;
	if (access(path, R_OK) == 0) {
		doctor_found(result, DOCTOR_OK, "%s", path);
		return;
	}
	doctor_found(result, DOCTOR_FAIL, "%s: %s", path, strerror(errno));
	doctor_remedy(result, "use a kernel built with CONFIG_DEBUG_INFO_BTF");
}

/* Copies the folder of the first mount of that type. */
static bool mount_find(const char *type, char *out, size_t size)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	char buffer[4096];
	struct mntent entry;
	bool found = false;

	if (!table)
		return false;
	while (!found && getmntent_r(table, &entry, buffer, sizeof(buffer)))
		if (strcmp(entry.mnt_type, type) == 0) {
			(void)snprintf(out, size, "%s", entry.mnt_dir);
			found = true;
		}
	(void)endmntent(table);
	return found;
}

void doctor_cgroup(const struct doctor *doctor, struct doctor_result *result)
{
	char unified[256], legacy[256];
	char release[65];

	(void)doctor;
	if (!mount_find("cgroup2", unified, sizeof(unified))) {
		doctor_found(result, DOCTOR_FAIL, "no cgroup v2 hierarchy is mounted");
		doctor_remedy(result, "boot with systemd.unified_cgroup_hierarchy=1");
		return;
	}
	doctor_found(result, DOCTOR_OK, "cgroup v2 at %s", unified);
	if (!mount_find("cgroup", legacy, sizeof(legacy)))
		return;
	doctor_found(result, DOCTOR_OK, "v1 controllers beside it (hybrid)");
	/* Before 5.15 a socket has either a v1 class or a v2 cgroup: bd1060a1d671 and 8520e224f547
	 * in the kernel's history. */
	if (!kernel_at_least(5, 15, release)) {
		doctor_found(result, DOCTOR_WARN,
			     "on this kernel v1 net_cls or net_prio hides a socket's cgroup");
		doctor_remedy(result, "do not use net_cls and net_prio");
	}
}

void doctor_bpf(const struct doctor *doctor, struct doctor_result *result)
{
	struct feature features[FEATURES_MAX];
	int count = features_probe(features), present = 0;

	(void)doctor;
	if (count < 0) {
		doctor_found(result, DOCTOR_FAIL, "the kernel cannot be asked: %s",
			     strerror(-count));
		doctor_remedy(result, count == -EPERM ? "run as root"
						      : "use a kernel with CONFIG_BPF_SYSCALL");
		return;
	}
	for (int i = 0; i < count; i++) {
		present += features[i].present;
		if (features[i].present)
			continue;
		doctor_found(result, DOCTOR_FAIL, "without %s (%s)", features[i].name,
			     features[i].purpose);
	}
	doctor_found(result, DOCTOR_OK, "%d of %d features", present, count);
	if (result->state == DOCTOR_FAIL)
		doctor_remedy(result, "use a kernel with CONFIG_CGROUP_BPF and BPF events");
}

/* What a blocked lookup's end needs: without it programs wait for their timeouts. */
static int socket_find_self(void)
{
	CLEANUP(close_cleanup)
	int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	CLEANUP(close_cleanup) int self = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct dns_answer_ends ends = { .server_port = 53 };
	socklen_t size = sizeof(name);

	if (diag < 0 || self < 0 || bind(self, (const struct sockaddr *)&name, size) < 0 ||
	    getsockname(self, (struct sockaddr *)&name, &size) < 0)
		return -errno;
	ends.client = ends.server = address_from_ipv4((const uint8_t *)&name.sin_addr);
	ends.client_port = ntohs(name.sin_port);
	return socket_diag_find(diag, &ends, 0);
}

void doctor_sockets(const struct doctor *doctor, struct doctor_result *result)
{
	int r = socket_find_self();

	(void)doctor;
	if (r >= 0) {
		doctor_found(result, DOCTOR_OK, "UDP sockets can be looked up");
		return;
	}
	doctor_found(result, DOCTOR_WARN,
		     "UDP sockets cannot be looked up (%s): programs whose lookups are blocked are "
		     "not told, and wait",
		     strerror(-r));
	doctor_remedy(result, "modprobe udp_diag tcp_diag");
}

void doctor_jit(const struct doctor *doctor, struct doctor_result *result)
{
	int r = features_jit();

	(void)doctor;
	if (r == 0) {
		doctor_found(result, DOCTOR_WARN, "off: probes are interpreted, many times slower");
		doctor_remedy(result, "sysctl net.core.bpf_jit_enable=1");
	} else if (r < 0) {
		/* Not there in a network namespace of its own. */
		doctor_found(result, DOCTOR_OK, "not known: %s", strerror(-r));
	} else {
		doctor_found(result, DOCTOR_OK, "on");
	}
}

void doctor_unprivileged(const struct doctor *doctor, struct doctor_result *result)
{
	int r = features_unprivileged();

	(void)doctor;
	if (r > 0) {
		doctor_found(result, DOCTOR_WARN, "anybody may load BPF programs");
		doctor_remedy(result, "sysctl kernel.unprivileged_bpf_disabled=1");
	} else if (r < 0) {
		doctor_found(result, DOCTOR_OK, "not known: %s", strerror(-r));
	} else {
		doctor_found(result, DOCTOR_OK, "only root may load BPF programs");
	}
}

static const struct {
	int number;
	const char *name;
} capabilities[] = {
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },   /* other network namespaces; BPF before 5.8 */
	{ CAP_BPF, "CAP_BPF" },		      /* load the probes */
	{ CAP_PERFMON, "CAP_PERFMON" },	      /* read kernel memory in them */
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },   /* attach them, destroy sockets */
	{ CAP_NET_RAW, "CAP_NET_RAW" },	      /* answer blocked lookups */
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE" }, /* look at processes of others */
};

static int capabilities_read(uint64_t *ret)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %" SCNx64, ret) == 1)
			return 0;
	return -ENODATA;
}

void doctor_capabilities(const struct doctor *doctor, struct doctor_result *result)
{
	uint64_t held = 0;
	int r = capabilities_read(&held);

	(void)doctor;
	if (r < 0) {
		doctor_found(result, DOCTOR_WARN, "not known: %s", strerror(-r));
		return;
	}
	for (size_t i = 0; i < ELEMENTS(capabilities); i++)
		if (!(held >> capabilities[i].number & 1))
			doctor_found(result, DOCTOR_WARN, "no %s", capabilities[i].name);
	if (result->state != DOCTOR_OK)
		doctor_remedy(result, "run as root; this command is looked at, not the service");
	else
		doctor_found(result, DOCTOR_OK, "all that cordond uses");
}

void doctor_memlock(const struct doctor *doctor, struct doctor_result *result)
{
	struct rlimit limit;
	char release[65];

	(void)doctor;
	if (kernel_at_least(5, 11, release)) {
		doctor_found(result, DOCTOR_OK, "does not count for BPF maps since 5.11");
		return;
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) {
		doctor_found(result, DOCTOR_WARN, "not known: %s", strerror(errno));
		return;
	}
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= MEMLOCK_NEEDED) {
		doctor_found(result, DOCTOR_OK, "RLIMIT_MEMLOCK suffices");
		return;
	}
	doctor_found(result, DOCTOR_WARN, "RLIMIT_MEMLOCK is %" PRIu64 " KiB",
		     (uint64_t)limit.rlim_max >> 10);
	doctor_remedy(result, "LimitMEMLOCK=infinity in the unit, or CAP_SYS_RESOURCE");
}
