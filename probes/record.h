/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the probes hand to user space: records in the ring buffer, notes of processes and the
 * counters of the ledger. Included by both sides; sizes and offsets are the same on all of them.
 */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

/* One process, ever: pids are used again, start times with them are not. */
struct process_key {
	__u64 start; /* ns on the boot clock, of the thread group leader */
	__u32 pid;   /* thread group id, in the initial namespace */
	__u32 zero;
};

/* How socket_note.process was learnt, weakest first; the later and stronger overwrites. */
enum note_how {
	NOTE_NONE,
	NOTE_CREATE,
	NOTE_CONNECT,
	NOTE_SEND,
};

/* In socket storage: who last created, connected or sent on this socket, as far as that was seen
 * in the system call itself. */
struct socket_note {
	struct process_key process;
	__u32 tid;
	__u32 uid;
	__u8 how;	    /* enum note_how */
	__u8 flow;	    /* enum note_flow; of a TCP socket that connected */
	__u8 flow_segments; /* looked at while it is new, handed up once it is open */
	__u8 flow_verdict;  /* enum flow_verdict: of its name, where that was read in the kernel */
	__u32 flow_first;   /* sequence number of the first byte of payload */
	__u16 flow_next;    /* bytes of it that were handed up */
	__u16 flow_wanted;  /* that are to be handed up */
	__u8 flow_kind;	    /* enum note_kind */
	__u8 zeroes[3];
};

/* How far the first bytes of a TCP connection have been looked at. */
enum note_flow {
	NOTE_FLOW_NONE,	 /* did not connect since the agent is there: nothing is looked at */
	NOTE_FLOW_NEW,	 /* connected; no payload yet */
	NOTE_FLOW_OPEN,	 /* payload is being handed up */
	NOTE_FLOW_DONE,	 /* all was handed up that is wanted, or it is nothing that we read */
	NOTE_FLOW_CUT,	 /* refused: everything that it sends is dropped */
	NOTE_FLOW_HTTP,	 /* as DONE, but another request may come, of another host */
	NOTE_FLOW_HELLO, /* as DONE, but the server may want another ClientHello */
};

/* What an open flow is. */
enum note_kind {
	NOTE_KIND_TLS,
	NOTE_KIND_TLS_AGAIN, /* a second ClientHello */
	NOTE_KIND_HTTP,
};

/* What the kernel side made of a flow's name. */
enum flow_verdict {
	FLOW_VERDICT_UP,      /* not read here: handed up */
	FLOW_VERDICT_CLEAN,   /* not listed */
	FLOW_VERDICT_LISTED,  /* handed up, and passed */
	FLOW_VERDICT_REFUSED, /* handed up, and cut */
};

enum note_source {
	NOTE_SOURCE_NONE,
	NOTE_SOURCE_EXEC,   /* noted when it was executed */
	NOTE_SOURCE_FORK,   /* noted when it was forked, and executed nothing since */
	NOTE_SOURCE_SOCKET, /* noted when it first used a socket */
};

/* Text of a process note: executable, then cgroup, each as its path components from the last to
 * the first, each ended by a zero byte; then the arguments, each ended by a zero byte. A component
 * is at most 255 bytes, so the last one may run over into the next area and is cut there. */
#define NOTE_EXE	       0
#define NOTE_EXE_SIZE	       512
#define NOTE_CGROUP	       (NOTE_EXE + NOTE_EXE_SIZE)
#define NOTE_CGROUP_SIZE       256
/* Walked at most: a path of that many may have more above them. */
#define NOTE_CGROUP_COMPONENTS 12
#define NOTE_ARGUMENTS	       (NOTE_CGROUP + NOTE_CGROUP_SIZE)
#define NOTE_ARGUMENTS_SIZE    512
#define NOTE_TEXT_SIZE	       (NOTE_ARGUMENTS + NOTE_ARGUMENTS_SIZE)

struct process_note {
	__u64 parent_start;
	__u32 parent_pid;
	__u32 uid;
	__u32 gid;
	__u8 source; /* enum note_source; set last: 0 while the note is being written */
	__u8 exe_truncated;
	__u8 arguments_truncated;
	__u8 exe_deleted;
	__u16 exe_size; /* bytes used of each area */
	__u16 cgroup_size;
	__u16 arguments_size;
	__u8 mounts_foreign; /* its mount namespace belongs to another user namespace */
	__u8 zero;
	__u64 cgroup_id;
	char comm[16];
	char text[NOTE_TEXT_SIZE];
};

