/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: replies in XML to the calls that responses make. Whatever comes: what is read is
 * JSON that can be written, with lists and texts within their bounds.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/call_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const json_t *value)
{
	const json_t *item;
	const char *key;
	size_t i;

	assert(json_string_length(value) <= XML_TEXT_MAX &&
	       json_array_size(value) <= XML_ITEMS_MAX);
	json_array_foreach(value, i, item) check(item);
	json_object_foreach((json_t *)(uintptr_t)value, key, item) check(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const operations[] = {
		"DescribeInstances",	"DescribeNetworkInterfaces", "DescribeSecurityGroups",
		"DescribeVpcEndpoints", "DescribeInstanceAttribute", "CreateSnapshots"
	};

	for (size_t i = 0; i < ELEMENTS(operations); i++) {
		const struct call_row *row = call_row_find("ec2", operations[i]);
		json_t *facts = xml_facts((const char *)data, size, row->fields);
		char *text = facts ? json_dumps(facts, JSON_COMPACT) : NULL;

		assert(!facts || text);
		if (facts)
			check(facts);
		json_decref(facts);
		free(text);
	}
	return 0;
}
