/* SPDX-License-Identifier: Apache-2.0 */
#include "response/contain.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "response/contain_record.h"
#include "response/contain_sockets.h"

CLEANUP_DEFINE(struct contain *, contain_close)

struct contain {
	struct containment *containment;
	struct contain_options options;
	char *record;
	sd_event_source *watch, *timer; /* of interfaces; of the deadline */
	struct contain_control control; /* in force, if control.on */
	uint64_t cut_ns, destroyed;
	char sockets_problem[128];
	bool holds; /* when it was last looked */
};

/* ---- while it is in force ---- */

static void messages_drop(int fd)
{
	char bytes[8192];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* What they say is not read: interfaces are listed anew. A message that was lost has come, too. */
static int interfaces_changed(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct contain *contain = userdata;

	(void)source;
	(void)events;
	messages_drop(fd);
	containment_refresh_interfaces(contain->containment);
	return 0;
}

static int watch_start(struct contain *contain, sd_event *loop)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	CLEANUP(close_cleanup)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int r;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = sd_event_add_io(loop, &contain->watch, fd, EPOLLIN, interfaces_changed, contain);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(contain->watch, 1);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	return sd_event_source_set_enabled(contain->watch, SD_EVENT_OFF);
}

static int deadline_passed(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct contain *contain = userdata;

	(void)source;
	(void)usec;
	contain_tick(contain);
	return 0;
}

/* Messages that came while nobody looked are of no interest. */
static void watch_set(struct contain *contain, bool on)
{
	uint64_t now = clock_boottime(), until = contain->control.until;

	if (on && sd_event_source_get_enabled(contain->watch, NULL) == 0)
		messages_drop(sd_event_source_get_io_fd(contain->watch));
	(void)sd_event_source_set_enabled(contain->watch, on ? SD_EVENT_ON : SD_EVENT_OFF);
	if (on && until) {
		(void)sd_event_source_set_time_relative(contain->timer,
							until > now ? (until - now) / 1000 + 1 : 0);
		(void)sd_event_source_set_enabled(contain->timer, SD_EVENT_ONESHOT);
	} else {
		(void)sd_event_source_set_enabled(contain->timer, SD_EVENT_OFF);
	}
}

void contain_tick(struct contain *contain)
{
	if (!contain || !contain->control.on)
		return;
	if (contain->control.until && clock_boottime() >= contain->control.until) {
		log_notice("the containment's time is over");
		(void)contain_end(contain);
		if (contain->options.expired)
			contain->options.expired(contain->options.userdata);
		return;
	}
	containment_refresh_cgroups(contain->containment);
	contain->holds = containment_holds(contain->containment);
}

/* ---- start ---- */

/* What is pinned knows best; else what was written before the boot. */
static int restore(struct contain *contain)
{
	struct contain_record record = { 0 };
	struct contain_plan plan;
	int r;

	containment_control(contain->containment, &contain->control);
	if (contain->control.on) {
		log_notice("the host is contained: taken over");
		contain->holds = containment_holds(contain->containment);
		watch_set(contain, true);
		contain_tick(contain);
		return 0;
	}
	if (!contain->record)
		return 0;
	r = contain_record_read(contain->record, &record);
	if (r == -ENOENT)
		return 0;
	/* It is there only while the host is contained: whatever it says, that holds. */
	if (r < 0)
		(void)log_errno(LOG_ERR, r,
				"%s cannot be read: the host is contained until a "
				"person lifts it",
				contain->record);
	plan = (struct contain_plan){ .reason = r < 0 ? "its record was damaged" : record.reason,
				      .finding = record.finding[0] ? record.finding : NULL,
				      .provisional = record.provisional,
				      .deadline = contain_record_deadline(&record) };
	if (plan.deadline && plan.deadline <= clock_boottime()) {
		log_notice("the containment of before the boot is over");
		return contain_record_remove(contain->record);
	}
	r = contain_begin(contain, &plan);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the host cannot be contained again");
	contain->control.since_realtime = record.since ? record.since : clock_realtime();
	log_notice("the host was contained before: it is again");
	return 0;
}

int contain_open(sd_event *loop, const struct contain_options *options, struct contain **ret)
{
	CLEANUP(contain_close_cleanup) struct contain *contain = calloc(1, sizeof(*contain));
	int r;

	if (!contain)
		return -ENOMEM;
	contain->options = *options;
	if (options->record) {
		contain->record = strdup(options->record);
		if (!contain->record)
			return -ENOMEM;
	}
	r = containment_open(&options->kernel, &contain->containment);
	if (r < 0)
		return r;
	contain->options.kernel = (struct containment_options){ 0 }; /* borrowed until now */
	r = watch_start(contain, loop);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &contain->timer, CLOCK_BOOTTIME, 0, 0,
					       deadline_passed, contain);
	if (r >= 0)
		r = sd_event_source_set_enabled(contain->timer, SD_EVENT_OFF);
	if (r < 0)
		return log_errno(LOG_ERR, r, "interfaces cannot be watched");
	r = restore(contain);
	if (r < 0)
		return r;
	*ret = take_ptr(contain);
	return 0;
}

int contain_configure(struct contain *contain, const struct containment_options *kernel)
{
	return containment_configure(contain->containment, kernel);
}

void contain_close(struct contain *contain)
{
	if (!contain)
		return;
	sd_event_source_disable_unref(contain->watch);
	sd_event_source_disable_unref(contain->timer);
	containment_close(contain->containment);
	free(contain->record);
	free(contain);
}

/* ---- begin and end ---- */

