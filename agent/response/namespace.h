/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets in the network namespaces of other processes. Owns a few sets of them, the host's own and
 * those used in the last seconds; gives them to block.c. Whose namespace is asked for is decided by
 * whoever sends packets, so how many are kept, and for how long, is bounded.
 */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

struct namespace_cache;

/* -1 where the namespace has no such protocol. */
struct namespace_sockets {
	int raw4, raw6; /* whole IP packets are written to them */
	int diag;	/* NETLINK_SOCK_DIAG */
};

/* Opens the sockets of our own namespace. loop (a reference is taken) closes the others' when they
 * have not been used for a while: an open socket would keep a dead container's namespace alive. */
int namespace_cache_open(sd_event *loop, struct namespace_cache **ret);
void namespace_cache_close(struct namespace_cache *cache);

/* The sockets of the namespace that pid (a thread's id serves as well) is in; 0: our own. Borrowed
 * until the next call. -ENOENT, -ESRCH: it is gone; -EACCES: CAP_SYS_PTRACE is missing; -EPERM:
 * CAP_SYS_ADMIN is; -EBUSY: too many namespaces were new in this second. */
int namespace_find(struct namespace_cache *cache, pid_t pid, const struct namespace_sockets **ret);

/* How many namespaces beside our own have open sockets. */
size_t namespace_count(const struct namespace_cache *cache);
