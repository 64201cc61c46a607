/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-cloud as a downloader of feeds: what it does in its cage. A process of its own, so that a
 * feed's server is as far from deliveries as can be, and what a download takes of memory is given
 * back.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cage_layer.h"

/* Says hello, and answers until its parent has gone. */
int fetch_worker_serve(sd_event *loop, int channel, const uint16_t layers[static CAGE_LAYERS],
		       uint32_t uid);
