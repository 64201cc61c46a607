/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV (RFC 4180, without line breaks inside quotes; also with tabs or semicolons for the commas)
 * with a header whose columns have names that feeds use. A row is one indicator: its first column
 * of that role that is not empty.
 */
#include "intel/list_reader.h"

#include "base/cleanup.h"

/* Longest field that can matter: a URL around a name. */
#define FIELD_SIZE 2048

struct column_name {
	const char *name;
	enum list_csv_role role;
};

static const struct column_name column_names[] = {
	{ "indicator", LIST_CSV_INDICATOR }, { "ioc", LIST_CSV_INDICATOR },
	{ "ioc_value", LIST_CSV_INDICATOR }, { "value", LIST_CSV_INDICATOR },
	{ "domain", LIST_CSV_INDICATOR },    { "domain_name", LIST_CSV_INDICATOR },
	{ "host", LIST_CSV_INDICATOR },	     { "hostname", LIST_CSV_INDICATOR },
	{ "fqdn", LIST_CSV_INDICATOR },	     { "url", LIST_CSV_INDICATOR },
	{ "ip", LIST_CSV_INDICATOR },	     { "ip_address", LIST_CSV_INDICATOR },
	{ "ipaddress", LIST_CSV_INDICATOR }, { "dst_ip", LIST_CSV_INDICATOR },
	{ "cidr", LIST_CSV_INDICATOR },	     { "network", LIST_CSV_INDICATOR },
	{ "sha256", LIST_CSV_INDICATOR },    { "sha256_hash", LIST_CSV_INDICATOR },
	{ "sha1", LIST_CSV_INDICATOR },	     { "sha1_hash", LIST_CSV_INDICATOR },
	{ "md5", LIST_CSV_INDICATOR },	     { "md5_hash", LIST_CSV_INDICATOR },
	{ "type", LIST_CSV_TYPE },	     { "ioc_type", LIST_CSV_TYPE },
	{ "indicator_type", LIST_CSV_TYPE }, { "severity", LIST_CSV_SEVERITY },
	{ "tags", LIST_CSV_TAGS },	     { "tag", LIST_CSV_TAGS },
	{ "malware", LIST_CSV_TAGS },	     { "malware_printable", LIST_CSV_TAGS },
	{ "family", LIST_CSV_TAGS },	     { "app", LIST_CSV_TAGS },
	{ "threat", LIST_CSV_TAGS },	     { "threat_type", LIST_CSV_TAGS },
	{ "category", LIST_CSV_TAGS },	     { "expires", LIST_CSV_EXPIRES },
	{ "expiry", LIST_CSV_EXPIRES },	     { "expiration", LIST_CSV_EXPIRES },
	{ "valid_until", LIST_CSV_EXPIRES },
};

static const char *const known_types[] = {
	"domain",  "domains", "domain-name", "hostname",  "host",	 "fqdn",   "name",
	"ip",	   "ipv4",    "ipv6",	     "ipv4-addr", "ipv6-addr",	 "ip-src", "ip-dst",
	"ip:port", "address", "cidr",	     "network",	  "url",	 "uri",	   "md5",
	"sha1",	   "sha256",  "md5_hash",    "sha1_hash", "sha256_hash",
};

enum list_csv_role list_csv_role(struct span name)
{
	for (size_t i = 0; i < ELEMENTS(column_names); i++)
		if (span_is(name, column_names[i].name))
			return column_names[i].role;
	return LIST_CSV_OTHER;
}

bool list_csv_type_known(struct span type)
{
	for (size_t i = 0; i < ELEMENTS(known_types); i++)
		if (span_is(type, known_types[i]))
			return true;
	return false;
}

/* Blanks around a field; a tab may be what separates. */
static struct span field_trim(struct span field, char separator)
{
	while (field.size > 0 && span_blank(field.text[0]) && field.text[0] != separator)
		field = span_from(field, 1);
	while (field.size > 0 && span_blank(field.text[field.size - 1]) &&
	       field.text[field.size - 1] != separator)
		field.size--;
	return field;
}

/* A quoted field from behind its first quote into buffer; doubled quotes become one. Bytes that do
 * not fit are left out: such a field is no indicator. -1 when the last quote is missing. */
