/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/cage.h"
#include "scan/pool.h"
#include "scan/pool_worker.h"
#include "tests/unit/scan_double.h"

#define DEADLINE  (60 * NS_PER_SECOND)
#define HEARD_MAX 8192

/* What was said of each payload, one character each: f facts, t taken, e ended, l lost. */
struct heard {
	char answers[HEARD_MAX];
	size_t count;
	char names[32][64];
	size_t names_count;
	unsigned broken;
	char reason[256];
};

static void hear(uint64_t flow, enum pool_answer answer, const struct flow_facts *facts,
		 void *userdata)
{
	static const char letters[] = {
		[POOL_FACTS] = 'f', [POOL_TAKEN] = 't', [POOL_ENDED] = 'e', [POOL_LOST] = 'l'
	};
	struct heard *heard = userdata;

	(void)flow;
	assert_true(heard->count < HEARD_MAX - 1);
	heard->answers[heard->count++] = letters[answer];
	assert_true((answer == POOL_FACTS) == (facts != NULL));
	if (facts && heard->names_count < 32)
		(void)snprintf(heard->names[heard->names_count++], 64, "%.63s", facts->name);
}

static void hear_broken(const char *reason, void *userdata)
{
	struct heard *heard = userdata;

	heard->broken++;
	(void)snprintf(heard->reason, sizeof(heard->reason), "%s", reason);
}

static struct pool *pool_make(sd_event *loop, struct heard *heard, uint64_t timeout)
{
	struct pool_options options = { .program = scan_double_path(),
					.workers = 1,
					.memory = SCAN_DOUBLE_MEMORY,
					.reply_timeout = timeout ? timeout : DEADLINE };
	struct pool *pool;

	memset(heard, 0, sizeof(*heard));
	assert_int_equal(pool_new(loop, &options, hear_broken, heard, &pool), 0);
	pool_listen(pool, hear, heard);
	return pool;
}

static int payload_try(struct pool *pool, uint64_t flow, uint32_t offset, const char *text,
		       bool last)
{
	struct protocol_payload payload = { .transport = FLOW_STREAM,
					    .offset = offset,
					    .last = last,
					    .bytes = (const uint8_t *)text,
					    .size = strlen(text) };

	return pool_payload(pool, flow, &payload);
}

static void payload(struct pool *pool, uint64_t flow, uint32_t offset, const char *text, bool last)
{
	assert_int_equal(payload_try(pool, flow, offset, text, last), 0);
}

static void settle(struct pool *pool)
{
	assert_int_equal(pool_wait(pool, clock_boottime() + DEADLINE), 0);
}

static void balance(struct pool *pool)
{
	struct pool_statistics statistics;

	pool_statistics(pool, &statistics);
	assert_int_equal(statistics.requests,
			 statistics.read + statistics.lost + statistics.queued);
}

static void answers_come_in_order(void **state)
{
	/* Proves: facts come to the flow that they are of, split payload is put together, a second
	 * request in a flow is told, and each payload is answered once. */
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, 0);

	(void)state;
	payload(pool, 1, 0, "name one\nna", false);
	payload(pool, 2, 7000, "name two\n", true);
	payload(pool, 1, 11, "me three\nname four\n", false);
	payload(pool, 3, 0, "", true);
	payload(pool, 1, 30, "end\n", false);
	payload(pool, 1, 34, "name late\n", false);
	settle(pool);
	assert_string_equal(heard.answers, "ftfefftfeee");
	assert_string_equal(heard.names[0], "one");
	assert_string_equal(heard.names[1], "two");
	assert_string_equal(heard.names[2], "three");
	assert_string_equal(heard.names[3], "four");
	balance(pool);
	/* The number is free again. */
	pool_forget(pool, 1);
	payload(pool, 1, 99, "name again\n", true);
	settle(pool);
	assert_string_equal(heard.names[5], "again");
	assert_int_equal(heard.broken, 0);
	pool_free(pool);
}

static void batches_are_whole(void **state)
{
	/* Proves: thousands of payloads at once are all answered, in few frames. */
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, 0);
	struct pool_statistics statistics;

	(void)state;
	settle(pool);
	for (uint64_t flow = 1; flow <= 3000; flow++)
		payload(pool, flow, 0, "name x\n", true);
	settle(pool);
	pool_statistics(pool, &statistics);
	assert_int_equal(statistics.facts, 3000);
	assert_int_equal(statistics.read, 3000);
	assert_true(statistics.frames < 100);
	assert_int_equal(statistics.flows, 0);
	pool_free(pool);
}

