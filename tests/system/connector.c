/* SPDX-License-Identifier: Apache-2.0
 *
 * Test program: goes to one address in one given way, says who it was and with what error, and
 * exits. It is what the agent must name in a finding about a connection.
 *
 *	connector WAY ADDRESS PORT
 *	connector -l			lists ways
 *
 * Prints one line of JSON before it goes: who; and one after: the errno, 0 for none. Started by the
 * tests, which control all of its input. Exits with 77 when this kernel has no such socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef WITH_URING
#include <liburing.h>
#endif

#define EXIT_SKIPPED  77
#define MPTCP	      262
#define UDPLITE	      136
#define SCTP	      132
#define DATAGRAM_SIZE 16

struct target {
	struct sockaddr_storage to;
	socklen_t size;
};

static int open_socket(const struct target *target, int type, int protocol)
{
	int fd = socket(target->to.ss_family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EACCES || errno == ENOPROTOOPT))
		exit(EXIT_SKIPPED);
	if (fd < 0)
		exit(EXIT_FAILURE);
	return fd;
}

static const struct sockaddr *address_of(const struct target *target)
{
	return (const struct sockaddr *)&target->to;
}

/* Each returns 0 or a negative errno. */
static int result_of(ssize_t r)
{
	return r < 0 ? -errno : 0;
}

static int connect_with(const struct target *target, int type, int protocol)
{
	return result_of(
		connect(open_socket(target, type, protocol), address_of(target), target->size));
}

static int go_tcp(const struct target *target)
{
	return connect_with(target, SOCK_STREAM, 0);
}

static int go_tcp_nonblock(const struct target *target)
{
	int r = connect_with(target, SOCK_STREAM | SOCK_NONBLOCK, 0);

	return r == -EINPROGRESS ? 0 : r;
}

static int go_mptcp(const struct target *target)
{
	return connect_with(target, SOCK_STREAM, MPTCP);
}

static int go_udp_connect(const struct target *target)
{
	return connect_with(target, SOCK_DGRAM, 0);
}

static int go_sctp(const struct target *target)
{
	return connect_with(target, SOCK_STREAM, SCTP);
}

static int send_with(const struct target *target, int fd, const void *data, size_t size, int flags)
{
	return result_of(sendto(fd, data, size, flags, address_of(target), target->size));
}

static int go_fastopen(const struct target *target)
{
	static const char hello[] = "hello";

	return send_with(target, open_socket(target, SOCK_STREAM, 0), hello, sizeof(hello),
			 MSG_FASTOPEN);
}

static int go_sendto(const struct target *target)
{
	static const uint8_t data[DATAGRAM_SIZE];

	return send_with(target, open_socket(target, SOCK_DGRAM, 0), data, sizeof(data), 0);
}

static int go_udplite(const struct target *target)
{
	static const uint8_t data[DATAGRAM_SIZE];

	return send_with(target, open_socket(target, SOCK_DGRAM, UDPLITE), data, sizeof(data), 0);
}

/* The header of a datagram from and to a port, for a raw socket. */
static int send_raw_udp(const struct target *target, int fd, uint16_t source)
{
	struct target host = *target;
	struct sockaddr_in *to = (struct sockaddr_in *)&host.to;
	struct {
		struct udphdr header;
		uint8_t data[DATAGRAM_SIZE];
	} datagram = { .header = { .source = htons(source),
				   .dest = to->sin_port,
				   .len = htons(sizeof(datagram)) } };

	if (to->sin_family == AF_INET6)
		((struct sockaddr_in6 *)&host.to)->sin6_port = 0;
	return send_with(&host, fd, &datagram, sizeof(datagram), 0);
}

static int go_raw_udp(const struct target *target)
{
	return send_raw_udp(target, open_socket(target, SOCK_RAW, IPPROTO_UDP), 4000);
}

/* Its source port is what the socket's own number is: its protocol's. */
static int go_raw_number(const struct target *target)
{
	return send_raw_udp(target, open_socket(target, SOCK_RAW, IPPROTO_UDP), IPPROTO_UDP);
}

/* Behind IP options, where the packet's own program does not look. */
static int go_raw_options(const struct target *target)
{
	static const uint8_t options[4] = { 1, 1, 1, 0 };
	int fd = open_socket(target, SOCK_RAW, IPPROTO_UDP);

	if (target->to.ss_family != AF_INET)
		exit(EXIT_SKIPPED);
	if (setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)) < 0)
		return -errno;
	return send_raw_udp(target, fd, 4000);
}

static int go_sendmmsg(const struct target *target)
{
	uint8_t data[DATAGRAM_SIZE] = { 0 };
	struct iovec part = { data, sizeof(data) };
	struct mmsghdr messages[2] = { 0 };

	for (size_t i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_name = (void *)&target->to,
						       .msg_namelen = target->size,
						       .msg_iov = &part,
						       .msg_iovlen = 1 };
	return result_of(sendmmsg(open_socket(target, SOCK_DGRAM, 0), messages, 2, 0));
}

