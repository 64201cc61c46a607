/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/control_request.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* Connections taken in one turn of the loop. */
#define ACCEPT_MAX CONTROL_CLIENTS_MAX

/* Without descriptors left, a connection that waits keeps the listener readable: it is looked at
 * again after so long, instead of in every turn of the loop. */
#define ACCEPT_PAUSE_USEC (1000 * 1000)

struct client {
	struct control *control;
	int fd; /* -1: the slot is free */
	enum control_peer peer;
	uid_t uid;
	sd_event_source *io, *timer;
	char *reply; /* not sent yet: the client does not read */
};

struct control {
	char *path;
	int listener;
	sd_event *loop;
	sd_event_source *io;
	sd_event_source *pause; /* ends the listener's pause */
	struct control_handlers handlers;
	void *userdata;
	struct client clients[CONTROL_CLIENTS_MAX];
	struct control_statistics statistics;
};

static void client_close(struct client *client)
{
	client->io = sd_event_source_disable_unref(client->io);
	client->timer = sd_event_source_disable_unref(client->timer);
	close_cleanup(&client->fd);
	client->fd = -1;
	free(take_ptr(client->reply));
}

/* Sends the reply, or as soon as the client reads. */
static int client_flush(struct client *client)
{
	int r = channel_send(client->fd, client->reply, strlen(client->reply));

	if (r == -EAGAIN)
		return sd_event_source_set_io_events(client->io, EPOLLOUT);
	free(take_ptr(client->reply));
	if (r < 0)
		return r;
	return sd_event_source_set_io_events(client->io, EPOLLIN);
}

/* Takes the reference. */
static int client_reply(struct client *client, json_t *reply)
{
	CLEANUP(json_decref_cleanup) json_t *object = reply;

	if (!object)
		return -ENOMEM;
	client->reply = json_dumps(object, JSON_COMPACT);
	return client->reply ? client_flush(client) : -ENOMEM;
}

static int client_reply_error(struct client *client, const char *text)
{
	return client_reply(client, json_pack("{s:s}", "error", text));
}

static int run_status(struct client *client, int request, const json_t *arguments)
{
	struct control *control = client->control;

	(void)request;
	(void)arguments;
	return client_reply(client, control->handlers.status(control->userdata));
}

static int run_reload(struct client *client, int request, const json_t *arguments)
{
	struct control *control = client->control;
	char error[CONTROL_ERROR_SIZE] = "";
	int r;

	(void)request;
	(void)arguments;
	log_info("reload asked for over the control socket by uid %u", client->uid);
	r = control->handlers.reload(control->userdata, error);
	if (r < 0)
		return client_reply_error(client, error[0] ? error : strerror(-r));
	return client_reply(client, json_pack("{s:b}", "reloaded", 1));
}

static int run_preflight(struct client *client, int request, const json_t *arguments)
{
	struct control *control = client->control;
	char error[CONTROL_ERROR_SIZE] = "";
	uint64_t run = 0;
	int r;

	(void)request;
	(void)arguments;
	r = control->handlers.preflight(control->userdata, &run, error);

	if (r < 0)
		return client_reply_error(client, error[0] ? error : strerror(-r));
	return client_reply(client, json_pack("{s:I}", "run", (json_int_t)run));
}

static int run_close(struct client *client, int request, const json_t *arguments)
{
	struct control *control = client->control;
	const char *uid = json_string_value(json_object_get(arguments, "uid"));
	const char *comment = json_string_value(json_object_get(arguments, "comment"));
	char error[CONTROL_ERROR_SIZE] = "";
	int r;

	(void)request;
	if (!uid || !comment)
		return -EBADMSG;
	log_info("finding %.64s is closed over the control socket by uid %u", uid, client->uid);
	r = control->handlers.close(control->userdata, uid, comment, error);
	if (r < 0)
		return client_reply_error(client, error[0] ? error : strerror(-r));
	return client_reply(client, json_pack("{s:b}", "closed", 1));
}

static int run_action(struct client *client, int request, const json_t *arguments)
{
	struct control *control = client->control;
	char error[CONTROL_ERROR_SIZE] = "";
	json_t *reply;

	/* Who waits for an isolation looks again and again. */
	if (request != CONTROL_ISOLATION)
		log_notice("%s asked for over the control socket by uid %u",
			   control_request_name((enum control_request)request), client->uid);
	reply = control->handlers.act(control->userdata, request, arguments, client->uid, error);
	return reply ? client_reply(client, reply)
		     : client_reply_error(client, error[0] ? error : "it failed");
}

static int (*const handlers[CONTROL_REQUESTS])(struct client *client, int request,
					       const json_t *arguments) = {
	[CONTROL_STATUS] = run_status,	     [CONTROL_RELOAD] = run_reload,
	[CONTROL_PREFLIGHT] = run_preflight, [CONTROL_CONTAIN] = run_action,
	[CONTROL_UNCONTAIN] = run_action,    [CONTROL_CLOSE] = run_close,
	[CONTROL_ISOLATION] = run_action,    [CONTROL_ISOLATE] = run_action,
	[CONTROL_RELEASE] = run_action,	     [CONTROL_DRY_RUN] = run_action,
	[CONTROL_CONFIRM] = run_action,	     [CONTROL_UPDATE] = run_action,
	[CONTROL_ACCEPT] = run_action,	     [CONTROL_ROLLBACK] = run_action,
};