static void one_is_replaced(const char *command, const char *reason, uint64_t timeout)
{
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, timeout);
	pid_t before;

	payload(pool, 1, 0, "name one\n", true);
	settle(pool);
	before = pool->workers[0].process.pid;
	assert_true(before > 0);
	payload(pool, 2, 0, command, false);
	settle(pool);
	if (heard.broken != 1 || !strstr(heard.reason, reason))
		fail_msg("%s: broken %u times, \"%s\"", command, heard.broken, heard.reason);
	assert_string_equal(pool_reason(pool), heard.reason);
	/* It is reaped. */
	assert_int_equal(kill(before, 0), -1);
	payload(pool, 3, 0, "name three\n", true);
	settle(pool);
	assert_string_equal(heard.names[heard.names_count - 1], "three");
	assert_true(pool->workers[0].process.pid != before);
	assert_int_equal(heard.broken, 1);
	balance(pool);
	pool_free(pool);
}

static void broken_ones_are_replaced(void **state)
{
	/* Proves: a worker that dies, or breaks any rule, is replaced, with the reason told, and
	 * the next one works. */
	static const struct {
		const char *command, *reason;
	} cases[] = {
#ifndef CAGE_SANITIZED
		/* A sanitizer has handlers of its own, which the cage does not let them run. */
		{ "crash\n", "crashed (SIGSEGV)" },
		{ "abort\n", "stopped itself (SIGABRT)" },
#endif
		{ "leave\n", "ended with status 7" },
		{ "try fork\n", "killed by its sandbox" },
		{ "say garbage\n", "broke the rules: an unknown message" },
		{ "say hello\n", "broke the rules: a message that is not allowed now" },
		{ "say ping\n", "broke the rules: a message that is not allowed now" },
		{ "say facts\n", "broke the rules: facts that nobody asked for" },
		{ "say ended\n", "broke the rules: the end of a flow" },
		{ "say pong\n", "broke the rules: a reply that nobody waits for" },
		{ "say descriptor\n", "broke the rules: a frame of no allowed form" },
		{ "say failed\n", "gave up: no more\\x1b[2J" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one_is_replaced(cases[i].command, cases[i].reason, 0);
}

static void hanging_ones_are_replaced(void **state)
{
	/* Proves: a worker without a reply in time is killed, and what it was sent is lost, once.
	 */
	(void)state;
	one_is_replaced("hang\n", "no reply within", NS_PER_SECOND);
}

static void killed_ones_are_replaced(void **state)
{
	/* Proves: kill -9 loses only what the worker was at; what waits goes to the next one;
	 * starts are spaced more and more. */
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, 0);

	(void)state;
	settle(pool);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pool_wait(pool, 0), 0);
		payload(pool, 1, 0, "hang\n", false);
		while (pool->workers[0].sent == 0)
			assert_int_equal(pool_wait(pool, clock_boottime()), -ETIMEDOUT);
		payload(pool, 2, 0, "name two\n", true);
		assert_int_equal(kill(pool->workers[0].process.pid, SIGKILL), 0);
		settle(pool);
		assert_int_equal(heard.broken, i + 1);
		assert_string_equal(heard.reason, "killed (SIGKILL)");
		assert_int_equal(pool->workers[0].backoff, POOL_BACKOFF_MIN << i);
	}
	assert_string_equal(heard.answers, "lfelfelfe");
	balance(pool);
	pool_free(pool);
}

static void queues_are_bounded(void **state)
{
	/* Proves: with a worker that does not reply, payload is refused and counted, memory is
	 * bounded, and afterwards all goes on. */
	static char text[PROTOCOL_BYTES_MAX + 1];
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, 0);
	struct pool_statistics statistics;
	unsigned taken = 0;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	payload(pool, 1, 0, "hang\n", false);
	while (payload_try(pool, 2, 0, text, false) == 0)
		taken++;
	assert_in_range(taken, POOL_FRAMES_MAX - 2, POOL_FRAMES_MAX);
	assert_int_equal(payload_try(pool, 2, 0, text, false), -ENOBUFS);
	pool_statistics(pool, &statistics);
	assert_int_equal(statistics.dropped, 2);
	assert_int_equal(statistics.queued, taken + 1);
	while (pool->workers[0].sent == 0)
		assert_int_equal(pool_wait(pool, clock_boottime()), -ETIMEDOUT);
	assert_int_equal(kill(pool->workers[0].process.pid, SIGKILL), 0);
	settle(pool);
	payload(pool, 3, 0, "name three\n", true);
	settle(pool);
	assert_string_equal(heard.names[heard.names_count - 1], "three");
	balance(pool);
	pool_free(pool);
}

