/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what other programs wrote, as evidence reads it: /proc, dpkg's status, users. All
 * readers get the same bytes; what they find must lie within.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "evidence/evidence_bundle.h"
#include "evidence/evidence_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct evidence_span whole, struct evidence_span part)
{
	assert(part.size == 0 || (part.at >= whole.at && part.size <= whole.size &&
				  (size_t)(part.at - whole.at) <= whole.size - part.size));
}

static void read_lines(struct evidence_span whole)
{
	struct evidence_span rest = whole, line, home;
	struct evidence_mapping mapping;
	size_t bytes = 0;

	while (evidence_line_next(&rest, &line)) {
		check_within(whole, line);
		assert(!memchr(line.at, '\n', line.size));
		bytes += line.size;
		if (evidence_mapping_read(line, &mapping) == 0) {
			assert(mapping.start < mapping.end);
			check_within(line, mapping.name);
		}
		if (evidence_home_read(line, &home) == 0) {
			check_within(line, home);
			assert(home.size >= 2 && *home.at == '/' &&
			       !memchr(home.at, ':', home.size));
		}
	}
	assert(bytes <= whole.size);
}

static void read_packages(struct evidence_span whole)
{
	struct evidence_span rest = whole;
	struct evidence_package package;

	while (evidence_package_next(&rest, &package)) {
		assert(package.name.size > 0);
		check_within(whole, package.name);
		check_within(whole, package.version);
		check_within(whole, package.architecture);
		check_within(whole, package.status);
	}
}

static void make_name(const char *text)
{
	char name[EVIDENCE_NAME_SIZE];

	evidence_bundle_name(text, UINT32_MAX, name);
	assert(strlen(name) < sizeof(name) && name[0] != '/');
	assert(strncmp(name, "../", 3) != 0 && !strstr(name, "/../") && !strchr(name, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that the sanitizer sees each read beyond it. */
	CLEANUP(free_cleanup) char *copy = malloc(size + 1);
	struct evidence_span whole = { copy, size };
	struct evidence_stat stat;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (evidence_stat_read(whole, &stat) == 0) {
		check_within(whole, stat.comm);
		assert(stat.parent >= 0);
	}
	read_lines(whole);
	read_packages(whole);
	copy[size] = '\0';
	make_name(copy);
	return 0;
}
