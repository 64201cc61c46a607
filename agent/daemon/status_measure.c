/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent itself costs, from the system.
 */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static uint64_t rss_read(void)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/proc/self/statm", "re");
	uint64_t size, resident;

	if (!file || fscanf(file, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

void status_measure(struct status *status)
{
	struct rusage usage;

	status->pid = getpid();
	status->now = clock_realtime();
	status->rss = rss_read();
	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return;
	status->cpu_user_us = microseconds(&usage.ru_utime);
	status->cpu_system_us = microseconds(&usage.ru_stime);
}
