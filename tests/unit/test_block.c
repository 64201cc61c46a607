/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "response/block.h"
#include "response/dns_answer.h"
#include "response/namespace.h"
#include "sensor/process.h"

#define DEADLINE_MS 5000

static struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static struct event question(const char *client, uint16_t client_port, const char *server)
{
	struct event event = {
		.direction = EVENT_DIRECTION_OUT,
		.disposition = EVENT_BLOCKED,
		.protocol = IPPROTO_UDP,
		.source = address_of(client),
		.destination = address_of(server),
		.source_port = client_port,
		.destination_port = 53,
		.dns_id = 0x1234,
		.qtype = 28,
		.qclass = 1,
	};

	assert_int_equal(domain_name_parse("eViL.Test", &event.name), 0);
	return event;
}

static void answer_repeats_the_question(void **state)
{
	/* Proves: id, case of the name, type and class come back as sent, with NXDOMAIN. */
	static const uint8_t expected[] = "\x12\x34\x81\x83\0\1\0\0\0\0\0\0"
					  "\4eViL\4Test\0\0\x1c\0\1";
	struct event event = question("192.0.2.1", 40000, "192.0.2.53");
	uint8_t out[DNS_ANSWER_MESSAGE_MAX];

	(void)state;
	assert_int_equal(dns_answer_nxdomain(&event, out, sizeof(out)), sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
	event.opcode = 2;
	assert_int_equal(dns_answer_nxdomain(&event, out, sizeof(out)), sizeof(expected) - 1);
	assert_int_equal(out[2], 0x91);
}

static void answer_keeps_to_its_buffer(void **state)
{
	/* Proves: the longest name fits the maximum, one byte less is refused, no question is. */
	struct event event = question("2001:db8::1", 40000, "2001:db8::53");
	struct dns_answer_ends ends;
	uint8_t out[DNS_ANSWER_DATAGRAM_MAX];

	(void)state;
	event.name.length = DOMAIN_NAME_WIRE_MAX;
	memset(event.name.wire, 'a', sizeof(event.name.wire));
	assert_true(dns_answer_ends(&event, &ends));
	assert_int_equal(dns_answer_datagram(&event, &ends, out, sizeof(out)), sizeof(out));
	for (size_t size = 0; size < sizeof(out); size++)
		assert_int_equal(dns_answer_datagram(&event, &ends, out, size), -ENOBUFS);
	event.name.length = 0;
	assert_int_equal(dns_answer_datagram(&event, &ends, out, sizeof(out)), -EINVAL);
}

static void datagram_has_exact_bytes(void **state)
{
	/* Proves: headers of both families against bytes worked out by hand.
	 */
	static const uint8_t ipv4[] = "\x45\0\0\x37\0\0\x40\0\x01\x11\xf5\x7f"
				      "\xc0\0\2\x35\xc0\0\2\1"
				      "\0\x35\x9c\x40\0\x23";
	static const uint8_t ipv6[] = "\x60\0\0\0\0\x23\x11\1"
				      "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x53"
				      "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
				      "\0\x35\x9c\x40\0\x23";
	struct event four = question("192.0.2.1", 40000, "192.0.2.53");
	struct event six = question("2001:db8::1", 40000, "2001:db8::53");
	uint8_t out[DNS_ANSWER_DATAGRAM_MAX];
	struct dns_answer_ends ends;

	(void)state;
	assert_true(dns_answer_ends(&four, &ends));
	assert_int_equal(dns_answer_datagram(&four, &ends, out, sizeof(out)), 20 + 35);
	assert_memory_equal(out, ipv4, sizeof(ipv4) - 1);
	assert_true(dns_answer_ends(&six, &ends));
	assert_int_equal(dns_answer_datagram(&six, &ends, out, sizeof(out)), 40 + 35);
	assert_memory_equal(out, ipv6, sizeof(ipv6) - 1);
	ends.server = four.destination;
	assert_int_equal(dns_answer_datagram(&six, &ends, out, sizeof(out)), -EINVAL);
}

/* Sum over the pseudo header and the datagram: 0xffff when the checksum is right. */
static uint32_t udp_sum(const uint8_t *packet, size_t length, size_t addresses, size_t ip)
{
	uint32_t sum = IPPROTO_UDP + (uint32_t)(length - ip);

	for (size_t i = addresses; i < length; i += 2)
		sum += (uint32_t)packet[i] << 8 | (i + 1 < length ? packet[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void checksums_are_right_for_every_id(void **state)
{
	/* Proves: for all 65536 ids the UDP checksum is right and never the zero that means none.
	 */
	struct event four = question("192.0.2.1", 40000, "192.0.2.53");
	struct event six = question("2001:db8::1", 40000, "2001:db8::53");
	unsigned zeros = 0;

	(void)state;
	for (unsigned id = 0; id <= 0xffff; id++) {
		uint8_t out[DNS_ANSWER_DATAGRAM_MAX];
		struct dns_answer_ends ends;
		ssize_t length;

		four.dns_id = six.dns_id = (uint16_t)id;
		(void)dns_answer_ends(&four, &ends);
		length = dns_answer_datagram(&four, &ends, out, sizeof(out));
		assert_int_equal(udp_sum(out, (size_t)length, 12, 20), 0xffff);
		assert_false(out[26] == 0 && out[27] == 0);
		zeros += out[26] == 0xff && out[27] == 0xff;
		(void)dns_answer_ends(&six, &ends);
		length = dns_answer_datagram(&six, &ends, out, sizeof(out));
		assert_int_equal(udp_sum(out, (size_t)length, 8, 40), 0xffff);
	}
	assert_int_equal(zeros, 1);
}

static void ends_are_found_in_both_directions(void **state)
{
	/* Proves: the asker is the source of a question and the destination of an answer; a
	 * question that came in and an answer that left have nobody waiting here. */
	struct event event = question("192.0.2.1", 40000, "192.0.2.53");
	struct dns_answer_ends ends;

	(void)state;
	assert_true(dns_answer_ends(&event, &ends));
	assert_int_equal(ends.client_port, 40000);
	event.direction = EVENT_DIRECTION_IN;
	assert_false(dns_answer_ends(&event, &ends));
	event.response = true;
	assert_true(dns_answer_ends(&event, &ends));
	assert_int_equal(ends.client_port, 53);
	assert_true(address_equal(&ends.client, &event.destination));
	event.direction = EVENT_DIRECTION_OUT;
	assert_false(dns_answer_ends(&event, &ends));
	event.direction = EVENT_DIRECTION_UNKNOWN;
	assert_false(dns_answer_ends(&event, &ends));
}

struct fixture {
	sd_event *loop;
	struct block *block;
};

static int block_setup(void **state)
{
	static struct fixture fixture;

	assert_int_equal(sd_event_new(&fixture.loop), 0);
	fixture.block = NULL;
	if (geteuid() == 0)
		assert_int_equal(block_open(fixture.loop, &fixture.block), 0);
	*state = &fixture;
	return 0;
}

static int block_teardown(void **state)
{
	struct fixture *fixture = *state;

	clock_release();
	block_close(fixture->block);
	sd_event_unref(fixture->loop);
	return 0;
}

static struct block *block_needed(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->block) {
		print_message("skipped: raw sockets need root\n");
		if (getenv("CI"))
			fail();
		skip();
	}
	return fixture->block;
}

static uint16_t local_port(int fd)
{
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	if (name.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&name)->sin_port);
	return ntohs(((struct sockaddr_in6 *)&name)->sin6_port);
}

static int connected_client(int family, const char *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, server, &in.sin_addr), 1);
		assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET6, server, &in6.sin6_addr), 1);
		assert_int_equal(connect(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	}
	return fd;
}

