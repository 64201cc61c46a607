/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that responses may make, and what is read of their replies. A row adds one; what is no
 * row is not called, whoever asks.
 */
#pragma once

#include "cloud/xml_facts.h"

struct call_row {
	const char *service, *operation;
	const struct xml_field *fields; /* NULL: nothing of the reply is wanted */
	/* A reply in pages: its list, and the elements that say where the next one begins; NULL:
	 * it has none. */
	const char *list, *token, *token_parameter;
};

/* NULL: there is none. */
const struct call_row *call_row_find(const char *service, const char *operation);
