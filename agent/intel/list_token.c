/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_token.h"

#include <errno.h>

#include "base/parse.h"
#include "intel/idn.h"
#include "intel/fingerprint.h"
#include "intel/suffix.h"
#include "probes/table.h"

static bool span_all_digits(struct span span)
{
	for (size_t i = 0; i < span.size; i++)
		if (span.text[i] < '0' || span.text[i] > '9')
			return false;
	return span.size > 0;
}

/* MD5, SHA-1 or SHA-256 by its length. */
static bool hash_read(struct span token, struct list_indicator *ret)
{
	if (token.size != 32 && token.size != 40 && token.size != 64)
		return false;
	for (size_t i = 0; i < token.size; i += 2) {
		int high = parse_hex_digit(token.text[i]), low = parse_hex_digit(token.text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret->hash[i / 2] = (uint8_t)(high << 4 | low);
	}
	ret->kind = INDICATOR_HASH;
	ret->hash_size = token.size / 2;
	return true;
}

static bool ja4_token_read(struct span token, struct list_indicator *ret)
{
	if (!fingerprint_read(token.text, token.size, ret->hash))
		return false;
	ret->kind = INDICATOR_JA4;
	ret->hash_size = FINGERPRINT_SIZE;
	return true;
}

static bool looks_like_prefix(struct span token)
{
	bool separator = false;

	for (size_t i = 0; i < token.size; i++) {
		char c = token.text[i];

		separator |= c == '.' || c == ':';
		if (parse_hex_digit(c) < 0 && c != '.' && c != ':' && c != '/')
			return false;
	}
	return separator;
}

/* "1.2.3.4/999": an address with a length that cannot be, rather than with a path. */
static bool prefix_impossible(struct span token)
{
	size_t slash = span_find(token, '/');
	char text[ADDRESS_TEXT_SIZE];
	struct address address;

	return slash < token.size && span_all_digits(span_from(token, slash + 1)) &&
	       span_copy((struct span){ token.text, slash }, text, sizeof(text)) &&
	       address_parse(text, &address) == 0;
}

/* LIST_NOT_A_NAME: it is no address, and may be something else. */
static enum list_reason address_read(struct span token, bool forced, struct list_indicator *ret)
{
	char text[ADDRESS_TEXT_SIZE];
	unsigned minimum;
	int r;

	if (!looks_like_prefix(token) || !span_copy(token, text, sizeof(text)))
		return LIST_NOT_A_NAME;
	r = address_parse_prefix(text, &ret->address, &ret->prefix);
	if (r < 0 && r != -EDOM)
		return r == -ERANGE || prefix_impossible(token) ? LIST_BAD_ADDRESS
								: LIST_NOT_A_NAME;
	ret->kind = INDICATOR_ADDRESS;
	ret->masked = r == -EDOM;
	minimum = address_is_ipv4(&ret->address) ? LIST_PREFIX_MIN_IPV4 : LIST_PREFIX_MIN_IPV6;
	return ret->prefix < minimum && !forced ? LIST_WIDE_PREFIX : LIST_TAKEN;
}

/* A last label that is a number makes the whole an address to inet_aton(3) and to browsers. */
static bool ends_in_number(struct span name)
{
	size_t start = name.size;

	while (start > 0 && name.text[start - 1] != '.')
		start--;
	name = span_from(name, start);
	if (span_all_digits(name))
		return true;
	if (name.size < 2 || name.text[0] != '0' || (name.text[1] | 0x20) != 'x')
		return false;
	for (size_t i = 2; i < name.size; i++)
		if (parse_hex_digit(name.text[i]) < 0)
			return false;
	return true;
}

/* What a name may hold, in lower case; 0 for anything else. Underscores are no host names, but
 * names that are asked for. */
static uint8_t name_character(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
		return (uint8_t)c;
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : 0;
}

/* ASCII without leading and trailing dots to wire form. */
static enum list_reason name_read_ascii(struct span text, struct domain_name *ret)
{
	size_t label = 0, at = 1;

	for (size_t i = 0; i <= text.size; i++) {
		char c = i < text.size ? text.text[i] : '.';
		uint8_t byte = name_character(c);

		if (c == '.') {
			if (at == label + 1)
				return LIST_NOT_A_NAME;
			if (at - label - 1 > DOMAIN_NAME_LABEL_MAX)
				return LIST_LABEL_TOO_LONG;
			ret->wire[label] = (uint8_t)(at - label - 1);
			label = at;
		} else if (!byte) {
			return c == '\\' ? LIST_BAD_ESCAPE : LIST_NOT_A_NAME;
		}
		if (at >= DOMAIN_NAME_WIRE_MAX)
			return LIST_NAME_TOO_LONG;
		ret->wire[at++] = byte;
	}
	/* The last dot left a zero byte: the root. */
	ret->length = (uint8_t)at;
	return LIST_TAKEN;
}

static enum list_reason name_read_unicode(struct span text, struct domain_name *ret)
{
	char name[DOMAIN_NAME_TEXT_SIZE], ascii[DOMAIN_NAME_WIRE_MAX + 1];
	int r;

	if (span_has(text, '\0'))
		return LIST_NOT_A_NAME;
	if (!span_copy(text, name, sizeof(name)))
		return LIST_NAME_TOO_LONG;
	r = idn_to_ascii(name, ascii, sizeof(ascii));
	if (r < 0)
		return r == -ENAMETOOLONG ? LIST_NAME_TOO_LONG : LIST_BAD_IDN;
	return name_read_ascii((struct span){ ascii, strlen(ascii) }, ret);
}

static bool span_is_ascii(struct span span)
{
	for (size_t i = 0; i < span.size; i++)
		if (span.text[i] & 0x80)
			return false;
	return true;
}

/* A name that is well formed, but may not be an entry. */
static enum list_reason name_admit(const struct domain_name *name, bool forced)
{
	uint8_t starts[DOMAIN_NAME_LABELS];
	size_t labels = domain_name_labels(name, starts);

	if (labels > TABLE_LABELS_MAX)
		return LIST_TOO_MANY_LABELS;
	if (forced)
		return LIST_TAKEN;
	if (labels < 2)
		return LIST_SINGLE_LABEL;
	return suffix_is_public(name) ? LIST_PUBLIC_SUFFIX : LIST_TAKEN;
}

static enum list_reason name_read(struct span token, bool forced, struct list_indicator *ret)
{
	bool wildcard = span_starts(token, "*.");
	enum list_reason reason;

	if (wildcard)
		token = span_from(token, 2);
	for (; span_starts(token, "."); token = span_from(token, 1))
		wildcard = true;
	while (span_ends(token, "."))
		token.size--;
	if (token.size == 0)
		return LIST_NOT_A_NAME;
	if (ends_in_number(token)) {
		reason = wildcard ? LIST_BAD_ADDRESS : address_read(token, forced, ret);
		return reason == LIST_NOT_A_NAME ? LIST_BAD_ADDRESS : reason;
	}
	ret->kind = INDICATOR_DOMAIN;
	reason = span_is_ascii(token) ? name_read_ascii(token, &ret->name)
				      : name_read_unicode(token, &ret->name);
	return reason ? reason : name_admit(&ret->name, forced);
}

/* "[2001:db8::1]" with or without a port. */
static enum list_reason bracketed_read(struct span token, bool forced, struct list_indicator *ret)
{
	size_t end = span_find(token, ']');
	struct span rest;
	enum list_reason reason;

	if (end == token.size)
		return LIST_BAD_ADDRESS;
	rest = span_from(token, end + 1);
	if (rest.size > 0 && (rest.text[0] != ':' || !span_all_digits(span_from(rest, 1))))
		return LIST_BAD_ADDRESS;
	reason = address_read((struct span){ token.text + 1, end - 1 }, forced, ret);
	return reason == LIST_NOT_A_NAME ? LIST_BAD_ADDRESS : reason;
}

/* The authority of a URL without its user (RFC 3986, 3.2). */
static bool url_authority(struct span *token)
{
	size_t colon = span_find(*token, ':');
	struct span rest;
	size_t end = 0;

	if (colon == 0 || colon == token->size || !span_starts(span_from(*token, colon), "://"))
		return false;
	rest = span_from(*token, colon + 3);
	while (end < rest.size && !strchr("/?#\\", rest.text[end]))
		end++;
	rest.size = end;
	for (size_t at; (at = span_find(rest, '@')) < rest.size;)
		rest = span_from(rest, at + 1);
	*token = rest;
	return true;
}

bool list_token_url_narrow(struct span url)
{
	struct span host = url, rest;

	if (url_authority(&host))
		rest = span_from(url, (size_t)(host.text - url.text) + host.size);
	else
		rest = span_from(url, span_find(url, '/'));
	return rest.size > 0 && !span_is(rest, "/");
}

/* The host of "host:port" and "host/path". */
static enum list_reason host_narrow(struct span *token)
{
	size_t path = span_find(*token, '/'), query = span_find(*token, '?');
	size_t end = path < query ? path : query;
	size_t colon;

	/* A pattern's path is more than a name: "example.com/ads/" + "*". */
	if (span_has(span_from(*token, end), '*'))
		return LIST_UNSUPPORTED_RULE;
	token->size = end;
	colon = span_find(*token, ':');
	if (colon == token->size)
		return LIST_TAKEN;
	if (span_has(span_from(*token, colon + 1), ':'))
		return LIST_BAD_ADDRESS;
	if (!span_all_digits(span_from(*token, colon + 1)))
		return LIST_NOT_A_NAME;
	token->size = colon;
	return LIST_TAKEN;
}

enum list_reason list_token_read(struct span token, bool forced, struct list_indicator *ret)
{
	enum list_reason reason;

	*ret = (struct list_indicator){ 0 };
	if (hash_read(token, ret) || ja4_token_read(token, ret))
		return LIST_TAKEN;
	if (!url_authority(&token)) {
		reason = address_read(token, forced, ret);
		if (reason != LIST_NOT_A_NAME)
			return reason;
	}
	if (span_starts(token, "["))
		return bracketed_read(token, forced, ret);
	reason = host_narrow(&token);
	return reason ? reason : name_read(token, forced, ret);
}
