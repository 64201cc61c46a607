/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of addresses and hashes as other programs keep them: `ipset save`, the output of sha256sum
 * and its like, ClamAV's signatures by hash, and Suricata's datasets, whose strings are in base64.
 */
#include "intel/list_reader.h"

#include "base/clock.h"
#include "base/parse.h"

/* Longest name in base64 that can matter: of DOMAIN_NAME_WIRE_MAX bytes. */
#define BASE64_MAX 344

static int seconds_read(struct span word, uint64_t *ret)
{
	char text[24];

	return span_copy(word, text, sizeof(text)) ? parse_u64(text, UINT32_MAX, ret) : -1;
}

/* "add NAME 192.0.2.0/24 timeout 300 comment "..."": the rest behind the element. */
static bool ipset_options(struct span rest, struct list_attributes *attributes)
{
	struct span word;
	uint64_t seconds;

	while (span_word(&rest, &word)) {
		if (span_is(word, "nomatch")) {
			attributes->action = INDICATOR_ALLOW;
		} else if (span_is(word, "timeout")) {
			if (!span_word(&rest, &word) || seconds_read(word, &seconds) < 0)
				return false;
			/* 0: without an end. */
			if (seconds > 0)
				attributes->expiry = clock_realtime() / NS_PER_SECOND + seconds;
		} else if (span_is(word, "comment")) {
			return true;
		} else if (!span_word(&rest, &word)) {
			/* Counters and marks of packets have a value each. */
			return false;
		}
	}
	return true;
}

bool list_set_ipset(struct list_reader *reader, struct span line,
		    const struct list_attributes *attributes)
{
	struct list_attributes own = *attributes;
	struct span rest = span_trim(line), command, name, element;

	if (!span_word(&rest, &command) ||
	    (!span_is(command, "create") && !span_is(command, "add")) || !span_word(&rest, &name) ||
	    !span_word(&rest, &element))
		return false;
	if (span_is(command, "create")) {
		if (!span_starts(element, "hash:") && !span_starts(element, "bitmap:") &&
		    !span_starts(element, "list:"))
			return false;
		list_reader_skip(reader, LIST_SKIP_SYNTAX);
		return true;
	}
	/* Ports, MAC addresses and interfaces with it; ranges are not saved as such. */
	if (span_has(element, ',') || span_has(element, '-') || !ipset_options(rest, &own))
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
	else
		list_reader_typed(reader, element, LIST_KIND(INDICATOR_ADDRESS), &own);
	return true;
}

static bool is_hash(struct span word)
{
	if (word.size != 32 && word.size != 40 && word.size != 64)
		return false;
	for (size_t i = 0; i < word.size; i++)
		if (!strchr("0123456789abcdefABCDEF", word.text[i]) || word.text[i] == '\0')
			return false;
	return true;
}

/* "SHA256 (FILE) = 275a...": the BSD form. */
static bool hash_tagged(struct span line, struct span *ret)
{
	struct span at = line;

	if (!span_starts(line, "MD5 (") && !span_starts(line, "SHA1 (") &&
	    !span_starts(line, "SHA256 ("))
		return false;
	while (span_has(at, '='))
		at = span_from(at, span_find(at, '=') + 1);
	*ret = span_trim(at);
	return is_hash(*ret);
}

bool list_set_hash(struct list_reader *reader, struct span line,
		   const struct list_attributes *attributes)
{
	struct span rest = span_trim(line), word, hash;

	if (hash_tagged(rest, &hash)) {
		list_reader_typed(reader, hash, LIST_KIND(INDICATOR_HASH), attributes);
		return true;
	}
	/* "275a...  FILE"; a name of several words may follow. sha256sum puts a backslash before
	 * the hash when it had to escape the name. */
	if (span_starts(rest, "\\"))
		rest = span_from(rest, 1);
	if (!span_word(&rest, &word))
		return false;
	/* ClamAV: "HASH:SIZE:NAME"; Suricata: "HASH,REPUTATION". */
	hash = (struct span){ word.text, span_find(word, ':') };
	if (span_find(word, ',') < hash.size)
		hash.size = span_find(word, ',');
	if (!is_hash(hash))
		return false;
	list_reader_typed(reader, hash, LIST_KIND(INDICATOR_HASH), attributes);
	return true;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648, 4, with its padding. out: three quarters of it. */
static bool base64_read(struct span text, char *out, size_t *ret_size)
{
	size_t padding = span_ends(text, "==") ? 2 : span_ends(text, "=") ? 1 : 0, used = 0;
	unsigned bits = 0;

	if (text.size == 0 || text.size % 4 != 0 || text.size > BASE64_MAX)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		int digit = i < text.size - padding ? base64_digit(text.text[i]) : 0;

		if (digit < 0)
			return false;
		bits = bits << 6 | (unsigned)digit;
		if (i % 4 != 3)
			continue;
		out[used++] = (char)(bits >> 16 & 0xff);
		out[used++] = (char)(bits >> 8 & 0xff);
		out[used++] = (char)(bits & 0xff);
		bits = 0;
	}
	*ret_size = used - padding;
	return true;
}

/* A string of a dataset, with or without its reputation. Other words without a dot are names of
 * one label: it is base64 only if a name or an address comes out. */
bool list_set_base64(struct list_reader *reader, struct span line,
		     const struct list_attributes *attributes)
{
	struct list_indicator indicator;
	struct span text = span_trim(line);
	char decoded[BASE64_MAX];
	size_t size;

	text.size = span_find(text, ',');
	if (span_has(text, '.') || !base64_read(text, decoded, &size))
		return false;
	text = (struct span){ decoded, size };
	if (list_token_read(text, attributes->force_suffix, &indicator) == LIST_NOT_A_NAME ||
	    (!span_has(text, '.') && !span_has(text, ':')))
		return false;
	list_reader_token(reader, text, attributes);
	return true;
}
