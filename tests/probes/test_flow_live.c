/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves on real sockets that the first bytes of flows come up with who sent them, however large
 * the send; that sockets older than the agent are left alone; that each connection of many counts
 * once; and that what is cut sends nothing more. All on loopback, from a cgroup of the test's own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "probe_cgroup.h"
#include "probe_run.h"
#include "response/cut.h"
#include "sensor/probes.h"
#include "sensor/process.h"

#define DEADLINE    (20 * NS_PER_SECOND)
#define PIECES_MAX  4096
#define CONNECTIONS 2000
#define REQUEST	    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct piece {
	struct event event;
	size_t size;
	uint8_t bytes[4096];
};

struct fixture {
	struct sensor *sensor;
	char *cgroup;
	int listener;
	struct sockaddr_in to;
	pid_t child;	   /* 0: none */
	int say[2], go[2]; /* the child says a byte when it is ready, and waits for one */
	struct ledger before;
	size_t count;
	struct piece *pieces;
};

static void piece_take(const struct event *event, void *userdata)
{
	struct fixture *fixture = userdata;
	struct piece *piece = &fixture->pieces[fixture->count];

	if (event->kind != EVENT_PAYLOAD)
		return;
	assert_true(fixture->count < PIECES_MAX && event->payload.size <= sizeof(piece->bytes));
	fixture->count++;
	piece->event = *event;
	piece->size = event->payload.size;
	memcpy(piece->bytes, event->payload.bytes, piece->size);
}

static void sensor_start(struct fixture *fixture)
{
	struct sensor_options options = {
		.enforce = true,
		.flows = true,
		.cgroup = fixture->cgroup,
	};

	assert_int_equal(sensor_open(&options, piece_take, fixture, &fixture->sensor), 0);
}

/* In the child: failures are its exit status. */
static void need(bool good)
{
	if (!good)
		_exit(1);
}

static int dial(const struct fixture *fixture, int protocol)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	need(fd >= 0);
	need(connect(fd, (const struct sockaddr *)&fixture->to, sizeof(fixture->to)) == 0);
	return fd;
}

static void child_says(const struct fixture *fixture)
{
	need(write(fixture->say[1], "", 1) == 1);
}

static void child_waits(const struct fixture *fixture)
{
	char byte;

	need(read(fixture->go[0], &byte, 1) == 1);
}

static void child_start(struct fixture *fixture, void (*run)(const struct fixture *fixture))
{
	struct ledger ledger;

	assert_int_equal(sensor_ledger(fixture->sensor, &ledger), 0);
	fixture->before = ledger;
	fixture->count = 0;
	fixture->child = fork();
	assert_true(fixture->child >= 0);
	if (fixture->child > 0)
		return;
	need(probe_cgroup_enter(fixture->cgroup) == 0);
	run(fixture);
	_exit(0);
}

static void child_said(const struct fixture *fixture)
{
	struct pollfd poll_for = { .fd = fixture->say[0], .events = POLLIN };
	char byte;

	assert_int_equal(poll(&poll_for, 1, (int)(DEADLINE / 1000000)), 1);
	assert_int_equal(read(fixture->say[0], &byte, 1), 1);
}

