/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/exec_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd_pass.h"
#include "base/log.h"
#include "base/worker_process.h"
#include "sensor/gate_frame.h"

CLEANUP_DEFINE(struct exec_gate *, exec_gate_close)

/* Pings without an answer, a second apart: then the process is stopped, or stuck. */
#define PINGS_MAX  5
/* Starts that failed in a row: then it is left alone, and executions go on unheld. */
#define STARTS_MAX 5
/* Frames that are read in one turn of the loop. */
#define FRAMES_MAX 64

struct exec_gate {
	sd_event *loop;
	struct worker_program program;
	struct worker_process process;
	sd_event_source *source;
	uint64_t limit;
	exec_gate_asked asked;
	void *userdata;
	unsigned pings, starts;
	bool fresh;			 /* started, and its marks are to be set */
	struct gate_frame state, before; /* of this process; the sum of those before */
	uint64_t restarts;
};

static void request(struct exec_gate *gate, const struct gate_frame *frame, int fd)
{
	if (gate->process.pid > 0)
		(void)fd_pass_send(gate->process.channel, frame, sizeof(*frame), fd);
}

static void state_add(struct gate_frame *sum, const struct gate_frame *state)
{
	sum->asked += state->asked;
	sum->answered += state->answered;
	sum->denied += state->denied;
	sum->expired += state->expired;
	sum->unheard += state->unheard;
	/* What waited when it ended went on. */
	sum->full += state->full + state->waiting;
	sum->unmarked += state->unmarked;
}

static void process_end(struct exec_gate *gate)
{
	gate->source = sd_event_source_disable_unref(gate->source);
	worker_process_end(&gate->process);
	state_add(&gate->before, &gate->state);
	gate->state = (struct gate_frame){ 0 };
}

static void frame_take(struct exec_gate *gate, const struct gate_frame *frame, int fd)
{
	if (frame->kind == GATE_ASK && fd >= 0) {
		gate->asked(frame->number, fd, frame->pid, frame->time, gate->userdata);
		return;
	}
	if (frame->kind == GATE_STATE) {
		gate->state = *frame;
		gate->pings = gate->starts = 0;
	}
	if (fd >= 0)
		(void)close(fd);
}

static int frames_ready(sd_event_source *source, int channel, uint32_t events, void *userdata)
{
	struct exec_gate *gate = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < FRAMES_MAX; i++) {
		struct gate_frame frame;
		int fd = -1;
		ssize_t n = fd_pass_receive(channel, &frame, sizeof(frame), &fd);

		if (n == -EAGAIN)
			return 0;
		if (n == sizeof(frame)) {
			frame_take(gate, &frame, fd);
			continue;
		}
		if (fd >= 0)
			(void)close(fd);
		log_warning("cordon-gate ended: executions go on unheld until it is back");
		process_end(gate);
		return 0;
	}
	return 0;
}

/* Programs of ours, which are executed by processes that the answer may depend on. */
static void exempt(struct exec_gate *gate)
{
	static const char *const names[] = { "cordond", "cordon", "cordon-scan", "cordon-cloud",
					     "cordon-gate" };
	const struct gate_frame frame = { .kind = GATE_EXEMPT };

	request(gate, &frame, gate->program.fd);
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		struct worker_program program;

		if (worker_program_open(names[i], NULL, &program) < 0)
			continue;
		request(gate, &frame, program.fd);
		worker_program_close(&program);
	}
}

static int process_start(struct exec_gate *gate)
{
	int r = worker_process_start(&gate->program, gate->limit, &gate->process);

	if (r < 0)
		return r;
	gate->fresh = true;
	gate->pings = 0;
	exempt(gate);
	r = sd_event_add_io(gate->loop, &gate->source, gate->process.channel, EPOLLIN, frames_ready,
			    gate);
	if (r < 0) {
		process_end(gate);
		return r;
	}
	/* An answer is worth more than anything else in that turn. */
	(void)sd_event_source_set_priority(gate->source, SD_EVENT_PRIORITY_IMPORTANT);
	return 0;
}

int exec_gate_open(sd_event *loop, const char *program, uint64_t limit, exec_gate_asked asked,
		   void *userdata, struct exec_gate **ret)
{
	CLEANUP(exec_gate_close_cleanup) struct exec_gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->program.fd = gate->process.pidfd = gate->process.channel = -1;
	gate->loop = sd_event_ref(loop);
	gate->limit = limit < GATE_LIMIT_MAX ? limit : GATE_LIMIT_MAX;
	gate->asked = asked;
	gate->userdata = userdata;
	r = worker_program_open("cordon-gate", program, &gate->program);
	if (r >= 0)
		r = process_start(gate);
	if (r < 0)
		return r;
	*ret = take_ptr(gate);
	return 0;
}

void exec_gate_close(struct exec_gate *gate)
{
	if (!gate)
		return;
	process_end(gate);
	worker_program_close(&gate->program);
	sd_event_unref(gate->loop);
	free(gate);
}

void exec_gate_mark(struct exec_gate *gate, int mount)
{
	const struct gate_frame frame = { .kind = GATE_MARK };

	request(gate, &frame, mount);
}

void exec_gate_answer(struct exec_gate *gate, uint64_t number, bool allow, bool keep)
{
	const struct gate_frame frame = {
		.kind = GATE_ANSWER, .number = number, .allow = allow, .keep = keep
	};

	request(gate, &frame, -1);
}

void exec_gate_forget(struct exec_gate *gate, int fd)
{
	const struct gate_frame frame = { .kind = GATE_FORGET };

	request(gate, &frame, fd);
}

void exec_gate_flush(struct exec_gate *gate)
{
	const struct gate_frame frame = { .kind = GATE_FLUSH };

	request(gate, &frame, -1);
	exempt(gate);
}

static void restart(struct exec_gate *gate)
{
	int r;

	if (gate->starts >= STARTS_MAX)
		return;
	gate->starts++;
	gate->restarts++;
	r = process_start(gate);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "cordon-gate cannot be started");
	else if (gate->starts == STARTS_MAX)
		log_error("cordon-gate ended %d times in a row: executions go on unheld",
			  STARTS_MAX);
}

void exec_gate_tick(struct exec_gate *gate, void (*marks)(void *userdata), void *userdata)
{
	const struct gate_frame ping = { .kind = GATE_PING };

	if (gate->process.pid > 0 && gate->pings++ >= PINGS_MAX) {
		log_warning("cordon-gate does not answer, and is replaced");
		process_end(gate);
	}
	if (gate->process.pid == 0)
		restart(gate);
	if (gate->fresh) {
		gate->fresh = false;
		marks(userdata);
	}
	request(gate, &ping, -1);
}

void exec_gate_statistics(const struct exec_gate *gate, struct exec_gate_statistics *ret)
{
	struct gate_frame sum = gate->before;

	*ret = (struct exec_gate_statistics){
		.running = gate->process.pid > 0,
		.asked = sum.asked + gate->state.asked,
		.answered = sum.answered + gate->state.answered,
		.denied = sum.denied + gate->state.denied,
		.expired = sum.expired + gate->state.expired,
		.unheard = sum.unheard + gate->state.unheard,
		.full = sum.full + gate->state.full,
		.waiting = gate->state.waiting,
		.unmarked = sum.unmarked + gate->state.unmarked,
		.restarts = gate->restarts,
	};
}
