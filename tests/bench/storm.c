/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes many small files, as bench of storm.py: each is made, written and closed, and nothing else
 * is done, so that what watching costs is not hidden behind other work.
 *
 *	storm FOLDER FILES RATE		so many a second; 0: as fast as it goes
 *
 * Prints what it took: seconds, and of them those on a CPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000
#define FILE_SIZE     1024
#define NAME_MAX_SIZE 32

static long long clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return now.tv_sec * (long long)NS_PER_SECOND + now.tv_nsec;
}

static void sleep_until(long long ns)
{
	const struct timespec until = { .tv_sec = ns / NS_PER_SECOND,
					.tv_nsec = ns % NS_PER_SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static int file_write(int folder, long number, const char *bytes)
{
	char name[NAME_MAX_SIZE];
	ssize_t written;
	int fd;

	(void)snprintf(name, sizeof(name), "file-%ld", number);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	written = write(fd, bytes, FILE_SIZE);
	if (close(fd) < 0 || written != FILE_SIZE)
		return -EIO;
	return 0;
}

static int files_write(int folder, long files, long rate)
{
	char bytes[FILE_SIZE];
	long long began = clock_ns(CLOCK_MONOTONIC);

	memset(bytes, 'x', sizeof(bytes));
	for (long i = 0; i < files; i++) {
		int r = file_write(folder, i, bytes);

		if (r < 0)
			return r;
		if (rate > 0)
			sleep_until(began + (i + 1) * (NS_PER_SECOND / rate));
	}
	printf("%.6f %.6f\n", (double)(clock_ns(CLOCK_MONOTONIC) - began) / NS_PER_SECOND,
	       (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_SECOND);
	return 0;
}

int main(int argc, char **argv)
{
	int folder, r;

	if (argc != 4) {
		fprintf(stderr, "usage: storm FOLDER FILES RATE\n");
		return 2;
	}
	folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = folder < 0 ? -errno : files_write(folder, atol(argv[2]), atol(argv[3]));
	if (r < 0)
		fprintf(stderr, "storm: %s: %s\n", argv[1], strerror(-r));
	return r < 0;
}
