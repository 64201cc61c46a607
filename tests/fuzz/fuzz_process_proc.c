/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the text of a /proc/PID/stat, with a comm that the process chose.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/process_proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) char *text = malloc(size + 1);
	struct process_stat stat;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (process_stat_parse(text, &stat))
		assert(memchr(stat.comm, '\0', sizeof(stat.comm)) && strchr(text, ')'));
	return 0;
}
