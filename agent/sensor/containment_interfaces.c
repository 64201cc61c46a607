/* SPDX-License-Identifier: Apache-2.0
 *
 * The cut's programs on the network interfaces of our namespace: filters on a clsact qdisc, which
 * stay until somebody removes them. Programs attached by links (tcx, since 6.6) run before all
 * filters, and may send a packet past them: where there are such, ours go before those. Links are
 * not used everywhere, since attaching one waits for all CPUs (some 12 ms, against 0.2 for a
 * filter). Loopback is left alone. Interfaces come from the kernel; root makes them.
 */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/containment_private.h"
#include "sensor/pin_folder.h"

/* linux/bpf.h of Linux 6.6; Debian 12 builds with 6.1's. */
#define TCX_INGRESS   46
#define TCX_EGRESS    47
#define TCX_BEFORE    (1U << 3)
#define LINK_TYPE_TCX 11
/* Of bpf_link_info: what a link of that type is attached to. */
struct link_info_tcx {
	uint32_t type, id, program_id, padding, index, attach_type;
};

/* Ours among filters of one priority. */
#define FILTER_HANDLE 0xc0d0

/* More than a node has that gives each container one of its own; each is asked for by index. */
#define INTERFACES_MAX 4096

static void names_free(struct if_nameindex **names)
{
	if (*names)
		if_freenameindex(*names);
}

static const struct side {
	const char *name;
	int tcx;
	enum bpf_tc_attach_point point;
} sides[CONTAINMENT_SIDES] = {
	{ "out", TCX_EGRESS, BPF_TC_EGRESS },
	{ "in", TCX_INGRESS, BPF_TC_INGRESS },
};

/* By what a packet begins with there. */
static const struct bpf_program *program_of(const struct containment *containment, size_t side,
					    bool ethernet)
{
	const struct bpf_program *const programs[2][CONTAINMENT_SIDES] = {
		{ containment->probes->progs.contain_plain_out,
		  containment->probes->progs.contain_plain_in },
		{ containment->probes->progs.contain_ether_out,
		  containment->probes->progs.contain_ether_in },
	};

	return programs[ethernet][side];
}

static void link_name(char out[static NAME_MAX], unsigned index, size_t side)
{
	(void)snprintf(out, NAME_MAX, "interface-%u-%s", index, sides[side].name);
}

static bool link_holds(int fd, unsigned index)
{
	union {
		struct bpf_link_info info;
		struct link_info_tcx tcx;
	} info = { .info = { 0 } };
	uint32_t size = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       info.tcx.type == LINK_TYPE_TCX && info.tcx.index == index;
}

/* ---- links ---- */

/* Whether others are there. On older kernels there cannot be. */
static bool tcx_used(unsigned index, size_t side)
{
	LIBBPF_OPTS(bpf_prog_query_opts, options);

	return bpf_prog_query_opts((int)index, (enum bpf_attach_type)sides[side].tcx, &options) ==
		       0 &&
	       options.prog_cnt > 0;
}

static int tcx_attach(const struct containment *containment,
		      struct containment_interface *interface, size_t side, int program_fd)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = TCX_BEFORE);
	char name[NAME_MAX];
	CLEANUP(close_cleanup) int fd = -1;

	link_name(name, interface->index, side);
	if (containment->folder[0])
		fd = pin_open(containment->folder, NULL, name);
	if (link_holds(fd, interface->index)) {
		if (bpf_link_update(fd, program_fd, NULL) < 0)
			return -errno;
		interface->fds[side] = take_fd(&fd);
		return 0;
	}
	close_cleanup(&fd);
	fd = bpf_link_create(program_fd, (int)interface->index,
			     (enum bpf_attach_type)sides[side].tcx, &options);
	if (fd < 0)
		return -errno;
	if (containment->folder[0] && pin_replace(fd, containment->folder, NULL, name) < 0)
		log_warning("the cut on interface %u ends with this process: %s", interface->index,
			    strerror(errno));
	interface->fds[side] = take_fd(&fd);
	return 0;
}

/* ---- filters ---- */

uint32_t containment_filter_find(unsigned index, size_t side, unsigned priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)index, .attach_point = sides[side].point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = priority);

	return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : 0;
}

void containment_filter_remove(unsigned index, size_t side, unsigned priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)index, .attach_point = sides[side].point);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = priority);

	(void)bpf_tc_detach(&hook, &options);
}

/* libbpf warns of each interface that has the qdisc: that is no mistake. */
static int qdisc_create(struct bpf_tc_hook *hook)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	int r = bpf_tc_hook_create(hook);

	(void)libbpf_set_print(print);
	return r;
}

static int filter_attach(struct containment_interface *interface, size_t side, int program_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface->index,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int r = qdisc_create(&hook);

	if (r < 0 && r != -EEXIST)
		return r;
	hook.attach_point = sides[side].point;
	for (unsigned priority = 1; priority <= CONTAINMENT_PRIORITIES; priority++) {
		LIBBPF_OPTS(bpf_tc_opts, options, .handle = FILTER_HANDLE, .priority = priority,
			    .prog_fd = program_fd, .flags = BPF_TC_F_REPLACE);

		r = bpf_tc_attach(&hook, &options);
		if (r == 0) {
			interface->priority[side] = priority;
			return 0;
		}
	}
	return r;
}

/* On loopback, for a moment, with a program that lets everything pass as long as nothing is in
 * force. */
void containment_interfaces_prepare(const struct containment *containment)
{
	struct containment_interface loopback = { .index = 1, .fds = { -1, -1 } };
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = 1,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct contain_control control;

	containment_control(containment, &control);
	/* Somebody has it there: then the kernel has, too. */
	if (control.on || qdisc_create(&hook) < 0)
		return;
	if (filter_attach(&loopback, 0, bpf_program__fd(program_of(containment, 0, false))) == 0)
		containment_filter_remove(loopback.index, 0, loopback.priority[0]);
	(void)bpf_tc_hook_destroy(&hook);
}

