/* SPDX-License-Identifier: Apache-2.0
 *
 * An event: a checked fact. A DNS question that somebody asked, an answer that came, a connection
 * that was begun, the first bytes of a flow, and what they turned out to say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/domain_name.h"

struct dns_answers;
struct file_facts;
struct flow_facts;
struct process;

enum event_kind {
	EVENT_QUESTION,	  /* a DNS message: name asks, or unreadable */
	EVENT_ANSWER,	  /* a DNS answer: name was asked, answers says what came */
	EVENT_CONNECTION, /* a connection begun, or a datagram sent; watch says why it is told */
	EVENT_PAYLOAD,	  /* first bytes of a flow, to be read in the sandboxed worker: payload */
	EVENT_FLOW,	  /* what they say: flow; name is the server's, when it was said */
	EVENT_FILE,	  /* a file was scanned: file; process is who wrote or runs it, if known */
};

/* Why the kernel side tells of a connection. */
enum event_watch {
	EVENT_WATCH_NONE,
	EVENT_WATCH_ADDRESS,   /* an address or prefix of the pack: to be confirmed against it */
	EVENT_WATCH_LEARNT,    /* an address that a listed name resolved to */
	EVENT_WATCH_RESOLVER,  /* plain DNS to a resolver that is not this host's own */
	EVENT_WATCH_ENCRYPTED, /* DNS over TLS or QUIC, by its port */
	EVENT_WATCH_OPEN,      /* found open when it was first looked for */
};

/* Bytes of a flow on their way to the worker. */
struct event_payload {
	const uint8_t *bytes; /* borrowed for the callback */
	size_t size;
	uint32_t offset; /* of bytes in what was sent (TCP); 0 for a datagram */
	bool last;	 /* the kernel side will hand up no more of this flow */
};

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
	EVENT_ATTRIBUTION_OWNER,   /* who holds a socket that was open before, found by a sweep */
};

/* What the kernel side did with the packet. */
enum event_disposition {
	EVENT_PASSED,
	EVENT_BLOCKED,
};

struct event {
	enum event_kind kind;
	uint64_t time;	/* ns since the epoch */
	uint64_t frame; /* number of the recorded packet, from 1; 0: live */
	enum event_direction direction;
	enum event_attribution attribution;
	enum event_disposition disposition;
	bool matched;	    /* the kernel side's table had it: to be confirmed against the pack */
	bool response;	    /* the message is an answer that repeats the question */
	bool unreadable;    /* no question could be read; name is empty; reason says why */
	const char *reason; /* static text; how an unusual message was read, or why not; or NULL */
	uint8_t protocol;   /* IPPROTO_UDP, IPPROTO_TCP; of a connection also others */
	struct address source, destination;
	uint16_t source_port, destination_port;
	uint16_t dns_id, qtype, qclass;
	uint8_t opcode;
	struct domain_name name;       /* asked for, or of the server: as sent, case is kept */
	uint64_t socket_cookie;	       /* 0: none */
	uint64_t cgroup_id;	       /* of the socket; 0: not known */
	uid_t uid;		       /* of the socket's owner */
	pid_t tid;		       /* the thread that sent it; 0: not known */
	const struct process *process; /* borrowed for the callback; NULL when it is not known */
	pid_t pid;	    /* of that process, also when process is NULL; 0: not known */
	uint64_t pid_start; /* ns on the boot clock; with pid it names one process ever */
	pid_t opener_pid;   /* who opened the socket when it is somebody else (handed over), or 0 */
	enum event_watch watch;	       /* of EVENT_CONNECTION */
	struct event_payload payload;  /* of EVENT_PAYLOAD */
	const struct flow_facts *flow; /* of EVENT_FLOW; borrowed */
	const struct file_facts *file; /* of EVENT_FILE; borrowed */
	const char *trigger; /* of EVENT_FILE: file_trigger_name(); static text, or NULL */
	const struct dns_answers *answers; /* of EVENT_ANSWER that is readable, and of a question
					    * that an answer repeats; borrowed; or NULL */
};

/* "question", "answer", "connection", "payload", "flow", "file". */
const char *event_kind_name(enum event_kind kind);
/* "address", "learnt", "resolver", "encrypted", "open"; "none". */
const char *event_watch_name(enum event_watch watch);
const char *event_attribution_name(enum event_attribution attribution);
/* "A", "AAAA", "HTTPS"... or "TYPE123" (RFC 3597), written into out when it has no name. */
const char *event_qtype_name(uint16_t qtype, char out[static 16]);
/* "tcp", "udp", "icmp"... or "protocol 123", written into out when it has no name. */
const char *event_protocol_name(uint8_t protocol, char out[static 16]);
