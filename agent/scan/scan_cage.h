/* SPDX-License-Identifier: Apache-2.0
 *
 * The cages of cordon-scan: what all its modes keep, and that of the mode that reads payload.
 * file_cage.h and compile_worker.h have the others'. Each has the shared rows and some of its own,
 * which are the whole difference.
 */
#pragma once

#include "base/cage.h"

/* The channel, memory that is not executed, time, random numbers, and an end. It opens nothing. */
extern const struct cage_table scan_shared;
/* The namespaces of all of them. */
#define SCAN_NAMESPACES (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

extern const struct cage_plan scan_cage;