static void expect_answer(int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };
	uint8_t answer[512];

	assert_int_equal(poll(&waiting, 1, DEADLINE_MS), 1);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 12 + 11 + 4);
	assert_memory_equal(answer, "\x12\x34\x81\x83", 4);
}

static void connected_sockets_take_the_answer(void **state)
{
	/* Proves: a UDP socket connected to a loopback resolver, IPv4 (from an address that nobody
	 * has, as 127.0.0.53) and IPv6, reads the NXDOMAIN as that resolver's. */
	struct block *block = block_needed(state);
	struct block_statistics statistics;
	struct event event;
	int fd;

	fd = connected_client(AF_INET, "127.0.0.53");
	event = question("127.0.0.1", local_port(fd), "127.0.0.53");
	block_fail_fast(block, &event);
	expect_answer(fd);
	close(fd);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.answered, 1);
	if (access("/proc/net/if_inet6", F_OK) < 0)
		return;
	fd = connected_client(AF_INET6, "::1");
	event = question("::1", local_port(fd), "::1");
	block_fail_fast(block, &event);
	expect_answer(fd);
	close(fd);
}

static int connection_make(int *ret_server)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	name.sin_port = htons(local_port(listener));
	assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof(name)), 0);
	*ret_server = accept(listener, NULL, NULL);
	assert_true(*ret_server >= 0);
	close(listener);
	return client;
}