/* Raised when the meaning of a record changes and its sizes do not: records that wait in a pinned
 * ring are read by the next version only when it would have written the same. */
#define RECORD_LAYOUT 1

enum record_kind {
	RECORD_QUESTION = 1, /* data: the question's name in wire form */
	RECORD_MESSAGE,	     /* data: the head of what the kernel side could not read */
	RECORD_ANSWER,	     /* data: the head of an answer that is to be looked at */
	RECORD_CONNECTION,   /* no data; reason: enum record_watch */
	RECORD_PAYLOAD,	     /* data: first bytes of a flow; sequence: where in it */
};

/* Why a connection is told. */
enum record_watch {
	RECORD_WATCH_NONE,
	RECORD_WATCH_ADDRESS,	/* listed */
	RECORD_WATCH_LEARNT,	/* a listed name resolved to it */
	RECORD_WATCH_RESOLVER,	/* plain DNS to a resolver that is not this host's own */
	RECORD_WATCH_ENCRYPTED, /* DNS over TLS or QUIC, by its port */
};

/* Why a message was handed up whole. */
enum record_reason {
	RECORD_REASON_NONE,
	RECORD_REASON_QUESTIONS, /* more than one question */
	RECORD_REASON_POINTER,	 /* compression pointer in the question */
	RECORD_REASON_GSO,	 /* several datagrams in one send */
	RECORD_REASON_MALFORMED, /* cut short, or not DNS */
	RECORD_REASON_PIPELINE,	 /* more messages in a TCP segment than are walked */
	RECORD_REASON_HEADERS,	 /* more extension headers than are walked */
	RECORD_REASON_GAP,	 /* a TCP stream out of step */
};

enum record_flags {
	RECORD_MATCHED = 1,  /* the table lists the name */
	RECORD_BLOCKED = 2,  /* the packet was dropped */
	RECORD_RESPONSE = 4, /* QR is set */
	RECORD_INGRESS = 8,
	RECORD_LAST = 16, /* of a flow: no more of it is handed up */
};

/* The head of every record. */
struct record {
	__u8 kind;			     /* enum record_kind */
	__u8 reason;			     /* enum record_reason */
	__u8 flags;			     /* enum record_flags */
	__u8 protocol;			     /* IPPROTO_UDP or IPPROTO_TCP */
	__u16 source_port, destination_port; /* host order */
	__u8 addresses[32];		     /* source, destination; IPv4 mapped into IPv6 */
	__u64 time;			     /* ns on the boot clock */
	__u64 cookie;			     /* of the socket */
	__u64 cgroup_id;		     /* of the socket, when it has no note */
	struct socket_note note;	     /* how is NOTE_NONE when the socket has none */
	struct process_key current; /* the task that ran; pid 0: kernel thread, or not asked */
	__u32 current_tid;
	__u32 uid;		 /* of the socket */
	char comm[16];		 /* of the task that ran */
	__u16 dns_id, dns_flags; /* host order */
	__u16 qtype, qclass;
	__u16 gso_size;	  /* of one datagram, for RECORD_REASON_GSO */
	__u16 data_size;  /* bytes of data that are there */
	__u32 whole_size; /* of the message, as far as it is known */
	__u32 sequence;	  /* of the first byte of data in its flow; RECORD_PAYLOAD */
	__u32 zero;
};

#define RECORD_NAME_MAX	   256
#define RECORD_MESSAGE_MAX 1024

struct record_question {
	struct record head;
	__u8 data[RECORD_NAME_MAX];
};

struct record_message {
	struct record head;
	__u8 data[RECORD_MESSAGE_MAX];
};

/* An answer, without the length prefix of TCP; what does not fit is cut, and whole_size says so.
 * Two sizes, for most of them are small. */
#define RECORD_ANSWER_SMALL 512
#define RECORD_ANSWER_MAX   2048

struct record_answer_small {
	struct record head;
	__u8 data[RECORD_ANSWER_SMALL];
};

struct record_answer {
	struct record head;
	__u8 data[RECORD_ANSWER_MAX];
};

/* First bytes of a flow: its record is as long as the smallest of these sizes that takes them, for
 * the ring takes constants only. Requests and old ClientHellos; datagrams and ClientHellos with
 * post-quantum keys; parts of what is longer. */
