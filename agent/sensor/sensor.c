/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include <config.h>
#include "sensor/counters.h"
#include "sensor/pins.h"
#include "sensor/probes.h"
#include "sensor/process_table.h"

CLEANUP_DEFINE(struct sensor *, sensor_close)

/* A turn ends after this time even when its budget is not used up: each new finding waits for the
 * disk, and signals and the control socket must not wait for all of them. */
#define SENSOR_TURN_TIME  (50 * NS_PER_MILLISECOND)
/* How often the counters are noted for the next daemon: adding them up is not for every record. */
#define SENSOR_BEAT_TIME  (100 * NS_PER_MILLISECOND)
/* What a verdict on a flow may come later for that. A busy host has several flows in it; an idle
 * one's first flow comes up at once. */
#define SENSOR_POLL_TIME  (2 * NS_PER_MILLISECOND)
/* For records that were begun before that and are submitted after. */
#define SENSOR_POLL_SLACK (NS_PER_MILLISECOND / 4)

void sensor_close(struct sensor *sensor)
{
	if (!sensor)
		return;
	for (size_t i = 0; i < sensor->links_count; i++)
		(void)bpf_link__destroy(sensor->links[i]);
	ring_close(&sensor->source);
	ring_buffer__free(sensor->ring);
	process_table_free(sensor->processes);
	probes__destroy(sensor->probes);
	if (!sensor->pins)
		free(sensor->state);
	pins_close(sensor->pins);
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

/* Without them it runs as well, but for the gap when it is gone. */
static int pins_start(struct sensor *sensor)
{
	const char *folder = sensor->options.pin_dir;
	int r;

	sensor->options.pin_dir = NULL; /* borrowed until now */
	if (!folder || sensor->options.replay)
		return 0;
	r = pins_open(folder, &sensor->pins);
	if (r == -EBUSY || r >= 0)
		return r < 0 ? r : 0;
	(void)snprintf(sensor->pins_error, sizeof(sensor->pins_error), "%s", strerror(-r));
	log_warning("nothing is pinned: when the daemon ends, everything is detached");
	return 0;
}

/* Some versions of libbpf map the section only where they made the map themselves; mapped twice, it
 * is the same. */
static int bss_map(struct sensor *sensor)
{
	const struct bpf_map *map = sensor->probes->maps.bss;
	void *bss = mmap(sensor->probes->bss, bpf_map__value_size(map), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, bpf_map__fd(map), 0);

	return bss == MAP_FAILED ? log_errno(LOG_ERR, -errno, "the counters cannot be mapped") : 0;
}

static int state_start(struct sensor *sensor)
{
	const struct pin_progress *progress;
	int r = 0;

	if (sensor->pins)
		r = bss_map(sensor);
	if (sensor->pins && r == 0)
		r = pins_loaded(sensor->pins, sensor->probes->obj, &sensor->state);
	else
		sensor->state = pin_state_private();
	if (r < 0)
		return r;
	if (!sensor->state)
		return log_errno(LOG_ERR, -ENOMEM, "the sensor's state");
	tables_resume(sensor);
	progress = pin_state_progress(sensor->state);
	sensor->read = progress->read;
	sensor->events = progress->events;
	sensor->rejected = progress->rejected;
	return 0;
}

/* The table that goes on being in force until there is another one. */
static void table_kept(struct sensor *sensor)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), zero = 0, id;
	CLEANUP(close_cleanup) int fd = -1;

	if (!sensor->pins || !pins_kept(sensor->pins, "tables") ||
	    bpf_map_lookup_elem(bpf_map__fd(sensor->probes->maps.tables), &zero, &id) < 0)
		return;
	fd = bpf_map_get_fd_by_id(id);
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
		sensor->table_bytes = (uint64_t)info.value_size * info.max_entries;
}

static int record_ignored(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return 0;
}

