/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats of DNS servers and browser extensions that the start of a line shows. They are rules of
 * which a few say "this name, whatever is asked": those are taken.
 */
#include "intel/list_reader.h"

#include "base/cleanup.h"

/* Where answers of a sinkhole point. */
static bool is_sink(struct span target)
{
	static const char *const sinks[] = { "", "#", "0.0.0.0", "::", "127.0.0.1", "::1" };

	for (size_t i = 0; i < ELEMENTS(sinks); i++)
		if (span_is(target, sinks[i]))
			return true;
	return false;
}

/* Element hiding and patterns. A line without any of these is not AdBlock's, or is a plain name. */
static bool adblock_rule(struct span line)
{
	static const char *const marks[] = { "##", "#@#", "#?#", "#$#", "$$" };

	for (size_t i = 0; i < line.size; i++) {
		if (line.text[i] == '^' || line.text[i] == '|')
			return true;
		for (size_t k = 0;
		     (line.text[i] == '#' || line.text[i] == '$') && k < ELEMENTS(marks); k++)
			if (span_starts(span_from(line, i), marks[k]))
				return true;
	}
	return false;
}

bool list_rule_adblock(struct list_reader *reader, struct span line,
		       const struct list_attributes *attributes)
{
	struct list_attributes allowing = *attributes;
	struct span name = span_trim(line), options;

	if (span_starts(name, "[") && span_ends(name, "]") && span_find(name, ':') == name.size)
		return true; /* "[Adblock Plus 2.0]" */
	if (!adblock_rule(name))
		return false;
	if (span_starts(name, "@@")) {
		allowing.action = INDICATOR_ALLOW;
		name = span_from(name, 2);
	}
	options = span_from(name, span_find(name, '^'));
	if (!span_starts(name, "||") || (!span_is(options, "^") && !span_is(options, "^|") &&
					 !span_is(options, "^$important"))) {
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
		return true;
	}
	name = (struct span){ name.text + 2, name.size - options.size - 2 };
	list_reader_token(reader, name, &allowing);
	return true;
}

/* "address=/a.com/b.com/TARGET": the names between the slashes. With a target that is a server
 * ("server=/a.com/192.0.2.1") a line forwards; "#" with server= is the usual servers again. */
bool list_rule_dnsmasq(struct list_reader *reader, struct span line,
		       const struct list_attributes *attributes)
{
	size_t equals = span_find(line, '=');
	struct span key = { line.text, equals }, names, target, name;
	bool address = span_is(span_trim(key), "address");

	if (equals == line.size ||
	    (!address && !span_is(span_trim(key), "server") && !span_is(span_trim(key), "local")))
		return false;
	names = span_trim(span_from(line, equals + 1));
	target = names;
	while (span_has(target, '/'))
		target = span_from(target, span_find(target, '/') + 1);
	if (!span_starts(names, "/") || target.text - names.text < 2 ||
	    (address ? !is_sink(target) : target.size > 0)) {
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
		return true;
	}
	names = (struct span){ names.text + 1, (size_t)(target.text - names.text) - 2 };
	while (span_cut(&names, '/', &name))
		list_reader_token(reader, name, attributes);
	return true;
}

/* What stands in quotes (either kind), or the next word. */
static struct span quoted(struct span *rest)
{
	struct span word = { rest->text, 0 };
	char quote;
	size_t end;

	*rest = span_trim(*rest);
	if (rest->size == 0)
		return word;
	quote = rest->text[0];
	if (quote != '"' && quote != '\'') {
		(void)span_word(rest, &word);
		return word;
	}
	*rest = span_from(*rest, 1);
	end = span_find(*rest, quote);
	word = (struct span){ rest->text, end };
	*rest = span_from(*rest, end < rest->size ? end + 1 : end);
	return word;
}

static bool zone_type_blocks(struct span type)
{
	static const char *const blocking[] = {
		"always_nxdomain", "always_null", "always_refuse", "always_deny", "always_nodata",
		"refuse",	   "deny",	  "static",	   "redirect",	  "inform_deny",
	};

	for (size_t i = 0; i < ELEMENTS(blocking); i++)
		if (span_is(type, blocking[i]))
			return true;
	return false;
}

/* The data of local-data: "name [ttl] [IN] A 0.0.0.0". */
static bool local_data_blocks(struct span data)
{
	struct span word = { "", 0 }, last = { "", 0 };

	while (span_word(&data, &word))
		last = word;
	return last.size > 0 && is_sink(last);
}

bool list_rule_unbound(struct list_reader *reader, struct span line,
		       const struct list_attributes *attributes)
{
	struct span rest = span_trim(line), name, data;
	bool blocks;

	if (span_is(rest, "server:"))
		return true;
	if (span_starts(rest, "local-zone:")) {
		rest = span_from(rest, strlen("local-zone:"));
		name = quoted(&rest);
		blocks = zone_type_blocks(quoted(&rest));
	} else if (span_starts(rest, "local-data:")) {
		rest = span_from(rest, strlen("local-data:"));
		data = quoted(&rest);
		blocks = span_word(&data, &name) && local_data_blocks(data);
	} else {
		return false;
	}
	if (blocks)
		list_reader_token(reader, name, attributes);
	else
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, line);
	return true;
}
