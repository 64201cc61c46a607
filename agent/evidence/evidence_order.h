/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordond asks cordon-evidence for, and what comes back: one frame of JSON each way. Both are
 * root's; what comes back is checked all the same, since who wrote it has read foreign bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "evidence/evidence.h"

#define EVIDENCE_PROGRAM   "cordon-evidence"
#define EVIDENCE_ORDER_MAX ((size_t)32 * 1024)

/* The caller's to free; NULL: memory is short, or a text is no UTF-8. */
char *evidence_order_write(const struct evidence_options *options);
/* Texts in *ret lie in *ret_holder, which the caller gives to evidence_order_free(). -EBADMSG. */
int evidence_order_read(const char *text, size_t size, struct evidence_options *ret,
			void **ret_holder);
void evidence_order_free(void *holder);

/* error: 0 or a negative errno. */
char *evidence_answer_write(int error, const struct evidence_result *result);
/* Returns 0, or -EBADMSG; *ret_error is what the other side's evidence_make() gave. */
int evidence_answer_read(const char *text, size_t size, int *ret_error,
			 struct evidence_result *ret);
