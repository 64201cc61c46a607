/* SPDX-License-Identifier: Apache-2.0
 *
 * The asker's socket, found by its addresses and ports, and destroyed (NETLINK_SOCK_DIAG,
 * sock_diag(7)). Takes a netlink socket of the namespace to look in; owns nothing. The kernel does
 * the work, and queues its word on it, within the send: nothing waits.
 */
#pragma once

#include <stdint.h>

#include "response/dns_answer.h"

/* Whether the client's UDP socket is still there and takes what the server sends. cookie: of the
 * socket (SO_COOKIE), 0 for any. 0; -ENOENT: there is none; -ESTALE: it is another one. Sockets
 * bound to a device are not found. */
int socket_diag_find(int fd, const struct dns_answer_ends *ends, uint64_t cookie);

/* Destroys the client's socket (IPPROTO_TCP, IPPROTO_UDP): its system calls return ECONNABORTED,
 * over TCP the other end gets a reset; over UDP it is disconnected, and the error told once. Errors
 * as above; -EOPNOTSUPP: the kernel lacks CONFIG_INET_DIAG_DESTROY. */
int socket_diag_destroy(int fd, uint8_t protocol, const struct dns_answer_ends *ends,
			uint64_t cookie);
