/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes records from ring buffers, and gives each to record.c. What was taken is given up only when
 * its findings are safe (sensor_options.commit), and is noted with its place before: so each record
 * is counted once, whoever is killed in between, and none is lost. libbpf gives up each record at
 * once; it is used for polling only.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/pin_state.h"
#include "sensor/probes.h"

/* A record's size and flags stand in its first four bytes; it begins at a multiple of 8. */
#define SIZE_MASK (~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT))
#define ALIGNED	  7ULL

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* A page that user space may write, one that only the kernel does, and the data, twice in a row: a
 * record that goes on at the beginning is in one piece. */
static int pages_map(struct ring_source *source, int ring_fd, uint32_t size)
{
	size_t page = page_size();
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0), *rest;

	if (consumer == MAP_FAILED)
		return -errno;
	source->consumer = consumer;
	rest = mmap(NULL, page + 2 * (size_t)size, PROT_READ, MAP_SHARED, ring_fd, (off_t)page);
	if (rest == MAP_FAILED)
		return -errno;
	source->producer = rest;
	source->data = (const uint8_t *)rest + page;
	source->size = size;
	return 0;
}

/* Where to go on: the daemon before may have noted what it took, and not given it up any more. */
static uint64_t place_find(const struct ring_source *source)
{
	const struct pin_progress *progress = pin_state_progress(source->sensor->state);
	uint64_t consumer = *source->consumer, noted = progress->position;
	uint64_t producer = __atomic_load_n(source->producer, __ATOMIC_ACQUIRE);

	return progress->ring == source->id && noted > consumer && noted <= producer ? noted
										     : consumer;
}

int ring_open(struct ring_source *source, int ring_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int r;

	if (bpf_obj_get_info_by_fd(ring_fd, &info, &size) < 0)
		return -errno;
	source->id = info.id;
	r = pages_map(source, ring_fd, info.max_entries);
	if (r < 0)
		return r;
	source->next = place_find(source);
	return 0;
}

void ring_close(struct ring_source *source)
{
	if (source->consumer)
		(void)munmap(source->consumer, page_size());
	if (source->producer)
		(void)munmap((void *)(uintptr_t)source->producer,
			     page_size() + 2 * (size_t)source->size);
	source->consumer = NULL;
	source->producer = NULL;
}

static void record_take(struct ring_source *source, const void *data, uint32_t size)
{
	struct sensor *sensor = source->sensor;

	sensor->read++;
	if (source->readable)
		record_read(sensor, data, size);
	else
		sensor->rejected++;
}

/* All that was taken is safe: noted first, then given up. */
static void ring_release(struct ring_source *source)
{
	const struct sensor *sensor = source->sensor;
	const struct pin_progress progress = {
		.ring = source->id,
		.position = source->next,
		.read = sensor->read,
		.events = sensor->events,
		.rejected = sensor->rejected,
	};

	if (sensor->options.commit)
		sensor->options.commit(sensor->userdata);
	pin_state_set_progress(sensor->state, &progress);
	__atomic_store_n(source->consumer, source->next, __ATOMIC_RELEASE);
}

int ring_take(struct ring_source *source, int budget, uint64_t end)
{
	uint64_t begin = source->next;
	int taken = 0;

	while (taken < budget &&
	       source->next < __atomic_load_n(source->producer, __ATOMIC_ACQUIRE)) {
		const void *at = source->data + (source->next & (source->size - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
		uint32_t size = head & SIZE_MASK;

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			record_take(source, (const uint8_t *)at + BPF_RINGBUF_HDR_SZ, size);
			taken++;
		}
		source->next += (size + BPF_RINGBUF_HDR_SZ + ALIGNED) & ~ALIGNED;
		if (clock_boottime() >= end)
			break;
	}
	if (source->next != begin)
		ring_release(source);
	return taken;
}

void ring_drain(int ring_fd, uint32_t ring_id, bool readable, void *userdata)
{
	struct sensor *sensor = userdata;
	struct ring_source source = { .sensor = sensor, .readable = readable };
	uint64_t before = sensor->read;
	int r = ring_open(&source, ring_fd);

	(void)ring_id;
	/* All of it: nobody writes to it any more. */
	while (r >= 0 && ring_take(&source, INT32_MAX, UINT64_MAX) > 0)
		;
	ring_close(&source);
	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "the ring buffer of the version before");
	else if (readable)
		log_notice("%llu records waited in the ring buffer of the version before",
			   (unsigned long long)(sensor->read - before));
	else
		log_warning("%llu records in the ring buffer of the version before cannot be read "
			    "by this one",
			    (unsigned long long)(sensor->read - before));
}