/* ---- interfaces ---- */

static void interface_detach(const struct containment *containment,
			     struct containment_interface *interface)
{
	for (size_t side = 0; side < CONTAINMENT_SIDES; side++) {
		char name[NAME_MAX], path[PATH_MAX];

		if (interface->priority[side])
			containment_filter_remove(interface->index, side,
						  interface->priority[side]);
		if (interface->fds[side] >= 0)
			(void)bpf_link_detach(interface->fds[side]);
		close_cleanup(&interface->fds[side]);
		interface->fds[side] = -1;
		link_name(name, interface->index, side);
		if (containment->folder[0] && pin_path(path, containment->folder, NULL, name) == 0)
			(void)unlink(path);
	}
}

static int interface_attach(const struct containment *containment,
			    struct containment_interface *interface, bool ethernet)
{
	int r = 0;

	for (size_t side = 0; side < CONTAINMENT_SIDES && r >= 0; side++) {
		int program_fd = bpf_program__fd(program_of(containment, side, ethernet));

		r = tcx_used(interface->index, side)
			    ? tcx_attach(containment, interface, side, program_fd)
			    : -EOPNOTSUPP;
		if (r < 0)
			r = filter_attach(interface, side, program_fd);
	}
	return r;
}

/* The kind of header there (ARPHRD_*), or a negative errno. */
static int interface_kind(int fd, const char *name)
{
	struct ifreq request = { 0 };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	return request.ifr_hwaddr.sa_family;
}

static struct containment_interface *interface_find(struct containment *containment, unsigned index)
{
	for (size_t i = 0; i < containment->interfaces_count; i++)
		if (containment->interfaces[i].index == index)
			return &containment->interfaces[i];
	return NULL;
}

static int interface_add(struct containment *containment, unsigned index, int kind)
{
	struct containment_interface interface = { .index = index,
						   .fds = { -1, -1 },
						   .seen = true };
	struct containment_interface *all;
	int r;

	if (containment->interfaces_count == INTERFACES_MAX)
		return -E2BIG;
	all = reallocarray(containment->interfaces, containment->interfaces_count + 1,
			   sizeof(*all));
	if (!all)
		return -ENOMEM;
	containment->interfaces = all;
	r = interface_attach(containment, &interface, kind == ARPHRD_ETHER);
	if (r < 0) {
		interface_detach(containment, &interface);
		return r;
	}
	all[containment->interfaces_count++] = interface;
	return 0;
}

/* Those that are gone, or have moved into another namespace: the kernel has taken what was on
 * them. */
static void interfaces_sweep(struct containment *containment)
{
	size_t kept = 0;

	for (size_t i = 0; i < containment->interfaces_count; i++) {
		struct containment_interface *interface = &containment->interfaces[i];

		if (interface->seen) {
			containment->interfaces[kept++] = *interface;
			continue;
		}
		log_notice("interface %u is gone, and what held it with it", interface->index);
		memset(interface->priority, 0, sizeof(interface->priority));
		interface_detach(containment, interface);
	}
	containment->interfaces_count = kept;
}

static void interface_look(struct containment *containment, int fd, const struct if_nameindex *at)
{
	struct containment_interface *known = interface_find(containment, at->if_index);
	int r = interface_kind(fd, at->if_name);

	if (known)
		known->seen = true;
	/* Gone meanwhile. */
	if (known || r == ARPHRD_LOOPBACK || r == -ENODEV)
		return;
	if (r >= 0)
		r = interface_add(containment, at->if_index, r);
	if (r < 0 && r != -ENODEV)
		(void)snprintf(containment->interfaces_problem,
			       sizeof(containment->interfaces_problem),
			       "packets without a socket pass interface %s: %s", at->if_name,
			       strerror(-r));
}

void containment_refresh_interfaces(struct containment *containment)
{
	CLEANUP(names_free) struct if_nameindex *all = NULL;
	CLEANUP(close_cleanup) int fd = -1;

	containment->interfaces_problem[0] = '\0';
	if (!containment->wants_interfaces)
		return;
	all = if_nameindex();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!all || fd < 0) {
		(void)snprintf(containment->interfaces_problem,
			       sizeof(containment->interfaces_problem),
			       "interfaces cannot be listed: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < containment->interfaces_count; i++)
		containment->interfaces[i].seen = false;
	for (const struct if_nameindex *at = all; at->if_index; at++)
		interface_look(containment, fd, at);
	interfaces_sweep(containment);
}

bool containment_interfaces_hold(const struct containment *containment)
{
	for (size_t i = 0; i < containment->interfaces_count; i++) {
		const struct containment_interface *interface = &containment->interfaces[i];

		for (size_t side = 0; side < CONTAINMENT_SIDES; side++)
			if (interface->priority[side]
				    ? !containment_filter_find(interface->index, side,
							       interface->priority[side])
				    : !link_holds(interface->fds[side], interface->index))
				return false;
	}
	return true;
}

void containment_interfaces_detach(struct containment *containment)
{
	for (size_t i = 0; i < containment->interfaces_count; i++)
		interface_detach(containment, &containment->interfaces[i]);
	containment->interfaces_count = 0;
}

void containment_interfaces_close(struct containment *containment)
{
	for (size_t i = 0; i < containment->interfaces_count; i++)
		for (size_t side = 0; side < CONTAINMENT_SIDES; side++)
			close_cleanup(&containment->interfaces[i].fds[side]);
	free(containment->interfaces);
}
