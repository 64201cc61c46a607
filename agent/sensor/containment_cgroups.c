/* SPDX-License-Identifier: Apache-2.0
 *
 * Who stays connected: the cgroups of units by name, and the agent's own. A unit that starts again
 * has another cgroup, so they are looked for again and again. Also the ids of all cgroups in the
 * tree, for sockets that are open. Folders of cgroups are made by root and by whom it delegates to.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/containment_private.h"

/* Folders deeper than that are walked with fewer descriptors, slower. */
#define WALK_DEPTH 16
/* Pods on a large node, each with a few. Sockets in what is over it are left to the packets'
 * programs. */
#define IDS_MAX	   65536

/* Workers, and what they start in turn. */
#define GENERATIONS_MAX 4

/* ---- ids ---- */

void containment_ids_free(struct cgroup_ids *ids)
{
	free(ids->ids);
	*ids = (struct cgroup_ids){ 0 };
}

static int id_order(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other ? 1 : 0;
}

bool containment_ids_have(const struct cgroup_ids *ids, uint64_t id)
{
	return ids->count && bsearch(&id, ids->ids, ids->count, sizeof(id), id_order);
}

static int id_add(struct cgroup_ids *ids, uint64_t id)
{
	if (ids->count == ids->room) {
		size_t room = ids->room ? ids->room * 2 : 64;
		uint64_t *all = room > IDS_MAX ? NULL : reallocarray(ids->ids, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		ids->ids = all;
		ids->room = room;
	}
	ids->ids[ids->count++] = id;
	return 0;
}

/* nftw() has no userdata. Collecting is for the one thread of the loop. */
static struct cgroup_ids *collecting;

static int folder_collect(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)path;
	(void)walk;
	return type == FTW_D ? id_add(collecting, status->st_ino) : 0;
}

int containment_ids_collect(const char *path, struct cgroup_ids *ids)
{
	int r;

	collecting = ids;
	r = nftw(path, folder_collect, WALK_DEPTH, FTW_PHYS | FTW_MOUNT);
	qsort(ids->ids, ids->count, sizeof(*ids->ids), id_order);
	return r > 0 ? 0 : r;
}

/* ---- who is exempt ---- */

/* What is to be in contain_cgroups. */
struct wanted {
	uint64_t ids[CONTAIN_CGROUPS_MAX];
	uint32_t kinds[CONTAIN_CGROUPS_MAX];
	size_t count, exempt;
};

static void wanted_add(struct wanted *wanted, uint64_t id, uint32_t kind)
{
	for (size_t i = 0; i < wanted->count; i++)
		if (wanted->ids[i] == id)
			return;
	if (wanted->count == CONTAIN_CGROUPS_MAX)
		return;
	wanted->ids[wanted->count] = id;
	wanted->kinds[wanted->count++] = kind;
	wanted->exempt += kind == CONTAIN_CGROUP_EXEMPT;
}

/* A unit's name is below system.slice, all else a path in the hierarchy. */
static int unit_path(const struct containment *containment, const char *unit,
		     char out[static PATH_MAX])
{
	const char *slice = strchr(unit, '/') ? "" : "system.slice/";
	int length;

	while (*unit == '/')
		unit++;
	length = snprintf(out, PATH_MAX, "%s/%s%s", containment->root, slice, unit);
	return *unit && length < PATH_MAX ? 0 : -EINVAL;
}

static void units_want(const struct containment *containment, char *const *units, size_t count,
		       uint32_t kind, struct wanted *wanted)
{
	char path[PATH_MAX];
	struct stat status;

	for (size_t i = 0; i < count; i++)
		if (unit_path(containment, units[i], path) == 0 && stat(path, &status) == 0 &&
		    S_ISDIR(status.st_mode))
			wanted_add(wanted, status.st_ino, kind);
}

/* The path of our own cgroup below the root of the hierarchy, "/" for the root. */
static int own_path(char out[static PATH_MAX])
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 8];

	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0) {
			(void)snprintf(out, PATH_MAX, "%.*s", PATH_MAX - 1, line + 3);
			return 0;
		}
	}
	return -ENOENT;
}

/* 0 of those that have none here, -ESRCH when it has ended meanwhile. */
static pid_t parent_of(pid_t pid)
{
	CLEANUP(fclose_cleanup) FILE *file = NULL;
	char path[64], line[128];
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	return parent;
}

