/* SPDX-License-Identifier: Apache-2.0
 *
 * The cage of cordon-cloud.
 */
#pragma once

#include "base/cage.h"

extern const struct cage_plan cloud_cage;