static int ring_start(struct sensor *sensor)
{
	int fd = bpf_map__fd(sensor->probes->maps.records);

	sensor->source = (struct ring_source){ .sensor = sensor, .readable = true };
	sensor->ring = ring_buffer__new(fd, record_ignored, NULL, NULL);
	return sensor->ring ? ring_open(&sensor->source, fd) : -errno;
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
	r = pins_start(sensor);
	if (r == 0)
		r = probes_load(sensor);
	if (r == 0)
		r = state_start(sensor);
	if (r < 0)
		return r;
	table_kept(sensor);
	r = process_table_new(bpf_map__fd(sensor->probes->maps.processes), &sensor->processes);
	if (r < 0)
		return r;
	r = ring_start(sensor);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the ring buffer cannot be mapped");
	if (!options->hold)
		r = sensor_attach(sensor);
	if (r < 0)
		return r;
	*ret = take_ptr(sensor);
	return 0;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void absence_measure(struct sensor *sensor)
{
	const struct pin_beat *beat = pin_state_beat(sensor->state);
	struct sensor_absence *absence = &sensor->absence;
	struct ledger ledger;

	(void)sensor_ledger(sensor, &ledger);
	absence->known = sensor->pins && beat->time;
	if (!absence->known)
		return;
	absence->time = since(clock_boottime(), beat->time);
	absence->blocked = since(ledger_sum(&ledger, LEDGER_BLOCKED), beat->blocked);
	absence->lost = since(ledger_sum(&ledger, LEDGER_RING_FULL), beat->ring_full);
	absence->passed = since(ledger.unattended_passed, beat->passed);
	log_notice("took over after %.1f s without a daemon: %llu packets were dropped meanwhile, "
		   "%llu records lost",
		   (double)absence->time / (double)NS_PER_SECOND,
		   (unsigned long long)absence->blocked, (unsigned long long)absence->lost);
}

/* For whoever looks at the pins. */
static void state_sign(struct sensor *sensor)
{
	struct pin_state *state = sensor->state;
	struct stat cgroup;

	memset(state->version, 0, sizeof(state->version));
	(void)snprintf(state->version, sizeof(state->version), "%s", PACKAGE_VERSION);
	state->since = clock_realtime();
	state->cgroup_id = fstat(sensor->cgroup_fd, &cgroup) == 0 ? cgroup.st_ino : 0;
	state->pid = (uint32_t)getpid();
	state->enforce = sensor->options.enforce;
}

int sensor_attach(struct sensor *sensor)
{
	int r;

	/* As long as the old programs are there, the old table blocks. */
	if (sensor->pins && pins_taken_over(sensor->pins) && sensor->options.enforce &&
	    sensor->table_bytes == 0 && !pins_kept(sensor->pins, "tables"))
		return log_errno(LOG_ERR, -ENODATA,
				 "the programs that are pinned block by a table that this version "
				 "cannot read, and there is no pack: they stay in force until "
				 "there is one, or `cordon doctor --unload`");
	sensor->probes->bss->heartbeat = clock_boottime();
	r = probes_attach(sensor);
	if (r < 0)
		return r;
	sensor->attached = true;
	if (!sensor->pins)
		return 0;
	state_sign(sensor);
	r = pins_finish(sensor->pins, ring_drain, sensor);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "what the version before left cannot be removed");
	absence_measure(sensor);
	sensor_beat(sensor);
	return 0;
}

void sensor_pins(const struct sensor *sensor, struct sensor_pins *ret)
{
	*ret = (struct sensor_pins){
		.folder = sensor->pins ? pins_folder(sensor->pins) : NULL,
		.error = sensor->pins_error[0] ? sensor->pins_error : NULL,
		.taken_over = sensor->pins && pins_taken_over(sensor->pins),
		.absence = sensor->absence,
	};
}

