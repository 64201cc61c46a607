/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon knows that has to outlive it, in a map of its own that is pinned beside the
 * others and written in place: how far records were taken, what earlier counters came to, when the
 * loop last turned, and who wrote all this. Written by cordond alone, read by the next one and by
 * `cordon doctor`. Without pins it is plain memory.
 *
 * A process may be killed between any two instructions. So what belongs together is written to the
 * slot that is not in force, which then comes into force with one store.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PIN_STATE_MAGIC	 0x31306e6970646363ULL /* "ccdpin01": raised with the format */
#define PIN_COUNTERS_MAX 128		       /* the ledger's, with room for more probes */

/* A counter of the kernel side: where it is in .bss (slots of them, stride bytes apart, add up),
 * so that another version can read it, and what came before .bss began. */
struct pin_counter {
	char name[32]; /* "egress.matched" */
	uint32_t offset, slots, stride, zero;
	uint64_t base;
};

/* Records taken, as the ledger counts them, up to position in ring (a map's id; 0: none yet). */
struct pin_progress {
	uint64_t ring, position;
	uint64_t read, events, rejected;
};

/* When the loop last turned (on the boot clock; 0: never), and the counters then. */
struct pin_beat {
	uint64_t time;
	uint64_t blocked, passed, ring_full;
};

struct pin_state {
	uint64_t magic;
	char version[32];
	uint64_t since; /* ns since the epoch: when it took over */
	uint64_t cgroup_id;
	uint32_t pid;
	uint8_t enforce;
	uint8_t carried; /* base holds what generations before this one's .bss counted */
	uint16_t count;
	struct pin_counter counters[PIN_COUNTERS_MAX];
	uint64_t progress_turn, beat_turn;
	struct pin_progress progress[2];
	struct pin_beat beat[2];
};

/* A map with a new state in it: counters described, all else 0. 0 or a negative errno. */
int pin_state_new(int *ret_fd, struct pin_state **ret);
/* The state in a pinned map. -EBADMSG: not one, or of another format. */
int pin_state_map(int fd, bool writable, struct pin_state **ret);
void pin_state_unmap(struct pin_state *state);

/* In plain memory; freed by free(). NULL: no memory. */
struct pin_state *pin_state_private(void);

/* Whether both describe the same counters at the same places. */
bool pin_state_same(const struct pin_state *a, const struct pin_state *b);

const struct pin_progress *pin_state_progress(const struct pin_state *state);
void pin_state_set_progress(struct pin_state *state, const struct pin_progress *progress);
const struct pin_beat *pin_state_beat(const struct pin_state *state);
void pin_state_set_beat(struct pin_state *state, const struct pin_beat *beat);
