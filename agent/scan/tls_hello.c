/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/tls_hello.h"

#include <string.h>

#include "base/cleanup.h"
#include "scan/assembly.h"
#include "scan/flow_names.h"
#include "scan/ja4.h"

#define HELLO_REQUEST	 0
#define CLIENT_HELLO	 1
#define SERVER_HELLO	 2
#define HEADER_SIZE	 4 /* type, and length in three bytes */
#define RANDOM_SIZE	 32
#define SESSION_ID_MAX	 32
#define NAME_TYPE_HOST	 0 /* RFC 6066, 3 */
#define GREASE_MASK	 0x0f0f
#define GREASE_PATTERN	 0x0a0a
#define V2_SIZE		 11 /* up to the end of the three lengths */
#define V2_CIPHER_SIZE	 3
#define V2_CHALLENGE_MIN 16
#define V2_CHALLENGE_MAX 32

struct reading {
	struct tls_hello hello;
	struct flow_facts *facts;
	struct flow_names *names;
	unsigned seen; /* a bit a row of extension_rows */
};

bool tls_grease(uint16_t value)
{
	return (value & GREASE_MASK) == GREASE_PATTERN && value >> 8 == (value & 0xff);
}

static void host_name_add(struct reading *reading, const struct cursor *name)
{
	if (name->left == 0)
		flow_facts_fault(reading->facts, "an empty server name");
	if (reading->facts->name[0] != '\0')
		flow_facts_fault(reading->facts, "more than one server name");
	if (!flow_names_add(reading->names, reading->facts, (const char *)name->at, name->left, 0))
		flow_facts_fault(reading->facts, "a server name over 255 bytes, or with a NUL");
}

static int server_name_read(struct reading *reading, struct cursor content)
{
	struct cursor list;
	int r = cursor_vector(&content, 2, &list);

	reading->hello.server_name = true;
	if (r < 0 || content.left > 0 || list.left == 0)
		flow_facts_fault(reading->facts, "a server name list of a wrong length");
	while (r == 0 && list.left > 0) {
		struct cursor name;
		uint32_t type;

		r = cursor_number(&list, 1, &type);
		if (r == 0)
			r = cursor_vector(&list, 2, &name);
		/* Other types were never defined; all have this form (RFC 6066, 3). */
		if (r == 0 && type == NAME_TYPE_HOST)
			host_name_add(reading, &name);
	}
	return r;
}

static bool protocol_grease(const struct cursor *name)
{
	return name->left == 2 && tls_grease((uint16_t)(name->at[0] << 8 | name->at[1]));
}

/* Protocols that don't fit are left out: the field is for people, the first is what counts. */
static void protocol_add(struct flow_facts *facts, const struct cursor *name)
{
	size_t used = strlen(facts->alpn), comma = used > 0;

	if (used + comma + name->left > FLOW_ALPN_MAX || memchr(name->at, '\0', name->left))
		return;
	if (comma)
		facts->alpn[used++] = ',';
	memcpy(facts->alpn + used, name->at, name->left);
	facts->alpn[used + name->left] = '\0';
}

static int application_read(struct reading *reading, struct cursor content)
{
	struct cursor list, name;
	int r = cursor_vector(&content, 2, &list);

	if (r < 0 || content.left > 0 || list.left == 0)
		flow_facts_fault(reading->facts, "an ALPN list of a wrong length");
	while (r == 0 && list.left > 0) {
		r = cursor_vector(&list, 1, &name);
		if (r < 0 || protocol_grease(&name))
			continue;
		if (name.left == 0)
			flow_facts_fault(reading->facts, "an empty ALPN protocol");
		if (!reading->hello.application.at)
			reading->hello.application = name;
		protocol_add(reading->facts, &name);
	}
	return r;
}

static int signatures_read(struct reading *reading, struct cursor content)
{
	int r = cursor_vector(&content, 2, &reading->hello.signatures);

	if (r < 0 || content.left > 0 || reading->hello.signatures.left % 2)
		flow_facts_fault(reading->facts, "signature algorithms of a wrong length");
	return r;
}

static int versions_read(struct reading *reading, struct cursor content)
{
	uint16_t highest = 0;
	struct cursor list;
	uint32_t version;
	int r = cursor_vector(&content, 1, &list);

	if (r < 0 || content.left > 0)
		flow_facts_fault(reading->facts, "supported versions of a wrong length");
	while (r == 0 && list.left > 0) {
		r = cursor_number(&list, 2, &version);
		if (r == 0 && !tls_grease((uint16_t)version) && version > highest)
			highest = (uint16_t)version;
	}
	if (highest > 0)
		reading->hello.version = highest;
	return r;
}

static int ech_read(struct reading *reading, struct cursor content)
{
	(void)content;
	reading->facts->ech = true;
	return 0;
}

static const struct extension_row {
	uint16_t type;
	int (*read)(struct reading *reading, struct cursor content);
} extension_rows[] = {
	{ 0x0000, server_name_read }, /* RFC 6066 */
	{ 0x000d, signatures_read },  /* RFC 8446, 4.2.3 */
	{ 0x0010, application_read }, /* RFC 7301 */
	{ 0x002b, versions_read },    /* RFC 8446, 4.2.1 */
	{ 0xfe0d, ech_read },	      /* RFC 9849 */
};

