/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, durations, sizes and times from text. All of it must be used up; -EINVAL when it is
 * not of the form, -ERANGE when it is too large. Out-parameters are untouched on failure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, no blanks. */
int parse_u64(const char *text, uint64_t max, uint64_t *ret);
/* "90s", "15min", "24h", "7d", "2w", "500ms"; a bare number is seconds. Nanoseconds. */
int parse_duration(const char *text, uint64_t *ret_ns);
/* "65536", "64K", "1M", "2G": bytes, powers of 1024. */
int parse_size(const char *text, uint64_t *ret_bytes);
/* "2026-11-21", "2026-11-21T02:24:05Z" (also with a blank for the T, a fraction of a second, and
 * without the Z: always UTC), or a duration, which means that long before now. Nanoseconds since
 * the epoch. */
int parse_time(const char *text, uint64_t *ret_ns);
/* 0 to 15; -EINVAL: it is no hexadecimal digit, of either case. */
int parse_hex_digit(char digit);
/* yes/no, true/false, on/off, 1/0: 1 or 0. */
int parse_boolean(const char *text);

/* The candidate nearest to text by edit distance, at most a third of its length and one away (so
 * that an error can name what was probably meant), or NULL. */
const char *parse_nearest(const char *text, const char *const *candidates, size_t count);
