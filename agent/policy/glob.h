/* SPDX-License-Identifier: Apache-2.0
 *
 * Shell patterns, as fnmatch(3) has them without flags: * (slashes, too), ?, [a-z], [!a-z], and a
 * backslash before what stands for itself. Not fnmatch() itself: with several stars its time is a
 * power of the text's length, and the text is an attacker's. Here it is the text's length times the
 * pattern's.
 */
#pragma once

#include <stdbool.h>

bool glob_match(const char *pattern, const char *text);
