/* SPDX-License-Identifier: Apache-2.0 */
#include "response/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"

/* Namespaces that block at the same time: pods on a busy node. The least recently used makes room:
 * that costs it a new set of sockets (about 0.1 ms) at its next blocked lookup. */
#define NAMESPACES_MAX	16
/* Long enough for the retries of one lookup, short enough that nobody waits for a namespace to go.
 */
#define NAMESPACE_IDLE	(2 * NS_PER_SECOND)
/* Anybody can make namespaces, and a visit takes a thread: 0.1 ms, or some of them on a busy host,
 * in which the loop waits. */
#define VISITS_A_SECOND 50

struct namespace
{
	dev_t dev;
	ino_t ino;
	uint64_t used; /* boot clock; 0: the slot is free */
	struct namespace_sockets sockets;
};

struct namespace_cache {
	struct namespace own;
	struct namespace others[NAMESPACES_MAX];
	uint64_t second; /* of the boot clock, that visits belongs to */
	unsigned visits;
	sd_event_source *timer;
};

/* A job for the thread that goes into the namespace. */
struct visit {
	int fd; /* of the namespace */
	struct namespace_sockets sockets;
	int result;
};

static void sockets_close(struct namespace_sockets *sockets)
{
	close_cleanup(&sockets->raw4);
	close_cleanup(&sockets->raw6);
	close_cleanup(&sockets->diag);
}

static int socket_open(int family, int type, int protocol, int *ret)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	/* A kernel without the protocol is no error until somebody needs it. */
	if (fd < 0 && errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT)
		return -errno;
	*ret = fd;
	return 0;
}

/* In the namespace of the calling thread. */
static int sockets_open(struct namespace_sockets *ret)
{
	struct namespace_sockets sockets = { -1, -1, -1 };
	int on = 1, r;

	/* IPPROTO_RAW: we write the IP header ourselves, in both families, and receive nothing. */
	r = socket_open(AF_INET, SOCK_RAW, IPPROTO_RAW, &sockets.raw4);
	if (r >= 0)
		r = socket_open(AF_INET6, SOCK_RAW, IPPROTO_RAW, &sockets.raw6);
	if (r >= 0)
		r = socket_open(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &sockets.diag);
	if (r < 0) {
		sockets_close(&sockets);
		return r;
	}
	/* Never by way of a gateway: what we write is for this host. */
	(void)setsockopt(sockets.raw4, SOL_SOCKET, SO_DONTROUTE, &on, sizeof(on));
	(void)setsockopt(sockets.raw6, SOL_SOCKET, SO_DONTROUTE, &on, sizeof(on));
	*ret = sockets;
	return 0;
}

static void *visit_run(void *argument)
{
	struct visit *visit = argument;

	if (setns(visit->fd, CLONE_NEWNET) < 0)
		visit->result = -errno;
	else
		visit->result = sockets_open(&visit->sockets);
	return NULL;
}

static int sockets_open_in(int fd, struct namespace_sockets *ret)
{
	struct visit visit = { .fd = fd };
	int r = thread_run(visit_run, &visit);

	if (r < 0)
		return r;
	if (visit.result >= 0)
		*ret = visit.sockets;
	return visit.result;
}

static void namespace_release(struct namespace *namespace)
{
	if (namespace->used == 0)
		return;
	sockets_close(&namespace->sockets);
	*namespace = (struct namespace){ 0 };
}

/* For when the least recently used one will have been idle for long enough. */
static int timer_arm(struct namespace_cache *cache)
{
	uint64_t now = clock_boottime(), oldest = now, due;
	int r;

	for (size_t i = 0; i < NAMESPACES_MAX; i++)
		if (cache->others[i].used && cache->others[i].used < oldest)
			oldest = cache->others[i].used;
	due = oldest + NAMESPACE_IDLE;
	r = sd_event_source_set_time_relative(cache->timer, due > now ? (due - now) / 1000 + 1 : 0);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(cache->timer, SD_EVENT_ONESHOT);
}

/* One that runs already is not put off, however many namespaces come: it has the idle ones to
 * close. */
