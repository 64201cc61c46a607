/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/cage.h"
#include "scan/pool.h"
#include "tests/unit/scan_double.h"

#define DEADLINE (60 * NS_PER_SECOND)
#define SANDBOX	 "killed by its sandbox"
#define NOBODY	 65534

/* What became of one payload. */
struct outcome {
	char name[64], reason[256];
};

static void hear(uint64_t flow, enum pool_answer answer, const struct flow_facts *facts,
		 void *userdata)
{
	struct outcome *outcome = userdata;

	(void)flow;
	if (answer == POOL_FACTS)
		(void)snprintf(outcome->name, sizeof(outcome->name), "%.63s", facts->name);
}

static void hear_broken(const char *reason, void *userdata)
{
	struct outcome *outcome = userdata;

	(void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason);
}

static int pool_make(struct outcome *outcome, struct pool **ret)
{
	const struct pool_options options = { .program = scan_double_path(),
					      .workers = 1,
					      .memory = SCAN_DOUBLE_MEMORY,
					      .reply_timeout = DEADLINE };
	int r;

	*outcome = (struct outcome){ 0 };
	r = pool_new(NULL, &options, hear_broken, outcome, ret);
	if (r == 0)
		pool_listen(*ret, hear, outcome);
	return r;
}

static int command(struct pool *pool, const char *text)
{
	const struct protocol_payload payload = { .transport = FLOW_STREAM,
						  .last = true,
						  .bytes = (const uint8_t *)text,
						  .size = strlen(text) };
	int r = pool_payload(pool, 1, &payload);

	return r < 0 ? r : pool_wait(pool, clock_boottime() + DEADLINE);
}

static void nothing_gets_out(void **state)
{
	/* Proves, from inside the cage: none of what an intruder would try succeeds. */
	static const struct {
		const char *what, *error; /* NULL: it dies of it */
	} cases[] = {
		{ "open", "ENOENT" }, { "create", "ENOENT" }, { "socket", NULL },
		{ "exec", NULL },     { "fork", NULL },	      { "ptrace", NULL },
		{ "kill", NULL },     { "signal", NULL },     { "executable", NULL },
		{ "protect", NULL },  { "user", NULL },	      { "namespace", NULL },
		{ "mount", NULL },    { "bpf", NULL },	      { "memory-of", NULL },
		{ "prctl", NULL },    { "descriptor", NULL }, { "uring", NULL },
		{ "foreign", NULL },  { "memory", "ENOMEM" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome;
		struct pool *pool;
		char text[64];

#ifdef CAGE_SANITIZED
		/* Which need prctl() themselves, and memory without end. */
		if (strcmp(cases[i].what, "prctl") == 0 || strcmp(cases[i].what, "memory") == 0)
			continue;
#endif
		(void)snprintf(text, sizeof(text), "try %s\n", cases[i].what);
		assert_int_equal(pool_make(&outcome, &pool), 0);
		assert_int_equal(command(pool, text), 0);
		pool_free(pool);
		if (cases[i].error ? strcmp(outcome.name, cases[i].error) != 0
				   : !strstr(outcome.reason, SANDBOX))
			fail_msg("%s: \"%s\" \"%s\"", cases[i].what, outcome.name, outcome.reason);
	}
	assert_int_equal(access("/tmp/cordon-escaped", F_OK), -1);
}

/* The line of /proc/PID/status behind a name; "" when it is not there. */
static void status_line(pid_t pid, const char *name, char *out, size_t size)
{
	char path[64], line[256];
	size_t length = strlen(name);
	FILE *file;

	*out = '\0';
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(out, size, "%s",
				       line + length + 1 + strspn(line + length + 1, "\t"));
		}
	if (file)
		(void)fclose(file);
}

