/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage of cordon-scan.
 */
#pragma once

#include "base/cage.h"

extern const struct cage_plan scan_cage;
