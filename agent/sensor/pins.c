/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/pins.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/counters.h"
#include "sensor/pins_private.h"

CLEANUP_DEFINE(struct pins *, pins_close)
CLEANUP_DEFINE(struct pin_state *, pin_state_unmap)

#define LOCK_TIME  (2 * NS_PER_SECOND)
#define LOCK_PAUSE (10 * NS_PER_MILLISECOND)

/* Of a restart loop that never got as far as removing them. */
#define GENERATIONS_MAX 256

void pins_close(struct pins *pins)
{
	if (!pins)
		return;
	pin_state_unmap(pins->state);
	if (pins->state_fd >= 0)
		(void)close(pins->state_fd);
	for (size_t i = 0; i < pins->copies_count; i++)
		(void)close(pins->copies[i].fd);
	if (pins->lock_fd >= 0)
		(void)close(pins->lock_fd);
	free(pins);
}

struct generations {
	uint64_t numbers[GENERATIONS_MAX];
	size_t count;
};

static int generation_add(const char *name, void *userdata)
{
	struct generations *generations = userdata;
	uint64_t number = pin_generation(name);

	if (number && generations->count < GENERATIONS_MAX)
		generations->numbers[generations->count++] = number;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? 1 : one > other ? -1 : 0;
}

static int generations_read(const char *folder, struct generations *ret)
{
	int r;

	ret->count = 0;
	r = pin_folder_each(folder, NULL, generation_add, ret);
	qsort(ret->numbers, ret->count, sizeof(ret->numbers[0]), newest_first);
	return r;
}

static int state_open(const char *folder, uint64_t generation, bool writable, int *ret_fd,
		      struct pin_state **ret)
{
	char name[PIN_GENERATION_SIZE];
	CLEANUP(close_cleanup) int fd = -1;
	int r;

	pin_generation_name(generation, name);
	fd = pin_open(folder, name, PIN_STATE);
	if (fd < 0)
		return fd;
	r = pin_state_map(fd, writable, ret);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

/* The state of the generation in force, and whether it is as this version writes it. */
static int state_find(struct pins *pins)
{
	CLEANUP(free_cleanup) struct pin_state *ours = pin_state_private();
	int r;

	if (!ours)
		return -ENOMEM;
	if (!pins->current)
		return 0;
	r = state_open(pins->folder, pins->current, true, &pins->state_fd, &pins->state);
	if (r < 0)
		log_warning("the state of the version before cannot be read (%s): its counters are "
			    "not carried over",
			    strerror(-r));
	else
		pins->state_kept = pin_state_same(pins->state, ours);
	return 0;
}

/* A daemon that was killed may take a moment to be gone, and `cordon doctor` asks for the lock,
 * too, to see whether it is free. */
static int lock_take(struct pins *pins)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE };
	uint64_t end = clock_boottime() + LOCK_TIME;
	int r;

	while ((r = pin_folder_lock(pins->folder, &pins->lock_fd)) == -EBUSY &&
	       clock_boottime() < end)
		(void)nanosleep(&pause, NULL);
	return r;
}

int pins_open(const char *folder, struct pins **ret)
{
	CLEANUP(pins_close_cleanup) struct pins *pins = calloc(1, sizeof(*pins));
	struct generations generations;
	int r;

	if (!pins)
		return log_errno(LOG_ERR, -ENOMEM, "pins");
	pins->lock_fd = pins->state_fd = -1;
	(void)snprintf(pins->folder, sizeof(pins->folder), "%s", folder);
	r = pin_folder_make(folder);
	if (r < 0)
		return r;
	r = lock_take(pins);
	if (r < 0)
		return log_errno(LOG_ERR, r,
				 r == -EBUSY ? "another cordond has the pins in %s"
					     : "the pins in %s cannot be locked",
				 folder);
	pins->current = pin_folder_current(folder);
	r = generations_read(folder, &generations);
	if (r == 0)
		r = state_find(pins);
	if (r < 0)
		return log_errno(LOG_WARNING, r, "the pins in %s cannot be read", folder);
	pins->generation = 1 + (generations.count ? generations.numbers[0] : 0);
	*ret = take_ptr(pins);
	return 0;
}

const char *pins_folder(const struct pins *pins)
{
	return pins->folder;
}

bool pins_taken_over(const struct pins *pins)
{
	return pins->current != 0;
}

