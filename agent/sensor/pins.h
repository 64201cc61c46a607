/* SPDX-License-Identifier: Apache-2.0
 *
 * Pins: what is loaded and attached stays so when the daemon is gone, and the next one takes it
 * over without a gap. In this order, so that a daemon that is killed at any point of it leaves what
 * the next one can take over:
 *
 *	1. the folder is locked: nothing is touched before
 *	2. maps of the generation in force are used again where they are alike; what is not is made
 *	   anew, and said
 *	3. programs are loaded with them, tail calls filled, the domain table put in
 *	4. a new generation of pins is made, and comes into force by one rename
 *	5. each link gets its new program: one store in the kernel. Links of another cgroup, and
 *	   those of tracepoints, are attached anew before the old one goes
 *	6. links that are not ours go
 *	7. counters of old maps are carried over, records in old rings read, old generations removed
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sensor/pin_folder.h"

struct bpf_link;
struct bpf_object;
struct bpf_program;
struct pin_state;
struct pins;

/* Steps 1 to 3. -EBUSY: another daemon has the folder. Else errors are logged. */
int pins_open(const char *folder, struct pins **ret);
/* The pins stay. */
void pins_close(struct pins *pins);
/* Before the object is loaded. */
int pins_reuse(struct pins *pins, struct bpf_object *object);
/* After it was loaded: entries of maps that could not be used again are copied where they can be,
 * and the state is there, *ret_state being ours until pins_close(). */
int pins_loaded(struct pins *pins, struct bpf_object *object, struct pin_state **ret_state);

const char *pins_folder(const struct pins *pins);
/* Whether there was a generation in force, and whether a map of that name was used again. */
bool pins_taken_over(const struct pins *pins);
bool pins_kept(const struct pins *pins, const char *map);

/* Step 4. */
int pins_publish(struct pins *pins, const struct bpf_object *object);
/* Step 5. cgroup_fd: -1 for a tracepoint. */
int pins_attach(struct pins *pins, struct bpf_program *program, int cgroup_fd,
		struct bpf_link **ret);
/* Steps 6 and 7. ring: reads what waits in a ring that is not in force any more; readable: its
 * records are as this version writes them. */
int pins_finish(struct pins *pins,
		void (*ring)(int ring_fd, uint32_t ring_id, bool readable, void *userdata),
		void *userdata);

/* ---- for `cordon doctor` ---- */

struct pins_view {
	char version[32]; /* "": it cannot be told */
	uint64_t since;	  /* ns since the epoch */
	pid_t pid;	  /* that took over last; it may be gone */
	bool enforce;
	bool attended; /* a daemon has the folder's lock */
	size_t links, maps;
};
/* -ENOENT: nothing is pinned. */
int pins_view(const char *folder, struct pins_view *ret);

/* Detaches and removes everything in the folder, and the folder. tell: a line for each thing.
 * -EBUSY: a daemon runs, and force is not set; -ENOENT: nothing is pinned. */
int pins_unload(const char *folder, bool force, void (*tell)(const char *line, void *userdata),
		void *userdata);
