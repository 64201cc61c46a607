/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves on real sockets what BPF_PROG_TEST_RUN cannot show: that a stream's state lasts as long as
 * its socket, however many others there are; that the kernel's own TCP never looks out of step; and
 * that what stays on this host is told once. All on loopback, from a cgroup of the test's own.
 */
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/pack.h"
#include "probe_cgroup.h"
#include "probe_run.h"

#define DEADLINE (20 * NS_PER_SECOND)
#define OTHERS	 1500 /* streams: more than any table of them held */
#define MESSAGES 300

struct fixture {
	struct probe probe;
	char *cgroup;
	int stream; /* listens on the port that is watched */
	struct sockaddr_in to;
	pid_t child; /* 0: none */
};

static int socket_bind(int type, struct sockaddr_in *address)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*address);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
	return fd;
}

/* In the child: failures are its exit status. */
static void need(bool good)
{
	if (!good)
		_exit(1);
}

static int stream_connect(const struct fixture *fixture)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	need(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
	need(connect(fd, (const struct sockaddr *)&fixture->to, sizeof(fixture->to)) == 0);
	return fd;
}

/* Until the other side has it all, so that each write is a segment. */
static void stream_write(int fd, const void *bytes, size_t size)
{
	uint64_t deadline = clock_boottime() + DEADLINE;
	int waiting = 1;

	need(write(fd, bytes, size) == (ssize_t)size);
	while (waiting > 0 && clock_boottime() < deadline) {
		need(ioctl(fd, SIOCOUTQ, &waiting) == 0);
		(void)sched_yield();
	}
	need(waiting == 0);
}

static void stream_append(struct message *stream, const char *text)
{
	struct domain_name name;
	struct message message;

	need(domain_name_parse(text, &name) == 0);
	message_query(&message, &name);
	message_append(stream, (uint8_t[]){ 0, (uint8_t)message.size }, 2);
	message_append(stream, message.bytes, message.size);
}

static void child_start(struct fixture *fixture, void (*run)(const struct fixture *fixture))
{
	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (fixture->child > 0)
		return;
	need(probe_cgroup_enter(fixture->cgroup) == 0);
	run(fixture);
	_exit(0);
}

static void child_wait(struct fixture *fixture)
{
	int status;

	assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
	fixture->child = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static uint64_t counted(const struct ledger *after, const struct ledger *before,
			enum ledger_probe probe, enum ledger_counter counter)
{
	return after->counters[probe][counter] - before->counters[probe][counter];
}

#define HALF 20 /* bytes: the cut is in the name */

static void half_then_others(const struct fixture *fixture)
{
	struct message stream = { 0 };
	int first = stream_connect(fixture);

	stream_append(&stream, "www.evil.test");
	stream_write(first, stream.bytes, HALF);
	for (int i = 0; i < OTHERS; i++) {
		int fd = stream_connect(fixture);

		need(write(fd, stream.bytes, 3) == 3);
	}
	need(write(first, stream.bytes + HALF, stream.size - HALF) > 0);
}

/* Somebody who opens many streams between the halves of a name does not hide it. */
static void test_half_a_name_is_remembered(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[256];
	int fd;

	child_start(fixture, half_then_others);
	fd = accept4(fixture->stream, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < OTHERS; i++) {
		int other = accept4(fixture->stream, NULL, NULL, SOCK_CLOEXEC);

		assert_true(other >= 0);
		(void)close(other);
	}
	child_wait(fixture);
	fixture->probe.count = 0;
	while (sensor_dispatch(fixture->probe.sensor, INT32_MAX) > 0)
		;
	assert_int_equal(fixture->probe.count, 1);
	assert_true(fixture->probe.events[0].matched);
	assert_true(fixture->probe.events[0].blocked);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), HALF);
	(void)close(fd);
}

/* Written in pieces of all sizes, so that messages begin and end anywhere in them. */
static void many_in_pieces(const struct fixture *fixture)
{
	struct probe_random random = { 0x9e3779b97f4a7c15ULL };
	int fd = stream_connect(fixture);
	struct message stream = { 0 };

	for (int i = 0; i < MESSAGES; i++) {
		stream_append(&stream, i % 2 ? "an.innocent.name.test" : "x.test");
		while (stream.size > 300) {
			size_t piece = 1 + probe_pick(&random, 200);

			stream_write(fd, stream.bytes, piece);
			stream.size -= piece;
			memmove(stream.bytes, stream.bytes + piece, stream.size);
		}
	}
	stream_write(fd, stream.bytes, stream.size);
}

