/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/map_layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stddef.h>
#include <string.h>

#include "base/fnv.h"
#include "probes/record.h"

/* Types within types: far more than there are. What lies deeper does not count. */
#define DEPTH_MAX 16

static uint64_t number_mix(uint64_t hash, uint64_t number)
{
	return fnv_add(hash, &number, sizeof(number));
}

static uint64_t text_mix(uint64_t hash, const char *text)
{
	return text ? fnv_add(hash, text, strlen(text) + 1) : hash;
}

/* Names of types, const and the like change nothing about the bytes. */
static const struct btf_type *type_bare(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	return type;
}

static uint64_t type_mix(uint64_t hash, const struct btf *btf, uint32_t id, int depth);

static uint64_t members_mix(uint64_t hash, const struct btf *btf, const struct btf_type *type,
			    int depth)
{
	const struct btf_member *members = btf_members(type);

	hash = number_mix(hash, type->size);
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		hash = text_mix(hash, btf__name_by_offset(btf, members[i].name_off));
		hash = number_mix(hash, members[i].offset);
		hash = type_mix(hash, btf, members[i].type, depth);
	}
	return hash;
}

/* The variables of a section. */
static uint64_t section_mix(uint64_t hash, const struct btf *btf, const struct btf_type *section,
			    int depth)
{
	const struct btf_var_secinfo *variables = btf_var_secinfos(section);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);

		if (!variable)
			continue;
		hash = text_mix(hash, btf__name_by_offset(btf, variable->name_off));
		hash = number_mix(hash, variables[i].offset);
		hash = number_mix(hash, variables[i].size);
		hash = type_mix(hash, btf, variable->type, depth);
	}
	return hash;
}

static uint64_t type_mix(uint64_t hash, const struct btf *btf, uint32_t id, int depth)
{
	const struct btf_type *type = type_bare(btf, id);

	if (!type || depth >= DEPTH_MAX)
		return hash;
	hash = number_mix(hash, btf_kind(type));
	switch (btf_kind(type)) {
	case BTF_KIND_ARRAY:
		hash = number_mix(hash, btf_array(type)->nelems);
		return type_mix(hash, btf, btf_array(type)->type, depth + 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members_mix(hash, btf, type, depth + 1);
	case BTF_KIND_DATASEC:
		return section_mix(hash, btf, type, depth + 1);
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		return number_mix(hash, type->size);
	default:
		return hash;
	}
}

static uint64_t record_mix(uint64_t hash)
{
	const uint64_t numbers[] = {
		RECORD_LAYOUT,
		sizeof(struct record),
		offsetof(struct record, note),
		offsetof(struct record, current),
		offsetof(struct record, data_size),
		sizeof(struct socket_note),
		sizeof(struct record_question),
		sizeof(struct record_message),
	};

	return fnv_add(hash, numbers, sizeof(numbers));
}

uint64_t map_layout(const struct bpf_object *object, const struct bpf_map *map)
{
	const struct btf *btf = bpf_object__btf(object);
	uint64_t hash = FNV_START; /* only root pins */

	if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
		return record_mix(hash);
	if (!btf)
		return hash;
	if (bpf_map__is_internal(map)) {
		/* Named after object and section: "probes.bss". */
		const char *section = strchr(bpf_map__name(map), '.');
		int id = section ? btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC) : 0;

		return id > 0 ? type_mix(hash, btf, (uint32_t)id, 0) : hash;
	}
	hash = type_mix(hash, btf, bpf_map__btf_key_type_id(map), 0);
	return type_mix(hash, btf, bpf_map__btf_value_type_id(map), 0);
}