static int field_unquote(struct span *rest, char buffer[static FIELD_SIZE], struct span *ret)
{
	size_t used = 0, i = 0;

	for (; i < rest->size; i++) {
		if (rest->text[i] == '"') {
			if (i + 1 >= rest->size || rest->text[i + 1] != '"')
				break;
			i++;
		}
		if (used < FIELD_SIZE)
			buffer[used++] = rest->text[i];
	}
	if (i == rest->size)
		return -1;
	*ret = (struct span){ buffer, used };
	*rest = span_from(*rest, i + 1);
	return 0;
}

/* The next field: 1, 0 at the end of the row, -1 when a quote is missing. */
static int field_next(struct span *rest, char separator, char buffer[static FIELD_SIZE],
		      struct span *ret)
{
	struct span trailing = { "", 0 };

	if (!rest->text)
		return 0;
	*rest = field_trim(*rest, separator);
	if (!span_starts(*rest, "\"")) {
		(void)span_cut(rest, separator, ret);
		*ret = field_trim(*ret, separator);
		return 1;
	}
	*rest = span_from(*rest, 1);
	if (field_unquote(rest, buffer, ret) < 0)
		return -1;
	/* Nothing may stand between the quote and the separator. */
	(void)span_cut(rest, separator, &trailing);
	return field_trim(trailing, separator).size == 0 ? 1 : -1;
}

/* Column names are words: a row of data has dots or colons in it. */
static bool is_header_word(struct span field)
{
	for (size_t i = 0; i < field.size; i++) {
		char c = field.text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == ' ' || c == '-'))
			return false;
	}
	return field.size > 0;
}

static bool header_read(struct list_reader *reader, struct span line, char separator)
{
	uint8_t roles[LIST_CSV_COLUMNS];
	char buffer[FIELD_SIZE];
	struct span field;
	bool indicator = false;
	size_t count = 0;
	int r;

	if (!span_has(line, separator))
		return false;
	while ((r = field_next(&line, separator, buffer, &field)) > 0) {
		if (count == LIST_CSV_COLUMNS || !is_header_word(field))
			return false;
		roles[count] = (uint8_t)list_csv_role(field);
		indicator |= roles[count++] == LIST_CSV_INDICATOR;
	}
	if (r < 0 || !indicator || count < 2)
		return false;
	memcpy(reader->csv_roles, roles, count);
	reader->csv_columns = count;
	reader->csv_separator = separator;
	return true;
}

bool list_csv_header(struct list_reader *reader, struct span line)
{
	static const char separators[] = { ',', '\t', ';' };

	for (size_t i = 0; i < ELEMENTS(separators); i++)
		if (header_read(reader, line, separators[i]))
			return true;
	return false;
}

/* A row as it is put together from its columns. */
struct row {
	struct list_attributes attributes;
	char indicator_buffer[FIELD_SIZE];
	struct span indicator;
	enum list_reason reason;
};

static void tags_column(struct list_attributes *attributes, struct span field)
{
	struct span tag;

	while (span_cut(&field, ',', &tag))
		list_attributes_add_tag(attributes, tag);
}

static void row_column(struct row *row, enum list_csv_role role, struct span field)
{
	if (field.size == 0)
		return;
	if (role == LIST_CSV_INDICATOR && !row->indicator.text) {
		memcpy(row->indicator_buffer, field.text, field.size);
		row->indicator = (struct span){ row->indicator_buffer, field.size };
	} else if (role == LIST_CSV_TYPE && !list_csv_type_known(field)) {
		row->reason = LIST_UNSUPPORTED_TYPE;
	} else if (role == LIST_CSV_SEVERITY) {
		/* Feeds have scales of their own here: what is not ours says nothing. */
		(void)list_attributes_severity(&row->attributes, field);
	} else if (role == LIST_CSV_TAGS) {
		tags_column(&row->attributes, field);
	} else if (role == LIST_CSV_EXPIRES) {
		(void)list_attributes_expires(&row->attributes, field);
	}
}

void list_csv_row(struct list_reader *reader, struct span line,
		  const struct list_attributes *attributes)
{
	struct row row = { .attributes = *attributes };
	char buffer[FIELD_SIZE];
	struct span rest = line, field;
	int r;

	for (size_t i = 0; (r = field_next(&rest, reader->csv_separator, buffer, &field)) > 0; i++)
		if (i < reader->csv_columns && field.size < FIELD_SIZE)
			row_column(&row, reader->csv_roles[i], field);
	if (r < 0 || (!row.indicator.text && !row.reason))
		row.reason = LIST_BAD_CSV;
	if (row.reason)
		list_reader_reject(reader, row.reason, line);
	else
		list_reader_token(reader, row.indicator, &row.attributes);
}
