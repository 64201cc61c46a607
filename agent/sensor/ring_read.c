/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes records from ring buffers, each exactly once, whoever is killed in between: a record is
 * noted as taken, with its place, before the ring is told so. Gives each to record.c.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/pin_state.h"
#include "sensor/probes.h"

static void progress_note(const struct ring_source *source, uint64_t position)
{
	const struct sensor *sensor = source->sensor;
	const struct pin_progress progress = {
		.ring = source->id,
		.position = position,
		.read = sensor->read,
		.events = sensor->events,
		.rejected = sensor->rejected,
	};

	pin_state_set_progress(sensor->state, &progress);
}

/* Called for each record. A negative value stops; this record counts as taken all the same. */
static int record_taken(void *context, void *data, size_t size)
{
	struct ring_source *source = context;
	struct sensor *sensor = source->sensor;

	if (source->skip) {
		source->skip = false;
		return 0;
	}
	sensor->read++;
	if (source->readable)
		record_read(sensor, data, size);
	else
		sensor->rejected++;
	if (source->position)
		progress_note(source, *source->position);
	return --sensor->budget <= 0 || clock_boottime() >= sensor->turn_end ? -EAGAIN : 0;
}

/* The ring's own page with the place that is read next: libbpf moves it on after each record. */
static int position_map(struct ring_source *source, int ring_fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	const struct pin_progress *progress = pin_state_progress(source->sensor->state);
	const void *page;

	if (!source->sensor->pins)
		return 0;
	if (bpf_obj_get_info_by_fd(ring_fd, &info, &size) < 0)
		return -errno;
	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, ring_fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	source->position = page;
	source->id = info.id;
	source->skip = progress->ring == info.id && progress->position == *source->position;
	return 0;
}

int ring_open(struct ring_source *source, int ring_fd)
{
	int r = position_map(source, ring_fd);

	if (r < 0)
		return r;
	source->ring = ring_buffer__new(ring_fd, record_taken, source, NULL);
	return source->ring ? 0 : -errno;
}

void ring_close(struct ring_source *source)
{
	ring_buffer__free(source->ring);
	if (source->position)
		(void)munmap((void *)(uintptr_t)source->position, (size_t)sysconf(_SC_PAGESIZE));
	source->ring = NULL;
	source->position = NULL;
}

void ring_drain(int ring_fd, uint32_t ring_id, bool readable, void *userdata)
{
	struct sensor *sensor = userdata;
	struct ring_source source = { .sensor = sensor, .readable = readable };
	uint64_t before = sensor->read;
	int r = ring_open(&source, ring_fd);

	(void)ring_id;
	/* All of it: nobody writes to it any more. */
	do {
		sensor->budget = INT32_MAX;
		sensor->turn_end = UINT64_MAX;
		if (r >= 0)
			r = ring_buffer__consume(source.ring);
	} while (r > 0);
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
