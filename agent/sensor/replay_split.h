/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded IP packets that are larger than BPF_PROG_TEST_RUN takes (on older kernels less than a
 * page), made into ones that fit and say the same to a probe. Pure; the packet is a stranger's.
 */
#pragma once

#include <stddef.h>

/* Least value of max: any headers that are understood, and some payload. */
#define REPLAY_SPLIT_MIN 512

/* Calls each with packets of at most max bytes, in order, each borrowed for the call.
 *
 * A packet that fits is handed on as it is. TCP becomes several segments, as if it had been sent
 * so. Anything else loses its tail, while its headers go on to claim the whole length: a DNS
 * question stands at the head, and what lies beyond is told as cut, not as missing. Checksums stay
 * as they are, wrong.
 *
 * 0; or what each returned, when that was not 0: it ends there; -EINVAL: max too small; -ENOMEM. */
int replay_split(const void *packet, size_t size, size_t max,
		 int (*each)(const void *packet, size_t size, void *userdata), void *userdata);