static void child_wait(struct fixture *fixture)
{
	int status;

	assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
	fixture->child = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void records_read(struct fixture *fixture)
{
	while (sensor_dispatch(fixture->sensor, INT32_MAX) > 0)
		;
}

static uint64_t counted(struct fixture *fixture, enum ledger_flow counter)
{
	struct ledger ledger;

	assert_int_equal(sensor_ledger(fixture->sensor, &ledger), 0);
	assert_true(ledger_balances(&ledger));
	return ledger.flows[counter] - fixture->before.flows[counter];
}

static int accept_one(const struct fixture *fixture)
{
	struct pollfd poll_for = { .fd = fixture->listener, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&poll_for, 1, (int)(DEADLINE / 1000000)), 1);
	fd = accept4(fixture->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void openssl_run(const struct fixture *fixture)
{
	char address[32];
	int nothing = open("/dev/null", O_RDWR);

	need(nothing >= 0 && dup2(nothing, 0) == 0 && dup2(nothing, 1) == 1 &&
	     dup2(nothing, 2) == 2);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(fixture->to.sin_port));
	(void)execlp("openssl", "openssl", "s_client", "-connect", address, "-servername",
		     "www.evil.test", "-alpn", "h2", (char *)NULL);
	_exit(1);
}

/* A real client: its ClientHello, and that it was this process. */
static void test_client_hello(void **state)
{
	static const char name[] = "www.evil.test";
	struct fixture *fixture = *state;
	const struct piece *piece = &fixture->pieces[0];
	pid_t child;
	int fd, status;
	struct event event;

	if (system("command -v openssl >/dev/null") != 0) {
		assert_null(getenv("CI"));
		skip();
	}
	child_start(fixture, openssl_run);
	child = fixture->child;
	fd = accept_one(fixture);
	status = 0;
	assert_true(recv(fd, &status, 1, 0) == 1);
	(void)close(fd);
	assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
	fixture->child = 0;
	records_read(fixture);
	assert_int_equal(fixture->count, 1);
	assert_non_null(memmem(piece->bytes, piece->size, name, sizeof(name) - 1));
	assert_int_equal(piece->size, 5 + (piece->bytes[3] << 8 | piece->bytes[4]));
	event = piece->event;
	assert_true(event.payload.last);
	assert_int_equal(event.direction, EVENT_DIRECTION_OUT);
	assert_int_equal(event.destination_port, ntohs(fixture->to.sin_port));
	assert_true(event.socket_cookie != 0);
	assert_int_equal(event.pid, child);
	assert_null(event.process);
	sensor_event_process(fixture->sensor, &event);
	assert_non_null(event.process);
	assert_int_equal(event.process->pid, child);
	assert_non_null(strstr(event.process->exe, "openssl"));
	assert_int_equal(counted(fixture, LEDGER_FLOW_TLS), 1);
}

static void write_much(const struct fixture *fixture)
{
	static uint8_t bytes[60000] = { 0x16, 3, 1, 0, 100, 1, 0, 0xff, 0xff };
	int fd = dial(fixture, 0);

	for (size_t i = 9; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	need(write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	need(read(fd, bytes, 1) == 0);
}

/* One send of more than all that is wanted: one packet here, far above any MTU. */
static void test_large_send(void **state)
{
	struct fixture *fixture = *state;
	size_t at = 0;
	char bytes[65536];
	int fd;

	child_start(fixture, write_much);
	fd = accept_one(fixture);
	for (size_t have = 0; have < 60000;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));

		assert_true(n > 0);
		have += (size_t)n;
	}
	(void)close(fd);
	child_wait(fixture);
	records_read(fixture);
	for (size_t i = 0; i < fixture->count; i++) {
		const struct piece *piece = &fixture->pieces[i];

		assert_int_equal(piece->event.payload.offset, at);
		for (size_t k = at < 9 ? 9 : 0; k < piece->size; k++)
			assert_int_equal(piece->bytes[k], (uint8_t)((at + k) * 7 + (at + k) / 256));
		at += piece->size;
		assert_int_equal(piece->event.payload.last, at == 16384);
	}
	assert_int_equal(at, 16384);
}

static void datagrams_send(const struct fixture *fixture)
{
	static uint8_t bytes[3 * 1200];
	struct sockaddr_in to = fixture->to;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), step = 1200;

	for (size_t i = 0; i < 3; i++)
		memcpy(bytes + i * 1200, "\xc3\0\0\0\1", 5);
	need(fd >= 0 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &step, sizeof(step)) == 0);
	for (size_t i = 0; i < 3; i++)
		bytes[i * 1200 + 100] = (uint8_t)i;
	/* Nobody listens: without being connected that is not told. */
	need(sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&to, sizeof(to)) ==
	     sizeof(bytes));
	step = 0;
	need(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &step, sizeof(step)) == 0);
	to.sin_addr.s_addr = htonl(0x7f000002);
	need(sendto(fd, bytes, 1200, 0, (const struct sockaddr *)&to, sizeof(to)) == 1200);
	need(sendto(fd, bytes, 600, 0, (const struct sockaddr *)&to, sizeof(to)) == 600);
}

static void test_datagrams_in_one_send(void **state)
{
	struct fixture *fixture = *state;
	pid_t child;

	child_start(fixture, datagrams_send);
	child = fixture->child;
	child_wait(fixture);
	records_read(fixture);
	assert_int_equal(fixture->count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(fixture->pieces[i].size, 1200);
		assert_int_equal(fixture->pieces[i].bytes[100], i % 3);
		assert_int_equal(fixture->pieces[i].event.pid, child);
		assert_int_equal(fixture->pieces[i].event.attribution, EVENT_ATTRIBUTION_CURRENT);
	}
	assert_int_equal(counted(fixture, LEDGER_FLOW_QUIC), 2);
}