static int timer_start(struct namespace_cache *cache)
{
	int r = sd_event_source_get_enabled(cache->timer, NULL);

	return r == 0 ? timer_arm(cache) : r;
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct namespace_cache *cache = userdata;
	uint64_t now = clock_boottime();

	(void)source;
	(void)usec;
	for (size_t i = 0; i < NAMESPACES_MAX; i++)
		if (now - cache->others[i].used >= NAMESPACE_IDLE)
			namespace_release(&cache->others[i]);
	return namespace_count(cache) > 0 ? timer_arm(cache) : 0;
}

int namespace_cache_open(sd_event *loop, struct namespace_cache **ret)
{
	CLEANUP(free_cleanup) struct namespace_cache *cache = calloc(1, sizeof(*cache));
	struct stat status;
	int r;

	if (!cache)
		return -ENOMEM;
	if (stat("/proc/self/ns/net", &status) < 0)
		return -errno;
	cache->own.dev = status.st_dev;
	cache->own.ino = status.st_ino;
	r = sockets_open(&cache->own.sockets);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(loop, &cache->timer, CLOCK_MONOTONIC, 0, 0, timer_fired,
				       cache);
	if (r >= 0)
		r = sd_event_source_set_enabled(cache->timer, SD_EVENT_OFF);
	if (r < 0) {
		sd_event_source_disable_unref(cache->timer);
		sockets_close(&cache->own.sockets);
		return r;
	}
	*ret = take_ptr(cache);
	return 0;
}

void namespace_cache_close(struct namespace_cache *cache)
{
	if (!cache)
		return;
	sd_event_source_disable_unref(cache->timer);
	for (size_t i = 0; i < NAMESPACES_MAX; i++)
		namespace_release(&cache->others[i]);
	sockets_close(&cache->own.sockets);
	free(cache);
}

/* The slot that holds the namespace, or the one to use for it: a free one, whose time of use is 0,
 * or the least recently used. */
static struct namespace *slot_choose(struct namespace_cache *cache, const struct stat *status)
{
	struct namespace *oldest = &cache->others[0];

	for (size_t i = 0; i < NAMESPACES_MAX; i++) {
		struct namespace *slot = &cache->others[i];

		if (slot->used && slot->ino == status->st_ino && slot->dev == status->st_dev)
			return slot;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	return oldest;
}

static bool visit_allowed(struct namespace_cache *cache)
{
	uint64_t second = clock_boottime() / NS_PER_SECOND;

	if (second != cache->second) {
		cache->second = second;
		cache->visits = 0;
	}
	return cache->visits++ < VISITS_A_SECOND;
}

static int namespace_fill(struct namespace_cache *cache, int fd, const struct stat *status,
			  const struct namespace_sockets **ret)
{
	struct namespace *slot = slot_choose(cache, status);
	struct namespace_sockets sockets;
	int r;

	if (!slot->used || slot->ino != status->st_ino || slot->dev != status->st_dev) {
		if (!visit_allowed(cache))
			return -EBUSY;
		r = sockets_open_in(fd, &sockets);
		if (r < 0)
			return r;
		namespace_release(slot);
		*slot = (struct namespace){ status->st_dev, status->st_ino, clock_boottime(),
					    sockets };
		r = timer_start(cache);
		if (r < 0) {
			namespace_release(slot);
			return r;
		}
	}
	slot->used = clock_boottime();
	*ret = &slot->sockets;
	return 0;
}

int namespace_find(struct namespace_cache *cache, pid_t pid, const struct namespace_sockets **ret)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct stat status;
	char path[64];

	if (pid > 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &status) < 0)
			return -errno;
		if (status.st_ino != cache->own.ino || status.st_dev != cache->own.dev)
			return namespace_fill(cache, fd, &status, ret);
	}
	*ret = &cache->own.sockets;
	return 0;
}

size_t namespace_count(const struct namespace_cache *cache)
{
	size_t count = 0;

	for (size_t i = 0; i < NAMESPACES_MAX; i++)
		count += cache->others[i].used != 0;
	return count;
}
