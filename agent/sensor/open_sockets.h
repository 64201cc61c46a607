/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that are open by now, in all network namespaces that have a process, and who holds
 * them. Asked of the kernel (sock_diag, /proc); gives to sweep.c. Their peers were chosen by any
 * program, and so was who holds them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"

struct open_socket {
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	struct address local, remote;
	uint16_t local_port, remote_port;
	uint64_t cookie;
	uint32_t inode;
	uid_t uid;
	pid_t holder; /* one that has it open; 0: nobody was found */
};

/* Whether it is one to find the holder of. */
typedef bool (*open_socket_wanted)(const struct open_socket *socket, void *userdata);
typedef void (*open_socket_found)(const struct open_socket *socket, void *userdata);

/* At most so many are found in a sweep; what is beyond is counted. */
#define OPEN_SOCKETS_MAX 1024

/* Asks wanted() of each connection that this side began: one to a port that its namespace listens
 * on came in. Then calls found() for those that are wanted. Returns how many could not be found for
 * want of room; -EPERM and others: the own namespace's cannot be read. Those of other namespaces
 * that cannot be are logged. */
int open_sockets_sweep(open_socket_wanted wanted, open_socket_found found, void *userdata);
