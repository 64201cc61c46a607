/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_attributes.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

struct severity_word {
	const char *word;
	uint8_t severity;
};

static const struct severity_word severity_words[] = {
	{ "critical", 5 }, { "high", 4 },	   { "medium", 3 },
	{ "low", 2 },	   { "informational", 1 }, { "info", 1 },
};

/* Tags and feeds are words: no blanks, quotes, commas or control characters. */
static bool word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._:/+@=()-", c) != NULL);
}

static bool is_word(struct span word)
{
	for (size_t i = 0; i < word.size; i++)
		if (!word_character(word.text[i]))
			return false;
	return word.size > 0;
}

int list_attributes_feed(struct list_attributes *attributes, struct span value)
{
	char feed[LIST_FEED_SIZE] = "";

	if (!is_word(value) || !span_copy(value, feed, sizeof(feed)))
		return -EINVAL;
	memcpy(attributes->feed, feed, sizeof(feed));
	return 0;
}

int list_attributes_severity(struct list_attributes *attributes, struct span value)
{
	if (value.size == 1 && value.text[0] >= '1' && value.text[0] <= '5') {
		attributes->severity = (uint8_t)(value.text[0] - '0');
		return 0;
	}
	for (size_t i = 0; i < ELEMENTS(severity_words); i++) {
		if (!span_is(value, severity_words[i].word))
			continue;
		attributes->severity = severity_words[i].severity;
		return 0;
	}
	return -EINVAL;
}

static bool tag_present(const char *tags, struct span tag)
{
	struct span rest = { tags, strlen(tags) }, each;

	while (span_cut(&rest, ',', &each))
		if (each.size == tag.size && memcmp(each.text, tag.text, tag.size) == 0)
			return true;
	return false;
}

static int tag_add(struct list_attributes *attributes, struct span tag)
{
	size_t used = strlen(attributes->tags);

	if (tag_present(attributes->tags, tag))
		return 0;
	if (used + 1 + tag.size >= sizeof(attributes->tags))
		return -EINVAL;
	if (used > 0)
		attributes->tags[used++] = ',';
	memcpy(attributes->tags + used, tag.text, tag.size);
	return 0;
}

int list_attributes_tags(struct list_attributes *attributes, struct span value)
{
	struct span tag;

	while (span_cut(&value, ',', &tag))
		if (!is_word(tag) || tag_add(attributes, tag) < 0)
			return -EINVAL;
	return 0;
}

void list_attributes_add_tag(struct list_attributes *attributes, struct span text)
{
	char tag[LIST_TAGS_SIZE];

	text = span_trim(text);
	if (text.size == 0 || text.size >= sizeof(tag))
		return;
	for (size_t i = 0; i < text.size; i++)
		tag[i] = word_character(text.text[i]) ? text.text[i] : '-';
	(void)tag_add(attributes, (struct span){ tag, text.size });
}

int list_attributes_expires(struct list_attributes *attributes, struct span value)
{
	char text[CLOCK_TEXT_SIZE];
	uint64_t ns = 0;
	int r;

	/* A duration has no dash, and would count back from now. */
	if (!span_has(value, '-') || !span_copy(value, text, sizeof(text)))
		return -EINVAL;
	r = parse_time(text, &ns);
	/* "9999-12-31" is how some feeds write "never". */
	if (r == -ERANGE && text[0] > '2')
		ns = 0;
	else if (r < 0 || ns < NS_PER_SECOND)
		return -EINVAL;
	attributes->expiry = ns / NS_PER_SECOND;
	return 0;
}

static int action_read(struct list_attributes *attributes, struct span value)
{
	if (span_is(value, "allow"))
		attributes->action = INDICATOR_ALLOW;
	else if (span_is(value, "block"))
		attributes->action = INDICATOR_BLOCK;
	else
		return -EINVAL;
	return 0;
}

static int feed_read(struct list_attributes *attributes, struct span value)
{
	return attributes->feed_given ? 0 : list_attributes_feed(attributes, value);
}

static int force_read(struct list_attributes *attributes, struct span value)
{
	if (value.size > 0)
		return -EINVAL;
	attributes->force_suffix = 1;
	return 0;
}

/* Below a name of a never-block list nothing is listed, so that what is protected stays so; only
 * there can an entry be about its own name alone. */
static int scope_read(struct list_attributes *attributes, struct span value)
{
	if (!attributes->never_block || (!span_is(value, "name") && !span_is(value, "tree")))
		return -EINVAL;
	attributes->name_only = span_is(value, "name");
	return 0;
}

struct directive {
	const char *key;
	bool of_entry; /* may also stand behind one entry */
	int (*read)(struct list_attributes *attributes, struct span value);
};

static const struct directive directives[] = {
	{ "severity", true, list_attributes_severity },
	{ "tags", true, list_attributes_tags },
	{ "expires", true, list_attributes_expires },
	{ "scope", true, scope_read },
	{ "feed", false, feed_read },
	{ "action", false, action_read },
	{ "force-suffix", false, force_read },
};

static const struct directive *directive_find(struct span key, bool of_entry)
{
	for (size_t i = 0; i < ELEMENTS(directives); i++)
		if (span_is(key, directives[i].key) && (directives[i].of_entry || !of_entry))
			return &directives[i];
	return NULL;
}

/* 1 when every word is a directive with a valid value, 0 when one is none, -EINVAL when a value
 * is not valid. */
static int directives_read(struct list_attributes *attributes, struct span words, bool of_entry)
{
	struct list_attributes read = *attributes;
	struct span word;
	bool any = false, valid = true;

	while (span_word(&words, &word)) {
		size_t equals = span_find(word, '=');
		struct span key = { word.text, equals };
		const struct directive *directive = directive_find(key, of_entry);
		struct span value = span_from(word, equals < word.size ? equals + 1 : equals);

		if (!directive || (of_entry && equals == word.size))
			return 0;
		any = true;
		valid = valid && directive->read(&read, value) == 0;
	}
	if (!valid)
		return -EINVAL;
	*attributes = read;
	return any;
}

int list_attributes_file(struct list_attributes *attributes, struct span words)
{
	return directives_read(attributes, words, false) == 1 ? 0 : -EINVAL;
}

int list_attributes_entry(struct list_attributes *attributes, struct span comment)
{
	return directives_read(attributes, comment, true);
}
