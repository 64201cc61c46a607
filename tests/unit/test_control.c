/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/channel.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/control_call.h"
#include "daemon/control_request.h"

#define DEADLINE (10 * NS_PER_SECOND)

/* More than a socket's queue holds in a few frames. */
#define LARGE_STATUS 100000

struct fixture {
	char folder[32], path[64];
	sd_event *loop;
	struct control *control;
	int reload_result;
	size_t status_size;
};

static json_t *status_given(void *userdata)
{
	struct fixture *fixture = userdata;
	char *text = malloc(fixture->status_size + 1);
	json_t *object;

	memset(text, 'a', fixture->status_size);
	text[fixture->status_size] = '\0';
	object = json_pack("{s:s}", "mode", text);
	free(text);
	return object;
}

static int reload_given(void *userdata, char error[static CONTROL_ERROR_SIZE])
{
	struct fixture *fixture = userdata;

	if (fixture->reload_result < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "policy.yaml:3:1: no");
	return fixture->reload_result;
}

static int preflight_given(void *userdata, uint64_t *ret_run, char error[static CONTROL_ERROR_SIZE])
{
	struct fixture *fixture = userdata;

	if (fixture->reload_result < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "no cloud");
	else
		*ret_run = 3;
	return fixture->reload_result;
}

static json_t *act_given(void *userdata, int request, const json_t *arguments, uid_t uid,
			 char error[static CONTROL_ERROR_SIZE])
{
	const char *reason = json_string_value(json_object_get(arguments, "reason"));

	(void)userdata;
	if (!reason) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "no reason");
		return NULL;
	}
	return json_pack("{s:s, s:s, s:b}", "did",
			 control_request_name((enum control_request)request), "reason", reason,
			 "root", uid == 0);
}