static void loops_drive_it(void **state)
{
	/* Proves: the same within an event loop: answers, a killed worker, a hanging one. */
	struct heard heard;
	sd_event *loop;
	struct pool *pool;
	uint64_t deadline = clock_boottime() + DEADLINE;

	(void)state;
	assert_int_equal(sd_event_new(&loop), 0);
	pool = pool_make(loop, &heard, NS_PER_SECOND);
	payload(pool, 1, 0, "name one\n", true);
	while (heard.count < 2 && clock_boottime() < deadline)
		assert_true(sd_event_run(loop, 100000) >= 0);
	assert_int_equal(kill(pool->workers[0].process.pid, SIGKILL), 0);
	while (heard.broken < 1 && clock_boottime() < deadline)
		assert_true(sd_event_run(loop, 100000) >= 0);
	payload(pool, 2, 0, "hang\n", true);
	payload(pool, 3, 0, "name three\n", true);
	while (heard.broken < 2 && clock_boottime() < deadline)
		assert_true(sd_event_run(loop, 100000) >= 0);
	payload(pool, 4, 0, "name four\n", true);
	while (heard.count < 6 && clock_boottime() < deadline)
		assert_true(sd_event_run(loop, 100000) >= 0);
	assert_string_equal(heard.answers, "fellfe");
	assert_int_equal(heard.broken, 2);
	assert_non_null(strstr(heard.reason, "no reply"));
	pool_free(pool);
	sd_event_unref(loop);
}

static void replaced_ones_need_no_program(void **state)
{
	/* Proves: an upgrade that puts another program in the place does not change what runs. */
	char folder[] = "/tmp/test_pool.XXXXXX", path[64], command[PATH_MAX + 128];
	struct pool_options options = { .program = path,
					.workers = 1,
					.memory = SCAN_DOUBLE_MEMORY };
	struct heard heard = { 0 };
	struct pool *pool;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/scan", folder);
	(void)snprintf(command, sizeof(command), "cp %s %s", scan_double_path(), path);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(pool_new(NULL, &options, hear_broken, &heard, &pool), -ENOENT);
	assert_int_equal(system(command), 0);
	if (geteuid() == 0) {
		assert_int_equal(chmod(path, 0757), 0);
		assert_int_equal(pool_new(NULL, &options, hear_broken, &heard, &pool), -EPERM);
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(pool_new(NULL, &options, hear_broken, &heard, &pool), -EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(pool_new(NULL, &options, hear_broken, &heard, &pool), 0);
	pool_listen(pool, hear, &heard);
	assert_int_equal(unlink(path), 0);
	payload(pool, 1, 0, "crash\n", true);
	settle(pool);
	payload(pool, 1, 0, "name two\n", true);
	settle(pool);
	assert_string_equal(heard.names[0], "two");
	pool_free(pool);
	assert_int_equal(rmdir(folder), 0);
}

/* A parent that ends without a word while its worker hangs; tells the worker's pid. */
static void parent_run(int out)
{
	struct heard heard;
	struct pool *pool = pool_make(NULL, &heard, 0);
	pid_t pid;

	payload(pool, 1, 0, "hang\n", true);
	while (pool->workers[0].sent == 0)
		(void)pool_wait(pool, clock_boottime() + NS_PER_MILLISECOND);
	pid = pool->workers[0].process.pid;
	if (fd_write_all(out, &pid, sizeof(pid)) < 0)
		_exit(1);
	(void)kill(getpid(), SIGKILL);
}

static void parents_take_workers_along(void **state)
{
	/* Proves: when the parent is killed, a worker that reads nothing any more dies with it. */
	uint64_t deadline = clock_boottime() + DEADLINE;
	int pipe_ends[2], status;
	pid_t parent, worker;

	(void)state;
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0)
		parent_run(pipe_ends[1]);
	(void)close(pipe_ends[1]);
	assert_int_equal(read(pipe_ends[0], &worker, sizeof(worker)), sizeof(worker));
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFSIGNALED(status));
	for (;;) {
		char path[64], text[512] = "";
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", worker);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		/* Gone, or nobody has reaped it yet. */
		if (fd < 0)
			break;
		if (read(fd, text, sizeof(text) - 1) <= 0 || strstr(text, ") Z ") ||
		    strstr(text, ") X ")) {
			(void)close(fd);
			break;
		}
		(void)close(fd);
		assert_true(clock_boottime() < deadline);
		(void)poll(NULL, 0, 5);
	}
	(void)close(pipe_ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_order),
		cmocka_unit_test(batches_are_whole),
		cmocka_unit_test(broken_ones_are_replaced),
		cmocka_unit_test(hanging_ones_are_replaced),
		cmocka_unit_test(killed_ones_are_replaced),
		cmocka_unit_test(queues_are_bounded),
		cmocka_unit_test(loops_drive_it),
		cmocka_unit_test(replaced_ones_need_no_program),
		cmocka_unit_test(parents_take_workers_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
