/* SPDX-License-Identifier: Apache-2.0
 *
 * The cages of the processes that scan files.
 */
#pragma once

#include "base/cage.h"

/* Compiles rules; writes into the file that it is handed. */
extern const struct cage_plan compiler_cage;
/* Holds the rule set, and forks workers. */
extern const struct cage_plan zygote_cage;
/* On top of the zygote's, in each worker: only its table of calls is used. */
extern const struct cage_plan worker_cage;

/* How a worker is forked: a child of the zygote's parent, which alone may end it and learn how it
 * ended. */
#define WORKER_CLONE_FLAGS ((unsigned long)(CLONE_PARENT | SIGCHLD))
