/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/xml_facts.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)
CLEANUP_DEFINE(xmlDoc *, xmlFreeDoc)

static json_t *object_read(const xmlNode *element, const struct xml_field *fields);

static bool element_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* NULL where it is more than text, or too long. An element without anything says "". */
static const char *element_text(const xmlNode *element)
{
	const xmlNode *child = element->children;

	if (!child)
		return "";
	if (child->next || child->type != XML_TEXT_NODE || !child->content ||
	    strlen((const char *)child->content) > XML_TEXT_MAX)
		return NULL;
	return (const char *)child->content;
}

static json_t *text_read(const xmlNode *element)
{
	const char *text = element_text(element);

	return text ? json_string(text) : NULL;
}

static json_t *list_read(const xmlNode *element, const struct xml_field *field)
{
	json_t *array = json_array();

	for (const xmlNode *child = element->children; child; child = child->next) {
		if (!element_is(child, "item") && !element_is(child, "member"))
			continue;
		if (json_array_size(array) == XML_ITEMS_MAX)
			break;
		(void)json_array_append_new(array, field->form == XML_TEXTS
							   ? text_read(child)
							   : object_read(child, field->fields));
	}
	return array;
}

static json_t *value_read(const xmlNode *element, const struct xml_field *field)
{
	const char *text;

	switch (field->form) {
	case XML_TEXT:
		return text_read(element);
	case XML_TRUTH:
		text = element_text(element);
		return text ? json_boolean(strcmp(text, "true") == 0) : NULL;
	case XML_OBJECT:
		return object_read(element, field->fields);
	case XML_LIST:
	case XML_TEXTS:
		return list_read(element, field);
	}
	return NULL;
}

/* Recursion ends with the tables, which are not recursive. */
static json_t *object_read(const xmlNode *element, const struct xml_field *fields)
{
	json_t *object = json_object();

	for (const xmlNode *child = element->children; child; child = child->next)
		for (const struct xml_field *field = fields; field->name; field++)
			if (element_is(child, field->name) && !json_object_get(object, field->name))
				(void)json_object_set_new(object, field->name,
							  value_read(child, field));
	return object;
}

/* The element "...Result" of the query protocol, else the root itself. */
static const xmlNode *facts_element(const xmlNode *root)
{
	for (const xmlNode *child = root->children; child; child = child->next) {
		size_t length =
			child->type == XML_ELEMENT_NODE ? strlen((const char *)child->name) : 0;

		if (length > 6 && strcmp((const char *)child->name + length - 6, "Result") == 0)
			return child;
	}
	return root;
}

json_t *xml_facts(const char *body, size_t size, const struct xml_field *fields)
{
	CLEANUP(xmlFreeDoc_cleanup)
	xmlDoc *document =
		size > INT_MAX
			? NULL
			: xmlReadMemory(body, (int)size, "reply", NULL,
					XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
						XML_PARSE_NOBLANKS | XML_PARSE_NOCDATA);
	const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;

	/* AWS sends none, and all that a DTD can do here is harm. */
	if (!root || document->intSubset || document->extSubset)
		return NULL;
	return object_read(facts_element(root), fields);
}