static void connect_then_wait(const struct fixture *fixture)
{
	int fd = dial(fixture, 0);

	child_says(fixture);
	child_waits(fixture);
	need(write(fd, REQUEST, sizeof(REQUEST) - 1) == sizeof(REQUEST) - 1);
	/* A new one is looked at. */
	fd = dial(fixture, 0);
	need(write(fd, "x", 1) == 1);
}

static void test_older_than_the_agent(void **state)
{
	struct fixture *fixture = *state;
	int first, second;

	child_start(fixture, connect_then_wait);
	child_said(fixture);
	first = accept_one(fixture);
	sensor_close(fixture->sensor);
	sensor_start(fixture);
	memset(&fixture->before, 0, sizeof(fixture->before));
	assert_int_equal(write(fixture->go[1], "", 1), 1);
	second = accept_one(fixture);
	child_wait(fixture);
	(void)close(first);
	(void)close(second);
	records_read(fixture);
	assert_int_equal(fixture->count, 0);
	assert_int_equal(counted(fixture, LEDGER_FLOW_HTTP), 0);
	assert_int_equal(counted(fixture, LEDGER_FLOW_OTHER), 1);
}

static void connect_many(const struct fixture *fixture)
{
	char byte;

	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = dial(fixture, 0);

		need(write(fd, REQUEST, 5) == 5 &&
		     write(fd, &REQUEST[5], sizeof(REQUEST) - 6) == sizeof(REQUEST) - 6);
		need(read(fd, &byte, 1) == 1);
		(void)close(fd);
	}
}

static void test_many_connections(void **state)
{
	struct fixture *fixture = *state;
	size_t pieces = 0, bytes = 0;

	child_start(fixture, connect_many);
	for (int i = 0; i < CONNECTIONS; i++) {
		char request[64];
		size_t have = 0;
		int fd = accept_one(fixture);

		while (have < sizeof(REQUEST) - 1) {
			ssize_t n = read(fd, request, sizeof(request));

			assert_true(n > 0);
			have += (size_t)n;
		}
		assert_int_equal(write(fd, "", 1), 1);
		(void)close(fd);
		records_read(fixture);
		for (size_t k = 0; k < fixture->count; k++)
			bytes += fixture->pieces[k].size;
		pieces += fixture->count;
		fixture->count = 0;
	}
	child_wait(fixture);
	assert_int_equal(bytes, CONNECTIONS * (sizeof(REQUEST) - 1));
	assert_int_equal(counted(fixture, LEDGER_FLOW_HTTP), CONNECTIONS);
	assert_int_equal(counted(fixture, LEDGER_FLOW_OTHER), 0);
	assert_int_equal(counted(fixture, LEDGER_FLOW_SUBMITTED), pieces);
}

static void one_request(const struct fixture *fixture)
{
	int fd = dial(fixture, 0);

	need(write(fd, REQUEST, sizeof(REQUEST) - 1) == sizeof(REQUEST) - 1);
}

static bool sensor_wakes(const struct fixture *fixture)
{
	struct pollfd poll_for = { .fd = sensor_fd(fixture->sensor), .events = POLLIN };

	return poll(&poll_for, 1, 0) == 1;
}

/* Woken for the first; not for those that come while user space said that it looks by itself. */
static void test_wakes(void **state)
{
	struct fixture *fixture = *state;
	struct probes__bss *bss = fixture->sensor->probes->bss;

	bss->reader_polls_until = 0;
	(void)sensor_poll(fixture->sensor);
	for (int promised = 0; promised < 3; promised++) {
		uint64_t until;

		assert_false(sensor_wakes(fixture));
		bss->reader_polls_until = promised == 1 ? UINT64_MAX : 0;
		child_start(fixture, one_request);
		(void)close(accept_one(fixture));
		child_wait(fixture);
		assert_int_equal(sensor_wakes(fixture), promised != 1);
		records_read(fixture);
		assert_int_equal(fixture->count, 1);
		until = sensor_poll(fixture->sensor);
		assert_true(bss->reader_polls_until < until);
		assert_true(until <= clock_boottime() + 3 * NS_PER_MILLISECOND);
		assert_int_equal(sensor_poll(fixture->sensor), 0);
	}
}

static void multipath_send(const struct fixture *fixture)
{
	int fd = dial(fixture, IPPROTO_MPTCP);

	need(write(fd, REQUEST, sizeof(REQUEST) - 1) == sizeof(REQUEST) - 1);
}

