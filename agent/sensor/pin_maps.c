/* SPDX-License-Identifier: Apache-2.0
 *
 * Which pinned maps this version's programs may use, and what becomes of the others. Gets the maps
 * of the generation in force, which an earlier version or another configuration made.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "probes/table.h"
#include "sensor/map_layout.h"
#include "sensor/pins_private.h"

/* ---- names ---- */

/* A dot is reserved in a bpf file system. */
static void own_name(const struct bpf_map *map, char out[static PIN_NAME_SIZE])
{
	(void)snprintf(out, PIN_NAME_SIZE - 17, "%s", bpf_map__name(map));
	for (char *at = out; *at; at++)
		if (*at == '.')
			*at = '_';
}

/* With its layout. */
static void layout_name(const struct bpf_object *object, const struct bpf_map *map,
			char out[static PIN_NAME_SIZE])
{
	size_t length;

	own_name(map, out);
	length = strlen(out);
	(void)snprintf(out + length, PIN_NAME_SIZE - length, "-%016" PRIx64,
		       map_layout(object, map));
}

struct search {
	const char *name;
	char found[PIN_NAME_SIZE];
};

static int name_compare(const char *entry, void *userdata)
{
	struct search *search = userdata;
	size_t length = strlen(search->name);

	if (strncmp(entry, search->name, length) == 0 && entry[length] == '-' &&
	    strlen(entry) == length + 17)
		(void)snprintf(search->found, sizeof(search->found), "%s", entry);
	return 0;
}

int pin_map_find(const char *folder, uint64_t generation, const char *name,
		 char ret_name[PIN_NAME_SIZE])
{
	char middle[PIN_GENERATION_SIZE];
	struct search search = { .name = name };
	int r;

	pin_generation_name(generation, middle);
	r = pin_folder_each(folder, middle, name_compare, &search);
	if (r < 0)
		return r;
	if (!search.found[0])
		return -ENOENT;
	if (ret_name)
		memcpy(ret_name, search.found, sizeof(search.found));
	return pin_open(folder, middle, search.found);
}

int pin_map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size) < 0 ? -errno : 0;
}

uint32_t pin_map_id(int fd)
{
	struct bpf_map_info info;

	return pin_map_info(fd, &info) < 0 ? 0 : info.id;
}

/* ---- never used again ---- */

static bool holds_programs(const struct bpf_map *map)
{
	return bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY;
}

static bool holds_constants(const struct bpf_map *map)
{
	return bpf_map__map_flags(map) & BPF_F_RDONLY_PROG;
}

static bool holds_initial_values(const struct bpf_map *map)
{
	const char *section = strchr(bpf_map__name(map), '.');

	return bpf_map__is_internal(map) && section && strcmp(section, ".bss") != 0;
}

static const struct {
	bool (*applies)(const struct bpf_map *map);
	const char *reason;
} made_anew[] = {
	{ holds_programs, "the old programs call into the old ones until they are replaced" },
	{ holds_constants, "settings are this start's" },
	{ holds_initial_values, "they are this version's" },
};

static bool is_made_anew(const struct bpf_map *map)
{
	for (size_t i = 0; i < ELEMENTS(made_anew); i++)
		if (made_anew[i].applies(map)) {
			log_debug("map %s is made anew: %s", bpf_map__name(map),
				  made_anew[i].reason);
			return true;
		}
	return false;
}

/* ---- alike or not ---- */

/* What a map of maps takes is fixed by the first one it was made with, which the kernel does not
 * show: the one that is in it now is looked at. */
static const char *inner_differs(const struct bpf_map *map, int fd)
{
	struct bpf_map *inner = bpf_map__inner_map((struct bpf_map *)(uintptr_t)map);
	CLEANUP(close_cleanup) int inner_fd = -1;
	uint32_t zero = 0, id;
	struct bpf_map_info info;
	struct table_header header;

	if (!inner || bpf_map__type(map) != BPF_MAP_TYPE_ARRAY_OF_MAPS)
		return "what it holds cannot be told";
	if (bpf_map_lookup_elem(fd, &zero, &id) < 0)
		return "it is empty";
	inner_fd = bpf_map_get_fd_by_id(id);
	if (inner_fd < 0 || pin_map_info(inner_fd, &info) < 0)
		return "what it holds cannot be told";
	if (info.type != (uint32_t)bpf_map__type(inner) ||
	    info.key_size != bpf_map__key_size(inner) ||
	    info.value_size != bpf_map__value_size(inner) ||
	    info.map_flags != bpf_map__map_flags(inner))
		return "it holds another kind of map";
	if (strcmp(bpf_map__name(map), "tables") != 0)
		return NULL;
	if (info.value_size != sizeof(header) ||
	    bpf_map_lookup_elem(inner_fd, &zero, &header) < 0 || header.magic != TABLE_MAGIC)
		return "the table in it has another format";
	return NULL;
}

/* Why the pinned map is not used; NULL: it is. */
static const char *map_differs(const struct bpf_map *map, int fd, bool same_layout)
{
	struct bpf_map_info info;

	if (pin_map_info(fd, &info) < 0)
		return "the kernel does not describe it";
	if (info.type != (uint32_t)bpf_map__type(map))
		return "another type";
	if (!same_layout)
		return "another layout";
	if (info.key_size != bpf_map__key_size(map) || info.value_size != bpf_map__value_size(map))
		return "another layout";
	if (info.map_flags != bpf_map__map_flags(map))
		return "other flags";
	if (info.max_entries != bpf_map__max_entries(map))
		return "another size";
	if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || info.type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return inner_differs(map, fd);
	return NULL;
}

