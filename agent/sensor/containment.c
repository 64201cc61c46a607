/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/containment.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/containment_private.h"
#include "sensor/pin_folder.h"
#include "sensor/sensor.h"

CLEANUP_DEFINE(struct containment *, containment_close)

void containment_close(struct containment *containment)
{
	if (!containment)
		return;
	containment_links_close(containment);
	/* Filters would stay, and hold a host that is open otherwise. */
	if (!containment->folder[0])
		containment_interfaces_detach(containment);
	containment_interfaces_close(containment);
	contain_probes__destroy(containment->probes);
	if (containment->cgroup_fd >= 0)
		(void)close(containment->cgroup_fd);
	containment_open_free(containment);
	containment_ids_free(&containment->snapshot_exempt);
	containment_ids_free(&containment->snapshot_tree);
	free(containment);
}

/* ---- start ---- */

static int tree_open(struct containment *containment, const char *path)
{
	CLEANUP(free_cleanup) char *root = NULL;
	struct stat tree, top;
	int r = sensor_cgroup_root(&root);

	if (r < 0)
		return log_errno(LOG_ERR, r, "no cgroup v2 hierarchy is mounted");
	if (!path)
		path = root;
	(void)snprintf(containment->root, sizeof(containment->root), "%s", root);
	(void)snprintf(containment->tree, sizeof(containment->tree), "%s", path);
	containment->cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (containment->cgroup_fd < 0 || fstat(containment->cgroup_fd, &tree) < 0 ||
	    stat(root, &top) < 0)
		return log_errno(LOG_ERR, -errno, "cgroup %s cannot be opened", path);
	containment->whole = tree.st_dev == top.st_dev && tree.st_ino == top.st_ino;
	return 0;
}

/* Only when it comes into force: until then there is nothing to pin. */
static int folder_set(struct containment *containment, const char *pin_dir)
{
	return pin_dir ? pin_path(containment->folder, pin_dir, NULL, CONTAINMENT_FOLDER) : 0;
}

static int control_write(const struct containment *containment,
			 const struct contain_control *control)
{
	const uint32_t zero = 0;

	return bpf_map__update_elem(containment->probes->maps.contain_control, &zero, sizeof(zero),
				    control, sizeof(*control), BPF_ANY);
}

/* At boot it comes before the sensor, which makes the folder of all pins otherwise. */
static int control_pin(const struct containment *containment)
{
	char folder[PATH_MAX];
	int r;

	if (!containment->folder[0])
		return 0;
	(void)snprintf(folder, sizeof(folder), "%s", containment->folder);
	r = pin_folder_make(dirname(folder));
	if (r < 0)
		return r;
	if (mkdir(containment->folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	return pin_replace(bpf_map__fd(containment->probes->maps.contain_control),
			   containment->folder, NULL, CONTAINMENT_PIN);
}

/* What the pinned map of a daemon before says, which may be another version's. */
static int control_read(const char *folder, struct contain_control *ret)
{
	CLEANUP(close_cleanup) int fd = pin_open(folder, NULL, CONTAINMENT_PIN);
	CLEANUP(free_cleanup) void *value = NULL;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), zero = 0;
	struct contain_control control = { 0 };

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	value = calloc(1, info.value_size);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &zero, value) < 0)
		return -errno;
	memcpy(&control, value,
	       info.value_size < sizeof(control) ? info.value_size : sizeof(control));
	if (control.version != CONTAIN_VERSION)
		memset((char *)&control + offsetof(struct contain_control, provisional), 0,
		       sizeof(control) - offsetof(struct contain_control, provisional));
	control.reason[sizeof(control.reason) - 1] = '\0';
	control.finding[sizeof(control.finding) - 1] = '\0';
	*ret = control;
	return 0;
}

/* The new programs have the old state before they take the place of the old ones. */
static int take_over(struct containment *containment)
{
	struct contain_control control;
	int r = containment->folder[0] ? control_read(containment->folder, &control) : -ENOENT;

	if (r < 0 || !control.on)
		return 0;
	r = control_write(containment, &control);
	if (r == 0)
		r = containment_links_take(containment);
	if (r < 0)
		return log_errno(LOG_ERR, r, "the containment in force cannot be taken over");
	return containment_attach(containment, &control);
}

static int programs_load(struct containment *containment)
{
	int r;

	containment->probes = contain_probes__open();
	if (!containment->probes)
		return log_errno(LOG_ERR, -errno, "the containment's object cannot be opened");
	r = contain_probes__load(containment->probes);
	return r < 0 ? log_errno(LOG_ERR, r, "the kernel refuses the containment's programs") : 0;
}

static void leftovers_remove(const struct containment *containment, const char *pin_dir)
{
	struct contain_control control;

	containment_control(containment, &control);
	if (control.on)
		return;
	if (pin_dir)
		(void)containment_unload(pin_dir, false, NULL, NULL);
	else
		(void)containment_left_remove(false, NULL, NULL);
}

int containment_open(const struct containment_options *options, struct containment **ret)
{
	CLEANUP(containment_close_cleanup)
	struct containment *containment = calloc(1, sizeof(*containment));
	int r;

	if (!containment)
		return -ENOMEM;
	containment->cgroup_fd = -1;
	for (size_t i = 0; i < CONTAINMENT_LINKS; i++)
		containment->links[i] = -1;
	containment->wants_interfaces = options->interfaces;
	r = folder_set(containment, options->pin_dir);
	if (r == 0)
		r = tree_open(containment, options->cgroup);
	if (r == 0)
		r = programs_load(containment);
	if (r == 0)
		r = containment_configure(containment, options);
	if (r < 0)
		return r;
	r = take_over(containment);
	if (r < 0)
		return r;
	if (containment->wants_interfaces)
		containment_interfaces_prepare(containment);
	leftovers_remove(containment, options->pin_dir);
	*ret = take_ptr(containment);
	return 0;
}

