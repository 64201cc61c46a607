/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/case_file.h"

#include <string.h>
#include <strings.h>

#include "base/parse.h"

bool case_file_is(const struct case_event *from)
{
	return from->kind == EVENT_FILE ||
	       (from->kind == UNSAID &&
		(from->path || from->rule || from->namespace_ || from->sha256));
}

static bool hash_read(const char *text, uint8_t hash[static SHA256_SIZE])
{
	if (strlen(text) != 2 * SHA256_SIZE)
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = parse_hex_digit(text[2 * i]), low = parse_hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int case_file_make(struct document *document, const struct document_node *node,
		   const struct case_event *from, struct case_finding *ret)
{
	ret->match = (struct file_match){
		.rule = from->rule ? from->rule : "",
		.namespace_ = from->namespace_ ? from->namespace_ : "",
		.reference = "",
		.description = "",
		.inside = "",
	};
	ret->file = (struct file_facts){
		.path = from->path ? from->path : "",
		.hashed = from->sha256 != NULL,
		.match = from->rule ? &ret->match : NULL,
	};
	if (from->sha256 && !hash_read(from->sha256, ret->file.sha256))
		return document_fail(document, node, "sha256 must be 64 hexadecimal digits");
	ret->event.kind = EVENT_FILE;
	ret->event.file = &ret->file;
	return 0;
}
