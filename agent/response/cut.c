/* SPDX-License-Identifier: Apache-2.0 */
#include "response/cut.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "response/namespace.h"
#include "response/socket_diag.h"
#include "sensor/sensor.h"

/* Failures come as fast as flows do; the log gets one line in this time. */
#define LOG_PAUSE (60 * NS_PER_SECOND)

struct cut {
	struct sensor *sensor;
	struct namespace_cache *namespaces;
	struct cut_statistics statistics;
	uint64_t second; /* of the boot clock, that destroyed belongs to */
	unsigned destroyed;
	uint64_t logged; /* boot clock, when a failure was last logged; 0: never */
};

int cut_open(sd_event *loop, struct sensor *sensor, struct cut **ret)
{
	CLEANUP(free_cleanup) struct cut *cut = calloc(1, sizeof(*cut));
	int r;

	if (!cut)
		return -ENOMEM;
	cut->sensor = sensor;
	r = namespace_cache_open(loop, &cut->namespaces);
	if (r < 0)
		return r;
	*ret = take_ptr(cut);
	return 0;
}

void cut_close(struct cut *cut)
{
	if (!cut)
		return;
	namespace_cache_close(cut->namespaces);
	free(cut);
}

void cut_statistics(const struct cut *cut, struct cut_statistics *ret)
{
	*ret = cut->statistics;
}

static bool budget_take(struct cut *cut)
{
	uint64_t second = clock_boottime() / NS_PER_SECOND;

	if (second != cut->second) {
		cut->second = second;
		cut->destroyed = 0;
	}
	return cut->destroyed++ < CUT_RATE;
}

static int socket_destroy(struct cut *cut, const struct event *event)
{
	const struct dns_answer_ends ends = {
		.client = event->source,
		.server = event->destination,
		.client_port = event->source_port,
		.server_port = event->destination_port,
	};
	const struct namespace_sockets *sockets;
	/* The thread may be in another namespace than the rest of its process. */
	int r = namespace_find(cut->namespaces, event->tid > 0 ? event->tid : event->pid, &sockets);

	/* Its process has ended, but not what it left to others, or to the kernel to send. */
	if (r == -ENOENT || r == -ESRCH)
		r = namespace_find(cut->namespaces, 0, &sockets);
	if (r < 0)
		return r;
	return socket_diag_destroy(sockets->diag, event->protocol, &ends, event->socket_cookie);
}

static void failure_log(struct cut *cut, int error, const char *what)
{
	if (cut->logged && clock_boottime() - cut->logged < LOG_PAUSE)
		return;
	cut->logged = clock_boottime();
	(void)log_errno(LOG_WARNING, error, "%s", what);
}

static int outcome_count(struct cut *cut, const struct event *event, int r)
{
	if (r == 0) {
		cut->statistics.destroyed++;
		/* Nothing has its cookie any more. A socket for datagrams may be used again. */
		if (cut->sensor && event->protocol == IPPROTO_TCP)
			(void)sensor_uncut(cut->sensor, event->socket_cookie);
		return CUT_DESTROYED;
	}
	if (r == -ENOENT || r == -ESTALE) {
		cut->statistics.gone++;
		return CUT_GONE;
	}
	cut->statistics.dropped++;
	if (r != -EBUSY)
		failure_log(cut, r,
			    "the socket of a flow that was cut cannot be destroyed: what "
			    "it sends is dropped");
	return CUT_DROPPED;
}

int cut_flow(struct cut *cut, const struct event *event)
{
	int r = 0;

	if (event->direction != EVENT_DIRECTION_OUT || event->socket_cookie == 0 ||
	    (event->protocol != IPPROTO_TCP && event->protocol != IPPROTO_UDP))
		return -EINVAL;
	/* First: what is on its way while the socket is looked for is not sent either. */
	if (cut->sensor)
		r = sensor_cut(cut->sensor, event->socket_cookie);
	if (r == -EOPNOTSUPP)
		return r;
	if (r < 0) {
		cut->statistics.failed++;
		failure_log(cut, r, "a flow cannot be cut");
		return r;
	}
	r = budget_take(cut) ? socket_destroy(cut, event) : -EBUSY;
	return outcome_count(cut, event, r);
}
