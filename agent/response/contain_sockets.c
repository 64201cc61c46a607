/* SPDX-License-Identifier: Apache-2.0 */
#include "response/contain_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/thread.h"
#include "sensor/containment.h"

/* More than pods on a node. What is in the others is cut off, and left to its timeouts. */
#define NAMESPACES_MAX 1024
/* What the kernel gives at once at most is 32 KiB. */
#define REPLY_SIZE     32768
/* Where `ip netns` keeps those without a process. */
#define NAMED_FOLDER   "/run/netns"
/* TCP: what listens is not reached any more, and serves again afterwards; what is closed is. */
#define TCP_STATES     (~(1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_TIME_WAIT))

static void directory_close(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

struct namespaces {
	struct {
		dev_t dev;
		ino_t ino;
		int fd;
	} entries[NAMESPACES_MAX];
	size_t count, unreachable;
};

static void namespaces_free(struct namespaces **namespaces)
{
	for (size_t i = 0; *namespaces && i < (*namespaces)->count; i++)
		(void)close((*namespaces)->entries[i].fd);
	free(*namespaces);
}

static void namespace_add(struct namespaces *all, const char *path)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statfs system;
	struct stat status;

	/* A name that nothing is mounted at: a namespace that is being made or removed. */
	if (fd >= 0 && fstatfs(fd, &system) == 0 && system.f_type != NSFS_MAGIC)
		return;
	if (fd < 0 || fstat(fd, &status) < 0) {
		/* A process that has ended has none. */
		all->unreachable += errno != ENOENT && errno != ESRCH;
		return;
	}
	for (size_t i = 0; i < all->count; i++)
		if (all->entries[i].ino == status.st_ino && all->entries[i].dev == status.st_dev)
			return;
	if (all->count == NAMESPACES_MAX) {
		all->unreachable++;
		return;
	}
	all->entries[all->count].dev = status.st_dev;
	all->entries[all->count].ino = status.st_ino;
	all->entries[all->count++].fd = take_fd(&fd);
}

static void folder_look(struct namespaces *all, const char *folder, const char *suffix,
			const char *first)
{
	CLEANUP(directory_close) DIR *directory = opendir(folder);
	struct dirent *entry;
	char path[512];

	while (directory && (entry = readdir(directory))) {
		bool wanted =
			first ? strchr(first, entry->d_name[0]) != NULL : entry->d_name[0] != '.';

		if (!wanted)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%.255s%s", folder, entry->d_name, suffix);
		namespace_add(all, path);
	}
}

static void namespaces_find(struct namespaces *all)
{
	namespace_add(all, "/proc/self/ns/net");
	folder_look(all, "/proc", "/ns/net", "123456789");
	folder_look(all, NAMED_FOLDER, "", NULL);
}

/* ---- one namespace ---- */

struct sweep {
	const struct containment *containment;
	struct namespaces *namespaces;
	struct contain_sockets *result;
	int list_fd, kill_fd; /* netlink, of the namespace that the thread is in */
	uint8_t protocol;
};

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

static struct address address_of(uint8_t family, const __be32 words[static 4])
{
	struct address address;

	if (family == AF_INET)
		return address_from_ipv4((const uint8_t *)words);
	memcpy(address.bytes, words, sizeof(address.bytes));
	return address;
}

static uint64_t cgroup_of(const struct nlmsghdr *header, const struct inet_diag_msg *message)
{
	const char *at = (const char *)(message + 1);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message));
	uint64_t id = 0;

	while (left >= sizeof(struct rtattr)) {
		const struct rtattr *attribute = (const void *)at;
		size_t length = RTA_ALIGN(attribute->rta_len);

		if (attribute->rta_len < sizeof(*attribute) || length > left)
			break;
		if (attribute->rta_type == INET_DIAG_CGROUP_ID &&
		    attribute->rta_len >= sizeof(*attribute) + sizeof(id))
			memcpy(&id, attribute + 1, sizeof(id));
		at += length;
		left -= length;
	}
	return id;
}

static bool socket_goes(const struct sweep *sweep, const struct nlmsghdr *header,
			const struct inet_diag_msg *message)
{
	struct address from = address_of(message->idiag_family, message->id.idiag_src);
	struct address to = address_of(message->idiag_family, message->id.idiag_dst);

	/* No peer; or both ends are this host. */
	if (!message->id.idiag_dport || address_equal(&from, &to))
		return false;
	return containment_cuts(sweep->containment, cgroup_of(header, message)) &&
	       !containment_open_to(sweep->containment, &to, sweep->protocol,
				    ntohs(message->id.idiag_dport));
}

