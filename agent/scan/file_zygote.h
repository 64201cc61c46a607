/* SPDX-License-Identifier: Apache-2.0
 *
 * What the zygote does in its cage: loads the rule set once, and forks workers, which share it.
 */
#pragma once

#include <stdint.h>

#include "base/cage_layer.h"

int file_zygote_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid,
		      const char **ret_why);