static int setup(void **state)
{
	static const struct control_handlers handlers = { .status = status_given,
							  .reload = reload_given,
							  .preflight = preflight_given,
							  .act = act_given };
	static struct fixture fixture;

	fixture = (struct fixture){ .folder = "/tmp/test_control.XXXXXX", .status_size = 5 };
	assert_non_null(mkdtemp(fixture.folder));
	(void)snprintf(fixture.path, sizeof(fixture.path), "%s/control", fixture.folder);
	assert_int_equal(sd_event_new(&fixture.loop), 0);
	assert_int_equal(
		control_open(fixture.loop, fixture.path, &handlers, &fixture, &fixture.control), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	control_close(fixture->control);
	assert_int_equal(access(fixture->path, F_OK), -1);
	sd_event_unref(fixture->loop);
	return rmdir(fixture->folder);
}

/* Runs the loop until the descriptor has a frame or its end; its length or a negative errno. */
static ssize_t receive(struct fixture *fixture, int fd, char *buffer, size_t size)
{
	uint64_t deadline = clock_boottime() + DEADLINE;
	ssize_t n = -EAGAIN;

	while (n == -EAGAIN && clock_boottime() < deadline) {
		assert_true(sd_event_run(fixture->loop, 10000) >= 0);
		n = channel_receive(fd, buffer, size);
	}
	return n;
}

static int client(const struct fixture *fixture)
{
	int fd = channel_connect(fixture->path);

	assert_true(fd >= 0);
	return fd;
}

static void ask(struct fixture *fixture, const char *request, const char *expected)
{
	int fd = client(fixture);
	char buffer[512];
	ssize_t n;

	assert_int_equal(channel_send(fd, request, strlen(request)), 0);
	n = receive(fixture, fd, buffer, sizeof(buffer) - 1);
	assert_true(n > 0);
	buffer[n] = '\0';
	assert_string_equal(buffer, expected);
	close(fd);
}

static void requests_are_answered(void **state)
{
	/* Proves: status, reload and preflight reach their handlers, a failed reload says why, a
	 * request that is none is told, and the socket's mode is 0660. */
	struct fixture *fixture = *state;
	struct control_statistics statistics;
	struct stat status;

	ask(fixture, "{\"request\":\"status\"}", "{\"mode\":\"aaaaa\"}");
	ask(fixture, "{\"request\":\"nonsense\"}", "{\"error\":\"no such request\"}");
	if (geteuid() == 0) {
		ask(fixture, "{\"request\":\"reload\"}", "{\"reloaded\":true}");
		ask(fixture, "{\"request\":\"preflight\"}", "{\"run\":3}");
		fixture->reload_result = -EINVAL;
		ask(fixture, "{\"request\":\"reload\"}", "{\"error\":\"policy.yaml:3:1: no\"}");
		ask(fixture, "{\"request\":\"preflight\"}", "{\"error\":\"no cloud\"}");
		ask(fixture, "{\"request\":\"contain\",\"reason\":\"x\",\"seconds\":5}",
		    "{\"did\":\"contain\",\"reason\":\"x\",\"root\":true}");
		ask(fixture, "{\"request\":\"uncontain\"}", "{\"error\":\"no reason\"}");
	}
	control_statistics(fixture->control, &statistics);
	assert_int_equal(statistics.unknown, 1);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static int request_read(const char *frame, size_t size, enum control_peer peer)
{
	json_t *arguments = NULL;
	int r = control_request_read(frame, size, peer, &arguments);

	assert_int_equal(r >= 0, arguments != NULL);
	json_decref(arguments);
	return r;
}

static void requests_are_checked(void **state)
{
	/* Proves: only the one form is a request, and only root may reload. */
	static const struct {
		const char *frame;
		int as_root, as_other;
	} cases[] = {
		{ "{\"request\":\"status\"}", CONTROL_STATUS, CONTROL_STATUS },
		{ "{\"request\":\"reload\"}", CONTROL_RELOAD, -EPERM },
		{ "{\"request\":\"preflight\"}", CONTROL_PREFLIGHT, -EPERM },
		{ "{\"request\":\"Status\"}", -ENOENT, -ENOENT },
		{ "{\"request\":\"\"}", -ENOENT, -ENOENT },
		{ "{\"request\":\"status\",\"more\":1}", -EBADMSG, -EBADMSG },
		{ "{\"request\":\"status\",\"request\":\"reload\"}", -EBADMSG, -EBADMSG },
		{ "{\"request\":1}", -EBADMSG, -EBADMSG },
		{ "{\"request\":\"contain\"}", CONTROL_CONTAIN, -EPERM },
		{ "{\"request\":\"contain\",\"reason\":\"a\",\"seconds\":0}", CONTROL_CONTAIN,
		  -EPERM },
		{ "{\"request\":\"uncontain\",\"reason\":\"a\"}", CONTROL_UNCONTAIN, -EPERM },
		{ "{\"request\":\"uncontain\",\"seconds\":1}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"seconds\":-1}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"seconds\":1.5}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"seconds\":\"1\"}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"reason\":1}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"reason\":null}", -EBADMSG, -EPERM },
		{ "{\"request\":\"contain\",\"more\":1}", -EBADMSG, -EPERM },
		{ "{\"other\":\"status\"}", -EBADMSG, -EBADMSG },
		{ "[\"request\"]", -EBADMSG, -EBADMSG },
		{ "{\"request\":\"status\"} x", -EBADMSG, -EBADMSG },
		{ "{\"request\":\"sta\\u0000tus\"}", -EBADMSG, -EBADMSG },
		{ "{\"request\":\"\xff\"}", -EBADMSG, -EBADMSG },
		{ "", -EBADMSG, -EBADMSG },
	};
	char large[CONTROL_REQUEST_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].frame);

		assert_int_equal(request_read(cases[i].frame, size, CONTROL_PEER_ROOT),
				 cases[i].as_root);
		assert_int_equal(request_read(cases[i].frame, size, CONTROL_PEER_OTHER),
				 cases[i].as_other);
	}
	memset(large, '[', sizeof(large));
	assert_int_equal(request_read(large, sizeof(large), CONTROL_PEER_ROOT), -EMSGSIZE);
	assert_int_equal(request_read(large, sizeof(large) - 1, CONTROL_PEER_ROOT), -EBADMSG);
}

/* In a child, as nobody: asks for a reload, and exits 0 when it is refused as it should be. */
static void nobody_asks(const char *path)
{
	static const char request[] = "{\"request\":\"reload\"}";
	char buffer[128] = "";
	int fd;

	if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
	    setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	fd = channel_connect(path);
	if (fd < 0 || channel_send(fd, request, sizeof(request) - 1) < 0 ||
	    channel_wait(fd, POLLIN, clock_boottime() + DEADLINE) < 0 ||
	    channel_receive(fd, buffer, sizeof(buffer) - 1) < 0)
		_exit(2);
	_exit(strcmp(buffer, "{\"error\":\"only root may ask for this\"}") == 0 ? 0 : 3);
}

static void others_may_not_reload(void **state)
{
	/* Proves: a peer that the socket's mode lets in is told by its real uid. */
	struct fixture *fixture = *state;
	uint64_t deadline = clock_boottime() + DEADLINE;
	struct control_statistics statistics = { 0 };
	int status = -1;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: changing the uid needs root\n");
		if (getenv("CI"))
			fail();
		skip();
	}
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		nobody_asks(fixture->path);
	while (statistics.denied == 0 && clock_boottime() < deadline) {
		assert_true(sd_event_run(fixture->loop, 10000) >= 0);
		control_statistics(fixture->control, &statistics);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(statistics.denied, 1);
}

