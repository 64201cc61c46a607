/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage of cordon-gate: only its table of system calls is used.
 */
#pragma once

#include "base/cage.h"

extern const struct cage_plan gate_cage;