#define RECORD_PAYLOAD_SMALL  1024
#define RECORD_PAYLOAD_MEDIUM 2048
#define RECORD_PAYLOAD_MAX    4096

struct record_payload {
	struct record head;
	__u8 data[];
};

/* Counters: the order of enum ledger_counter in agent/sensor/ledger.h. */
enum counter {
	COUNTER_CLEAN,
	COUNTER_ALLOWED,
	COUNTER_MATCHED,
	COUNTER_OBSERVED,
	COUNTER_RESPONSE,
	COUNTER_EMPTY,
	COUNTER_PARTIAL,
	COUNTER_UNREAD,
	COUNTER_MALFORMED,
	COUNTER_FRAGMENT,
	COUNTER_GAP,
	COUNTER_WATCHED,
	COUNTER_SUBMITTED,
	COUNTER_RING_FULL,
	COUNTER_LIMITED,
	COUNTER_BLOCKED,
	COUNTERS,
};

enum counter_probe {
	COUNTER_EGRESS,
	COUNTER_INGRESS,
	COUNTER_CONNECT,
	COUNTER_SEND,
	COUNTER_PROBES,
};

/* Counters of flows: the order of enum ledger_flow in agent/sensor/ledger.h. */
enum counter_flow {
	COUNTER_FLOW_TLS,
	COUNTER_FLOW_HTTP,
	COUNTER_FLOW_QUIC,
	COUNTER_FLOW_OTHER,
	COUNTER_FLOW_LATE,
	COUNTER_FLOW_PIECES,
	COUNTER_FLOW_SUBMITTED,
	COUNTER_FLOW_RING_FULL,
	COUNTER_FLOW_LIMITED,
	COUNTER_FLOW_CUT,
	COUNTER_FLOW_CLEAN,
	COUNTER_FLOW_LISTED,
	COUNTER_FLOWS,
};

/* One of these for each CPU (modulo the number of slots): two cache lines a probe. */
#define COUNTER_SLOTS 128
struct counter_slot {
	__u64 counters[COUNTER_PROBES][16];
	__u64 flows[16];
};

/* Counters of the process probe. */
struct process_counters {
	__u64 notes;
	__u64 failed;
};

/* Tables whose least recently used entries make room: the order of enum ledger_table in
 * agent/sensor/ledger.h. */
enum counter_table {
	COUNTER_TABLE_PROCESSES,
	COUNTER_TABLE_LEARNT,
	COUNTER_TABLE_TOLD,
	COUNTER_TABLE_DATAGRAMS,
	COUNTER_TABLE_CUTS,
	COUNTER_TABLE_NAMES,
	COUNTER_TABLES,
};

/* Of an address that a listed name resolved to. Key: 16 bytes, IPv4 mapped into IPv6. */
struct learnt_address {
	__u64 expires; /* ns on the boot clock */
	__u64 keep;    /* policy wants connections seen, not refused */
};

/* Programs that are reached by tail call: their places in the array of each direction. */
enum tail {
	TAIL_MESSAGE,
	TAIL_STREAM,
	TAIL_HEAD,
	TAIL_ANSWER,  /* ingress */
	TAIL_ADDRESS, /* egress */
	TAIL_FLOW,    /* egress */
	TAIL_NAME,    /* egress */
	TAILS,
};

/* Settings, written before the probes are loaded. */
#define SETTINGS_PORTS_MAX 8
struct settings {
	__u16 ports[SETTINGS_PORTS_MAX]; /* beside 53; host order; 0: unused */
	__u8 port_count;
	__u8 responses;		/* match what answers repeat, too */
	__u8 observe_all;	/* record every question */
	__u8 replay;		/* recorded packets: no socket and no process behind them */
	__u8 task_typed;	/* the kernel has bpf_get_current_task_btf() for packets */
	__u8 answers;		/* read answers that come in */
	__u8 connections;	/* match where connections and datagrams go */
	__u8 flows;		/* hand up the first bytes of new flows */
	__u32 unseen_rate;	/* never-seen names recorded a second; 0: off */
	__u32 answers_rate;	/* answers recorded a second, for listed names and for others */
	__u64 seen_key[2];	/* random; for the hashes of names seen */
	__u64 unattended_after; /* ns without a heartbeat: then nothing is refused; 0: never */
};
