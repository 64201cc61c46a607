/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a flow: its own socket is destroyed, in whatever network namespace, and no other. The
 * kernel side's part is in tests/probes/test_flow_live.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cmocka.h>

#include <net/if.h>

#include "base/clock.h"
#include "response/cut.h"

#define DEADLINE_MS 20000

struct fixture {
	sd_event *loop;
	struct cut *cut; /* NULL: not root */
};

static int fixture_open(void **state)
{
	static struct fixture fixture;

	assert_int_equal(sd_event_new(&fixture.loop), 0);
	fixture.cut = NULL;
	if (geteuid() == 0)
		assert_int_equal(cut_open(fixture.loop, NULL, &fixture.cut), 0);
	*state = &fixture;
	return 0;
}

static int fixture_close(void **state)
{
	struct fixture *fixture = *state;

	clock_release();
	cut_close(fixture->cut);
	sd_event_unref(fixture->loop);
	return 0;
}

static struct cut *cut_needed(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture->cut) {
		assert_null(getenv("CI"));
		skip();
	}
	return fixture->cut;
}

/* Connected to a server on loopback; event: of what it sends. */
static int client_make(int family, int type, int *ret_server, struct event *event)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} server = { .any.sa_family = (sa_family_t)family }, client;
	socklen_t size = family == AF_INET ? sizeof(server.in) : sizeof(server.in6);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	int listener = socket(family, type | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		server.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		server.in6.sin6_addr = in6addr_loopback;
	if (fd < 0 || listener < 0 || bind(listener, &server.any, size) < 0 ||
	    getsockname(listener, &server.any, &size) < 0 ||
	    (type == SOCK_STREAM && listen(listener, 5) < 0) ||
	    connect(fd, &server.any, size) < 0 || getsockname(fd, &client.any, &size) < 0)
		return -1;
	*event = (struct event){
		.kind = EVENT_FLOW,
		.direction = EVENT_DIRECTION_OUT,
		.protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP,
		.source_port = ntohs(family == AF_INET ? client.in.sin_port : client.in6.sin6_port),
		.destination_port =
			ntohs(family == AF_INET ? server.in.sin_port : server.in6.sin6_port),
		.pid = getpid(),
	};
	if (address_parse(family == AF_INET ? "127.0.0.1" : "::1", &event->source) < 0)
		return -1;
	event->destination = event->source;
	size = sizeof(event->socket_cookie);
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &event->socket_cookie, &size) < 0)
		return -1;
	*ret_server = listener;
	return fd;
}

static void own_socket_is_destroyed(void **state)
{
	/* Proves: the program's next call fails at once with ECONNABORTED, over TCP and UDP, both
	 * families; with another socket's cookie nothing is done; twice is no failure. */
	static const struct {
		int family, type;
	} cases[] = {
		{ AF_INET, SOCK_STREAM },
		{ AF_INET6, SOCK_STREAM },
		{ AF_INET, SOCK_DGRAM },
		{ AF_INET6, SOCK_DGRAM },
	};
	struct cut *cut = cut_needed(state);
	struct cut_statistics statistics;
	char byte;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event event;
		int server, fd = client_make(cases[i].family, cases[i].type, &server, &event);

		assert_true(fd >= 0);
		event.socket_cookie++;
		assert_int_equal(cut_flow(cut, &event), CUT_GONE);
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
		assert_int_equal(errno, EAGAIN);
		event.socket_cookie--;
		assert_int_equal(cut_flow(cut, &event), CUT_DESTROYED);
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
		assert_int_equal(errno, ECONNABORTED);
		if (cases[i].type == SOCK_STREAM)
			assert_int_equal(cut_flow(cut, &event), CUT_GONE);
		close(fd);
		close(server);
	}
	cut_statistics(cut, &statistics);
	assert_int_equal(statistics.destroyed, 4);
	assert_int_equal(statistics.gone, 6);
	assert_int_equal(statistics.dropped + statistics.failed, 0);
}

