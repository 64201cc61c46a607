/* SPDX-License-Identifier: Apache-2.0
 *
 * An event: a checked fact. Today the one kind is a DNS question that somebody asked.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/domain_name.h"

struct process;

enum event_direction {
	EVENT_DIRECTION_UNKNOWN, /* a recorded packet */
	EVENT_DIRECTION_OUT,
	EVENT_DIRECTION_IN,
};

/* How the process behind the packet was learnt. */
enum event_attribution {
	EVENT_ATTRIBUTION_NONE,	   /* not known: recorded packet, kernel thread, or came in */
	EVENT_ATTRIBUTION_SEND,	   /* noted in the sender's own system call (sendto, sendmsg...) */
	EVENT_ATTRIBUTION_CURRENT, /* the task that was running when the packet left */
	EVENT_ATTRIBUTION_CONNECT, /* who connected the socket */
	EVENT_ATTRIBUTION_CREATE,  /* who created the socket */
	EVENT_ATTRIBUTION_OWNER,   /* who holds a socket older than the agent, found by the sweep */
};

/* What the kernel side did with the packet. */
enum event_disposition {
	EVENT_PASSED,
	EVENT_BLOCKED,
};

struct event {
	uint64_t time;	/* ns since the epoch */
	uint64_t frame; /* number of the recorded packet, from 1; 0: live */
	enum event_direction direction;
	enum event_attribution attribution;
	enum event_disposition disposition;
	bool matched;	    /* the kernel side's table had it: to be confirmed against the pack */
	bool response;	    /* the message is an answer that repeats the question */
	bool unreadable;    /* no question could be read; qname is empty; reason says why */
	const char *reason; /* static text; how an unusual message was read, or why not; or NULL */
	uint8_t protocol;   /* IPPROTO_UDP, IPPROTO_TCP */
	struct address source, destination;
	uint16_t source_port, destination_port;
	uint16_t dns_id, qtype, qclass;
	uint8_t opcode;
	struct domain_name qname;      /* as it was sent: case is kept */
	uint64_t socket_cookie;	       /* 0: none */
	uint64_t cgroup_id;	       /* of the socket; 0: not known */
	uid_t uid;		       /* of the socket's owner */
	pid_t tid;		       /* the thread that sent it; 0: not known */
	const struct process *process; /* borrowed for the callback; NULL when it is not known */
	pid_t opener_pid; /* who opened the socket when it is somebody else (handed over), or 0 */
};

const char *event_attribution_name(enum event_attribution attribution);
/* "A", "AAAA", "HTTPS"... or "TYPE123" (RFC 3597), written into out when it has no name. */
const char *event_qtype_name(uint16_t qtype, char out[static 16]);
