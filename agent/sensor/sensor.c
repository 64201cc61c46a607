/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/probes.h"
#include "sensor/process_table.h"

CLEANUP_DEFINE(struct sensor *, sensor_close)

/* A turn ends after this time even when its budget is not used up: each new finding waits for the
 * disk, and signals and the control socket must not wait for all of them. */
#define SENSOR_TURN_TIME (50 * NS_PER_MILLISECOND)

void sensor_close(struct sensor *sensor)
{
	if (!sensor)
		return;
	for (size_t i = 0; i < sensor->links_count; i++)
		(void)bpf_link__destroy(sensor->links[i]);
	ring_buffer__free(sensor->ring);
	process_table_free(sensor->processes);
	probes__destroy(sensor->probes);
	if (sensor->cgroup_fd >= 0)
		(void)close(sensor->cgroup_fd);
	free(sensor);
}

static int cgroup_open(struct sensor *sensor)
{
	CLEANUP(free_cleanup) char *root = NULL;
	const char *path = sensor->options.cgroup;
	int r;

	if (!path) {
		r = sensor_cgroup_root(&root);
		if (r < 0)
			return log_errno(LOG_ERR, r,
					 "no cgroup v2 hierarchy is mounted: mount one, for "
					 "example on /sys/fs/cgroup/unified");
		path = root;
	}
	sensor->cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sensor->cgroup_fd < 0)
		return log_errno(LOG_ERR, -errno, "cgroup %s cannot be opened", path);
	return 0;
}

/* Called for each record. A negative value stops; this record counts as taken all the same. */
static int record_taken(void *context, void *data, size_t size)
{
	struct sensor *sensor = context;

	sensor->read++;
	record_read(sensor, data, size);
	return --sensor->budget <= 0 || clock_boottime() >= sensor->turn_end ? -EAGAIN : 0;
}

int sensor_open(const struct sensor_options *options, sensor_callback callback, void *userdata,
		struct sensor **ret)
{
	CLEANUP(sensor_close_cleanup) struct sensor *sensor = calloc(1, sizeof(*sensor));
	int r;

	if (!sensor)
		return -ENOMEM;
	sensor->options = *options;
	sensor->callback = callback;
	sensor->userdata = userdata;
	sensor->cgroup_fd = -1;
	r = options->replay ? 0 : cgroup_open(sensor);
	if (r < 0)
		return r;
	sensor->options.cgroup = NULL; /* borrowed until now */
	r = probes_load(sensor);
	if (r < 0)
		return r;
	r = process_table_new(bpf_map__fd(sensor->probes->maps.processes), &sensor->processes);
	if (r < 0)
		return r;
	sensor->ring = ring_buffer__new(bpf_map__fd(sensor->probes->maps.records), record_taken,
					sensor, NULL);
	if (!sensor->ring)
		return log_errno(LOG_ERR, -errno, "the ring buffer cannot be mapped");
	r = probes_attach(sensor);
	if (r < 0)
		return r;
	*ret = take_ptr(sensor);
	return 0;
}

int sensor_fd(const struct sensor *sensor)
{
	return ring_buffer__epoll_fd(sensor->ring);
}

int sensor_dispatch(struct sensor *sensor, int budget)
{
	int r;

	sensor->budget = budget;
	sensor->turn_end = clock_boottime() + SENSOR_TURN_TIME;
	r = ring_buffer__consume(sensor->ring);
	if (r < 0 && r != -EAGAIN)
		return r;
	return budget - sensor->budget;
}

int sensor_ledger(struct sensor *sensor, struct ledger *ret)
{
	const struct probes__bss *bss = sensor->probes->bss;
	uint64_t submitted = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t slot = 0; slot < COUNTER_SLOTS; slot++)
		for (size_t probe = 0; probe < LEDGER_PROBES; probe++)
			for (size_t i = 0; i < LEDGER_COUNTERS; i++)
				ret->counters[probe][i] += __atomic_load_n(
					&bss->counter_slots[slot].counters[probe][i],
					__ATOMIC_RELAXED);
	for (size_t probe = 0; probe < LEDGER_PROBES; probe++)
		submitted += ret->counters[probe][LEDGER_SUBMITTED];
	ret->table_missing = bss->table_missing;
	ret->process_notes = bss->process_counters.notes;
	ret->process_failed = bss->process_counters.failed;
	ret->read = sensor->read;
	ret->events = sensor->events;
	ret->rejected = sensor->rejected;
	/* A record is visible before it is counted. */
	ret->waiting = submitted > ret->read ? submitted - ret->read : 0;
	return 0;
}

int sensor_memory(struct sensor *sensor, uint64_t *ret_maps, uint64_t *ret_table)
{
	struct bpf_map *map;
	uint64_t total = sensor->table_bytes;

	bpf_object__for_each_map(map, sensor->probes->obj)
	{
		/* LRU maps are allocated whole, with some 80 bytes an element beside its data. */
		uint64_t element = bpf_map__key_size(map) + bpf_map__value_size(map);
		uint64_t entries = bpf_map__max_entries(map);

		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			total += entries;
		else if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH)
			total += entries * (element + 80);
		else if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY)
			total += entries * element;
	}
	*ret_maps = total;
	*ret_table = sensor->table_bytes;
	return 0;
}
