/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded packets: opens a pcap or pcapng file and yields the IP packets in it, whatever stands
 * around them (sensor/frame). Only capture.c includes libpcap. Whoever made the file controls every
 * byte of it.
 *
 * Every frame is counted under exactly one outcome:
 *
 *	frames = packets + other + broken + skipped
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sensor/frame.h"

struct capture;

struct capture_packet {
	struct frame_packet ip; /* borrowed until the next call */
	uint64_t frame;		/* number within the file from 1, as other tools count */
	uint64_t time;		/* ns since the epoch */
};

struct capture_counters {
	uint64_t frames;
	uint64_t packets; /* IP packets yielded */
	uint64_t other;	  /* frames of other protocols (ARP...) */
	uint64_t broken;  /* headers cut off or nonsense, IP's own included */
	uint64_t skipped; /* frames of a link type that is not read */
	/* of the packets */
	uint64_t cut;	 /* not all bytes at hand */
	uint64_t tunnel; /* hold another IP packet (IP in IP, GRE), which is not looked into */
};

/* Opens the file at path, which gzip may have packed, "-" for standard input. 0, or a negative
 * errno, with what is wrong in why (one line; it may hold bytes of the file). */
#define CAPTURE_WHY_SIZE 256
int capture_open(const char *path, struct capture **ret, char why[static CAPTURE_WHY_SIZE]);
/* The same; takes file, also on failure. */
int capture_open_file(FILE *file, struct capture **ret, char why[static CAPTURE_WHY_SIZE]);
void capture_close(struct capture *capture);

/* The next IP packet: 1, or 0 at the end of the file, or -EBADMSG where the file is damaged: what
 * came before was good, capture_error() tells what and capture_counters().frames where. */
int capture_next(struct capture *capture, struct capture_packet *ret);

/* Text about the damage; borrowed; "" when there is none. */
const char *capture_error(const struct capture *capture);
/* Borrowed; as of now. */
const struct capture_counters *capture_counters(const struct capture *capture);
/* "EN10MB", "IEEE802_11_RADIO"...; whether its frames are read. */
const char *capture_link_type(const struct capture *capture, bool *ret_read);