void sensor_beat(struct sensor *sensor)
{
	uint64_t now = clock_boottime();
	struct pin_beat beat = { .time = now };
	struct ledger ledger;

	if (!sensor->attached)
		return;
	__atomic_store_n(&sensor->probes->bss->heartbeat, now, __ATOMIC_RELAXED);
	if (!sensor->pins || now - sensor->beat < SENSOR_BEAT_TIME)
		return;
	sensor->beat = now;
	(void)sensor_ledger(sensor, &ledger);
	beat.blocked = ledger_sum(&ledger, LEDGER_BLOCKED);
	beat.ring_full = ledger_sum(&ledger, LEDGER_RING_FULL);
	beat.passed = ledger.unattended_passed;
	pin_state_set_beat(sensor->state, &beat);
}

int sensor_fd(const struct sensor *sensor)
{
	return ring_buffer__epoll_fd(sensor->ring);
}

int sensor_dispatch(struct sensor *sensor, int budget)
{
	int taken = ring_take(&sensor->source, budget, clock_boottime() + SENSOR_TURN_TIME);

	sensor_beat(sensor);
	return taken;
}

/* The promise is given to the kernel side only until the time that is returned: if nobody comes by
 * then, the next record wakes again. */
uint64_t sensor_poll(struct sensor *sensor)
{
	uint64_t until = clock_boottime() + SENSOR_POLL_TIME;

	if (sensor->payloads == sensor->polled)
		return 0;
	sensor->polled = sensor->payloads;
	__atomic_store_n(&sensor->probes->bss->reader_polls_until, until, __ATOMIC_RELAXED);
	return until + SENSOR_POLL_SLACK;
}

void sensor_event_process(struct sensor *sensor, struct event *event)
{
	struct process_key key = { .start = event->pid_start, .pid = (uint32_t)event->pid };

	if (event->pid > 0 && !event->process)
		event->process = process_table_find(sensor->processes, &key, NULL);
}

/* What the kernel side asks before it looks into the table. */
static void cuts_count(struct sensor *sensor, int change)
{
	struct probes__bss *bss = sensor->probes->bss;

	(void)__atomic_fetch_add(&bss->flow_cut_count, (uint64_t)(int64_t)change, __ATOMIC_RELAXED);
	(void)__atomic_fetch_add(&bss->table_entries[COUNTER_TABLE_CUTS], (uint64_t)(int64_t)change,
				 __ATOMIC_RELAXED);
}

int sensor_cut(struct sensor *sensor, uint64_t cookie)
{
	const struct bpf_map *cuts = sensor->probes->maps.flow_cuts;
	uint8_t one = 1;
	int r;

	if (!sensor->options.enforce)
		return -EOPNOTSUPP;
	r = bpf_map__update_elem(cuts, &cookie, sizeof(cookie), &one, sizeof(one), BPF_NOEXIST);
	if (r == 0)
		cuts_count(sensor, 1);
	return r == -EEXIST ? 0 : r;
}

int sensor_uncut(struct sensor *sensor, uint64_t cookie)
{
	const struct bpf_map *cuts = sensor->probes->maps.flow_cuts;
	int r;

	if (!sensor->options.enforce)
		return -EOPNOTSUPP;
	r = bpf_map__delete_elem(cuts, &cookie, sizeof(cookie), 0);
	if (r == 0)
		cuts_count(sensor, -1);
	return r == -ENOENT ? 0 : r;
}

int sensor_ledger(struct sensor *sensor, struct ledger *ret)
{
	uint64_t submitted;

	memset(ret, 0, sizeof(*ret));
	counters_read(sensor->state, sensor->probes->bss, ret);
	submitted = ledger_submitted(ret);
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
		/* Hash maps are allocated whole, with some 80 bytes an element beside its data. */
		uint64_t element = bpf_map__key_size(map) + bpf_map__value_size(map);
		uint64_t entries = bpf_map__max_entries(map);

		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			total += entries;
		else if (bpf_map__type(map) == BPF_MAP_TYPE_LRU_HASH ||
			 bpf_map__type(map) == BPF_MAP_TYPE_HASH)
			total += entries * (element + 80);
		else if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY)
			total += entries * element;
	}
	*ret_maps = total;
	*ret_table = sensor->table_bytes;
	return 0;
}
