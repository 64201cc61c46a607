/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static struct {
	bool held;
	uint64_t realtime, boottime;
} clock_test;

static uint64_t clock_read(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_realtime(void)
{
	return clock_test.held ? clock_test.realtime : clock_read(CLOCK_REALTIME);
}

uint64_t clock_boottime(void)
{
	return clock_test.held ? clock_test.boottime : clock_read(CLOCK_BOOTTIME);
}

uint64_t clock_from_boottime(uint64_t boottime)
{
	return clock_realtime() - clock_boottime() + boottime;
}

void clock_hold(uint64_t realtime, uint64_t boottime)
{
	clock_test.held = true;
	clock_test.realtime = realtime;
	clock_test.boottime = boottime;
}

void clock_release(void)
{
	clock_test.held = false;
}

void clock_format(uint64_t realtime, char out[static CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(realtime / NS_PER_SECOND);
	unsigned microseconds = (unsigned)(realtime % NS_PER_SECOND / 1000);
	char date[CLOCK_TEXT_SIZE];
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc))
		date[0] = '\0';
	(void)snprintf(out, CLOCK_TEXT_SIZE, "%.20s.%06uZ", date, microseconds % 1000000);
}
