/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_document.h"

#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Observations of STIX: facts, of which only an indicator or a sighting says that they are bad. */
static const char *const observables[] = {
	"domain-name", "ipv4-addr",	  "ipv6-addr",	"url",		 "file",
	"artifact",    "network-traffic", "email-addr", "observed-data",
};

void list_record_begin(struct list_record *record, enum list_record_kind kind,
		       const struct list_attributes *attributes, uint64_t line)
{
	/* Not the text of the pattern, which is most of it. */
	memset(record, 0, offsetof(struct list_record, pattern));
	record->type.bytes[0] = record->indicator.bytes[0] = '\0';
	record->kind = kind;
	record->attributes = *attributes;
	record->line = line;
}

void list_record_tag(struct list_record *record, struct span tag)
{
	record->not_malicious |= span_is(tag, "benign");
	list_attributes_add_tag(&record->attributes, tag);
}

static struct span text_span(const struct list_text *text)
{
	return (struct span){ text->bytes, text->size };
}

static bool is_observable(struct span type)
{
	for (size_t i = 0; i < ELEMENTS(observables); i++)
		if (span_is(type, observables[i]))
			return true;
	return false;
}

/* What its members but the indicator say against taking it. */
static enum list_reason record_reason(const struct list_record *record)
{
	if (record->withdrawn == LIST_FLAG_TRUE)
		return LIST_WITHDRAWN;
	if (record->to_ids == LIST_FLAG_FALSE ||
	    (record->kind == LIST_RECORD_MISP && record->to_ids == LIST_FLAG_ABSENT))
		return LIST_NOT_FOR_DETECTION;
	if (record->not_malicious)
		return LIST_NOT_MALICIOUS;
	if (record->valid_from > clock_realtime() / NS_PER_SECOND)
		return LIST_NOT_YET_VALID;
	if (record->other_pattern)
		return LIST_UNSUPPORTED_TYPE;
	if (record->too_long || record->pattern_size == JSON_STRING_SIZE)
		return LIST_VALUE_TOO_LONG;
	return LIST_TAKEN;
}

static void stix_tell(struct list_reader *reader, const struct list_record *record,
		      struct span shown)
{
	struct span pattern = { record->pattern, record->pattern_size };

	if (is_observable(text_span(&record->type)))
		list_reader_reject(reader, LIST_NOT_FOR_DETECTION, shown);
	else if (!span_is(text_span(&record->type), "indicator"))
		list_reader_skip(reader, LIST_SKIP_SYNTAX);
	else if (!record->pattern_given)
		list_reader_reject(reader, LIST_BAD_PATTERN, shown);
	else
		list_stix_pattern(reader, pattern, &record->attributes);
}

static void plain_tell(struct list_reader *reader, const struct list_record *record,
		       struct span shown)
{
	if (!record->indicator.given ||
	    (record->type.given && !list_csv_type_known(text_span(&record->type))))
		list_reader_reject(reader, LIST_UNSUPPORTED_TYPE, shown);
	else if (record->network_number)
		list_reader_typed(reader, shown, LIST_KIND(INDICATOR_ADDRESS), &record->attributes);
	else
		list_reader_token(reader, shown, &record->attributes);
}

static bool is_stix(const struct list_record *record)
{
	return record->kind == LIST_RECORD_STIX ||
	       (record->kind == LIST_RECORD_PLAIN && record->pattern_given &&
		span_is(text_span(&record->type), "indicator"));
}

void list_record_tell(struct list_reader *reader, struct list_record *record)
{
	struct span shown =
		record->indicator.given ? text_span(&record->indicator) : (struct span){ "{}", 2 };
	enum list_reason reason = record_reason(record);
	bool indicator = span_is(text_span(&record->type), "indicator");

	reader->line = record->line;
	/* Entries stood inside, or it is about the list. */
	if (record->container ||
	    (record->kind == LIST_RECORD_PLAIN && span_is(text_span(&record->type), "metadata")))
		list_reader_skip(reader, LIST_SKIP_SYNTAX);
	else if (reason && (record->kind != LIST_RECORD_STIX || indicator))
		list_reader_reject(reader, reason, shown);
	else if (is_stix(record))
		stix_tell(reader, record, shown);
	else if (record->kind == LIST_RECORD_MISP)
		list_misp_attribute(reader, text_span(&record->type), text_span(&record->indicator),
				    &record->attributes);
	else
		plain_tell(reader, record, shown);
}
