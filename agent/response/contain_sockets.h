/* SPDX-License-Identifier: Apache-2.0
 *
 * Open sockets of a host that is cut off: what they hold would wait for its timeouts, and some of
 * it would go on when the host is opened again. They are destroyed, in every network namespace, but
 * for those of exempt cgroups, those that stay on this host, and those to ends that are open. Takes
 * netlink's lists from the kernel; owns nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct containment;

struct contain_sockets {
	uint64_t destroyed;
	uint64_t refused;   /* the kernel did not; they are cut off all the same */
	size_t namespaces;  /* looked into */
	size_t unreachable; /* that could not be */
	int error;	    /* a negative errno of the last refusal */
};

/* TCP connections, and UDP sockets with a peer. Takes some 10 us for each. -EOPNOTSUPP: the kernel
 * lacks CONFIG_INET_DIAG_DESTROY. */
int contain_sockets_destroy(struct containment *containment, struct contain_sockets *ret);
