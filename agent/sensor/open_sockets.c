/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/open_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"

/* The kernel fills what it is given, up to 32 KiB. */
#define REPLY_SIZE 32768

/* Namespaces that are visited in a sweep: a host with more has containers by the thousand. */
#define NAMESPACES_MAX 4096

/* States of a connection that something can still be sent on; and of a listener, for its port. */
#define STATES_TCP                                                                                 \
	(1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_CLOSE_WAIT | 1U << TCP_LISTEN)
#define STATES_UDP (1U << TCP_ESTABLISHED) /* connected */

struct sweep {
	open_socket_wanted wanted;
	void *userdata;
	struct open_socket found[OPEN_SOCKETS_MAX];
	size_t count;
	unsigned beyond;
	uint8_t listening[65536 / 8]; /* ports, of the namespace that is looked at */
	ino_t namespaces[NAMESPACES_MAX];
	size_t namespace_count;
};

static void address_take(uint8_t family, const __be32 words[static 4], struct address *ret)
{
	if (family == AF_INET)
		*ret = address_from_ipv4((const uint8_t *)words);
	else
		memcpy(ret->bytes, words, sizeof(ret->bytes));
}

static void socket_take(struct sweep *sweep, const struct inet_diag_msg *message, uint8_t protocol)
{
	const struct inet_diag_sockid *id = &message->id;
	struct open_socket socket = {
		.protocol = protocol,
		.local_port = ntohs(id->idiag_sport),
		.remote_port = ntohs(id->idiag_dport),
		.cookie = (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0],
		.inode = message->idiag_inode,
		.uid = message->idiag_uid,
	};

	address_take(message->idiag_family, id->idiag_src, &socket.local);
	address_take(message->idiag_family, id->idiag_dst, &socket.remote);
	if (!sweep->wanted(&socket, sweep->userdata))
		return;
	if (sweep->count == OPEN_SOCKETS_MAX)
		sweep->beyond++;
	else
		sweep->found[sweep->count++] = socket;
}

/* Listeners of both families are taken first: a port is listened on by either. */
static void message_take(struct sweep *sweep, const struct inet_diag_msg *message, uint8_t protocol,
			 bool listeners)
{
	uint16_t port = ntohs(message->id.idiag_sport);

	if (listeners) {
		if (message->idiag_state == TCP_LISTEN)
			sweep->listening[port / 8] |= (uint8_t)(1U << port % 8);
		return;
	}
	if (message->idiag_state == TCP_LISTEN ||
	    (protocol == IPPROTO_TCP && sweep->listening[port / 8] >> port % 8 & 1))
		return;
	socket_take(sweep, message, protocol);
}

/* 1: more is to come; 0: that was all. */
static int reply_take(struct sweep *sweep, const char *reply, size_t size, uint8_t protocol,
		      bool listeners)
{
	const struct nlmsghdr *header = (const void *)reply;

	for (; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
		if (header->nlmsg_type == NLMSG_DONE)
			return 0;
		if (header->nlmsg_type == NLMSG_ERROR)
			return header->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr))
				       ? -EBADMSG
				       : ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
		if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			message_take(sweep, NLMSG_DATA(header), protocol, listeners);
	}
	return 1;
}

static int family_dump(struct sweep *sweep, int fd, uint8_t family, uint8_t protocol,
		       bool listeners)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 diag;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.diag = { .sdiag_family = family,
			  .sdiag_protocol = protocol,
			  .idiag_states = listeners		    ? 1U << TCP_LISTEN
					  : protocol == IPPROTO_TCP ? STATES_TCP
								    : STATES_UDP },
	};
	static _Alignas(struct nlmsghdr) char reply[REPLY_SIZE];
	int r = 1;

	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while (r > 0) {
		ssize_t n = recv(fd, reply, sizeof(reply), 0);

		if (n < 0)
			return -errno;
		r = n == 0 ? -EBADMSG : reply_take(sweep, reply, (size_t)n, protocol, listeners);
	}
	return r;
}

