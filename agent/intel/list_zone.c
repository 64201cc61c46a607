/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats made of blank-separated words: response policy zones (RPZ, in the master file format of
 * RFC 1035, 5.1), and hosts files.
 */
#include "intel/list_reader.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Most words of a record that are looked at: name, TTL, class, type, target. */
#define RECORD_WORDS 5

static struct span words_cut(struct span line, char at)
{
	line.size = span_find(line, at);
	return line;
}

/* A name that ends with a dot stands for itself; names that do not are below the zone's own. */
static void origin_note(struct list_reader *reader, struct span name)
{
	if (!span_ends(name, ".") || !span_copy(name, reader->origin, sizeof(reader->origin)))
		reader->origin[0] = '\0';
}

/* "$ORIGIN rpz.example.", or what a server gives of a zone: "rpz.example. 300 IN SOA ...". Returns
 * whether it was a record of the zone itself. */
static bool origin_read(struct list_reader *reader, struct span first, struct span rest)
{
	struct span word;

	if (span_is(first, "$ORIGIN")) {
		if (span_word(&rest, &word))
			origin_note(reader, word);
		return true;
	}
	if (!span_ends(first, "."))
		return false;
	for (size_t i = 0; i < 3 && span_word(&rest, &word); i++) {
		if (span_is(word, "SOA"))
			origin_note(reader, first);
		if (span_is(word, "SOA") || (span_is(word, "NS") && span_is(first, reader->origin)))
			return true;
	}
	return false;
}

/* The name in an owner that is written out. */
static struct span origin_cut(const struct list_reader *reader, struct span name)
{
	size_t size = strlen(reader->origin);

	if (size > 0 && name.size > size + 1 && name.text[name.size - size - 1] == '.' &&
	    strncasecmp(name.text + name.size - size, reader->origin, size) == 0)
		name.size -= size + 1;
	return name;
}

/* What a zone file has besides names: "$TTL", "@ SOA ... (" up to its ")", and records without a
 * name of their own (NS, by a leading blank). */
bool list_zone_skipped(struct list_reader *reader, struct span line,
		       const struct list_attributes *attributes)
{
	struct span code = words_cut(line, ';'), rest = code, word;

	(void)attributes;
	if (reader->in_parentheses) {
		reader->in_parentheses = !span_has(code, ')');
		return true;
	}
	if (!span_word(&rest, &word))
		return false;
	if (!origin_read(reader, word, rest) && !span_starts(word, "$") && !span_is(word, "@") &&
	    !(span_blank(line.text[0]) &&
	      (span_is(word, "NS") || span_is(word, "IN") || span_is(word, "SOA"))))
		return false;
	reader->in_parentheses = span_has(code, '(') && !span_has(code, ')');
	return true;
}

static bool all_digits(struct span word)
{
	for (size_t i = 0; i < word.size; i++)
		if (word.text[i] < '0' || word.text[i] > '9')
			return false;
	return word.size > 0;
}

struct record {
	struct span name, type, target;
};

static bool record_split(struct span line, struct record *ret)
{
	struct span rest = words_cut(line, ';'), words[RECORD_WORDS];
	size_t count = 0, at = 1;

	while (count < RECORD_WORDS && span_word(&rest, &words[count]))
		count++;
	if (at < count && all_digits(words[at]))
		at++;
	if (at < count && span_is(words[at], "IN"))
		at++;
	if (at + 2 != count)
		return false;
	*ret = (struct record){ words[0], words[at], words[at + 1] };
	return true;
}

struct record_action {
	const char *type, *target;
	enum indicator_action action;
};