static void garbage_is_disconnected(void **state)
{
	/* Proves: a client that sends no request, or too much, is dropped and counted, and others
	 * go on being served. */
	struct fixture *fixture = *state;
	struct control_statistics statistics;
	char large[CONTROL_REQUEST_MAX + 1], buffer[64];
	int first = client(fixture), second = client(fixture);

	memset(large, ' ', sizeof(large));
	assert_int_equal(channel_send(first, "hello", 5), 0);
	assert_int_equal(channel_send(second, large, sizeof(large)), 0);
	assert_int_equal(receive(fixture, first, buffer, sizeof(buffer)), -EPIPE);
	assert_int_equal(receive(fixture, second, buffer, sizeof(buffer)), -EPIPE);
	control_statistics(fixture->control, &statistics);
	assert_int_equal(statistics.garbage, 2);
	ask(fixture, "{\"request\":\"status\"}", "{\"mode\":\"aaaaa\"}");
	close(first);
	close(second);
}

static void clients_are_bounded(void **state)
{
	/* Proves: one client over the maximum is closed at once, and a leaver makes room. */
	struct fixture *fixture = *state;
	struct control_statistics statistics;
	int fds[CONTROL_CLIENTS_MAX], over;
	char buffer[64];

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = client(fixture);
		/* The backlog is not larger than the number of clients. */
		assert_true(sd_event_run(fixture->loop, 0) >= 0);
	}
	over = client(fixture);
	assert_int_equal(receive(fixture, over, buffer, sizeof(buffer)), -EPIPE);
	control_statistics(fixture->control, &statistics);
	assert_int_equal(statistics.refused, 1);
	assert_int_equal(statistics.accepted, CONTROL_CLIENTS_MAX);
	close(over);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	while (sd_event_run(fixture->loop, 0) > 0)
		continue;
	ask(fixture, "{\"request\":\"status\"}", "{\"mode\":\"aaaaa\"}");
}

static void silent_clients_run_out_of_time(void **state)
{
	/* Proves: a client that says nothing, and one that asks and never reads, are both closed at
	 * the end of their time while the loop goes on. */
	struct fixture *fixture = *state;
	uint64_t deadline = clock_boottime() + CONTROL_CLIENT_TIME + DEADLINE;
	static const char request[] = "{\"request\":\"status\"}";
	struct control_statistics statistics = { 0 };
	int silent = client(fixture), deaf = client(fixture);
	int r;

	fixture->status_size = LARGE_STATUS;
	do {
		r = channel_send(deaf, request, sizeof(request) - 1);
		assert_true(sd_event_run(fixture->loop, 10000) >= 0);
	} while (r == 0 && clock_boottime() < deadline);
	assert_int_equal(r, -EAGAIN);
	while (statistics.timed_out < 2 && clock_boottime() < deadline) {
		assert_true(sd_event_run(fixture->loop, 100000) >= 0);
		control_statistics(fixture->control, &statistics);
	}
	assert_int_equal(statistics.timed_out, 2);
	fixture->status_size = 5;
	ask(fixture, "{\"request\":\"status\"}", "{\"mode\":\"aaaaa\"}");
	close(silent);
	close(deaf);
}

struct call {
	const char *path;
	json_t *reply;
	int result;
	_Atomic bool done;
};

static void *call_run(void *argument)
{
	struct call *call = argument;

	call->result = control_call(call->path, "status", &call->reply);
	call->done = true;
	return NULL;
}

static void calls_get_their_reply(void **state)
{
	/* Proves: control_call() brings a large reply back, and says when nobody listens. */
	struct fixture *fixture = *state;
	struct call call = { .path = fixture->path };
	uint64_t deadline = clock_boottime() + DEADLINE;
	pthread_t thread;

	fixture->status_size = LARGE_STATUS;
	assert_int_equal(pthread_create(&thread, NULL, call_run, &call), 0);
	while (!call.done && clock_boottime() < deadline)
		assert_true(sd_event_run(fixture->loop, 10000) >= 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(call.result, 0);
	assert_int_equal(json_string_length(json_object_get(call.reply, "mode")), LARGE_STATUS);
	json_decref(call.reply);
	assert_int_equal(control_call("/nonexistent/control", "status", &call.reply), -ENOENT);
}

static void second_daemons_are_refused(void **state)
{
	/* Proves: the socket of a running daemon is not taken over. */
	struct fixture *fixture = *state;
	static const struct control_handlers handlers = { .status = status_given,
							  .reload = reload_given,
							  .preflight = preflight_given,
							  .act = act_given };
	struct control *second = NULL;

	assert_int_equal(control_open(fixture->loop, fixture->path, &handlers, fixture, &second),
			 -EADDRINUSE);
	assert_null(second);
	ask(fixture, "{\"request\":\"status\"}", "{\"mode\":\"aaaaa\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_checked),
		cmocka_unit_test_setup_teardown(requests_are_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(others_may_not_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_is_disconnected, setup, teardown),
		cmocka_unit_test_setup_teardown(clients_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_clients_run_out_of_time, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_get_their_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(second_daemons_are_refused, setup, teardown),
	};

	log_open("test_control", LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