static int namespace_dump(struct sweep *sweep, int fd)
{
	static const struct {
		uint8_t family, protocol;
		bool listeners;
	} dumps[] = {
		{ AF_INET, IPPROTO_TCP, true },	 { AF_INET6, IPPROTO_TCP, true },
		{ AF_INET, IPPROTO_TCP, false }, { AF_INET6, IPPROTO_TCP, false },
		{ AF_INET, IPPROTO_UDP, false }, { AF_INET6, IPPROTO_UDP, false },
	};

	memset(sweep->listening, 0, sizeof(sweep->listening));
	for (size_t i = 0; i < ELEMENTS(dumps); i++) {
		int r = family_dump(sweep, fd, dumps[i].family, dumps[i].protocol,
				    dumps[i].listeners);

		/* A kernel or namespace without IPv6 has none of it. */
		if (r < 0 && r != -ENOENT && r != -EAFNOSUPPORT)
			return r;
	}
	return 0;
}

struct visit {
	int namespace;
	int diag; /* or the error */
};

static int diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

static void *visit_run(void *argument)
{
	struct visit *visit = argument;

	visit->diag = setns(visit->namespace, CLONE_NEWNET) < 0 ? -errno : diag_open();
	return NULL;
}

static int diag_open_in(int namespace)
{
	struct visit visit = { .namespace = namespace };
	int r = thread_run(visit_run, &visit);

	return r < 0 ? r : visit.diag;
}

/* Whether it is new: it is remembered. */
static bool namespace_new(struct sweep *sweep, ino_t inode)
{
	for (size_t i = 0; i < sweep->namespace_count; i++)
		if (sweep->namespaces[i] == inode)
			return false;
	if (sweep->namespace_count == NAMESPACES_MAX)
		return false;
	sweep->namespaces[sweep->namespace_count++] = inode;
	return true;
}

static int namespace_sweep(struct sweep *sweep, const char *path, bool own)
{
	CLEANUP(close_cleanup) int namespace = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(close_cleanup) int diag = -1;
	struct stat status;

	if (namespace < 0 || fstat(namespace, &status) < 0)
		return -errno;
	if (!namespace_new(sweep, status.st_ino))
		return 0;
	diag = own ? diag_open() : diag_open_in(namespace);
	return diag < 0 ? diag : namespace_dump(sweep, diag);
}

/* The next process of /proc: its pid; 0: that were all. */
static pid_t process_next(DIR *proc)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && pid > 0)
			return (pid_t)pid;
	}
	return 0;
}

static int namespaces_sweep(struct sweep *sweep)
{
	CLEANUP(closedir_cleanup) DIR *proc = opendir("/proc");
	unsigned failed = 0;
	char path[64];
	pid_t pid;
	int error = 0, r = namespace_sweep(sweep, "/proc/self/ns/net", true);

	if (r < 0)
		return r;
	if (!proc)
		return -errno;
	while ((pid = process_next(proc))) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
		r = namespace_sweep(sweep, path, false);
		/* Kernel threads have none to open, and processes end. */
		if (r < 0 && r != -ENOENT && r != -ESRCH) {
			failed++;
			error = r;
		}
	}
	if (failed > 0)
		(void)log_errno(
			LOG_WARNING, error,
			"connections in the network namespaces of %u processes are not swept",
			failed);
	return 0;
}

static void holder_take(struct sweep *sweep, pid_t pid, const char *link)
{
	unsigned inode;

	if (sscanf(link, "socket:[%u]", &inode) != 1)
		return;
	for (size_t i = 0; i < sweep->count; i++)
		if (sweep->found[i].inode == inode && !sweep->found[i].holder)
			sweep->found[i].holder = pid;
}

static void process_search(struct sweep *sweep, pid_t pid)
{
	CLEANUP(closedir_cleanup) DIR *folder = NULL;
	char path[64], link[64];
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		holder_take(sweep, pid, link);
	}
}

static void holders_find(struct sweep *sweep)
{
	CLEANUP(closedir_cleanup) DIR *proc = opendir("/proc");
	pid_t pid;

	while (proc && (pid = process_next(proc)))
		process_search(sweep, pid);
}

int open_sockets_sweep(open_socket_wanted wanted, open_socket_found found, void *userdata)
{
	CLEANUP(free_cleanup) struct sweep *sweep = calloc(1, sizeof(*sweep));
	int r;

	if (!sweep)
		return -ENOMEM;
	sweep->wanted = wanted;
	sweep->userdata = userdata;
	r = namespaces_sweep(sweep);
	if (sweep->count > 0)
		holders_find(sweep);
	for (size_t i = 0; i < sweep->count; i++)
		found(&sweep->found[i], userdata);
	return r < 0 ? r : (int)sweep->beyond;
}
