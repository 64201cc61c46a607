/* SPDX-License-Identifier: Apache-2.0
 *
 * Test library, loaded before the others (LD_PRELOAD): kills the process at its Nth call that could
 * change what is pinned, counted from the making of a generation of pins on. KILL_AT is the N.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool begun;
static int calls;

static void step(void)
{
	const char *at = getenv("KILL_AT");

	if (begun && at && ++calls == atoi(at))
		(void)kill(getpid(), SIGKILL);
}

/* The real function, whatever the name. */
#define REAL(name) ((__typeof__(&name))(void (*)(void))dlsym(RTLD_NEXT, #name))

long syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_bpf || number == SYS_membarrier)
		step();
	return REAL(syscall)(number, arguments[0], arguments[1], arguments[2], arguments[3],
			     arguments[4], arguments[5]);
}

int mkdir(const char *path, mode_t mode)
{
	if (strstr(path, "/gen-"))
		begun = true;
	step();
	return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
	step();
	return REAL(rename)(from, to);
}

int symlink(const char *target, const char *path)
{
	step();
	return REAL(symlink)(target, path);
}

int unlink(const char *path)
{
	step();
	return REAL(unlink)(path);
}

int rmdir(const char *path)
{
	step();
	return REAL(rmdir)(path);
}
