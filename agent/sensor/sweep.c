/* SPDX-License-Identifier: Apache-2.0
 *
 * What was open before the agent came, or before an address was listed: connections that exist,
 * made into events as if they were begun now. Gets them from open_sockets.c, gives events to the
 * sensor's callback.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/open_sockets.h"
#include "sensor/probes.h"
#include "sensor/process_proc.h"
#include "sensor/process_table.h"

struct watch {
	struct sensor *sensor;
	sensor_listed listed;
	void *userdata;
	char cgroup[PATH_MAX]; /* watched, below the hierarchy's root: "" is all of it */
};

/* Where the watched cgroup is, as /proc/PID/cgroup writes it. */
static int watched_path(const struct sensor *sensor, char out[static PATH_MAX])
{
	CLEANUP(free_cleanup) char *root = NULL;
	char link[64], path[PATH_MAX];
	size_t skip;
	ssize_t n;
	int r = sensor_cgroup_root(&root);

	if (r < 0)
		return r;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", sensor->cgroup_fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	skip = strlen(root);
	if (strncmp(path, root, skip) != 0 || (path[skip] != '\0' && path[skip] != '/'))
		return -EXDEV;
	(void)snprintf(out, PATH_MAX, "%s", path + skip);
	return 0;
}

static bool cgroup_watched(const struct watch *watch, const struct process *process)
{
	size_t size = strlen(watch->cgroup);

	return size == 0 || (strncmp(process->cgroup, watch->cgroup, size) == 0 &&
			     (process->cgroup[size] == '\0' || process->cgroup[size] == '/'));
}

static bool socket_wanted(const struct open_socket *socket, void *userdata)
{
	struct watch *watch = userdata;

	return watch->listed(&socket->remote, watch->userdata);
}

static void socket_found(const struct open_socket *socket, void *userdata)
{
	struct watch *watch = userdata;
	struct sensor *sensor = watch->sensor;
	struct process_key key = { 0 };
	struct event event = {
		.kind = EVENT_CONNECTION,
		.watch = EVENT_WATCH_OPEN,
		.time = clock_realtime(),
		.direction = EVENT_DIRECTION_OUT,
		.attribution = EVENT_ATTRIBUTION_OWNER,
		.matched = true,
		.protocol = socket->protocol,
		.source = socket->local,
		.destination = socket->remote,
		.source_port = socket->local_port,
		.destination_port = socket->remote_port,
		.socket_cookie = socket->cookie,
		.uid = socket->uid,
	};

	if (socket->holder > 0 && process_proc_key(socket->holder, &key) == 0)
		event.process = process_table_find(sensor->processes, &key, NULL);
	/* Of a part of the hierarchy only what is known to belong to it. */
	if (event.process ? !cgroup_watched(watch, event.process) : watch->cgroup[0] != '\0')
		return;
	if (event.process) {
		event.pid = event.tid = event.process->pid;
		event.pid_start = key.start;
	} else {
		event.attribution = EVENT_ATTRIBUTION_NONE;
	}
	sensor->callback(&event, sensor->userdata);
}

int sensor_sweep(struct sensor *sensor, sensor_listed listed, void *userdata)
{
	struct watch watch = { .sensor = sensor, .listed = listed, .userdata = userdata };
	int r;

	/* What begins between a sweep and the attaching would be seen by neither. */
	if (!sensor->attached)
		return 0;
	r = watched_path(sensor, watch.cgroup);
	if (r >= 0)
		r = open_sockets_sweep(socket_wanted, socket_found, &watch);
	if (r > 0)
		log_warning("%d more open connections to listed addresses are not told of", r);
	return r < 0 ? r : 0;
}