static void connections_are_destroyed(void **state)
{
	/* Proves: the client's read fails at once with ECONNABORTED; with another socket's cookie
	 * nothing is destroyed; a connection that is gone is no failure. */
	struct block *block = block_needed(state);
	struct block_statistics statistics;
	int server, client = connection_make(&server);
	struct event event = question("127.0.0.1", local_port(client), "127.0.0.1");
	uint64_t cookie;
	socklen_t size = sizeof(cookie);
	char byte;

	event.protocol = IPPROTO_TCP;
	event.destination_port = local_port(server);
	assert_int_equal(getsockopt(client, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	event.socket_cookie = cookie + 1;
	block_fail_fast(block, &event);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	event.socket_cookie = cookie;
	block_fail_fast(block, &event);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNABORTED);
	block_fail_fast(block, &event);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.destroyed, 1);
	assert_int_equal(statistics.failed, 0);
	assert_int_equal(statistics.gone, 2);
	close(client);
	close(server);
}

static void others_are_left_alone(void **state)
{
	/* Proves: passed lookups, incoming questions, groups, messages that nobody could read and
	 * addresses that are not this host's cause no packet, and are counted. */
	struct block *block = block_needed(state);
	struct event event = question("127.0.0.1", 40000, "127.0.0.53"), other;
	struct block_statistics statistics;

	other = event;
	other.disposition = EVENT_PASSED;
	block_fail_fast(block, &other);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.skipped, 0);
	other = event;
	other.direction = EVENT_DIRECTION_IN;
	block_fail_fast(block, &other);
	other = event;
	other.destination = address_of("224.0.0.251");
	block_fail_fast(block, &other);
	other = event;
	other.destination = address_of("ff02::fb");
	block_fail_fast(block, &other);
	other = event;
	other.name.length = 0;
	block_fail_fast(block, &other);
	other = event;
	other.source = address_of("198.51.100.7");
	block_fail_fast(block, &other);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.skipped, 5);
	assert_int_equal(statistics.answered + statistics.failed + statistics.gone, 0);
}

static void floods_are_limited(void **state)
{
	/* Proves: in one second no more than BLOCK_RATE are told, and the next second starts anew.
	 */
	struct block *block = block_needed(state);
	int fd = connected_client(AF_INET, "127.0.0.53");
	struct event event = question("127.0.0.1", local_port(fd), "127.0.0.53");
	struct block_statistics statistics;

	clock_hold(0, 7 * NS_PER_SECOND);
	for (unsigned i = 0; i < BLOCK_RATE + 3; i++)
		block_fail_fast(block, &event);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.answered, BLOCK_RATE);
	assert_int_equal(statistics.limited, 3);
	clock_hold(0, 8 * NS_PER_SECOND);
	block_fail_fast(block, &event);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.answered, BLOCK_RATE + 1);
	close(fd);
}

static void closed_sockets_get_no_packet(void **state)
{
	/* Proves: no answer goes to a port that nobody has (any more), nor to another socket than
	 * the asker's; a socket for both families is found by its IPv4 address. */
	struct block *block = block_needed(state);
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd = connected_client(AF_INET, "127.0.0.53"), both;
	struct event event = question("127.0.0.1", local_port(fd), "127.0.0.53");
	struct block_statistics statistics;
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
	event.socket_cookie = cookie + 1;
	block_fail_fast(block, &event);
	event.socket_cookie = cookie;
	block_fail_fast(block, &event);
	expect_answer(fd);
	close(fd);
	block_fail_fast(block, &event);
	block_statistics(block, &statistics);
	assert_int_equal(statistics.answered, 1);
	assert_int_equal(statistics.gone, 2);
	both = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (both < 0)
		return;
	assert_int_equal(bind(both, (struct sockaddr *)&any, sizeof(any)), 0);
	event = question("127.0.0.1", local_port(both), "127.0.0.53");
	block_fail_fast(block, &event);
	expect_answer(both);
	close(both);
}

