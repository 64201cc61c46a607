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
	unsigned length;  /* of the prefix, in 128 bits (base/address.h) */
	uint8_t protocol; /* 0: any */
	uint16_t port;	  /* the other end's; 0: any */
};

struct containment_options {
	const char *cgroup; /* the tree that is cut; NULL: the root of the hierarchy */
	/* Where pins are: SENSOR_PIN_DIR, the containment's are in a folder of their own in it.
	 * NULL: it ends with this process. */
	const char *pin_dir;
	/* Programs on the network interfaces of this process's namespace, too. */
	bool interfaces;
	/* Cgroups (paths below the root of the hierarchy) that stay connected, with all below
	 * them; those that do not exist are looked for again. */
	const char *const *exempt;
	size_t exempt_count;
	/* Those that resolve for others: may ask these servers for these names, and nothing else.
	 */
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
	uint64_t allowed, dropped;	     /* packets of sockets, while it was in force */
	uint64_t link_allowed, link_dropped; /* packets on interfaces */
	uint64_t refused; /* connects, datagrams and raw sockets, in the system call */
};

/* Loads, and fills in what stays open. What is pinned and in force gets these programs; what is
 * left over of one that ended is removed. Errors are logged. */
int containment_open(const struct containment_options *options, struct containment **ret);
/* Takes up exempt cgroups, resolving ones, names and what is open anew, also while it is in force;
 * what else stands in options counts from the start only. */
int containment_configure(struct containment *containment,
			  const struct containment_options *options);
/* What is pinned stays. */
void containment_close(struct containment *containment);

/* In force: the tree's sockets first, then interfaces. What is attached already stays. control->on
 * and version are set here. 0; a negative errno: packets of the tree's sockets are not held, and
 * nothing is attached. Whether all else is, containment_problem() says. */
int containment_attach(struct containment *containment, const struct contain_control *control);
int containment_detach(struct containment *containment);
/* What is in force; on: 0 when nothing is. */
void containment_control(const struct containment *containment, struct contain_control *ret);

/* Each link and each interface's programs, asked of the kernel. */
bool containment_holds(struct containment *containment);

/* Looks again for exempt cgroups, and for network interfaces while it is in force. */
void containment_refresh_cgroups(struct containment *containment);
void containment_refresh_interfaces(struct containment *containment);

/* What is not closed, or not held open, as a line; "" when there is nothing. Borrowed. */
const char *containment_problem(const struct containment *containment);
size_t containment_interfaces(const struct containment *containment);
size_t containment_exempt(const struct containment *containment);
bool containment_pinned(const struct containment *containment);
void containment_counters(const struct containment *containment, struct containment_counters *ret);

/* Whether a socket of this cgroup is cut off: it is in the tree, and not exempt. Asked of the
 * folders as they were at containment_snapshot(). */
int containment_snapshot(struct containment *containment);
bool containment_cuts(const struct containment *containment, uint64_t cgroup_id);
/* Whether the tree is the whole host. */
bool containment_whole(const struct containment *containment);
/* Whether anybody may speak with that end: what is listed, and loopback. */
bool containment_open_to(const struct containment *containment, const struct address *address,
			 uint8_t protocol, uint16_t port);

/* Without a containment at hand: ends what is pinned in pin_dir, if anything is, and removes it,
 * and the filters that one left (below). tell: a line for each thing; NULL: nobody hears it. 1:
 * something was in force. */
int containment_unload(const char *pin_dir, bool held_too,
		       void (*tell)(const char *line, void *userdata), void *userdata);

/* Filters of containments on the interfaces of our namespace: those that no process has, which a
 * daemon left that was killed, and those of a running one. Needs root, else there are none. */
struct containment_left {
	size_t orphaned, held;
};
void containment_left(struct containment_left *ret);
/* held_too: also those of a running daemon. How many there were. */
size_t containment_left_remove(bool held_too, void (*tell)(const char *line, void *userdata),
			       void *userdata);