/* Whole characters, as many as fit; bytes that are none would make the record unreadable. */
static void text_set(char *out, size_t size, const char *text)
{
	size_t left = text ? strlen(text) : 0, used = 0;

	while (left) {
		size_t length = utf8_character(text, left), taken = length ? length : 1;

		if (used + taken >= size)
			break;
		memcpy(out + used, length ? text : "?", taken);
		used += taken;
		text += taken;
		left -= taken;
	}
	out[used] = '\0';
}

static void control_fill(struct contain_control *control, const struct contain_plan *plan)
{
	if (!control->on) {
		control->since = clock_boottime();
		control->since_realtime = clock_realtime();
	}
	control->on = 1;
	control->until = plan->deadline;
	control->provisional = plan->provisional;
	text_set(control->reason, sizeof(control->reason), plan->reason);
	text_set(control->finding, sizeof(control->finding), plan->finding);
}

static void record_write(const struct contain *contain)
{
	const struct contain_control *control = &contain->control;
	struct contain_record record = { .since = control->since_realtime,
					 .provisional = control->provisional };
	int r;

	if (!contain->record)
		return;
	if (control->until) {
		record.lasts =
			control->until > clock_boottime() ? control->until - clock_boottime() : 0;
		record.until = clock_realtime() + record.lasts;
	}
	memcpy(record.reason, control->reason, sizeof(record.reason));
	memcpy(record.finding, control->finding, sizeof(record.finding));
	r = contain_record_write(contain->record, &record);
	if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s: the containment ends with the next boot",
				contain->record);
}

static void sockets_destroy(struct contain *contain)
{
	struct contain_sockets sockets;
	int r = contain_sockets_destroy(contain->containment, &sockets);

	contain->destroyed += sockets.destroyed;
	contain->sockets_problem[0] = '\0';
	if (r < 0)
		(void)snprintf(contain->sockets_problem, sizeof(contain->sockets_problem),
			       "open sockets wait for their timeouts: %s", strerror(-r));
	else if (sockets.unreachable)
		(void)snprintf(contain->sockets_problem, sizeof(contain->sockets_problem),
			       "sockets in %zu network namespaces wait for their timeouts",
			       sockets.unreachable);
}

static int cut_make(struct contain *contain, const struct contain_plan *plan, uint64_t began)
{
	struct contain_control control = contain->control;
	bool again = control.on;
	int r;

	control_fill(&control, plan);
	containment_refresh_cgroups(contain->containment);
	r = containment_attach(contain->containment, &control);
	if (r < 0) {
		contain->control = (struct contain_control){ 0 };
		watch_set(contain, false);
		return r;
	}
	contain->control = control;
	if (!again)
		contain->cut_ns = clock_boottime() - began;
	watch_set(contain, true);
	/* Those that came while it was attached. */
	sockets_destroy(contain);
	record_write(contain);
	contain->holds = containment_holds(contain->containment);
	return contain->holds && !containment_problem(contain->containment)[0] ? 0
									       : CONTAIN_PARTIAL;
}

/* On a busy host others have their turns between any two of the cut's system calls: with eight
 * runnable for each CPU that made 30 ms of the 0.7 that it takes, at the 99th percentile; 10 with
 * this. */
#define URGENT (-20)

int contain_begin(struct contain *contain, const struct contain_plan *plan)
{
	uint64_t began = clock_boottime();
	int before = getpriority(PRIO_PROCESS, 0), r;

	if (plan->deadline && plan->deadline <= began)
		return -ETIME;
	(void)setpriority(PRIO_PROCESS, 0, URGENT);
	r = cut_make(contain, plan, began);
	(void)setpriority(PRIO_PROCESS, 0, before);
	return r;
}

int contain_end(struct contain *contain)
{
	int r = 0, detached;

	/* First: a boot in between must not cut off what a person has opened. */
	if (contain->record)
		r = contain_record_remove(contain->record);
	if (r < 0)
		(void)log_errno(LOG_ERR, r,
				"%s cannot be removed: the next boot contains the host "
				"again",
				contain->record);
	detached = containment_detach(contain->containment);
	contain->control = (struct contain_control){ 0 };
	contain->sockets_problem[0] = '\0';
	watch_set(contain, false);
	return r < 0 ? r : detached;
}

bool contain_on(const struct contain *contain)
{
	return contain && contain->control.on;
}

static void problem_add(struct contain_state *state, const char *problem)
{
	size_t used = strlen(state->problem);

	if (problem[0])
		(void)snprintf(state->problem + used, sizeof(state->problem) - used, "%s%s",
			       used ? "; " : "", problem);
}

void contain_state(const struct contain *contain, struct contain_state *ret)
{
	const struct contain_control *control;

	*ret = (struct contain_state){ 0 };
	if (!contain)
		return;
	control = &contain->control;
	containment_counters(contain->containment, &ret->counters);
	ret->pinned = containment_pinned(contain->containment);
	ret->exempt = containment_exempt(contain->containment);
	ret->cut_ns = contain->cut_ns;
	ret->destroyed = contain->destroyed;
	ret->on = control->on;
	if (!control->on)
		return;
	ret->interfaces = containment_interfaces(contain->containment);
	ret->provisional = control->provisional;
	ret->since = control->since_realtime;
	ret->deadline = control->until;
	memcpy(ret->reason, control->reason, sizeof(ret->reason));
	memcpy(ret->finding, control->finding, sizeof(ret->finding));
	problem_add(ret, contain->holds ? "" : "a program is no longer attached");
	problem_add(ret, containment_problem(contain->containment));
	problem_add(ret, contain->sockets_problem);
	ret->partial = ret->problem[0] != '\0';
}
