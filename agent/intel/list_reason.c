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
	[LIST_OTHER_FORMAT] = { "other-format", "not of the format that the feed is said to have" },
	[LIST_OTHER_TYPE] = { "other-type", "not of the type that the list says it is" },
	[LIST_URL_PATH] = { "url-path", "a URL with a path, of which only the host could match" },
	[LIST_NOT_FOR_DETECTION] = { "not-for-detection",
				     "an observation that the feed does not say to detect by" },
	[LIST_NOT_MALICIOUS] = { "not-malicious", "the feed says that it is benign" },
	[LIST_NOT_YET_VALID] = { "not-yet-valid", "valid from a time that is still to come" },
	[LIST_WITHDRAWN] = { "withdrawn", "revoked or deleted by the feed" },
	[LIST_BAD_PATTERN] = { "bad-pattern", "not a valid STIX pattern" },
	[LIST_COMBINED] = { "combined-pattern", "holds only together with other things" },
	[LIST_VALUE_TOO_LONG] = { "value-too-long", "a text that is too long to be an indicator" },
};

static const char *const skips[LIST_SKIPS] = { "blank", "comment", "syntax" };

const char *list_skip_name(enum list_skip skip)
{
	return skips[skip];
}

const char *list_reason_name(enum list_reason reason)
{
	return reasons[reason].name;
}

const char *list_reason_text(enum list_reason reason)
{
	return reasons[reason].text;
}