static void extension_read(struct reading *reading, uint32_t type, struct cursor content)
{
	for (unsigned i = 0; i < ELEMENTS(extension_rows); i++) {
		if (extension_rows[i].type != type)
			continue;
		if (reading->seen & 1u << i)
			flow_facts_fault(reading->facts, "an extension that comes twice");
		reading->seen |= 1u << i;
		if (extension_rows[i].read(reading, content) < 0)
			flow_facts_fault(reading->facts, "an extension of a wrong length");
	}
}

static int extensions_read(struct reading *reading, struct cursor *hello)
{
	struct cursor list = { 0 };
	int r = 0;

	/* None at all is allowed before TLS 1.3, and names no server. */
	if (hello->left > 0)
		r = cursor_vector(hello, 2, &list);
	reading->hello.extensions = list;
	while (r == 0 && list.left > 0) {
		struct cursor content;
		uint32_t type;

		r = cursor_number(&list, 2, &type);
		if (r == 0)
			r = cursor_vector(&list, 2, &content);
		if (r == 0 && content.have < content.left)
			r = -ENODATA;
		if (r == 0)
			extension_read(reading, type, content);
	}
	return r;
}

/* RFC 8446, 4.1.2; the order is that of the message. */
static int body_read(struct reading *reading, struct cursor *hello)
{
	struct cursor session, compression;
	uint32_t version;
	int r = cursor_number(hello, 2, &version);

	if (r == 0)
		reading->hello.version = (uint16_t)version;
	if (r == 0)
		r = cursor_skip(hello, RANDOM_SIZE);
	if (r == 0)
		r = cursor_vector(hello, 1, &session);
	if (r == 0 && session.left > SESSION_ID_MAX)
		flow_facts_fault(reading->facts, "a session id over 32 bytes");
	if (r == 0)
		r = cursor_vector(hello, 2, &reading->hello.ciphers);
	if (r == 0 && (reading->hello.ciphers.left % 2 || reading->hello.ciphers.left == 0))
		flow_facts_fault(reading->facts, "cipher suites of a wrong length");
	if (r == 0)
		r = cursor_vector(hello, 1, &compression);
	if (r == 0)
		r = extensions_read(reading, hello);
	if (r == 0 && hello->left > 0)
		flow_facts_fault(reading->facts, "bytes after the extensions");
	return r;
}

size_t tls_hello_size(const uint8_t *bytes, size_t size)
{
	if (size < HEADER_SIZE)
		return 0;
	return HEADER_SIZE + ((size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
}

bool tls_hello_server(uint8_t type)
{
	return type == HELLO_REQUEST || type == SERVER_HELLO;
}

bool tls_hello_client(uint8_t type)
{
	return type == CLIENT_HELLO;
}

void tls_hello_read(const uint8_t *bytes, size_t size, enum tls_transport transport,
		    struct flow_facts *facts, struct flow_names *names)
{
	struct reading reading = { .facts = facts, .names = names };
	size_t whole = tls_hello_size(bytes, size);
	struct cursor hello;
	int r = -ENODATA;

	if (size > ASSEMBLY_MAX)
		size = ASSEMBLY_MAX;
	if (size > 0 && bytes[0] != CLIENT_HELLO) {
		flow_facts_fault(facts, "the first message is no ClientHello");
		return;
	}
	if (whole > 0) {
		size = size < whole ? size : whole;
		hello = (struct cursor){ bytes + HEADER_SIZE, size - HEADER_SIZE,
					 whole - HEADER_SIZE };
		r = body_read(&reading, &hello);
	}
	facts->tls_version = reading.hello.version;
	if (r == 0) {
		ja4_format(&reading.hello, transport, facts->ja4);
	} else if (r == -ENODATA && facts->outcome == FLOW_READ) {
		facts->outcome = FLOW_INCOMPLETE;
		strcpy(facts->reason, "the ClientHello was cut");
	} else {
		flow_facts_fault(facts, "lengths in the ClientHello that do not fit");
	}
}

/* Length with the highest bit set, type, version: of SSL 2.0, or of a later one that is offered. */
int tls_hello_v2_look(const uint8_t *bytes, size_t size)
{
	size_t ciphers, session, challenge;

	if ((size > 0 && !(bytes[0] & 0x80)) || (size > 2 && bytes[2] != CLIENT_HELLO))
		return 0;
	if (size > 4 && !(bytes[3] == 3 && bytes[4] <= 4) && !(bytes[3] == 0 && bytes[4] == 2))
		return 0;
	if (size < V2_SIZE)
		return -ENODATA;
	ciphers = (size_t)bytes[5] << 8 | bytes[6];
	session = (size_t)bytes[7] << 8 | bytes[8];
	challenge = (size_t)bytes[9] << 8 | bytes[10];
	return ciphers > 0 && ciphers % V2_CIPHER_SIZE == 0 && challenge >= V2_CHALLENGE_MIN &&
	       challenge <= V2_CHALLENGE_MAX &&
	       V2_SIZE - 2 + ciphers + session + challenge ==
		       ((size_t)(bytes[0] & 0x7f) << 8 | bytes[1]);
}

void tls_hello_v2_read(const uint8_t *bytes, size_t size, struct flow_facts *facts)
{
	size_t whole = ((size_t)(bytes[0] & 0x7f) << 8 | bytes[1]) + 2;

	facts->tls_version = (uint16_t)(bytes[3] << 8 | bytes[4]);
	if (size < whole) {
		facts->outcome = FLOW_INCOMPLETE;
		strcpy(facts->reason, "the ClientHello was cut");
	}
}