static void test_kernel_tcp_is_in_step(void **state)
{
	struct fixture *fixture = *state;
	struct ledger before = probe_ledger(&fixture->probe), after;
	char bytes[4096];
	int fd;

	child_start(fixture, many_in_pieces);
	fd = accept4(fixture->stream, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	(void)close(fd);
	child_wait(fixture);
	after = probe_ledger(&fixture->probe);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_CLEAN), MESSAGES);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_GAP), 0);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_UNREAD), 0);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_MALFORMED), 0);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_BLOCKED), 0);
	assert_true(ledger_balances(&after));
}

/* The child receives what it sent: the ingress programs see it as well. */
static void answers_to_itself(const struct fixture *fixture)
{
	static const struct {
		const char *bytes;
		size_t size;
	} messages[] = {
		{ "cd\1\0\0\1\0\0\0\0\0\0\4good\4test\0\0\1\0\1", 27 },
		{ "cd\1\0\0\1\0\0\0\0\0\0\4evil\4test\0\0\1\0\1", 27 },
		{ "short", 5 },
		{ "cd\1\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1", 18 },
	};
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    resolver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(own);
	char buffer[64];

	need(bind(resolver, (const struct sockaddr *)&fixture->to, sizeof(fixture->to)) == 0);
	need(bind(server, (const struct sockaddr *)&own, size) == 0);
	need(getsockname(server, (struct sockaddr *)&own, &size) == 0);
	for (size_t i = 0; i < ELEMENTS(messages); i++) {
		/* From the port that is watched, as a resolver answers: nothing is dropped. */
		need(sendto(resolver, messages[i].bytes, messages[i].size, 0,
			    (const struct sockaddr *)&own, size) == (ssize_t)messages[i].size);
		need(recv(server, buffer, sizeof(buffer), 0) == (ssize_t)messages[i].size);
	}
}

static void test_loopback_is_told_once(void **state)
{
	struct fixture *fixture = *state;
	struct ledger before = probe_ledger(&fixture->probe), after;

	fixture->probe.count = 0;
	child_start(fixture, answers_to_itself);
	child_wait(fixture);
	while (sensor_dispatch(fixture->probe.sensor, INT32_MAX) > 0)
		;
	after = probe_ledger(&fixture->probe);
	assert_int_equal(counted(&after, &before, LEDGER_INGRESS, LEDGER_RESPONSE), 4);
	assert_int_equal(ledger_seen(&after, LEDGER_INGRESS) - ledger_seen(&before, LEDGER_INGRESS),
			 4);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_CLEAN), 1);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_MATCHED), 1);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_MALFORMED), 1);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_UNREAD), 1);
	assert_int_equal(counted(&after, &before, LEDGER_EGRESS, LEDGER_BLOCKED), 0);
	assert_int_equal(fixture->probe.count, 3);
	assert_true(ledger_balances(&after));
}

static int case_close(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture->child;

	fixture->child = 0;
	return pid == 0 || (kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid) ? 0 : -1;
}

static int fixture_open(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct rlimit files = { 2 * OTHERS, 2 * OTHERS };
	struct sensor_options options = { .enforce = true };
	struct pack *pack = probe_pack("evil.test\n", NULL);
	uint64_t next;

	if (!fixture)
		return -1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	fixture->to = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	fixture->cgroup = probe_cgroup_make();
	fixture->stream = socket_bind(SOCK_STREAM, &fixture->to);
	assert_int_equal(listen(fixture->stream, 2 * OTHERS), 0);
	options.cgroup = fixture->cgroup;
	options.ports[0] = ntohs(fixture->to.sin_port);
	probe_open(&fixture->probe, &options);
	assert_int_equal(sensor_set_pack(fixture->probe.sensor, pack, 0, NULL, NULL, &next), 0);
	pack_close(pack);
	*state = fixture;
	return 0;
}

static int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	probe_close(&fixture->probe);
	probe_cgroup_remove(fixture->cgroup);
	(void)close(fixture->stream);
	free(fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_kernel_tcp_is_in_step, case_close),
		cmocka_unit_test_teardown(test_loopback_is_told_once, case_close),
		/* The last: the kernel goes on sending the refused segment again for a while, and
		 * each time is counted. */
		cmocka_unit_test_teardown(test_half_a_name_is_remembered, case_close),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