static int line_check(pid_t pid, const char *name, const char *expected)
{
	char line[256];

	status_line(pid, name, line, sizeof(line));
	if (strcmp(line, expected) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s, expected %s\n", name, line, expected);
	return -1;
}

/* What holds for whoever starts it. */
static int cage_check(struct pool_cage *ret)
{
	static const char zero[] = "0000000000000000";
	static const enum cage_layer always[] = { CAGE_DESCRIPTORS, CAGE_CAPABILITIES,
						  CAGE_PARENT,	    CAGE_DUMPABLE,
						  CAGE_LIMITS,	    CAGE_PRIVILEGES,
						  CAGE_SECCOMP };
	struct outcome outcome;
	struct pool *pool;
	int r = pool_make(&outcome, &pool);

	if (r < 0 || command(pool, "name one\n") < 0 || strcmp(outcome.name, "one") != 0) {
		(void)fprintf(stderr, "no worker: %s %s\n", strerror(-r), outcome.reason);
		return -1;
	}
	pool_cage(pool, 0, ret);
	r = ret->greeted ? 0 : -1;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (ret->layers[always[i]] != 0) {
			(void)fprintf(stderr, "%s: off\n", cage_layer_name(always[i]));
			r = -1;
		}
	if (line_check(ret->pid, "CapEff", zero) < 0 || line_check(ret->pid, "CapPrm", zero) < 0 ||
	    line_check(ret->pid, "CapInh", zero) < 0 || line_check(ret->pid, "CapAmb", zero) < 0 ||
	    line_check(ret->pid, "NoNewPrivs", "1") < 0 ||
	    line_check(ret->pid, "Seccomp", "2") < 0 || line_check(ret->pid, "Threads", "1") < 0 ||
	    line_check(ret->pid, "Name", "cordon-scan") < 0)
		r = -1;
	pool_free(pool);
	return r;
}

/* The hard limit in /proc/PID/limits; UINT64_MAX: none. */
static uint64_t limit_of(pid_t pid, const char *name)
{
	uint64_t soft, hard = UINT64_MAX;
	char path[64], line[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 &&
		    sscanf(line + strlen(name), "%" SCNu64 "%" SCNu64, &soft, &hard) != 2)
			hard = UINT64_MAX;
	(void)fclose(file);
	return hard;
}

static bool link_same(pid_t pid, const char *name)
{
	char path[64], own[256] = "", other[256] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	assert_true(readlink(path, other, sizeof(other) - 1) > 0);
	(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	assert_true(readlink(path, own, sizeof(own) - 1) > 0);
	return strcmp(own, other) == 0;
}

static void root_gives_up_everything(void **state)
{
	/* Proves, from outside: with root's rights every layer that this kernel has is on: user,
	 * groups, capabilities, namespaces, root folder, limits, descriptors, environment. */
	struct outcome outcome;
	struct pool_cage cage;
	struct pool *pool;
	char path[64], text[256], *environment;
	size_t size;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(cage_check(&cage), 0);
	assert_int_equal(pool_make(&outcome, &pool), 0);
	assert_int_equal(command(pool, "name one\n"), 0);
	pool_cage(pool, 0, &cage);
	for (int i = 0; i < CAGE_LAYERS; i++)
		if (cage.layers[i] != 0 && i != CAGE_LANDLOCK)
			fail_msg("%s: %s", cage_layer_name((enum cage_layer)i),
				 strerror(cage.layers[i]));
	assert_true(cage.layers[CAGE_LANDLOCK] == 0 || cage.layers[CAGE_LANDLOCK] == ENOSYS ||
		    cage.layers[CAGE_LANDLOCK] == EOPNOTSUPP);
	assert_true(cage.uid != 0);
	(void)snprintf(text, sizeof(text), "%" PRIu32 "\t%" PRIu32 "\t%" PRIu32 "\t%" PRIu32,
		       cage.uid, cage.uid, cage.uid, cage.uid);
	assert_int_equal(line_check(cage.pid, "Uid", text), 0);
	status_line(cage.pid, "Gid", text, sizeof(text));
	assert_true(text[0] != '0');
	status_line(cage.pid, "Groups", text, sizeof(text));
	assert_int_equal(strspn(text, " "), strlen(text));
	assert_int_equal(line_check(cage.pid, "CapBnd", "0000000000000000"), 0);
	assert_false(link_same(cage.pid, "ns/net"));
	assert_false(link_same(cage.pid, "ns/ipc"));
	assert_false(link_same(cage.pid, "ns/uts"));
	assert_false(link_same(cage.pid, "root"));
	(void)snprintf(path, sizeof(path), "/proc/%d/environ", cage.pid);
	assert_int_equal(fd_read_file(path, 4096, &environment, &size), 0);
	assert_int_equal(size, 0);
	free(environment);
	for (int fd = 0; fd < 20; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", cage.pid, fd);
		ssize_t length = readlink(path, text, sizeof(text) - 1);

		assert_int_equal(length > 0, fd <= CAGE_CHANNEL);
		if (length <= 0)
			continue;
		text[length] = '\0';
		assert_int_equal(strncmp(text, fd == CAGE_CHANNEL ? "socket:" : "/dev/null", 7), 0);
	}
	assert_int_equal(limit_of(cage.pid, "Max processes"), 0);
	assert_int_equal(limit_of(cage.pid, "Max file size"), 0);
	assert_int_equal(limit_of(cage.pid, "Max core file size"), 0);
#ifndef CAGE_SANITIZED
	assert_int_equal(limit_of(cage.pid, "Max address space"), SCAN_DOUBLE_MEMORY);
#endif
	pool_free(pool);
}

/* As somebody without rights; the exit status. */
static int ordinary_run(void)
{
	struct pool_cage cage;

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return 1;
	if (access(scan_double_path(), X_OK) < 0)
		return 77;
	if (cage_check(&cage) < 0)
		return 1;
	/* What only root can do is told, with the reason. */
	return cage.layers[CAGE_USER] == EPERM && cage.layers[CAGE_BOUNDING] == EPERM &&
			       cage.layers[CAGE_NAMESPACES] == EPERM &&
			       cage.layers[CAGE_ROOT] == EPERM && cage.uid == geteuid()
		       ? 0
		       : 1;
}

static void ordinary_users_have_a_cage(void **state)
{
	/* Proves: for a user without rights the worker works as well; what is missing is told. */
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(ordinary_run());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	/* The build folder is not for others to look into. */
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void layers_have_names(void **state)
{
	/* Proves: each layer can be shown. */
	(void)state;
	for (int i = 0; i < CAGE_LAYERS; i++) {
		assert_true(strlen(cage_layer_name((enum cage_layer)i)) > 0);
		assert_string_not_equal(cage_layer_name((enum cage_layer)i), "unknown");
		assert_true(strlen(cage_layer_purpose((enum cage_layer)i)) > 0);
	}
	assert_string_equal(cage_layer_name(CAGE_LAYERS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gets_out),
		cmocka_unit_test(root_gives_up_everything),
		cmocka_unit_test(ordinary_users_have_a_cage),
		cmocka_unit_test(layers_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
