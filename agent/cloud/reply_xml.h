/* SPDX-License-Identifier: Apache-2.0
 *
 * XML that a service replied with: a stranger's. Nothing is fetched for it, entities are not
 * replaced, and its size and depth are bounded.
 */
#pragma once

#include <libxml/tree.h>
#include <stddef.h>

/* NULL: it is not XML, or has a document type, which no service's reply has. */
xmlDoc *reply_xml_read(const char *body, size_t size);

/* The first element of that name among the children, whatever its namespace; NULL: none. Takes
 * NULL. */
const xmlNode *reply_xml_child(const xmlNode *node, const char *name);
/* The next of the same name among its siblings. */
const xmlNode *reply_xml_next(const xmlNode *node);
/* The text of an element that has nothing but text; NULL otherwise. Takes NULL. */
const char *reply_xml_text(const xmlNode *node);
