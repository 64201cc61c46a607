/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_reason.h"

struct reason_words {
	const char *name;
	const char *text;
};

static const struct reason_words reasons[LIST_REASONS] = {
	[LIST_TAKEN] = { "taken", "taken" },
	[LIST_NOT_A_NAME] = { "not-a-name", "neither a domain name, an address nor a file hash" },
	[LIST_LABEL_TOO_LONG] = { "label-too-long", "a label of more than 63 bytes" },
	[LIST_NAME_TOO_LONG] = { "name-too-long", "a name of more than 255 bytes" },
	[LIST_TOO_MANY_LABELS] = { "too-many-labels", "more than 16 labels" },
	[LIST_SINGLE_LABEL] = { "single-label", "a name of one label (to be forced)" },
	[LIST_PUBLIC_SUFFIX] = { "public-suffix",
				 "a public suffix, under which others have names (to be forced)" },
	[LIST_NEVER_BLOCK] = { "never-block", "on the never-block list, or below such a name" },
	[LIST_BAD_ESCAPE] = { "bad-escape", "a backslash in a name" },
	[LIST_BAD_IDN] = { "bad-idn", "not a valid internationalised name in UTF-8" },
	[LIST_BAD_ADDRESS] = { "bad-address", "looks like an address, but is not a valid one" },
	[LIST_WIDE_PREFIX] = { "wide-prefix",
			       "a prefix wider than /8 (IPv4) or /16 (IPv6) (to be forced)" },
	[LIST_UNSUPPORTED_RULE] = { "unsupported-rule", "a rule that is more than a name" },
	[LIST_UNSUPPORTED_TYPE] = { "unsupported-type", "an indicator of a type not matched" },
	[LIST_BAD_DIRECTIVE] = { "bad-directive", "a directive with an unknown key or value" },
	[LIST_BAD_CSV] = { "bad-csv", "a quote without an end, or no such column" },
	[LIST_BAD_JSON] = { "bad-json", "not well-formed JSON" },
	[LIST_LINE_TOO_LONG] = { "line-too-long", "a line of more than 65,536 bytes" },
	[LIST_EXPIRED] = { "expired", "past its expiry" },
};

const char *list_reason_name(enum list_reason reason)
{
	return reasons[reason].name;
}

const char *list_reason_text(enum list_reason reason)
{
	return reasons[reason].text;
}
