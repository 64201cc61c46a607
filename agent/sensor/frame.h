/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded frames: finds the IP packet in one, whatever stands before it. Given bytes from a
 * capture file (sensor/capture), which are whatever somebody sent or wrote.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_packet {
	const uint8_t *data; /* from the IP header on, within the frame */
	size_t size;	     /* bytes at hand: at most what the IP header claims, no padding */
	size_t whole; /* as the IP header claims, or as the frame was long where it does not */
	bool cut;     /* fewer bytes are at hand than the packet had */
	bool tunnel;  /* it holds another IP packet (IP in IP, GRE): not looked into */
};

enum frame_outcome {
	FRAME_IP = 1,
	FRAME_OTHER,   /* another protocol */
	FRAME_BROKEN,  /* headers cut off or nonsense, IP's own included */
	FRAME_SKIPPED, /* a link type that is not read */
};

/* link: the capture's link type, as libpcap numbers it. size of whole bytes are at hand. ret is
 * filled for FRAME_IP only. */
enum frame_outcome frame_peel(int link, const uint8_t *bytes, size_t size, size_t whole,
			      struct frame_packet *ret);

bool frame_link_known(int link);
