/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines for a reader who may stop reading: a terminal that is held (Ctrl-S), a pipe that is full.
 * Nothing here ever waits. What cannot be written waits in a buffer of fixed size, and lines that
 * do not fit into it are dropped and counted; the reader is told how many in their place.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct outlet;

#define OUTLET_BUFFER_SIZE (64u << 10)

/* fd is borrowed, and its own flags are left alone: others may share them. */
int outlet_open(int fd, struct outlet **ret);
/* Tries to write what waits, and lets go of the rest. */
void outlet_close(struct outlet *outlet);

/* A line with its newline. 0: written, or it waits; -ENOBUFS: dropped; others as write(2): there is
 * nobody, or no room, and the line is lost. */
int outlet_write(struct outlet *outlet, const char *line, size_t length);
/* Tries to write what waits. 0, also when it goes on waiting, or as write(2). */
int outlet_flush(struct outlet *outlet);
uint64_t outlet_dropped(const struct outlet *outlet); /* lines, ever */
