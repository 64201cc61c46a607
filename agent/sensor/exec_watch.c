/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the socket of the process connector. Messages are the kernel's: those of other senders are
 * refused by their address.
 */
#include "sensor/exec_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(struct exec_watch *, exec_watch_close)

/* Messages in one turn of the loop. */
#define MESSAGES_MAX 256
/* Executions that wait to be read: some thousands. */
#define RECEIVE_ROOM (1 << 20)

/* linux/cn_proc.h of 6.6 has these within another enum. */
#define WHAT_EXEC 0x00000002u

struct exec_watch {
	int socket;
	sd_event_source *source;
	exec_watch_told told;
	void *userdata;
	struct exec_watch_statistics statistics;
};

/* One message of the connector, as it lies in a frame: the event is not aligned, and the head ends
 * in an array without a size. */
struct message {
	struct nlmsghdr netlink;
	uint8_t connector[sizeof(struct cn_msg)];
	uint8_t body[sizeof(struct proc_event)];
};
#define BODY offsetof(struct message, body)

/* Only executions come to us: the others would wake us for each fork and exit. */
static int filter_attach(int fd)
{
	const unsigned what = (unsigned)(BODY + offsetof(struct proc_event, what));
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what),
		/* Loads are in network order. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(WHAT_EXEC), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WHAT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { .len = ELEMENTS(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int listen_ask(int fd, uint32_t operation)
{
	const struct cn_msg head = { .id = { .idx = CN_IDX_PROC, .val = CN_VAL_PROC },
				     .len = sizeof(operation) };
	struct message message = { .netlink = { .nlmsg_type = NLMSG_DONE } };

	memcpy(message.connector, &head, sizeof(head));
	memcpy(message.body, &operation, sizeof(operation));
	message.netlink.nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(operation));
	return send(fd, &message, message.netlink.nlmsg_len, 0) < 0 ? -errno : 0;
}

static void execution_look(struct exec_watch *watch, pid_t pid)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct stat status;
	char path[32];

	watch->statistics.seen++;
	if (pid == getpid())
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &status) < 0) {
		watch->statistics.gone++;
		return;
	}
	if (status.st_nlink > 0 || !S_ISREG(status.st_mode))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* Nobody but the same file: the process may have executed another one meanwhile. */
	if (fd < 0 || fstat(fd, &status) < 0 || status.st_nlink > 0) {
		watch->statistics.gone++;
		return;
	}
	watch->statistics.unnamed++;
	watch->told(take_fd(&fd), pid, watch->userdata);
}

static int messages_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct exec_watch *watch = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < MESSAGES_MAX; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t size = sizeof(from);
		struct message message = { 0 };
		struct proc_event event;
		ssize_t n = recvfrom(fd, &message, sizeof(message), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &size);

		if (n < 0 && errno == ENOBUFS)
			watch->statistics.lost++;
		if (n < 0 && errno != ENOBUFS)
			break;
		if (n < (ssize_t)(BODY + offsetof(struct proc_event, event_data) +
				  sizeof(event.event_data.exec)) ||
		    from.nl_pid != 0)
			continue;
		memcpy(&event, message.body, sizeof(event));
		if ((uint32_t)event.what == WHAT_EXEC)
			execution_look(watch, event.event_data.exec.process_tgid);
	}
	return 0;
}

int exec_watch_open(sd_event *loop, exec_watch_told told, void *userdata, struct exec_watch **ret)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	CLEANUP(exec_watch_close_cleanup) struct exec_watch *watch = calloc(1, sizeof(*watch));
	const int room = RECEIVE_ROOM;
	int r;

	if (!watch)
		return -ENOMEM;
	watch->told = told;
	watch->userdata = userdata;
	watch->socket =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (watch->socket < 0)
		return -errno;
	(void)setsockopt(watch->socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	r = filter_attach(watch->socket);
	if (r == 0 && bind(watch->socket, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r == 0)
		r = listen_ask(watch->socket, PROC_CN_MCAST_LISTEN);
	if (r == 0)
		r = sd_event_add_io(loop, &watch->source, watch->socket, EPOLLIN, messages_ready,
				    watch);
	if (r < 0)
		return r;
	*ret = take_ptr(watch);
	return 0;
}

void exec_watch_close(struct exec_watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->source);
	if (watch->socket >= 0) {
		(void)listen_ask(watch->socket, PROC_CN_MCAST_IGNORE);
		(void)close(watch->socket);
	}
	free(watch);
}

void exec_watch_statistics(const struct exec_watch *watch, struct exec_watch_statistics *ret)
{
	*ret = watch->statistics;
}