/* Whether we, or what we started, started it. */
static bool process_is_ours(pid_t pid)
{
	for (int i = 0; i < GENERATIONS_MAX && pid > 1; i++) {
		if (pid == getpid())
			return true;
		pid = parent_of(pid);
	}
	return pid == -ESRCH;
}

/* Nobody there but us and what we started: else whoever shares it with us would be let through. */
static bool cgroup_is_ours(const char *path)
{
	CLEANUP(fclose_cleanup) FILE *file = NULL;
	char procs[2 * PATH_MAX + 16];
	int pid;

	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	file = fopen(procs, "re");
	if (!file)
		return false;
	while (fscanf(file, "%d", &pid) == 1)
		if (!process_is_ours(pid))
			return false;
	return true;
}

static void own_want(struct containment *containment, struct wanted *wanted)
{
	char own[PATH_MAX], path[2 * PATH_MAX];
	struct stat status;
	int r = own_path(own);

	containment->cgroups_problem[0] = '\0';
	if (r == 0) {
		(void)snprintf(path, sizeof(path), "%s%s", containment->root, own);
		r = stat(path, &status) < 0 ? -errno : 0;
	}
	if (r == 0 && strcmp(own, "/") != 0 && cgroup_is_ours(path)) {
		wanted_add(wanted, status.st_ino, CONTAIN_CGROUP_EXEMPT);
		return;
	}
	(void)snprintf(containment->cgroups_problem, sizeof(containment->cgroups_problem),
		       "the agent itself is cut off: its cgroup %.64s %s", r == 0 ? own : "",
		       r == 0 ? "is not its own" : "cannot be found");
}

static void map_follow(const struct containment *containment, const struct wanted *wanted)
{
	const struct bpf_map *map = containment->probes->maps.contain_cgroups;
	uint64_t gone[CONTAIN_CGROUPS_MAX], key, *before = NULL;
	size_t gone_count = 0;

	while (gone_count < CONTAIN_CGROUPS_MAX &&
	       bpf_map__get_next_key(map, before, &key, sizeof(key)) == 0) {
		bool stays = false;

		for (size_t i = 0; i < wanted->count; i++)
			stays |= wanted->ids[i] == key;
		if (!stays)
			gone[gone_count++] = key;
		before = &key;
	}
	for (size_t i = 0; i < gone_count; i++)
		(void)bpf_map__delete_elem(map, &gone[i], sizeof(gone[i]), 0);
	for (size_t i = 0; i < wanted->count; i++)
		(void)bpf_map__update_elem(map, &wanted->ids[i], sizeof(wanted->ids[i]),
					   &wanted->kinds[i], sizeof(wanted->kinds[i]), BPF_ANY);
}

void containment_refresh_cgroups(struct containment *containment)
{
	struct wanted wanted = { 0 };

	own_want(containment, &wanted);
	units_want(containment, containment->exempt, containment->exempt_count,
		   CONTAIN_CGROUP_EXEMPT, &wanted);
	units_want(containment, containment->resolving, containment->resolving_count,
		   CONTAIN_CGROUP_RESOLVING, &wanted);
	map_follow(containment, &wanted);
	containment->exempt_found = wanted.exempt;
}

/* ---- sockets that are open ---- */

static int exempt_collect(struct containment *containment)
{
	char path[2 * PATH_MAX], own[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < containment->exempt_count && r >= 0; i++)
		if (unit_path(containment, containment->exempt[i], path) == 0 &&
		    access(path, F_OK) == 0)
			r = containment_ids_collect(path, &containment->snapshot_exempt);
	if (r < 0 || containment->cgroups_problem[0] || own_path(own) < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s%s", containment->root, own);
	return containment_ids_collect(path, &containment->snapshot_exempt);
}

int containment_snapshot(struct containment *containment)
{
	int r;

	containment_ids_free(&containment->snapshot_exempt);
	containment_ids_free(&containment->snapshot_tree);
	r = exempt_collect(containment);
	if (r < 0 || containment->whole)
		return r;
	return containment_ids_collect(containment->tree, &containment->snapshot_tree);
}

/* Of the whole hierarchy also those whose cgroup was removed. */
bool containment_cuts(const struct containment *containment, uint64_t cgroup_id)
{
	return !containment_ids_have(&containment->snapshot_exempt, cgroup_id) &&
	       (containment->whole || containment_ids_have(&containment->snapshot_tree, cgroup_id));
}