/* A child in a network namespace of its own; it says so on the pipe and waits to be killed. */
static pid_t stranger_start(void)
{
	int pipes[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		byte = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
		if (write(pipes[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	assert_int_equal(byte, 'y');
	return pid;
}

static void stranger_end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void namespaces_are_visited_and_left(void **state)
{
	/* Proves: a process in another network namespace gets sockets of its own, once; ours stays
	 * ours; unused ones are closed, so that the namespace can go; a gone process is told. */
	struct fixture *fixture = *state;
	const struct namespace_sockets *own, *other, *again;
	struct namespace_cache *cache;
	uint64_t own_cookie, other_cookie, deadline;
	socklen_t size = sizeof(own_cookie);
	pid_t pid;

	(void)block_needed(state);
	assert_int_equal(namespace_cache_open(fixture->loop, &cache), 0);
	assert_int_equal(namespace_find(cache, 0, &own), 0);
	assert_int_equal(namespace_find(cache, getpid(), &again), 0);
	assert_ptr_equal(own, again);
	pid = stranger_start();
	assert_int_equal(namespace_find(cache, pid, &other), 0);
	assert_int_equal(namespace_find(cache, pid, &again), 0);
	assert_ptr_equal(other, again);
	assert_int_equal(namespace_count(cache), 1);
	assert_int_equal(getsockopt(own->raw4, SOL_SOCKET, SO_NETNS_COOKIE, &own_cookie, &size), 0);
	assert_int_equal(getsockopt(other->raw4, SOL_SOCKET, SO_NETNS_COOKIE, &other_cookie, &size),
			 0);
	assert_int_not_equal(own_cookie, other_cookie);
	stranger_end(pid);
	assert_in_range(-namespace_find(cache, pid, &again), ENOENT, ESRCH);
	deadline = clock_boottime() + DEADLINE_MS * NS_PER_MILLISECOND;
	while (namespace_count(cache) > 0 && clock_boottime() < deadline)
		assert_true(sd_event_run(fixture->loop, 100 * 1000) >= 0);
	assert_int_equal(namespace_count(cache), 0);
	namespace_cache_close(cache);
}

static void idle_namespaces_are_left_while_others_come(void **state)
{
	/* Proves: new namespaces, coming faster than one becomes idle, do not keep idle ones open.
	 */
	struct fixture *fixture = *state;
	const struct namespace_sockets *sockets;
	struct namespace_cache *cache;
	size_t visited = 0, most = 0;
	uint64_t next = 0;

	(void)block_needed(state);
	assert_int_equal(namespace_cache_open(fixture->loop, &cache), 0);
	while (namespace_count(cache) == visited && visited < 12) {
		if (clock_boottime() >= next) {
			pid_t pid = stranger_start();

			assert_int_equal(namespace_find(cache, pid, &sockets), 0);
			stranger_end(pid);
			next = clock_boottime() + 500 * NS_PER_MILLISECOND;
			visited++;
			most = namespace_count(cache);
		}
		assert_true(sd_event_run(fixture->loop, 50 * 1000) >= 0);
	}
	assert_true(most > 1);
	assert_true(namespace_count(cache) < visited);
	namespace_cache_close(cache);
}

static void namespaces_are_bounded(void **state)
{
	/* Proves: more namespaces than are kept push the least recently used out; new ones are
	 * limited by the second. */
	struct fixture *fixture = *state;
	const struct namespace_sockets *sockets;
	struct namespace_cache *cache;

	(void)block_needed(state);
	assert_int_equal(namespace_cache_open(fixture->loop, &cache), 0);
	clock_hold(0, 7 * NS_PER_SECOND);
	for (int i = 0; i < 51; i++) {
		pid_t pid = stranger_start();

		assert_int_equal(namespace_find(cache, pid, &sockets), i < 50 ? 0 : -EBUSY);
		assert_true(sockets->raw4 >= 0 && sockets->diag >= 0);
		stranger_end(pid);
	}
	assert_int_equal(namespace_count(cache), 16);
	namespace_cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_repeats_the_question),
		cmocka_unit_test(answer_keeps_to_its_buffer),
		cmocka_unit_test(datagram_has_exact_bytes),
		cmocka_unit_test(checksums_are_right_for_every_id),
		cmocka_unit_test(ends_are_found_in_both_directions),
		cmocka_unit_test_setup_teardown(connected_sockets_take_the_answer, block_setup,
						block_teardown),
		cmocka_unit_test_setup_teardown(connections_are_destroyed, block_setup,
						block_teardown),
		cmocka_unit_test_setup_teardown(others_are_left_alone, block_setup, block_teardown),
		cmocka_unit_test_setup_teardown(closed_sockets_get_no_packet, block_setup,
						block_teardown),
		cmocka_unit_test_setup_teardown(floods_are_limited, block_setup, block_teardown),
		cmocka_unit_test_setup_teardown(namespaces_are_visited_and_left, block_setup,
						block_teardown),
		cmocka_unit_test_setup_teardown(idle_namespaces_are_left_while_others_come,
						block_setup, block_teardown),
		cmocka_unit_test_setup_teardown(namespaces_are_bounded, block_setup,
						block_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
