/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies in XML as JSON of the same shape, with nothing in it but what a table names. The bytes
 * are a stranger's: they are read without network, files, entities or a DTD, and every list and
 * text is bounded.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* As many as EC2 gives in one page. */
#define XML_ITEMS_MAX 1000
/* Longer texts are left out: none of what is asked for is as long (values of tags: 256). */
#define XML_TEXT_MAX  1024

/* Lists are <name><item>...</item></name> (EC2), or <member> in the place of <item> (query). */
enum xml_form {
	XML_TEXT,
	XML_TRUTH,  /* "true" or "false" */
	XML_OBJECT, /* an element with elements of its own */
	XML_LIST,   /* of objects */
	XML_TEXTS,  /* a list of texts */
};

struct xml_field {
	const char *name; /* of the element, and in the JSON */
	enum xml_form form;
	const struct xml_field *fields; /* of an object, or of a list's objects; to a NULL name */
};

/* The facts in a reply: its root element's, or those of the element "...Result" in it, which the
 * query protocol has. A new reference. NULL: it is no such document, or memory is short. */
json_t *xml_facts(const char *body, size_t size, const struct xml_field *fields);
