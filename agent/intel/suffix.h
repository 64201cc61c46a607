/* SPDX-License-Identifier: Apache-2.0
 *
 * The Public Suffix List by libpsl, which nobody else includes: names under which others than
 * their owner have names ("co.uk", but also "appspot.com").
 */
#pragma once

#include <stdbool.h>

#include "base/domain_name.h"

/* The name itself is a public suffix, of a registry or of a company that lets others in. A name of
 * one label that the list does not know is none. */
bool suffix_is_public(const struct domain_name *name);

/* Reads the list of suffixes, for a process that can open nothing afterwards. */
void suffix_prepare(void);
