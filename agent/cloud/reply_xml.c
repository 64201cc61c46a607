/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/reply_xml.h"

#include <libxml/parser.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* XML_PARSE_HUGE is not among them: libxml2's own bounds of depth and sizes hold. */
#define OPTIONS                                                                                    \
	(XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS |          \
	 XML_PARSE_NOCDATA)

xmlDoc *reply_xml_read(const char *body, size_t size)
{
	xmlDoc *document =
		size > INT_MAX ? NULL : xmlReadMemory(body, (int)size, "reply", NULL, OPTIONS);

	if (document && document->intSubset) {
		xmlFreeDoc(document);
		return NULL;
	}
	return document;
}

static bool element_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *element_from(const xmlNode *node, const char *name)
{
	while (node && !element_is(node, name))
		node = node->next;
	return node;
}

const xmlNode *reply_xml_child(const xmlNode *node, const char *name)
{
	return node ? element_from(node->children, name) : NULL;
}

const xmlNode *reply_xml_next(const xmlNode *node)
{
	return element_from(node->next, (const char *)node->name);
}

const char *reply_xml_text(const xmlNode *node)
{
	const xmlNode *child = node ? node->children : NULL;

	return child && !child->next && child->type == XML_TEXT_NODE ? (const char *)child->content
								     : NULL;
}
