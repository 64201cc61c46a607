/* SPDX-License-Identifier: Apache-2.0
 *
 * What the compiler does in its cage: takes files of rules from its channel, asks for those that
 * they include, compiles them, and writes the set into a file that it is handed.
 */
#pragma once

/* Until the channel ends: 0. *ret_why: what to tell as a last word. */
int rule_compiler_serve(int channel, const char **ret_why);