/* ---- in force ---- */

int containment_attach(struct containment *containment, const struct contain_control *asked)
{
	struct contain_control control = *asked;
	int r;

	control.version = CONTAIN_VERSION;
	control.on = 1;
	r = control_write(containment, &control);
	if (r < 0)
		return log_errno(LOG_ERR, r, "containment");
	r = control_pin(containment);
	if (r < 0) {
		(void)log_errno(LOG_WARNING, r, "the containment ends with this process: %s",
				containment->folder);
		containment->folder[0] = '\0';
	}
	r = containment_links_attach(containment);
	if (r < 0) {
		(void)containment_detach(containment);
		return r;
	}
	containment_refresh_interfaces(containment);
	return 0;
}

int containment_detach(struct containment *containment)
{
	struct contain_control control = { .version = CONTAIN_VERSION };
	char path[PATH_MAX];
	int r = control_write(containment, &control);

	containment_links_detach(containment);
	containment_interfaces_detach(containment);
	if (!containment->folder[0] ||
	    pin_path(path, containment->folder, NULL, CONTAINMENT_PIN) < 0)
		return r;
	(void)unlink(path);
	(void)rmdir(containment->folder);
	return r;
}

void containment_control(const struct containment *containment, struct contain_control *ret)
{
	const uint32_t zero = 0;
	struct contain_control control;

	*ret = (struct contain_control){ 0 };
	if (bpf_map__lookup_elem(containment->probes->maps.contain_control, &zero, sizeof(zero),
				 &control, sizeof(control), 0) == 0)
		*ret = control;
}

bool containment_holds(struct containment *containment)
{
	return containment_links_hold(containment) && containment_interfaces_hold(containment);
}

/* ---- for status ---- */

const char *containment_problem(const struct containment *containment)
{
	struct containment *cache = (struct containment *)(uintptr_t)containment;
	bool both = containment->cgroups_problem[0] && containment->interfaces_problem[0];

	(void)snprintf(cache->problem, sizeof(cache->problem), "%s%s%s",
		       containment->interfaces_problem, both ? "; " : "",
		       containment->cgroups_problem);
	return containment->problem;
}

size_t containment_interfaces(const struct containment *containment)
{
	return containment->interfaces_count;
}

size_t containment_exempt(const struct containment *containment)
{
	return containment->exempt_found;
}

bool containment_whole(const struct containment *containment)
{
	return containment->whole;
}

bool containment_pinned(const struct containment *containment)
{
	return containment->folder[0] != '\0';
}

void containment_counters(const struct containment *containment, struct containment_counters *ret)
{
	uint64_t values[CONTAIN_COUNTERS] = { 0 };

	for (uint32_t i = 0; i < CONTAIN_COUNTERS; i++)
		(void)bpf_map__lookup_elem(containment->probes->maps.contain_counters, &i,
					   sizeof(i), &values[i], sizeof(values[i]), 0);
	*ret = (struct containment_counters){
		.allowed = values[CONTAIN_ALLOWED],
		.dropped = values[CONTAIN_DROPPED],
		.link_allowed = values[CONTAIN_LINK_ALLOWED],
		.link_dropped = values[CONTAIN_LINK_DROPPED],
		.refused = values[CONTAIN_REFUSED],
	};
}

/* ---- from outside ---- */

static void control_clear(const char *folder)
{
	CLEANUP(close_cleanup) int fd = pin_open(folder, NULL, CONTAINMENT_PIN);
	CLEANUP(free_cleanup) void *value = NULL;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), zero = 0;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return;
	value = calloc(1, info.value_size);
	if (value)
		(void)bpf_map_update_elem(fd, &zero, value, BPF_ANY);
}

struct unload {
	const char *folder;
	void (*tell)(const char *line, void *userdata);
	void *userdata;
};

static int pin_unload(const char *name, void *userdata)
{
	const struct unload *unload = userdata;
	CLEANUP(close_cleanup) int fd = pin_open(unload->folder, NULL, name);
	char path[PATH_MAX], line[PATH_MAX + 64];
	int r = pin_path(path, unload->folder, NULL, name);

	if (r < 0)
		return r;
	/* The map is no link: nothing to detach. */
	if (fd >= 0 && bpf_link_detach(fd) == 0 && unload->tell) {
		(void)snprintf(line, sizeof(line), "detached %s", name);
		unload->tell(line, unload->userdata);
	}
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int containment_unload(const char *pin_dir, bool held_too,
		       void (*tell)(const char *line, void *userdata), void *userdata)
{
	struct contain_control control = { 0 };
	char folder[PATH_MAX];
	struct unload unload = { folder, tell, userdata };
	int r = pin_path(folder, pin_dir, NULL, CONTAINMENT_FOLDER);
	size_t removed;

	if (r < 0)
		return r;
	(void)control_read(folder, &control);
	/* From here on all of them let pass, also those of other network namespaces. */
	control_clear(folder);
	removed = containment_left_remove(held_too, tell, userdata);
	if (access(folder, F_OK) < 0)
		return removed > 0;
	r = pin_folder_each(folder, NULL, pin_unload, &unload);
	if (r < 0)
		return r;
	return rmdir(folder) < 0 ? -errno : control.on != 0;
}
