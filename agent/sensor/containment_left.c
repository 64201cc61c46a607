/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that a containment left on the interfaces of our namespace: no pin leads to them, and
 * they stay when the daemon that attached them is killed. Known by place, name, and the map that
 * they read. Those that a process still has are a running daemon's. What others attached is left
 * alone, whatever its name: /proc and the kernel's own lists are all that is believed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sensor/containment_private.h"

/* More than any of the cut's programs uses. */
#define PROGRAM_MAPS_MAX    32
/* The kernel's PROC_PID_INIT_INO. */
#define PID_NAMESPACE_FIRST 0xeffffffc

static void names_free(struct if_nameindex **names)
{
	if (*names)
		if_freenameindex(*names);
}

/* ---- which programs are ours ---- */

static bool map_is_control(uint32_t id)
{
	CLEANUP(close_cleanup) int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       strcmp(info.name, "contain_control") == 0;
}

/* The kernel keeps 15 characters of a name. */
static bool name_is_ours(const char *name)
{
	static const char *const names[] = { "contain_ether_o", "contain_ether_i",
					     "contain_plain_o", "contain_plain_i" };

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Whichever daemon, and which version, loaded it. */
static bool program_is_ours(uint32_t id)
{
	CLEANUP(close_cleanup) int fd = bpf_prog_get_fd_by_id(id);
	uint32_t maps[PROGRAM_MAPS_MAX];
	struct bpf_prog_info info = { .nr_map_ids = PROGRAM_MAPS_MAX,
				      .map_ids = (uint64_t)(uintptr_t)maps };
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0 || !name_is_ours(info.name))
		return false;
	for (uint32_t i = 0; i < info.nr_map_ids && i < PROGRAM_MAPS_MAX; i++)
		if (map_is_control(maps[i]))
			return true;
	return false;
}

/* ---- which programs a process has ---- */

static bool name_is_number(const char *name)
{
	return isdigit((unsigned char)*name);
}

/* The id of the program that a descriptor is; 0: it is none. */
static uint32_t descriptor_program(const char *process, const char *descriptor)
{
	char path[PATH_MAX], text[64];
	CLEANUP(fclose_cleanup) FILE *file = NULL;
	unsigned id = 0;
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", process, descriptor);
	size = readlink(path, text, sizeof(text) - 1);
	text[size > 0 ? size : 0] = '\0';
	if (strcmp(text, "anon_inode:bpf-prog") != 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", process, descriptor);
	file = fopen(path, "re");
	while (file && fgets(text, sizeof(text), file))
		if (sscanf(text, "prog_id: %u", &id) == 1)
			break;
	return id;
}

static bool process_has(const char *process, uint32_t id)
{
	CLEANUP(closedir_cleanup) DIR *folder = NULL;
	char path[PATH_MAX];
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%.16s/fd", process);
	folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		if (name_is_number(entry->d_name) &&
		    descriptor_program(process, entry->d_name) == id)
			return true;
	return false;
}

/* Whether /proc shows all processes: not in a chroot without it, nor in a container. */
static bool processes_visible(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == PID_NAMESPACE_FIRST;
}

/* Where not all can be asked, somebody has it. */
static bool program_is_held(uint32_t id)
{
	CLEANUP(closedir_cleanup) DIR *folder = processes_visible() ? opendir("/proc") : NULL;
	const struct dirent *entry;

	if (!folder)
		return true;
	while ((entry = readdir(folder)))
		if (name_is_number(entry->d_name) && process_has(entry->d_name, id))
			return true;
	return false;
}

/* ---- filters ---- */

struct filter {
	const struct if_nameindex *interface;
	size_t side;
	unsigned priority;
	bool held;
};

/* Calls with each of our filters. */
static void filters_each(void (*call)(const struct filter *filter, void *userdata), void *userdata)
{
	CLEANUP(names_free) struct if_nameindex *all = if_nameindex();
	/* libbpf warns of each interface that has no qdisc: that is the usual case. */
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		for (size_t side = 0; side < CONTAINMENT_SIDES; side++)
			for (unsigned p = 1; p <= CONTAINMENT_PRIORITIES; p++) {
				uint32_t id = containment_filter_find(i->if_index, side, p);

				if (id && program_is_ours(id))
					call(&(struct filter){ i, side, p, program_is_held(id) },
					     userdata);
			}
	(void)libbpf_set_print(print);
}

static void filter_count(const struct filter *filter, void *userdata)
{
	struct containment_left *left = userdata;

	*(filter->held ? &left->held : &left->orphaned) += 1;
}

void containment_left(struct containment_left *ret)
{
	*ret = (struct containment_left){ 0 };
	filters_each(filter_count, ret);
}

struct removal {
	bool held_too;
	size_t removed;
	void (*tell)(const char *line, void *userdata);
	void *userdata;
};

static void filter_take(const struct filter *filter, void *userdata)
{
	struct removal *removal = userdata;
	char line[128];

	if (filter->held && !removal->held_too)
		return;
	containment_filter_remove(filter->interface->if_index, filter->side, filter->priority);
	removal->removed++;
	if (!removal->tell)
		return;
	(void)snprintf(line, sizeof(line), "removed the filter of a containment on interface %s",
		       filter->interface->if_name);
	removal->tell(line, removal->userdata);
}

size_t containment_left_remove(bool held_too, void (*tell)(const char *line, void *userdata),
			       void *userdata)
{
	struct removal removal = { held_too, 0, tell, userdata };

	filters_each(filter_take, &removal);
	return removal.removed;
}