/* The actions of RPZ that are about a name as a whole, and sinkholes. */
static const struct record_action record_actions[] = {
	{ "CNAME", ".", INDICATOR_BLOCK },	   { "CNAME", "*.", INDICATOR_BLOCK },
	{ "CNAME", "rpz-drop.", INDICATOR_BLOCK }, { "CNAME", "rpz-passthru.", INDICATOR_ALLOW },
	{ "A", "0.0.0.0", INDICATOR_BLOCK },	   { "A", "127.0.0.1", INDICATOR_BLOCK },
	{ "AAAA", "::", INDICATOR_BLOCK },	   { "AAAA", "::1", INDICATOR_BLOCK },
};

static bool is_record_type(struct span type)
{
	static const char *const types[] = { "CNAME", "A",  "AAAA", "NS",    "SOA",
					     "TXT",   "MX", "PTR",  "DNAME", "SRV" };

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (span_is(type, types[i]))
			return true;
	return false;
}

/* "32.1.2.0.192.rpz-ip": triggers on answers, clients and servers. */
static bool is_other_trigger(struct span name)
{
	static const char *const ends[] = { ".rpz-ip", ".rpz-client-ip", ".rpz-nsdname",
					    ".rpz-nsip" };

	for (size_t i = 0; i < ELEMENTS(ends); i++)
		if (span_ends(name, ends[i]))
			return true;
	return false;
}

bool list_zone_record(struct list_reader *reader, struct span line,
		      const struct list_attributes *attributes)
{
	struct list_attributes own = *attributes;
	struct record record;

	if (!record_split(line, &record) || !is_record_type(record.type))
		return false;
	record.name = origin_cut(reader, record.name);
	for (size_t i = 0; i < ELEMENTS(record_actions) && !is_other_trigger(record.name); i++) {
		if (!span_is(record.type, record_actions[i].type) ||
		    !span_is(record.target, record_actions[i].target))
			continue;
		if (record_actions[i].action == INDICATOR_ALLOW)
			own.action = INDICATOR_ALLOW;
		list_reader_token(reader, record.name, &own);
		return true;
	}
	list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
	return true;
}

/* Names that hosts files carry for the host itself. */
static bool is_local_name(struct span name)
{
	static const char *const locals[] = {
		"localhost",
		"localhost.localdomain",
		"localhost4",
		"localhost6",
		"local",
		"broadcasthost",
		"ip6-localhost",
		"ip6-loopback",
		"ip6-localnet",
		"ip6-mcastprefix",
		"ip6-allnodes",
		"ip6-allrouters",
		"ip6-allhosts",
		"0.0.0.0",
		"localhost4.localdomain4",
		"localhost6.localdomain6",
	};

	for (size_t i = 0; i < ELEMENTS(locals); i++)
		if (span_is(name, locals[i]))
			return true;
	return false;
}

static bool is_sink_address(struct span text)
{
	static const uint8_t nowhere[4];
	struct address address, unspecified = { 0 }, unspecified_ipv4 = address_from_ipv4(nowhere);
	char copy[ADDRESS_TEXT_SIZE];

	if (span_is(text, "0"))
		return true;
	if (!span_copy(text, copy, sizeof(copy)) || address_parse(copy, &address) < 0)
		return false;
	return address_is_loopback(&address) || address_equal(&address, &unspecified) ||
	       address_equal(&address, &unspecified_ipv4);
}

/* "0.0.0.0 name name...". A line of several words is no entry of any other format. */
bool list_zone_hosts(struct list_reader *reader, struct span line,
		     const struct list_attributes *attributes)
{
	struct span rest = line, first, name;
	bool any_other = false, sink;

	if (!span_word(&rest, &first) || span_trim(rest).size == 0)
		return false;
	sink = is_sink_address(first);
	while (span_word(&rest, &name)) {
		if (is_local_name(name))
			continue;
		any_other = true;
		if (sink)
			list_reader_token(reader, name, attributes);
	}
	/* "fe80::1%lo0 localhost" and "255.255.255.255 broadcasthost" stand in every hosts file. */
	if (!sink && (any_other || !(span_has(first, ':') || span_is(first, "255.255.255.255"))))
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
	return true;
}
