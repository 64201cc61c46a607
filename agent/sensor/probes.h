/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that knows the skeleton of the probes, and what a sensor is made of.
 */
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probes/record.h"
#include "probes/table.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "probes/probes.skel.h"
#pragma GCC diagnostic pop

#include "sensor/sensor.h"

struct pin_state;
struct pins;
struct process_table;

/* Programs attached to the cgroup or to a tracepoint: each direction's first, which reaches the
 * others by tail calls, and those of the process family. */
#define SENSOR_LINKS_MAX 12

/* A ring buffer that records are taken from. */
struct ring_source {
	struct sensor *sensor;
	uint64_t id;	    /* of its map */
	bool readable;	    /* records are as this version writes them */
	uint64_t next;	    /* where it goes on */
	uint64_t *consumer; /* what the kernel may write over: up to here */
	const uint64_t *producer;
	const uint8_t *data;
	uint32_t size; /* of data: a power of two */
};

struct sensor {
	struct sensor_options options;
	sensor_callback callback;
	void *userdata;
	struct probes *probes;
	struct bpf_link *links[SENSOR_LINKS_MAX];
	const char *link_programs[SENSOR_LINKS_MAX]; /* their names */
	size_t links_count;
	bool attached;
	struct pins *pins;	 /* NULL: nothing is pinned */
	char pins_error[128];	 /* why not, though it was asked for */
	struct pin_state *state; /* the pins', or in plain memory */
	uint64_t beat;		 /* when it was last written there */
	struct sensor_absence absence;
	struct ring_source source;
	struct ring_buffer *ring; /* for polling */
	struct process_table *processes;
	int cgroup_fd;
	uint64_t table_bytes; /* of the table in force */
	uint64_t read, events, rejected;
	uint64_t payloads, polled; /* records of flows among them; at the last sensor_poll() */
	/* replay */
	uint64_t frame, time;
};

/* Loads and attaches (probe_load.c). */
int probes_load(struct sensor *sensor);
int probes_attach(struct sensor *sensor);

/* The counters, and a turn of the loop noted where the kernel side and the next daemon see it
 * (sensor.c). */
void sensor_beat(struct sensor *sensor);

/* The kernel side asks whether anything was put into these tables; of those taken over from a
 * version before, something was (tables.c). */
void tables_resume(struct sensor *sensor);

/* Reading rings (ring_read.c). */
int ring_open(struct ring_source *source, int ring_fd);
void ring_close(struct ring_source *source);
/* Takes at most budget records until end (on the boot clock), and gives them up. Returns how many.
 */
int ring_take(struct ring_source *source, int budget, uint64_t end);
/* For pins_finish(). userdata: the sensor. */
void ring_drain(int ring_fd, uint32_t ring_id, bool readable, void *userdata);

/* Turns a record into events for the callback (record.c). size: as the ring says. */
void record_read(struct sensor *sensor, const void *data, size_t size);