static int ping_with(const struct target *target, int type)
{
	struct icmphdr ping = { .type = ICMP_ECHO };
	struct icmp6_hdr ping6 = { .icmp6_type = ICMP6_ECHO_REQUEST };
	struct target host = *target;

	if (target->to.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&host.to)->sin6_port = 0;
		return send_with(&host, open_socket(target, type, IPPROTO_ICMPV6), &ping6,
				 sizeof(ping6), 0);
	}
	ping.checksum = (uint16_t)~htons(ICMP_ECHO << 8);
	return send_with(&host, open_socket(target, type, IPPROTO_ICMP), &ping, sizeof(ping), 0);
}

static int go_ping(const struct target *target)
{
	return ping_with(target, SOCK_DGRAM);
}

static int go_raw_icmp(const struct target *target)
{
	return ping_with(target, SOCK_RAW);
}

/* A protocol that nobody listens to, by a raw socket that writes the header itself. */
static int go_raw_header(const struct target *target)
{
	const struct sockaddr_in *to = (const struct sockaddr_in *)&target->to;
	struct {
		struct iphdr header;
		uint8_t data[DATAGRAM_SIZE];
	} packet = { .header = { .version = 4, .ihl = 5, .ttl = 64, .protocol = 253 } };

	if (to->sin_family != AF_INET)
		exit(EXIT_SKIPPED);
	packet.header.daddr = to->sin_addr.s_addr;
	return send_with(target, open_socket(target, SOCK_RAW, IPPROTO_RAW), &packet,
			 sizeof(packet), 0);
}

#ifdef WITH_URING
static int uring_run(struct io_uring *ring)
{
	struct io_uring_cqe *done;
	int r = io_uring_submit(ring);

	if (r >= 0)
		r = io_uring_wait_cqe(ring, &done);
	return r < 0 ? r : done->res < 0 ? done->res : 0;
}

static struct io_uring_sqe *uring_begin(struct io_uring *ring)
{
	if (io_uring_queue_init(4, ring, 0) < 0)
		exit(EXIT_SKIPPED);
	return io_uring_get_sqe(ring);
}

static int go_uring_connect(const struct target *target)
{
	int fd = open_socket(target, SOCK_STREAM, 0);
	struct io_uring ring;

	io_uring_prep_connect(uring_begin(&ring), fd, address_of(target), target->size);
	return uring_run(&ring);
}

static int go_uring_send(const struct target *target)
{
	uint8_t data[DATAGRAM_SIZE] = { 0 };
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_name = (void *)&target->to,
				  .msg_namelen = target->size,
				  .msg_iov = &part,
				  .msg_iovlen = 1 };
	int fd = open_socket(target, SOCK_DGRAM, 0);
	struct io_uring ring;

	io_uring_prep_sendmsg(uring_begin(&ring), fd, &message, 0);
	return uring_run(&ring);
}
#else
static int go_uring_connect(const struct target *target)
{
	(void)target;
	exit(EXIT_SKIPPED);
}

static int go_uring_send(const struct target *target)
{
	(void)target;
	exit(EXIT_SKIPPED);
}
#endif

static const struct {
	const char *name;
	int (*go)(const struct target *target);
} ways[] = {
	{ "tcp", go_tcp },
	{ "tcp-nonblock", go_tcp_nonblock },
	{ "tcp-fastopen", go_fastopen },
	{ "mptcp", go_mptcp },
	{ "udp-connect", go_udp_connect },
	{ "sendto", go_sendto },
	{ "sendmmsg", go_sendmmsg },
	{ "uring-connect", go_uring_connect },
	{ "uring-send", go_uring_send },
	{ "udplite", go_udplite },
	{ "sctp", go_sctp },
	{ "ping", go_ping },
	{ "raw-icmp", go_raw_icmp },
	{ "raw-udp", go_raw_udp },
	{ "raw-number", go_raw_number },
	{ "raw-options", go_raw_options },
	{ "raw-header", go_raw_header },
};

static int target_parse(const char *address, const char *port, struct target *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->to;
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		ret->size = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = number;
	ret->size = sizeof(*v6);
	return 0;
}

static void say(const char *key, int number)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "{\"%s\": %d}\n", key, number);

	if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) != length)
		exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
	struct target target;
	int list = argc == 2 && strcmp(argv[1], "-l") == 0;

	if (!list && (argc != 4 || target_parse(argv[2], argv[3], &target) < 0))
		return 2;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (list) {
			puts(ways[i].name);
			continue;
		}
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		say("pid", getpid());
		say("errno", -ways[i].go(&target));
		return EXIT_SUCCESS;
	}
	return list ? EXIT_SUCCESS : 2;
}