/* The sockets that such a connection is made of are the kernel's own: nobody notes them. */
static void test_multipath(void **state)
{
	struct fixture *fixture = *state;
	int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	pid_t child;

	if (probe < 0)
		skip();
	(void)close(probe);
	child_start(fixture, multipath_send);
	child = fixture->child;
	(void)close(accept_one(fixture));
	child_wait(fixture);
	records_read(fixture);
	assert_int_equal(fixture->count, 1);
	assert_int_equal(fixture->pieces[0].size, sizeof(REQUEST) - 1);
	/* Newer kernels run the connect hook for them, others leave the cgroup to go by. */
	assert_true(fixture->pieces[0].event.pid == child ||
		    fixture->pieces[0].event.cgroup_id != 0);
	assert_int_equal(counted(fixture, LEDGER_FLOW_HTTP), 1);
}

static void send_and_wait(const struct fixture *fixture)
{
	int fd = dial(fixture, 0), other = dial(fixture, 0);

	need(write(fd, REQUEST, sizeof(REQUEST) - 1) == sizeof(REQUEST) - 1);
	child_says(fixture);
	child_waits(fixture);
	need(write(fd, "secret", 6) == 6);
	need(write(other, "allowed", 7) == 7);
	child_says(fixture);
	child_waits(fixture);
	(void)close(fd);
}

/* Nothing of a socket that was cut arrives any more; others are not touched. */
static void test_cut(void **state)
{
	struct fixture *fixture = *state;
	uint64_t deadline = clock_boottime() + DEADLINE;
	char bytes[100];
	int fd, other;
	uint64_t cookie;

	child_start(fixture, send_and_wait);
	fd = accept_one(fixture);
	other = accept_one(fixture);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), sizeof(REQUEST) - 1);
	child_said(fixture);
	records_read(fixture);
	assert_int_equal(fixture->count, 1);
	cookie = fixture->pieces[0].event.socket_cookie;
	assert_int_equal(sensor_cut(fixture->sensor, cookie), 0);
	assert_int_equal(sensor_cut(fixture->sensor, cookie), 0);
	assert_int_equal(write(fixture->go[1], "", 1), 1);
	child_said(fixture);
	assert_int_equal(recv(other, bytes, sizeof(bytes), 0), 7);
	while (counted(fixture, LEDGER_FLOW_CUT) < 2 && clock_boottime() < deadline)
		(void)poll(NULL, 0, 1);
	assert_true(counted(fixture, LEDGER_FLOW_CUT) >= 2); /* it is sent again */
	assert_true(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	/* The mark is in the socket's note as well: it holds when others take its place. */
	assert_int_equal(sensor_uncut(fixture->sensor, cookie), 0);
	assert_int_equal(sensor_uncut(fixture->sensor, cookie), 0);
	assert_int_equal(fixture->sensor->probes->bss->flow_cut_count, 0);
	fixture->before.flows[LEDGER_FLOW_CUT] += counted(fixture, LEDGER_FLOW_CUT);
	while (counted(fixture, LEDGER_FLOW_CUT) < 1 && clock_boottime() < deadline)
		(void)poll(NULL, 0, 1);
	assert_true(counted(fixture, LEDGER_FLOW_CUT) >= 1);
	assert_true(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	assert_int_equal(write(fixture->go[1], "", 1), 1);
	child_wait(fixture);
	(void)close(fd);
	(void)close(other);
}

static void send_and_read(const struct fixture *fixture)
{
	int fd = dial(fixture, 0);
	char byte;

	need(write(fd, REQUEST, sizeof(REQUEST) - 1) == sizeof(REQUEST) - 1);
	need(read(fd, &byte, 1) < 0 && errno == ECONNABORTED);
}

/* The response as a whole: the program is told at once, the other end gets a reset, and nothing is
 * left that packets of others are compared with. */
static void test_cut_and_destroy(void **state)
{
	struct fixture *fixture = *state;
	struct cut *cut;
	sd_event *loop;
	char bytes[100];
	int fd, outcome;

	assert_int_equal(sd_event_new(&loop), 0);
	assert_int_equal(cut_open(loop, fixture->sensor, &cut), 0);
	child_start(fixture, send_and_read);
	fd = accept_one(fixture);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), sizeof(REQUEST) - 1);
	records_read(fixture);
	assert_int_equal(fixture->count, 1);
	outcome = cut_flow(cut, &fixture->pieces[0].event);
	/* A kernel that cannot load its module for this says that there is no such socket. */
	if (outcome == CUT_GONE && access("/sys/module/tcp_diag", F_OK) < 0)
		skip();
	assert_int_equal(outcome, CUT_DESTROYED);
	child_wait(fixture);
	assert_true(recv(fd, bytes, sizeof(bytes), 0) < 0 && errno == ECONNRESET);
	assert_int_equal(fixture->sensor->probes->bss->flow_cut_count, 0);
	(void)close(fd);
	cut_close(cut);
	(void)sd_event_unref(loop);
}