static int folder_make(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int r = pin_path(path, folder, name, NULL);

	if (r < 0)
		return r;
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int pins_publish(struct pins *pins, const struct bpf_object *object)
{
	char generation[PIN_GENERATION_SIZE];
	struct bpf_map *map;
	size_t i = 0;
	int r;

	pin_generation_name(pins->generation, generation);
	r = folder_make(pins->folder, PIN_LINKS);
	if (r == 0)
		r = folder_make(pins->folder, generation);
	if (r == 0)
		r = pin_replace(pins->state_fd, pins->folder, generation, PIN_STATE);
	bpf_object__for_each_map(map, object)
	{
		const char *name = pins->names[i++];

		if (r == 0 && bpf_map__autocreate(map))
			r = pin_replace(bpf_map__fd(map), pins->folder, generation, name);
	}
	return r < 0 ? r : pin_folder_set_current(pins->folder, pins->generation);
}

/* ---- what is left of generations before ours ---- */

/* Adds what a generation counted to sum. Returns 1 when nothing before it is to be added: its bases
 * have it. */
static int generation_carry(struct pins *pins, uint64_t generation, struct pin_state *sum,
			    uint32_t *last_state)
{
	CLEANUP(pin_state_unmap_cleanup) struct pin_state *state = NULL;
	CLEANUP(close_cleanup) int state_fd = -1, bss_fd = -1;
	struct bpf_map_info info;
	uint32_t id;
	size_t unknown;
	void *bss;

	if (state_open(pins->folder, generation, false, &state_fd, &state) < 0)
		return 0;
	id = pin_map_id(state_fd);
	/* Generations that took over all of the one before share state and .bss with it. */
	if (id == *last_state || id == pin_map_id(pins->state_fd))
		return 0;
	*last_state = id;
	bss_fd = pin_map_find(pins->folder, generation, "probes_bss", NULL);
	if (bss_fd < 0 || pin_map_info(bss_fd, &info) < 0)
		return state->carried;
	bss = mmap(NULL, info.value_size, PROT_READ, MAP_SHARED, bss_fd, 0);
	if (bss == MAP_FAILED)
		return -errno;
	unknown = counters_carry(sum, state, bss, info.value_size);
	(void)munmap(bss, info.value_size);
	log_notice("the counters of the version before were carried over%s",
		   unknown ? ", but for some that this one does not have" : "");
	return state->carried;
}

/* The sum is made apart and then written: whoever is killed in between begins again, and comes to
 * the same. */
static int counters_take(struct pins *pins, const struct generations *generations)
{
	CLEANUP(free_cleanup) struct pin_state *sum = NULL;
	uint32_t last_state = 0;

	if (pins->state->carried)
		return 0;
	sum = pin_state_private();
	if (!sum)
		return -ENOMEM;
	for (size_t i = 0; i < generations->count; i++) {
		int r;

		if (generations->numbers[i] == pins->generation)
			continue;
		r = generation_carry(pins, generations->numbers[i], sum, &last_state);
		if (r < 0)
			return r;
		if (r > 0)
			break;
	}
	for (size_t i = 0; i < pins->state->count; i++)
		pins->state->counters[i].base = sum->counters[i].base;
	__atomic_store_n(&pins->state->carried, 1, __ATOMIC_RELEASE);
	return 0;
}

/* Programs that were replaced may still be running on another CPU: this waits for them (it is the
 * kernel's synchronize_rcu()), so that old counters and rings are final. */
static void programs_wait(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
		log_debug("the kernel does not let us wait for programs that still run");
}

struct rings {
	struct pins *pins;
	void (*ring)(int ring_fd, uint32_t ring_id, bool readable, void *userdata);
	void *userdata;
	char current[PIN_NAME_SIZE]; /* with its layout */
	uint32_t current_id;
};

static void generation_read(struct rings *rings, uint64_t generation)
{
	char name[PIN_NAME_SIZE];
	CLEANUP(close_cleanup)
	int fd = pin_map_find(rings->pins->folder, generation, "records", name);
	uint32_t id = fd >= 0 ? pin_map_id(fd) : 0;

	if (id && id != rings->current_id)
		rings->ring(fd, id, strcmp(name, rings->current) == 0, rings->userdata);
}

static int generation_end(struct rings *rings, uint64_t generation)
{
	char name[PIN_GENERATION_SIZE];
	int r;

	generation_read(rings, generation);
	pin_generation_name(generation, name);
	r = pin_folder_remove(rings->pins->folder, name);
	return r < 0 ? log_errno(LOG_WARNING, r, "the old pins %s cannot be removed", name) : 0;
}

int pins_finish(struct pins *pins,
		void (*ring)(int ring_fd, uint32_t ring_id, bool readable, void *userdata),
		void *userdata)
{
	struct rings rings = { .pins = pins, .ring = ring, .userdata = userdata };
	struct generations generations;
	CLEANUP(close_cleanup)
	int fd = pin_map_find(pins->folder, pins->generation, "records", rings.current);
	int r = pin_links_prune(pins);

	rings.current_id = fd >= 0 ? pin_map_id(fd) : 0;
	if (r == 0)
		r = generations_read(pins->folder, &generations);
	if (r < 0)
		return r;
	if (generations.count > 1)
		programs_wait();
	r = counters_take(pins, &generations);
	/* The oldest first: its records are. */
	for (size_t i = generations.count; r == 0 && i > 0; i--)
		if (generations.numbers[i - 1] != pins->generation)
			r = generation_end(&rings, generations.numbers[i - 1]);
	return r;
}
