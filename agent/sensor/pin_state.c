/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/pin_state.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "sensor/counters.h"

static void state_begin(struct pin_state *state)
{
	state->count = (uint16_t)counters_describe(state->counters);
	/* Last: a state without it is none. */
	__atomic_store_n(&state->magic, PIN_STATE_MAGIC, __ATOMIC_RELEASE);
}

int pin_state_map(int fd, bool writable, struct pin_state **ret)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	struct pin_state *state;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(*state))
		return -EBADMSG;
	state = mmap(NULL, sizeof(*state), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd,
		     0);
	if (state == MAP_FAILED)
		return -errno;
	if (state->magic != PIN_STATE_MAGIC || state->count > PIN_COUNTERS_MAX) {
		pin_state_unmap(state);
		return -EBADMSG;
	}
	*ret = state;
	return 0;
}

int pin_state_new(int *ret_fd, struct pin_state **ret)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	CLEANUP(close_cleanup)
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cordon_state", sizeof(uint32_t),
				sizeof(struct pin_state), 1, &options);
	struct pin_state *state;

	if (fd < 0)
		return -errno;
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		return -errno;
	state_begin(state);
	*ret_fd = take_fd(&fd);
	*ret = state;
	return 0;
}

void pin_state_unmap(struct pin_state *state)
{
	if (state)
		(void)munmap(state, sizeof(*state));
}

struct pin_state *pin_state_private(void)
{
	struct pin_state *state = calloc(1, sizeof(*state));

	if (state)
		state_begin(state);
	return state;
}

bool pin_state_same(const struct pin_state *a, const struct pin_state *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct pin_counter *one = &a->counters[i], *other = &b->counters[i];

		if (strncmp(one->name, other->name, sizeof(one->name)) != 0 ||
		    one->offset != other->offset || one->slots != other->slots ||
		    one->stride != other->stride)
			return false;
	}
	return true;
}

const struct pin_progress *pin_state_progress(const struct pin_state *state)
{
	return &state->progress[state->progress_turn & 1];
}

void pin_state_set_progress(struct pin_state *state, const struct pin_progress *progress)
{
	uint64_t turn = state->progress_turn + 1;

	state->progress[turn & 1] = *progress;
	__atomic_store_n(&state->progress_turn, turn, __ATOMIC_RELEASE);
}

const struct pin_beat *pin_state_beat(const struct pin_state *state)
{
	return &state->beat[state->beat_turn & 1];
}

void pin_state_set_beat(struct pin_state *state, const struct pin_beat *beat)
{
	uint64_t turn = state->beat_turn + 1;

	state->beat[turn & 1] = *beat;
	__atomic_store_n(&state->beat_turn, turn, __ATOMIC_RELEASE);
}
