/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/ja4.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "scan/assembly.h"

#define SERVER_NAME 0x0000
#define APPLICATION 0x0010

#define COUNT_MAX    99 /* two digits */
#define HASH_SIZE    12 /* characters of the hash that are kept */
#define HASH_OF_NONE "000000000000"

/* Two bytes or more a value, in a message that is no longer than what is put together. */
#define VALUES_MAX (ASSEMBLY_MAX / 2)
/* "1301," a value. */
#define TEXT_MAX   (VALUES_MAX * 5 + 1)

struct values {
	unsigned count;
	uint16_t list[VALUES_MAX];
};

static void value_add(struct values *values, uint32_t value)
{
	if (values->count < VALUES_MAX && !tls_grease((uint16_t)value))
		values->list[values->count++] = (uint16_t)value;
}

static void values_read(struct cursor list, struct values *values)
{
	uint32_t value;

	values->count = 0;
	while (cursor_number(&list, 2, &value) == 0)
		value_add(values, value);
}

/* Returns how many extensions there are; server name and ALPN are counted, but not among values,
 * for they belong to where the client goes more than to the client. */
static unsigned extensions_read(struct cursor list, struct values *values)
{
	unsigned count = 0;
	struct cursor content;
	uint32_t type;

	values->count = 0;
	while (cursor_number(&list, 2, &type) == 0 && cursor_vector(&list, 2, &content) == 0) {
		count += !tls_grease((uint16_t)type);
		if (type != SERVER_NAME && type != APPLICATION)
			value_add(values, type);
	}
	return count;
}

static int value_compare(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* "002f,0035" at text; returns its length. */
static size_t values_format(const struct values *values, char *text)
{
	char *at = text;

	for (unsigned i = 0; i < values->count; i++) {
		uint8_t bytes[2] = { (uint8_t)(values->list[i] >> 8), (uint8_t)values->list[i] };

		if (i > 0)
			*at++ = ',';
		digest_text(bytes, sizeof(bytes), at);
		at += 2 * sizeof(bytes);
	}
	return (size_t)(at - text);
}

static int hash_format(const char *text, size_t size, char out[static HASH_SIZE + 1])
{
	uint8_t hash[SHA256_SIZE];

	if (size == 0) {
		memcpy(out, HASH_OF_NONE, sizeof(HASH_OF_NONE));
		return 0;
	}
	if (digest_sha256(text, size, hash) < 0)
		return -EIO;
	digest_text(hash, HASH_SIZE / 2, out);
	return 0;
}

static int ciphers_hash(struct values *values, char out[static HASH_SIZE + 1])
{
	char text[TEXT_MAX];

	qsort(values->list, values->count, sizeof(values->list[0]), value_compare);
	return hash_format(text, values_format(values, text), out);
}

static int extensions_hash(struct values *values, struct cursor signatures,
			   char out[static HASH_SIZE + 1])
{
	char text[TEXT_MAX];
	size_t size;

	qsort(values->list, values->count, sizeof(values->list[0]), value_compare);
	size = values_format(values, text);
	values_read(signatures, values);
	if (size > 0 && values->count > 0) {
		text[size++] = '_';
		size += values_format(values, text + size);
	}
	return hash_format(text, size, out);
}

static const char *version_code(uint16_t version)
{
	static const struct {
		uint16_t version;
		const char *code;
	} rows[] = {
		{ 0x0304, "13" }, { 0x0303, "12" }, { 0x0302, "11" },
		{ 0x0301, "10" }, { 0x0300, "s3" }, { 0x0002, "s2" },
	};

	for (unsigned i = 0; i < ELEMENTS(rows); i++)
		if (rows[i].version == version)
			return rows[i].code;
	return "00";
}

static bool alphanumeric(uint8_t byte)
{
	return isascii(byte) && isalnum(byte);
}

/* First and last character; where one of the two is none that can be shown, of the bytes in
 * hexadecimal digits instead. */
static void application_code(const struct cursor *protocol, char out[static 3])
{
	char first[3], last[3];

	memcpy(out, "00", 3);
	if (!protocol->at || protocol->left == 0)
		return;
	out[0] = (char)protocol->at[0];
	out[1] = (char)protocol->at[protocol->left - 1];
	if (alphanumeric((uint8_t)out[0]) && alphanumeric((uint8_t)out[1]))
		return;
	digest_text(protocol->at, 1, first);
	digest_text(protocol->at + protocol->left - 1, 1, last);
	out[0] = first[0];
	out[1] = last[1];
}

static unsigned count_cap(unsigned count)
{
	return count < COUNT_MAX ? count : COUNT_MAX;
}

void ja4_format(const struct tls_hello *hello, enum tls_transport transport,
		char out[static FLOW_JA4_SIZE])
{
	char application[3], ciphers[HASH_SIZE + 1], extensions[HASH_SIZE + 1];
	unsigned cipher_count, extension_count;
	struct values values;

	out[0] = '\0';
	values_read(hello->ciphers, &values);
	cipher_count = values.count;
	if (ciphers_hash(&values, ciphers) < 0)
		return;
	extension_count = extensions_read(hello->extensions, &values);
	if (extensions_hash(&values, hello->signatures, extensions) < 0)
		return;
	application_code(&hello->application, application);
	(void)snprintf(out, FLOW_JA4_SIZE, "%c%s%c%02u%02u%s_%s_%s", (char)transport,
		       version_code(hello->version), hello->server_name ? 'd' : 'i',
		       count_cap(cipher_count), count_cap(extension_count), application, ciphers,
		       extensions);
}