/* 0, or a negative errno: the client is to be closed. */
static int client_answer(struct client *client, const char *frame, size_t size)
{
	struct control_statistics *statistics = &client->control->statistics;
	CLEANUP(json_decref_cleanup) json_t *arguments = NULL;
	int request = control_request_read(frame, size, client->peer, &arguments);

	switch (request) {
	case -ENOENT:
		statistics->unknown++;
		return client_reply_error(client, "no such request");
	case -EPERM:
		statistics->denied++;
		return client_reply_error(client, "only root may ask for this");
	}
	if (request < 0)
		return request;
	statistics->requests++;
	return handlers[request](client, request, arguments);
}

static int client_read(struct client *client)
{
	char frame[CONTROL_REQUEST_MAX];
	ssize_t n = channel_receive(client->fd, frame, sizeof(frame));

	if (n == -EAGAIN)
		return 0;
	return n < 0 ? (int)n : client_answer(client, frame, (size_t)n);
}

static int client_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct client *client = userdata;
	struct control_statistics *statistics = &client->control->statistics;
	int r;

	(void)source;
	(void)fd;
	if (client->reply)
		r = events & EPOLLOUT ? client_flush(client) : -EPIPE;
	else
		r = client_read(client);
	if (r >= 0)
		return 0;
	if (r == -EBADMSG || r == -EMSGSIZE) {
		statistics->garbage++;
		log_debug("control socket: uid %u sent what is no request", client->uid);
	} else if (r != -EPIPE) {
		statistics->failed++;
		(void)log_errno(LOG_WARNING, r, "control socket");
	}
	client_close(client);
	return 0;
}

static int client_expired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct client *client = userdata;

	(void)source;
	(void)usec;
	client->control->statistics.timed_out++;
	client_close(client);
	return 0;
}

static struct client *client_slot(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

/* Takes the descriptor. */
static int client_add(struct control *control, int connection, const struct channel_peer *peer)
{
	struct client *client = client_slot(control);
	CLEANUP(close_cleanup) int fd = connection;
	int r;

	if (!client) {
		control->statistics.refused++;
		return 0;
	}
	client->control = control;
	client->uid = peer->uid;
	client->peer = peer->uid == 0 ? CONTROL_PEER_ROOT : CONTROL_PEER_OTHER;
	client->fd = take_fd(&fd);
	r = sd_event_add_io(control->loop, &client->io, client->fd, EPOLLIN, client_ready, client);
	if (r >= 0)
		r = sd_event_add_time_relative(control->loop, &client->timer, CLOCK_MONOTONIC,
					       CONTROL_CLIENT_TIME / 1000, 0, client_expired,
					       client);
	if (r < 0) {
		client_close(client);
		return r;
	}
	control->statistics.accepted++;
	return 0;
}

static int listener_pause(struct control *control)
{
	int r = sd_event_source_set_time_relative(control->pause, ACCEPT_PAUSE_USEC);

	if (r >= 0)
		r = sd_event_source_set_enabled(control->pause, SD_EVENT_ONESHOT);
	return r < 0 ? r : sd_event_source_set_enabled(control->io, SD_EVENT_OFF);
}

static int pause_ended(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct control *control = userdata;

	(void)source;
	(void)usec;
	return sd_event_source_set_enabled(control->io, SD_EVENT_ON);
}

static int listener_ready(sd_event_source *source, int listener, uint32_t events, void *userdata)
{
	struct control *control = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct channel_peer peer;
		int r = channel_accept(listener, &peer);

		if (r >= 0)
			r = client_add(control, r, &peer);
		else if (r == -EAGAIN)
			break;
		if (r < 0) {
			control->statistics.failed++;
			(void)log_errno(LOG_WARNING, r, "control socket: no connection taken");
			return listener_pause(control);
		}
	}
	return 0;
}

static gid_t group_find(void)
{
	const struct group *group = getgrnam(CONTROL_GROUP);

	return group ? group->gr_gid : (gid_t)-1;
}

int control_open(sd_event *loop, const char *path, const struct control_handlers *asked,
		 void *userdata, struct control **ret)
{
	struct control *control = calloc(1, sizeof(*control));
	int r = -ENOMEM;

	if (!control)
		return r;
	control->listener = -1;
	control->handlers = *asked;
	control->userdata = userdata;
	control->loop = sd_event_ref(loop);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->path = strdup(path);
	if (control->path)
		r = control->listener = channel_listen(path, 0660, group_find());
	if (r >= 0)
		r = sd_event_add_io(loop, &control->io, control->listener, EPOLLIN, listener_ready,
				    control);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &control->pause, CLOCK_MONOTONIC, 0, 0,
					       pause_ended, control);
	if (r >= 0)
		r = sd_event_source_set_enabled(control->pause, SD_EVENT_OFF);
	if (r < 0) {
		control_close(control);
		return r;
	}
	*ret = control;
	return 0;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_close(&control->clients[i]);
	sd_event_source_disable_unref(control->io);
	sd_event_source_disable_unref(control->pause);
	if (control->listener >= 0) {
		(void)unlink(control->path);
		(void)close(control->listener);
	}
	sd_event_unref(control->loop);
	free(control->path);
	free(control);
}

void control_statistics(const struct control *control, struct control_statistics *ret)
{
	*ret = control->statistics;
}
