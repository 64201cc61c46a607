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

struct process_table;

/* Programs attached to the cgroup or to a tracepoint: each direction's first, which reaches the
 * others by tail calls, and those of the process family. */
#define SENSOR_LINKS_MAX 12

struct sensor {
	struct sensor_options options;
	sensor_callback callback;
	void *userdata;
	struct probes *probes;
	struct bpf_link *links[SENSOR_LINKS_MAX];
	size_t links_count;
	struct ring_buffer *ring;
	struct process_table *processes;
	int cgroup_fd;
	int budget;	      /* records that this dispatch may still take */
	uint64_t turn_end;    /* on the boot clock: it takes none after that */
	uint64_t table_bytes; /* of the table in force */
	uint64_t read, events, rejected;
	/* replay */
	uint64_t frame, time;
};

/* Loads and attaches (probe_load.c). */
int probes_load(struct sensor *sensor);
int probes_attach(struct sensor *sensor);

/* Turns a record into events for the callback (record.c). size: as the ring says. */
void record_read(struct sensor *sensor, const void *data, size_t size);