static int acknowledged(int fd)
{
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} reply;
	ssize_t n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ||
	    reply.header.nlmsg_type != NLMSG_ERROR)
		return -EBADMSG;
	return ((const struct nlmsgerr *)NLMSG_DATA(&reply.header))->error;
}

static void socket_destroy(struct sweep *sweep, const struct inet_diag_msg *message)
{
	struct request request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DESTROY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.diag = { .sdiag_family = message->idiag_family,
			  .sdiag_protocol = sweep->protocol,
			  .idiag_states = ~0U,
			  .id = message->id },
	};
	int r = 0;

	if (send(sweep->kill_fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		r = -errno;
	if (r == 0)
		r = acknowledged(sweep->kill_fd);
	if (r == 0)
		sweep->result->destroyed++;
	/* Gone by itself meanwhile. */
	if (r == 0 || r == -ENOENT || r == -ESTALE)
		return;
	sweep->result->refused++;
	sweep->result->error = r;
}

/* 1: there is more to come. */
static int listed_read(struct sweep *sweep, const char *bytes, size_t size)
{
	const struct nlmsghdr *header = (const void *)bytes;
	unsigned left = (unsigned)size;

	for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
		const struct inet_diag_msg *message = NLMSG_DATA(header);

		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			return 0;
		if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    header->nlmsg_len >= NLMSG_LENGTH(sizeof(*message)) &&
		    socket_goes(sweep, header, message))
			socket_destroy(sweep, message);
	}
	return 1;
}

static int sockets_list(struct sweep *sweep, uint8_t family)
{
	const struct request request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.diag = { .sdiag_family = family,
			  .sdiag_protocol = sweep->protocol,
			  .idiag_states = sweep->protocol == IPPROTO_TCP ? TCP_STATES : ~0U },
	};
	CLEANUP(free_cleanup) char *reply = malloc(REPLY_SIZE);
	int r = 1;

	if (!reply)
		return -ENOMEM;
	if (send(sweep->list_fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return -errno;
	while (r > 0) {
		ssize_t n = recv(sweep->list_fd, reply, REPLY_SIZE, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		r = n < 0 ? 1 : n == 0 ? 0 : listed_read(sweep, reply, (size_t)n);
	}
	return r;
}

static int namespace_sweep(struct sweep *sweep)
{
	static const struct {
		uint8_t family, protocol;
	} rows[] = {
		{ AF_INET, IPPROTO_TCP },
		{ AF_INET6, IPPROTO_TCP },
		{ AF_INET, IPPROTO_UDP },
		{ AF_INET6, IPPROTO_UDP },
	};
	CLEANUP(close_cleanup) int list = -1;
	CLEANUP(close_cleanup) int kill = -1;

	list = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	kill = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (list < 0 || kill < 0)
		return -errno;
	sweep->list_fd = list;
	sweep->kill_fd = kill;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		sweep->protocol = rows[i].protocol;
		(void)sockets_list(sweep, rows[i].family);
	}
	return 0;
}

static void *sweep_run(void *argument)
{
	struct sweep *sweep = argument;

	for (size_t i = 0; i < sweep->namespaces->count; i++)
		if (setns(sweep->namespaces->entries[i].fd, CLONE_NEWNET) == 0 &&
		    namespace_sweep(sweep) == 0)
			sweep->result->namespaces++;
		else
			sweep->result->unreachable++;
	return NULL;
}

int contain_sockets_destroy(struct containment *containment, struct contain_sockets *ret)
{
	CLEANUP(namespaces_free) struct namespaces *namespaces = calloc(1, sizeof(*namespaces));
	struct sweep sweep = { .containment = containment,
			       .namespaces = namespaces,
			       .result = ret };
	int r;

	*ret = (struct contain_sockets){ 0 };
	if (!namespaces)
		return -ENOMEM;
	r = containment_snapshot(containment);
	if (r < 0)
		return r;
	namespaces_find(namespaces);
	ret->unreachable = containment_whole(containment) ? namespaces->unreachable : 0;
	r = thread_run(sweep_run, &sweep);
	if (r < 0)
		return r;
	return ret->error == -EOPNOTSUPP ? -EOPNOTSUPP : 0;
}
