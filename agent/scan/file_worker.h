/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker that was forked by the zygote does: reads the files that it is handed, hashes and
 * searches them, and what is packed in them.
 */
#pragma once

#include <stdint.h>

struct yara_engine;

struct file_limits {
	uint64_t size_max, time_max; /* bytes, ns */
	unsigned depth;
	uint64_t unpacked_max;
};

int file_worker_serve(int channel, struct yara_engine *engine, const struct file_limits *limits,
		      const char **ret_why);
