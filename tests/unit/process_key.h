/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of processes that run. Asserts inside: for cmocka tests only.
 */
#pragma once

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "probes/record.h"

/* As the kernel side would make it, but for the fraction of a clock tick that /proc leaves out. */
static inline struct process_key process_key_of(pid_t pid)
{
	CLEANUP(free_cleanup) char *text = NULL;
	unsigned long long ticks = 0;
	const char *at;
	char path[64];
	size_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	assert_int_equal(fd_read_file(path, 4096, &text, &size), 0);
	at = strrchr(text, ')');
	assert_non_null(at);
	/* starttime is field 22; comm is field 2. */
	for (int field = 2; field < 22; field++) {
		at = strchr(at + 1, ' ');
		assert_non_null(at);
	}
	assert_int_equal(sscanf(at, "%llu", &ticks), 1);
	return (struct process_key){
		.pid = (uint32_t)pid,
		.start = ticks * (NS_PER_SECOND / (uint64_t)sysconf(_SC_CLK_TCK)),
	};
}
