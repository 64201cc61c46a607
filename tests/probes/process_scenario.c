/* SPDX-License-Identifier: Apache-2.0 */
#include "process_scenario.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define NOBODY	   65534
#define COMPONENTS 30

/* The program, copied to the place's path; its folders are made. */
static void program_put(const struct place *place)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to, folder = open("/", O_PATH);
	char path[4096], *at = path, *slash;
	struct stat status;

	(void)snprintf(path, sizeof(path), "%s", place->exe + 1);
	assert_true(from >= 0 && folder >= 0);
	/* One after the other: the path may be longer than the kernel takes. */
	for (; (slash = strchr(at, '/')); at = slash + 1) {
		int next;

		*slash = '\0';
		(void)mkdirat(folder, at, 0755);
		next = openat(folder, at, O_PATH | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(folder);
		folder = next;
	}
	to = openat(folder, at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(to >= 0);
	assert_int_equal(fstat(from, &status), 0);
	for (off_t done = 0; done < status.st_size;)
		assert_true(sendfile(to, from, &done, (size_t)(status.st_size - done)) > 0);
	(void)close(from);
	(void)close(to);
	(void)close(folder);
}

static void exe_append(struct place *place, const char *text)
{
	size_t used = strlen(place->exe);

	assert_true((size_t)snprintf(place->exe + used, sizeof(place->exe) - used, "%s", text) <
		    sizeof(place->exe) - used);
}

static void prepare_plain(struct place *place)
{
	exe_append(place, "/child");
	program_put(place);
}

static void prepare_deep(struct place *place)
{
	for (int i = 3; i < COMPONENTS; i++)
		exe_append(place, "/d");
	exe_append(place, "/child");
	program_put(place);
}

static void prepare_too_deep(struct place *place)
{
	for (int i = 0; i < 60; i++)
		exe_append(place, "/d");
	exe_append(place, "/child");
	program_put(place);
}

static void path_of_length(struct place *place, size_t length)
{
	while (strlen(place->exe) + 100 < length)
		exe_append(place, "/fifty-bytes-of-a-path-that-ends-where-it-has-to-en");
	exe_append(place, "/");
	while (strlen(place->exe) < length)
		exe_append(place, "x");
	assert_int_equal(strlen(place->exe), length);
	program_put(place);
}

static void prepare_511(struct place *place)
{
	path_of_length(place, 511);
}

static void prepare_512(struct place *place)
{
	path_of_length(place, 512);
}

static void prepare_513(struct place *place)
{
	path_of_length(place, 513);
}

static void prepare_long(struct place *place)
{
	path_of_length(place, 1500);
}

static void prepare_bytes(struct place *place)
{
	char name[256], *at = name;

	for (int byte = 0x20; byte < 0x100; byte++)
		if (byte != '/')
			*at++ = (char)byte;
	*at = '\0';
	exe_append(place, "/");
	exe_append(place, name);
	exe_append(place, "/\x01\x02\n\r\t\x1b[2J");
	program_put(place);
}

static void become_nothing(const struct place *place, char *const *arguments)
{
	(void)place;
	(void)arguments;
}

static void become_other_user(const struct place *place, char *const *arguments)
{
	(void)place;
	(void)arguments;
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		_exit(1);
}

static void become_program(const struct place *place, char *const *arguments)
{
	(void)execv(place->exe, arguments);
	_exit(1);
}

static void become_program_of_other_user(const struct place *place, char *const *arguments)
{
	become_other_user(place, arguments);
	become_program(place, arguments);
}

static void become_unlinked(const struct place *place, char *const *arguments)
{
	int fd = open(place->exe, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && unlink(place->exe) == 0)
		(void)fexecve(fd, arguments, environ);
	_exit(1);
}

static void become_memfd(const struct place *place, char *const *arguments)
{
	int from = open(place->exe, O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("a name/with a slash", MFD_CLOEXEC);

	while (from >= 0 && fd >= 0 && sendfile(fd, from, NULL, 1 << 20) > 0)
		;
	(void)fexecve(fd, arguments, environ);
	_exit(1);
}

/* A mount namespace of its own, in which dir below the place's folder shows what stands at from. */
static void mount_bind(const struct place *place, const char *from, const char *dir, char *path,
		       size_t size)
{
	(void)snprintf(path, size, "%s/%s", place->folder, dir);
	if (mkdir(path, 0755) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		_exit(1);
}

static void become_bound(const struct place *place, char *const *arguments)
{
	char path[128], exe[256];

	mount_bind(place, place->folder, "bound", path, sizeof(path));
	(void)snprintf(exe, sizeof(exe), "%s/child", path);
	(void)execv(exe, arguments);
	_exit(1);
}

static void become_chrooted(const struct place *place, char *const *arguments)
{
	char path[128];

	mount_bind(place, "/", "root", path, sizeof(path));
	if (chroot(path) < 0 || chdir("/") < 0)
		_exit(1);
	become_program(place, arguments);
}

/* What anybody may do: mounts of one's own, in a user namespace of one's own. */
static void become_unprivileged(const struct place *place, char *const *arguments)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(1);
	become_program(place, arguments);
}

const struct scenario scenarios[] = {
	{ "forked", prepare_plain, become_nothing, PROCESS_SOURCE_FORK, false, false },
	{ "forked, other user", prepare_plain, become_other_user, PROCESS_SOURCE_FORK, false,
	  false },
	{ "executed", prepare_plain, become_program, PROCESS_SOURCE_EXEC, false, false },
	{ "executed, other user", prepare_plain, become_program_of_other_user, PROCESS_SOURCE_EXEC,
	  false, false },
	{ "30 components", prepare_deep, become_program, PROCESS_SOURCE_EXEC, false, false },
	{ "63 components", prepare_too_deep, become_program, PROCESS_SOURCE_EXEC, true, false },
	{ "511 bytes", prepare_511, become_program, PROCESS_SOURCE_EXEC, false, false },
	{ "512 bytes", prepare_512, become_program, PROCESS_SOURCE_EXEC, true, false },
	{ "513 bytes", prepare_513, become_program, PROCESS_SOURCE_EXEC, true, false },
	{ "1500 bytes", prepare_long, become_program, PROCESS_SOURCE_EXEC, true, false },
	{ "odd bytes", prepare_bytes, become_program, PROCESS_SOURCE_EXEC, false, false },
	{ "unlinked", prepare_plain, become_unlinked, PROCESS_SOURCE_EXEC, false, false },
	{ "memfd", prepare_plain, become_memfd, PROCESS_SOURCE_EXEC, false, false },
	{ "other mount namespace", prepare_plain, become_bound, PROCESS_SOURCE_EXEC, false, false },
	{ "other user namespace", prepare_plain, become_unprivileged, PROCESS_SOURCE_EXEC, false,
	  true },
	{ "chroot", prepare_plain, become_chrooted, PROCESS_SOURCE_EXEC, false, false },
};
const size_t scenarios_count = ELEMENTS(scenarios);

const struct scenario scenario_forked = { "forked",	  prepare_plain,
					  become_nothing, PROCESS_SOURCE_FORK,
					  false,	  false };
const struct scenario scenario_executed = { "executed",		 prepare_plain, become_program,
					    PROCESS_SOURCE_EXEC, false,		false };

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void place_make(struct place *place)
{
	(void)strcpy(place->folder, "/tmp/cordon-process-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	assert_int_equal(chmod(place->folder, 0755), 0);
	(void)strcpy(place->exe, place->folder);
}

void place_remove(struct place *place)
{
	assert_int_equal(nftw(place->folder, entry_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT),
			 0);
}
