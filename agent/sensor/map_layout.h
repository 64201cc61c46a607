/* SPDX-License-Identifier: Apache-2.0
 *
 * What the bytes in a map mean, as a number: a pinned map may only be used again by programs that
 * read it as it was written. Size alone does not say that.
 */
#pragma once

#include <stdint.h>

struct bpf_map;
struct bpf_object;

/* The same for the same names, places and types of what key and value are made of (BTF), else
 * another. A ring buffer has no types: RECORD_LAYOUT and the sizes of records stand for them. */
uint64_t map_layout(const struct bpf_object *object, const struct bpf_map *map);
