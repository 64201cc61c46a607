/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the journal is, for commands that read it.
 */
#pragma once

/* The journal's path in state_dir, or (NULL) where the configuration has it; free it. What fails is
 * told. */
int journal_place(const char *config, const char *state_dir, char **ret);
