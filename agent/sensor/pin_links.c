/* SPDX-License-Identifier: Apache-2.0
 *
 * Links: what is attached where. Named after the hook and not after the mode, so that a change of
 * mode is a change of program on the same link.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/pins_private.h"

/* "egress_enforce_packet" and "egress_audit_packet" are both "egress_packet". */
static void link_name(const char *program, char out[static PIN_NAME_SIZE])
{
	static const char *const modes[] = { "_audit", "_enforce" };

	(void)snprintf(out, PIN_NAME_SIZE, "%s", program);
	for (size_t i = 0; i < ELEMENTS(modes); i++) {
		char *mode = strstr(out, modes[i]);

		if (mode)
			memmove(mode, mode + strlen(modes[i]), strlen(mode + strlen(modes[i])) + 1);
	}
}

/* Whether it is attached where the program is to be, so that the program can take its place. A link
 * whose cgroup was removed says cgroup 0. */
static bool link_fits(int fd, const struct bpf_program *program, int cgroup_fd)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	struct stat cgroup;

	return cgroup_fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       info.type == BPF_LINK_TYPE_CGROUP && fstat(cgroup_fd, &cgroup) == 0 &&
	       info.cgroup.cgroup_id == cgroup.st_ino &&
	       info.cgroup.attach_type == (uint32_t)bpf_program__expected_attach_type(program);
}

/* Attached first, then put in the old one's place, then the old one goes: for a moment both run. */
static int link_anew(struct pins *pins, const char *name, int old_fd,
		     const struct bpf_program *program, int cgroup_fd)
{
	struct bpf_link *link = cgroup_fd >= 0 ? bpf_program__attach_cgroup(program, cgroup_fd)
					       : bpf_program__attach(program);
	int r;

	if (!link)
		return -errno;
	r = pin_replace(bpf_link__fd(link), pins->folder, PIN_LINKS, name);
	/* Only our descriptor: the pin holds it. */
	(void)bpf_link__destroy(link);
	/* Tracepoints' links cannot be detached: they end with the last reference. */
	if (r == 0 && old_fd >= 0)
		(void)bpf_link_detach(old_fd);
	return r;
}

int pins_attach(struct pins *pins, struct bpf_program *program, int cgroup_fd,
		struct bpf_link **ret)
{
	char name[PIN_NAME_SIZE], path[PATH_MAX];
	CLEANUP(close_cleanup) int fd = -1;
	int r;

	if (pins->links_count == PIN_LINKS_MAX)
		return -E2BIG;
	link_name(bpf_program__name(program), name);
	fd = pin_open(pins->folder, PIN_LINKS, name);
	if (fd >= 0 && link_fits(fd, program, cgroup_fd))
		r = bpf_link_update(fd, bpf_program__fd(program), NULL) < 0 ? -errno : 0;
	else
		r = link_anew(pins, name, fd, program, cgroup_fd);
	if (r == 0)
		r = pin_path(path, pins->folder, PIN_LINKS, name);
	if (r < 0)
		return r;
	*ret = bpf_link__open(path);
	if (!*ret)
		return -errno;
	memcpy(pins->links[pins->links_count++], name, sizeof(name));
	return 0;
}

int pin_link_remove(const char *folder, const char *name)
{
	CLEANUP(close_cleanup) int fd = pin_open(folder, PIN_LINKS, name);
	char path[PATH_MAX];
	int r = pin_path(path, folder, PIN_LINKS, name);

	if (r < 0)
		return r;
	/* At once, whoever else may hold it. */
	if (fd >= 0)
		(void)bpf_link_detach(fd);
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int link_prune(const char *name, void *userdata)
{
	struct pins *pins = userdata;
	int r;

	for (size_t i = 0; i < pins->links_count; i++)
		if (strcmp(pins->links[i], name) == 0)
			return 0;
	r = pin_link_remove(pins->folder, name);
	if (r < 0)
		return log_errno(LOG_WARNING, r, "the old link %s cannot be removed", name);
	log_notice("the old link %s, which this version or mode does not have, was removed", name);
	return 0;
}

int pin_links_prune(struct pins *pins)
{
	return pin_folder_each(pins->folder, PIN_LINKS, link_prune, pins);
}
