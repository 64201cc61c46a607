/* SPDX-License-Identifier: Apache-2.0
 *
 * Block: the kernel side has dropped a lookup; here the program that asked is told at once, so that
 * it does not wait for an answer that cannot come. glibc learns it from send(2) (EPERM); musl, dig
 * and many others do not look. Over UDP they get NXDOMAIN from the resolver's address; over TCP the
 * connection is destroyed.
 *
 * Takes events, gives packets to the asker's own namespace, and nothing else: the destination must
 * be an address of that namespace. What is in the event was chosen by whoever asked.
 *
 * Needs CAP_NET_RAW and CAP_NET_ADMIN; for other network namespaces CAP_SYS_ADMIN, and
 * CAP_SYS_PTRACE to look into processes of others.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "sensor/event.h"

struct block;

struct block_statistics {
	uint64_t answered;  /* NXDOMAIN written */
	uint64_t destroyed; /* TCP connections */
	uint64_t gone;	    /* the asker or its socket was there no more */
	uint64_t skipped;   /* nobody on this host to tell: see block.c */
	uint64_t limited;   /* over BLOCK_RATE, or too many new namespaces: left to its timeout */
	uint64_t failed;
};

/* Askers told in a second. Beyond it something floods; it would make the agent send as many packets
 * as it does itself. */
#define BLOCK_RATE 2000

int block_open(sd_event *loop, struct block **ret);
void block_close(struct block *block);

/* For an event with disposition EVENT_BLOCKED; does nothing for others. What fails is counted, and
 * logged once a minute. */
void block_fail_fast(struct block *block, const struct event *event);

void block_statistics(const struct block *block, struct block_statistics *ret);
