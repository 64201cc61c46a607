/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a configuration file. What is taken must be within its bounds and complete; what is
 * refused must be told in text that is safe to show.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config_check(const struct config *config)
{
	assert(config->state_dir && config->runtime_dir && config->intel.pack);
	assert(config->report.file.path && config->policy.count > 0);
	assert(config->policy.count <= CONFIG_FILES_MAX);
	assert(config->sensor.ports_count <= CONFIG_PORTS_MAX);
	for (size_t i = 0; i < config->sensor.ports_count; i++)
		assert(config->sensor.ports[i] != 0 && config->sensor.ports[i] != 53);
	assert((config->sensor.ring_size & (config->sensor.ring_size - 1)) == 0);
	assert(config->intel.feeds_count <= CONFIG_FEEDS_MAX);
	for (size_t i = 0; i < config->intel.feeds_count; i++) {
		const struct config_feed *feed = &config->intel.feeds[i];

		assert(*feed->name && *feed->path && feed->tags);
		for (size_t k = 0; k < i; k++)
			assert(strcmp(feed->name, config->intel.feeds[k].name) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size, so that the sanitizer sees each read beyond it. */
	CLEANUP(free_cleanup) char *text = malloc(size ? size : 1);
	struct document_error error;
	struct config config;
	int r;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	r = config_from_text("/etc/cordon/cordon.yaml", text, size, &config, &error);
	if (r == 0) {
		config_check(&config);
		config_free(&config);
		return 0;
	}
	assert(r == -EINVAL && error.count > 0 && *error.text);
	for (const char *at = error.text; *at; at++)
		assert(*at == '\n' || (unsigned char)*at >= 0x20);
	return 0;
}
