/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-scan as a compiler of feeds: what it does in its cage.
 */
#pragma once

#include "base/cage.h"

/* What it keeps of its rights. */
extern const struct cage_plan compile_cage;

/* Before the cage: reads what cannot be opened in it. */
int compile_worker_prepare(void);
/* Says hello, takes what it is handed, compiles, answers: 0. */
int compile_worker_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid);
