/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-gate: holds executions until cordond has said whether they may go on, and lets them go
 * when it has not within the limit. A process of its own, with nothing else to do: whatever becomes
 * of cordond (stopped, busy, killed), nothing on the host waits longer than that. It alone has the
 * fanotify group: with its end, the kernel lets go on what waits. It ends when its channel does.
 *
 * Opens no file, and reads none: so it can never wait for its own answer. Descriptors of files come
 * from the kernel and go to cordond. Keeps CAP_SYS_ADMIN, for marks, and a dozen system calls
 * (gate_cage.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd_pass.h"
#include "base/parse.h"
#include "sensor/gate_cage.h"
#include "sensor/gate_frame.h"

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

/* As worker_process.h hands it over. */
#define CHANNEL	   3
/* Events that are read at once: each is a descriptor. */
#define EVENTS_MAX 32
/* Frames that are read in one turn: answers must not keep us from the clock. */
#define FRAMES_MAX 64

/* Files of one execution follow each other at once: scripts, an interpreter, the loader. Not more
 * than so many: nobody shall use up the limit with many quick ones. */
#define EXECUTION_GAP	(20 * NS_PER_MILLISECOND)
#define EXECUTION_FILES 6
/* Processes whose executions are known; a newer one takes an older one's place. */
#define EXECUTIONS_MAX	512

struct waiting {
	int fd; /* -1: the slot is free */
	uint32_t turn;
	pid_t pid;
	uint64_t since, deadline;
};

/* A process's execution: its files share the limit. */
struct execution {
	pid_t pid;
	unsigned files;
	uint64_t waited, ended; /* so long in all; when the last file was let go */
};

struct gate {
	int group;
	uint64_t limit;
	struct waiting waiting[GATE_WAITING_MAX];
	struct execution executions[EXECUTIONS_MAX];
	uint64_t heard;		 /* when the last frame came */
	bool expired;		 /* since then */
	struct gate_frame state; /* the counters */
};

static void answer(struct gate *gate, int fd, bool allow)
{
	const struct fanotify_response response = { .fd = fd,
						    .response = allow ? FAN_ALLOW : FAN_DENY };

	/* Whoever was to be executed may be gone: then there is nothing to be answered. */
	(void)!write(gate->group, &response, sizeof(response));
	(void)close(fd);
}

static struct waiting *slot_free(struct gate *gate)
{
	for (size_t i = 0; i < GATE_WAITING_MAX; i++)
		if (gate->waiting[i].fd < 0)
			return &gate->waiting[i];
	return NULL;
}

static uint64_t slot_number(const struct gate *gate, const struct waiting *slot)
{
	return (uint64_t)slot->turn << 32 | (uint64_t)(slot - gate->waiting);
}

static struct execution *execution_of(struct gate *gate, pid_t pid)
{
	return &gate->executions[(uint32_t)pid % EXECUTIONS_MAX];
}

static void slot_end(struct gate *gate, struct waiting *slot, bool allow)
{
	struct execution *execution = execution_of(gate, slot->pid);

	if (execution->pid == slot->pid) {
		execution->ended = clock_boottime();
		execution->waited += execution->ended - slot->since;
	}
	answer(gate, slot->fd, allow);
	slot->fd = -1;
	gate->state.waiting--;
}

/* Until when a file may be held that is opened now. */
static uint64_t deadline(struct gate *gate, pid_t pid, uint64_t now)
{
	struct execution *execution = execution_of(gate, pid);

	if (execution->pid != pid || execution->files == EXECUTION_FILES ||
	    now > execution->ended + EXECUTION_GAP)
		*execution = (struct execution){ .pid = pid };
	execution->files++;
	return execution->waited < gate->limit ? now + gate->limit - execution->waited : now;
}

static bool cordond_silent(const struct gate *gate, uint64_t now)
{
	return gate->expired && now > gate->heard + GATE_SILENCE;
}

/* Takes fd. cordond is asked in any case: what was let go is looked at afterwards. */
static void ask(struct gate *gate, int fd, pid_t pid)
{
	struct gate_frame frame = { .kind = GATE_ASK, .pid = pid, .time = clock_boottime() };
	uint64_t until = deadline(gate, pid, frame.time);
	struct waiting *slot = slot_free(gate);

	gate->state.asked++;
	if (slot) {
		slot->turn++;
		frame.number = slot_number(gate, slot);
	}
	if (!slot || fd_pass_send(CHANNEL, &frame, sizeof(frame), fd) < 0) {
		gate->state.full++;
		answer(gate, fd, true);
		return;
	}
	if (cordond_silent(gate, frame.time)) {
		gate->state.unheard++;
		answer(gate, fd, true);
		return;
	}
	slot->fd = fd;
	slot->pid = pid;
	slot->since = frame.time;
	slot->deadline = until;
	gate->state.waiting++;
}

static void events_take(struct gate *gate)
{
	struct fanotify_event_metadata events[EVENTS_MAX];
	ssize_t size = read(gate->group, events, sizeof(events));
	const struct fanotify_event_metadata *event = events;

	for (; size > 0 && FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
		if (event->fd < 0)
			continue;
		if (event->mask & FAN_OPEN_EXEC_PERM)
			ask(gate, event->fd, event->pid);
		else
			(void)close(event->fd);
	}
}

/* A file's own mark, by its descriptor. */
static int file_mark(const struct gate *gate, unsigned flags, int fd)
{
	return fanotify_mark(gate->group, flags, FAN_OPEN_EXEC_PERM, fd, NULL);
}

static void answer_take(struct gate *gate, const struct gate_frame *frame)
{
	struct waiting *slot = &gate->waiting[(uint32_t)frame->number % GATE_WAITING_MAX];

	/* The limit came first. */
	if (slot->fd < 0 || slot_number(gate, slot) != frame->number)
		return;
	/* Evictable (5.19), so that it does not hold the file in memory; else not at all. */
	if (frame->allow && frame->keep)
		(void)file_mark(gate, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_EVICTABLE,
				slot->fd);
	gate->state.answered++;
	gate->state.denied += !frame->allow;
	slot_end(gate, slot, frame->allow);
}

static void frame_take(struct gate *gate, const struct gate_frame *frame, int fd)
{
	switch (frame->kind) {
	case GATE_MARK:
		if (fd < 0 || fanotify_mark(gate->group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
					    FAN_OPEN_EXEC_PERM, fd, ".") < 0)
			gate->state.unmarked++;
		break;
	case GATE_EXEMPT:
		if (fd >= 0)
			(void)file_mark(gate,
					FAN_MARK_ADD | FAN_MARK_IGNORED_MASK |
						FAN_MARK_IGNORED_SURV_MODIFY,
					fd);
		break;
	case GATE_FORGET:
		if (fd >= 0)
			(void)file_mark(gate, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, fd);
		break;
	case GATE_FLUSH:
		(void)fanotify_mark(gate->group, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
		break;
	case GATE_ANSWER:
		answer_take(gate, frame);
		break;
	case GATE_PING:
		gate->state.kind = GATE_STATE;
		(void)fd_pass_send(CHANNEL, &gate->state, sizeof(gate->state), -1);
		break;
	default:
		break;
	}
}

/* False: cordond is gone, or sends what it never does. */
static bool frames_take(struct gate *gate)
{
	for (int i = 0; i < FRAMES_MAX; i++) {
		struct gate_frame frame;
		int fd = -1;
		ssize_t n = fd_pass_receive(CHANNEL, &frame, sizeof(frame), &fd);

		if (n == -EAGAIN)
			return true;
		if (n == sizeof(frame)) {
			gate->heard = clock_boottime();
			gate->expired = false;
			frame_take(gate, &frame, fd);
		}
		if (fd >= 0)
			(void)close(fd);
		if (n != sizeof(frame))
			return false;
	}
	return true;
}

/* What has waited too long goes on. Milliseconds until the next one has; -1: none waits. */
static int deadlines_keep(struct gate *gate)
{
	uint64_t now = clock_boottime(), next = UINT64_MAX;

	for (size_t i = 0; gate->state.waiting > 0 && i < GATE_WAITING_MAX; i++) {
		struct waiting *slot = &gate->waiting[i];

		if (slot->fd < 0)
			continue;
		if (slot->deadline <= now) {
			gate->state.expired++;
			gate->expired = true;
			slot_end(gate, slot, true);
		} else if (slot->deadline < next) {
			next = slot->deadline;
		}
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / NS_PER_MILLISECOND) + 1;
}

static void gate_run(struct gate *gate)
{
	struct pollfd polled[2] = { { .fd = gate->group, .events = POLLIN },
				    { .fd = CHANNEL, .events = POLLIN } };

	for (;;) {
		int n = poll(polled, 2, deadlines_keep(gate));

		if (n < 0 && errno != EINTR)
			return;
		if (n <= 0)
			continue;
		if (polled[0].revents)
			events_take(gate);
		if (polled[1].revents && !frames_take(gate))
			return;
	}
}

/* Only what marks need (fanotify_mark(2)). */
static int rights_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = 1u << CAP_SYS_ADMIN, .permitted = 1u << CAP_SYS_ADMIN },
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	static struct gate gate;
	uint64_t limit;

	if (argc != 4 || parse_u64(argv[3], GATE_LIMIT_MAX, &limit) < 0)
		return 2;
	gate.limit = limit;
	for (size_t i = 0; i < GATE_WAITING_MAX; i++)
		gate.waiting[i].fd = -1;
	gate.group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
					   FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
				   O_RDONLY | O_CLOEXEC | O_LARGEFILE);
	if (gate.group < 0 || rights_drop() < 0)
		return 3;
	/* Memory that has to be read back from a disk may be late. */
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	(void)setpriority(PRIO_PROCESS, 0, -10);
	if (cage_calls_filter(&gate_cage) < 0)
		return 3;
	gate_run(&gate);
	return 0;
}