static void datagrams_until_cut(const struct fixture *fixture)
{
	static const uint8_t initial[1200] = { 0xc3, 0, 0, 0, 1 };
	const struct sockaddr *to = (const struct sockaddr *)&fixture->to;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	need(sendto(fd, initial, sizeof(initial), 0, to, sizeof(fixture->to)) == sizeof(initial));
	child_says(fixture);
	child_waits(fixture);
	need(sendto(fd, initial, sizeof(initial), 0, to, sizeof(fixture->to)) < 0);
	need(errno == EPERM || errno == ECONNABORTED);
	/* Destroyed once, and used again: it stays cut. */
	need(sendto(fd, "short", 5, 0, to, sizeof(fixture->to)) < 0 && errno == EPERM);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(sendto(fd, "short", 5, 0, to, sizeof(fixture->to)) == 5);
}

static void test_cut_of_datagrams(void **state)
{
	struct fixture *fixture = *state;
	struct cut *cut;
	sd_event *loop;
	int outcome;

	assert_int_equal(sd_event_new(&loop), 0);
	assert_int_equal(cut_open(loop, fixture->sensor, &cut), 0);
	child_start(fixture, datagrams_until_cut);
	child_said(fixture);
	records_read(fixture);
	assert_int_equal(fixture->count, 1);
	outcome = cut_flow(cut, &fixture->pieces[0].event);
	assert_true(outcome == CUT_DESTROYED || outcome == CUT_GONE);
	assert_int_equal(write(fixture->go[1], "", 1), 1);
	child_wait(fixture);
	assert_true(counted(fixture, LEDGER_FLOW_CUT) >= 1);
	assert_int_equal(sensor_uncut(fixture->sensor, fixture->pieces[0].event.socket_cookie), 0);
	cut_close(cut);
	(void)sd_event_unref(loop);
}

static void test_audit_cuts_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sensor_options options = { .flows = true, .cgroup = fixture->cgroup };
	struct sensor *sensor;

	assert_int_equal(sensor_open(&options, piece_take, fixture, &sensor), 0);
	assert_int_equal(sensor_cut(sensor, 1), -EOPNOTSUPP);
	assert_int_equal(sensor_uncut(sensor, 1), -EOPNOTSUPP);
	assert_true(bpf_map__fd(sensor->probes->maps.flow_cuts) < 0);
	sensor_close(sensor);
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
	socklen_t size = sizeof(fixture->to);

	if (!fixture)
		return -1;
	fixture->pieces = calloc(PIECES_MAX, sizeof(*fixture->pieces));
	assert_non_null(fixture->pieces);
	assert_int_equal(pipe2(fixture->say, O_CLOEXEC), 0);
	assert_int_equal(pipe2(fixture->go, O_CLOEXEC), 0);
	fixture->to.sin_family = AF_INET;
	fixture->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fixture->listener >= 0);
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&fixture->to, size), 0);
	assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&fixture->to, &size), 0);
	assert_int_equal(listen(fixture->listener, 100), 0);
	fixture->cgroup = probe_cgroup_make();
	sensor_start(fixture);
	*state = fixture;
	return 0;
}

static int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	sensor_close(fixture->sensor);
	probe_cgroup_remove(fixture->cgroup);
	(void)close(fixture->listener);
	for (int i = 0; i < 2; i++) {
		(void)close(fixture->say[i]);
		(void)close(fixture->go[i]);
	}
	free(fixture->pieces);
	free(fixture);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_client_hello, case_close),
		cmocka_unit_test_teardown(test_large_send, case_close),
		cmocka_unit_test_teardown(test_datagrams_in_one_send, case_close),
		cmocka_unit_test_teardown(test_older_than_the_agent, case_close),
		cmocka_unit_test_teardown(test_many_connections, case_close),
		cmocka_unit_test_teardown(test_wakes, case_close),
		cmocka_unit_test_teardown(test_multipath, case_close),
		cmocka_unit_test_teardown(test_cut, case_close),
		cmocka_unit_test_teardown(test_cut_and_destroy, case_close),
		cmocka_unit_test_teardown(test_cut_of_datagrams, case_close),
		cmocka_unit_test_teardown(test_audit_cuts_nothing, case_close),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