static void only_own_flows_are_cut(void **state)
{
	/* Proves: what came in, recorded packets, and sockets that are not known, are refused. */
	struct cut *cut = cut_needed(state);
	struct event event, good;
	int server, fd = client_make(AF_INET, SOCK_STREAM, &server, &good);
	char byte;

	assert_true(fd >= 0);
	event = good;
	event.direction = EVENT_DIRECTION_IN;
	assert_int_equal(cut_flow(cut, &event), -EINVAL);
	event.direction = EVENT_DIRECTION_UNKNOWN;
	assert_int_equal(cut_flow(cut, &event), -EINVAL);
	event = good;
	event.socket_cookie = 0;
	assert_int_equal(cut_flow(cut, &event), -EINVAL);
	event = good;
	event.protocol = IPPROTO_ICMP;
	assert_int_equal(cut_flow(cut, &event), -EINVAL);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	close(server);
}

static void floods_are_limited(void **state)
{
	/* Proves: over the rate a flow is dropped, but its socket is not looked for. */
	struct cut *cut = cut_needed(state);
	struct cut_statistics statistics;
	struct event event;
	int server, fd = client_make(AF_INET, SOCK_STREAM, &server, &event);
	char byte;

	assert_true(fd >= 0);
	clock_hold(1000 * NS_PER_SECOND, 500 * NS_PER_SECOND);
	event.socket_cookie++;
	for (int i = 0; i < CUT_RATE; i++)
		assert_int_equal(cut_flow(cut, &event), CUT_GONE);
	event.socket_cookie--;
	assert_int_equal(cut_flow(cut, &event), CUT_DROPPED);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	clock_hold(1001 * NS_PER_SECOND, 501 * NS_PER_SECOND);
	assert_int_equal(cut_flow(cut, &event), CUT_DESTROYED);
	cut_statistics(cut, &statistics);
	assert_int_equal(statistics.dropped, 1);
	assert_int_equal(statistics.failed, 0);
	close(fd);
	close(server);
}

/* In the child, in a network namespace of its own: says which flow is its own, and exits with 0
 * when that is aborted. */
static void stranger_run(int out)
{
	struct pollfd poll_for;
	struct event event;
	struct ifreq interface = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int server, fd;
	char byte;

	if (unshare(CLONE_NEWNET) < 0 ||
	    ioctl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), SIOCSIFFLAGS, &interface) < 0)
		_exit(1);
	fd = client_make(AF_INET, SOCK_STREAM, &server, &event);
	if (fd < 0 || write(out, &event, sizeof(event)) != sizeof(event))
		_exit(2);
	poll_for = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (poll(&poll_for, 1, DEADLINE_MS) != 1)
		_exit(3);
	_exit(recv(fd, &byte, 1, 0) < 0 && errno == ECONNABORTED ? 0 : 4);
}

static void other_namespaces_are_reached(void **state)
{
	/* Proves: a flow is cut where its process is. */
	struct cut *cut = cut_needed(state);
	int pipes[2], status;
	struct event event;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		stranger_run(pipes[1]);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &event, sizeof(event)), sizeof(event));
	assert_int_equal(event.pid, pid);
	/* Ours has no such socket. */
	event.pid = 0;
	assert_int_equal(cut_flow(cut, &event), CUT_GONE);
	event.pid = pid;
	assert_int_equal(cut_flow(cut, &event), CUT_DESTROYED);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* A process that is gone: looked for here, for want of a better place. */
	assert_int_equal(cut_flow(cut, &event), CUT_GONE);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_socket_is_destroyed, fixture_open,
						fixture_close),
		cmocka_unit_test_setup_teardown(only_own_flows_are_cut, fixture_open,
						fixture_close),
		cmocka_unit_test_setup_teardown(floods_are_limited, fixture_open, fixture_close),
		cmocka_unit_test_setup_teardown(other_namespaces_are_reached, fixture_open,
						fixture_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
