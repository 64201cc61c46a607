/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a line of a list was not taken.
 */
#pragma once

enum list_reason {
	LIST_TAKEN, /* it was */
	LIST_NOT_A_NAME,
	LIST_LABEL_TOO_LONG,
	LIST_NAME_TOO_LONG,
	LIST_TOO_MANY_LABELS,
	LIST_SINGLE_LABEL,
	LIST_PUBLIC_SUFFIX,
	LIST_NEVER_BLOCK,
	LIST_BAD_ESCAPE,
	LIST_BAD_IDN,
	LIST_BAD_ADDRESS,
	LIST_WIDE_PREFIX,
	LIST_UNSUPPORTED_RULE,
	LIST_UNSUPPORTED_TYPE,
	LIST_BAD_DIRECTIVE,
	LIST_BAD_CSV,
	LIST_BAD_JSON,
	LIST_LINE_TOO_LONG,
	LIST_EXPIRED,
	LIST_OTHER_FORMAT,
	LIST_OTHER_TYPE,
	LIST_URL_PATH,
	LIST_NOT_FOR_DETECTION,
	LIST_NOT_MALICIOUS,
	LIST_NOT_YET_VALID,
	LIST_WITHDRAWN,
	LIST_BAD_PATTERN,
	LIST_COMBINED,
	LIST_VALUE_TOO_LONG,
	LIST_REASONS,
};

/* What stands in a list and is no entry, nor meant as one. */
enum list_skip {
	LIST_SKIP_BLANK,
	LIST_SKIP_COMMENT,
	LIST_SKIP_SYNTAX, /* headers, other records of zones, the host's own names, metadata */
	LIST_SKIPS,
};

/* "comment": stable, for machines. */
const char *list_skip_name(enum list_skip skip);

/* "public-suffix": stable, for machines. */
const char *list_reason_name(enum list_reason reason);
/* "a public suffix: other people's names stand below it": for people. */
const char *list_reason_text(enum list_reason reason);
