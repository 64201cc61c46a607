/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions for rules. A text is walked once, with all that the expression may be at by
 * then kept as a set: time is bounded by its length times the expression's, whatever the text, and
 * there is no limit that a text could be made to run into so that a rule fails to match. That is
 * why this is no backtracking engine, and why glibc's is not used (its memory grows with the text).
 *
 * The form is that of POSIX extended expressions, with what people are used to from Perl: | ( ) (?:
 * ) * + ? {n,m} and a lazy ? after them, . ^ $ [a-z] [^...] [[:alpha:]] \d \w \s \D \W \S \b \B \n
 * \t \r \xHH, and (?i) at the start: upper and lower case (ASCII) alike. It is found anywhere in
 * the text unless ^ and $ hold it. Back-references and looking around are refused. Bytes, not
 * characters: what is compared may be anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Steps of a compiled expression: what {n,m} repeats counts each time. At this size, and for a text
 * of 1,024 bytes, the worst search takes about a millisecond. */
#define PATTERN_STEPS_MAX 512

struct pattern;

/* -EINVAL: it is no such expression, *ret_why (static) says why; -ENOMEM. */
int pattern_compile(const char *text, struct pattern **ret, const char **ret_why);
void pattern_free(struct pattern *pattern);
/* Pairs of bytes that stand in every text in which it is found. */
struct glance;
void pattern_glance(const struct pattern *pattern, struct glance *ret);
bool pattern_search(const struct pattern *pattern, const char *text, size_t size);