/* Only its size is another one, and entries can be listed. */
static bool map_copies(const struct bpf_map *map, int fd, bool same_layout)
{
	struct bpf_map_info info;

	return same_layout && pin_map_info(fd, &info) == 0 &&
	       (info.type == BPF_MAP_TYPE_HASH || info.type == BPF_MAP_TYPE_LRU_HASH) &&
	       info.type == (uint32_t)bpf_map__type(map) &&
	       info.key_size == bpf_map__key_size(map) &&
	       info.value_size == bpf_map__value_size(map);
}

static bool is_bss(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && !holds_initial_values(map);
}

static int map_reuse(struct pins *pins, const char *wanted, struct bpf_map *map)
{
	char own[PIN_NAME_SIZE], found[PIN_NAME_SIZE];
	CLEANUP(close_cleanup) int fd = -1;
	const char *why;
	bool same;

	if (is_made_anew(map))
		return 0;
	own_name(map, own);
	fd = pin_map_find(pins->folder, pins->current, own, found);
	if (fd < 0) {
		log_debug("map %s is new", own);
		return 0;
	}
	same = strcmp(found, wanted) == 0;
	why = map_differs(map, fd, same);
	if (!why && is_bss(map) && !pins->state_kept)
		why = "counters stand elsewhere in it";
	if (!why) {
		(void)snprintf(pins->kept[pins->kept_count++], PIN_NAME_SIZE, "%s",
			       bpf_map__name(map));
		return bpf_map__reuse_fd(map, fd);
	}
	if (is_bss(map))
		pins->state_kept = false;
	log_notice("map %s of the version before cannot be used (%s): a new one is made", own, why);
	if (map_copies(map, fd, same)) {
		(void)snprintf(pins->copies[pins->copies_count].name, PIN_NAME_SIZE, "%s",
			       bpf_map__name(map));
		pins->copies[pins->copies_count++].fd = take_fd(&fd);
	}
	return 0;
}

int pins_reuse(struct pins *pins, struct bpf_object *object)
{
	struct bpf_map *map;
	size_t i = 0;

	bpf_object__for_each_map(map, object)
	{
		int r = 0;

		if (i == PIN_MAPS_MAX)
			return log_errno(LOG_ERR, -E2BIG, "more maps than can be pinned");
		layout_name(object, map, pins->names[i]);
		/* One that this mode does without stays behind. */
		if (pins->current && bpf_map__autocreate(map))
			r = map_reuse(pins, pins->names[i], map);
		i++;
		if (r < 0)
			return log_errno(LOG_ERR, r, "map %s cannot be taken over",
					 bpf_map__name(map));
	}
	return 0;
}

bool pins_kept(const struct pins *pins, const char *map)
{
	for (size_t i = 0; i < pins->kept_count; i++)
		if (strcmp(pins->kept[i], map) == 0)
			return true;
	return false;
}

/* ---- copying ---- */

/* While the old programs still write to the old one: what they add from now on is not in the new
 * one. Returns how many there were. */
static size_t entries_copy(int from, int to, const struct bpf_map *map)
{
	CLEANUP(free_cleanup) uint8_t *key = calloc(2, bpf_map__key_size(map));
	CLEANUP(free_cleanup) void *value = malloc(bpf_map__value_size(map));
	uint8_t *next = key ? key + bpf_map__key_size(map) : NULL;
	size_t copied = 0;
	bool first = true;

	/* A deleted key starts the listing again: bounded by what fits. */
	for (uint32_t i = 0; key && value && i < bpf_map__max_entries(map); i++) {
		if (bpf_map_get_next_key(from, first ? NULL : key, next) < 0)
			break;
		first = false;
		memcpy(key, next, bpf_map__key_size(map));
		if (bpf_map_lookup_elem(from, key, value) == 0 &&
		    bpf_map_update_elem(to, key, value, BPF_ANY) == 0)
			copied++;
	}
	return copied;
}

static void maps_copy(struct pins *pins, struct bpf_object *object)
{
	for (size_t i = 0; i < pins->copies_count; i++) {
		const char *name = pins->copies[i].name;
		struct bpf_map *map = bpf_object__find_map_by_name(object, name);

		if (map)
			log_notice("map %s: %zu entries were carried over", name,
				   entries_copy(pins->copies[i].fd, bpf_map__fd(map), map));
	}
}

/* A state of its own for a .bss of its own. What was read before goes on. */
static int state_renew(struct pins *pins, const struct pin_state *old)
{
	int r = pin_state_new(&pins->state_fd, &pins->state);

	if (r < 0)
		return log_errno(LOG_WARNING, r, "no map for the state");
	pins->state->carried = !pins->current;
	if (old) {
		pin_state_set_progress(pins->state, pin_state_progress(old));
		pin_state_set_beat(pins->state, pin_state_beat(old));
	}
	return 0;
}

int pins_loaded(struct pins *pins, struct bpf_object *object, struct pin_state **ret_state)
{
	struct pin_state *old = pins->state;

	maps_copy(pins, object);
	if (!pins->state_kept) {
		int old_fd = take_fd(&pins->state_fd), r;

		pins->state = NULL;
		r = state_renew(pins, old);
		pin_state_unmap(old);
		if (old_fd >= 0)
			(void)close(old_fd);
		if (r < 0)
			return r;
	}
	*ret_state = pins->state;
	return 0;
}
