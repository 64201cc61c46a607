/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service says went wrong: its code and message, from a reply that somebody else wrote.
 */
#include <jansson.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/client.h"
#include "cloud/reply_xml.h"

CLEANUP_DEFINE(xmlDoc *, xmlFreeDoc)

/* "com.amazonaws.logs#ThrottlingException:http://..." has been seen: the code is in the middle. */
static void code_set(const char *text, char code[static CLIENT_CODE_SIZE])
{
	const char *hash = strchr(text, '#');

	if (hash)
		text = hash + 1;
	(void)snprintf(code, CLIENT_CODE_SIZE, "%.*s", (int)strcspn(text, ":"), text);
}

static void json_error(const char *body, size_t size, char code[static CLIENT_CODE_SIZE],
		       char message[static CLIENT_MESSAGE_SIZE])
{
	static const char *const codes[] = { "__type", "code", "Code" };
	static const char *const messages[] = { "message", "Message", "errorMessage" };
	json_t *object = json_loadb(body, size, 0, NULL);
	const char *text;

	for (size_t i = 0; i < ELEMENTS(codes) && !*code; i++) {
		text = json_string_value(json_object_get(object, codes[i]));
		if (text)
			code_set(text, code);
	}
	for (size_t i = 0; i < ELEMENTS(messages) && !*message; i++) {
		text = json_string_value(json_object_get(object, messages[i]));
		if (text)
			(void)snprintf(message, CLIENT_MESSAGE_SIZE, "%s", text);
	}
	json_decref(object);
}

static bool element_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* Code and Message are at the root (S3), in Error (query), or in Errors/Error (EC2): the first
 * Error on the way down. */
static void xml_error(const char *body, size_t size, char code[static CLIENT_CODE_SIZE],
		      char message[static CLIENT_MESSAGE_SIZE])
{
	CLEANUP(xmlFreeDoc_cleanup) xmlDoc *document = reply_xml_read(body, size);
	const xmlNode *node = document ? xmlDocGetRootElement(document) : NULL;

	while (node && !element_is(node, "Error")) {
		const xmlNode *child = node->children;

		while (child && !element_is(child, "Errors") && !element_is(child, "Error"))
			child = child->next;
		node = child;
	}
	for (node = node ? node->children : NULL; node; node = node->next) {
		const char *text = reply_xml_text(node);

		if (text && element_is(node, "Code"))
			code_set(text, code);
		else if (text && element_is(node, "Message"))
			(void)snprintf(message, CLIENT_MESSAGE_SIZE, "%s", text);
	}
}

void client_error_read(enum service_protocol protocol, const char *error_type, const char *body,
		       size_t size, char code[static CLIENT_CODE_SIZE],
		       char message[static CLIENT_MESSAGE_SIZE])
{
	code[0] = message[0] = '\0';
	if (*error_type)
		code_set(error_type, code);
	if (protocol == SERVICE_JSON || protocol == SERVICE_REST_JSON)
		json_error(body, size, code, message);
	else
		xml_error(body, size, code, message);
}
