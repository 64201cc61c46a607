/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs that cut the host off (probes/contain.bpf.c): loaded ahead, attached on demand to
 * the cgroup tree and to network interfaces, pinned, and taken over from the daemon before. Owns
 * their maps and links. Given orders by response/contain.h. Names of cgroups and interfaces are
 * chosen by root.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "probes/contain.h"

struct containment;

/* What anybody may go on to reach, and be reached from. */
struct containment_open {
	struct address address;
	unsigned length;   /* of the prefix, in 128 bits (base/address.h) */
	uint8_t protocol;  /* 0: any */
	uint16_t port;	   /* the other end's; 0: any */
};

struct containment_options {
	const char *cgroup; /* the tree that is cut; NULL: the root of the hierarchy */
	/* Where pins are: SENSOR_PIN_DIR, the containment's are in a folder of their own in it. NULL:
	 * it ends with this process. */
	const char *pin_dir;
	/* Programs on the network interfaces of this process's namespace, too. */
	bool interfaces;
	/* Cgroups (paths below the root of the hierarchy) that stay connected, with all below
	 * them; those that do not exist are looked for again. */
	const char *const *exempt;
	size_t exempt_count;
	/* Those that resolve for others: may ask these servers for these names, and nothing else. */
	const char *const *resolving;
	size_t resolving_count;
	const char *const *names;
	size_t names_count;
	const struct address *resolvers;
	size_t resolvers_count;
	const struct containment_open *open;
	size_t open_count;
	bool ntp; /* Amazon Time Sync's link-local addresses */
};

struct containment_counters {
	uint64_t allowed, dropped; /* packets judged while it was in force */
	uint64_t refused;	   /* connects, datagrams and raw sockets, in the system call */
};
