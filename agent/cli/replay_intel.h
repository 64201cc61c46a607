/* SPDX-License-Identifier: Apache-2.0
 *
 * The indicators of one replay: packs as they are, lists compiled into a pack of their own that is
 * gone from the file system as soon as it is open.
 */
#pragma once

#include <stddef.h>

struct config;
struct pack;

struct replay_intel {
	struct pack **packs;
	size_t count;
};

/* paths: packs and lists. All lists go into one pack, the first, so that an allow entry of one
 * holds for all of them; packs are looked up one by one. Without paths: the configuration's feeds,
 * or the list that comes with us. What fails has been told; ret is then to be closed all the same.
 */
int replay_intel_open(const char *const *paths, size_t count, const struct config *config,
		      struct replay_intel *ret);
void replay_intel_close(struct replay_intel *intel);
