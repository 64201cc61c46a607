/* SPDX-License-Identifier: Apache-2.0
 *
 * The cut's programs on the cgroup tree: attached by links, each pinned under its program's name.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/containment_private.h"
#include "sensor/pin_folder.h"

/* Packets first: from then on nothing leaves. */
static const char *const programs[CONTAINMENT_LINKS] = {
	"contain_egress",   "contain_ingress",	"contain_connect4",    "contain_connect6",
	"contain_sendmsg4", "contain_sendmsg6", "contain_sock_create",
};
/* Of them, those that hold packets. The others make programs fail at once. */
#define PACKET_LINKS 2

static struct bpf_program *program_of(const struct containment *containment, size_t i)
{
	return bpf_object__find_program_by_name(containment->probes->obj, programs[i]);
}

static bool link_holds(int fd, const struct containment *containment)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);
	struct stat cgroup;

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	       info.type == BPF_LINK_TYPE_CGROUP && fstat(containment->cgroup_fd, &cgroup) == 0 &&
	       info.cgroup.cgroup_id == cgroup.st_ino;
}

static int link_attach(struct containment *containment, size_t i)
{
	const struct bpf_program *program = program_of(containment, i);
	int fd = bpf_link_create(bpf_program__fd(program), containment->cgroup_fd,
				 bpf_program__expected_attach_type(program), NULL);

	if (fd < 0)
		return log_errno(LOG_ERR, -errno, "%s cannot be attached", programs[i]);
	close_cleanup(&containment->links[i]);
	containment->links[i] = fd;
	return 0;
}

/* It is in force all the same, as long as we are. */
static void link_pin(const struct containment *containment, size_t i)
{
	int r = pin_replace(containment->links[i], containment->folder, NULL, programs[i]);

	if (r < 0)
		(void)log_errno(LOG_WARNING, r, "%s cannot be pinned", programs[i]);
}

/* All attached before the first is pinned: that takes longer. */
int containment_links_attach(struct containment *containment)
{
	bool fresh[CONTAINMENT_LINKS] = { false };
	int result = 0;

	for (size_t i = 0; i < CONTAINMENT_LINKS; i++) {
		int r;

		if (link_holds(containment->links[i], containment))
			continue;
		r = link_attach(containment, i);
		fresh[i] = r == 0;
		if (r < 0 && i < PACKET_LINKS)
			result = r;
	}
	for (size_t i = 0; i < CONTAINMENT_LINKS && containment->folder[0]; i++)
		if (fresh[i])
			link_pin(containment, i);
	return result;
}

/* One store in the kernel each: there is no moment without a program. */
int containment_links_take(struct containment *containment)
{
	for (size_t i = 0; i < CONTAINMENT_LINKS; i++) {
		CLEANUP(close_cleanup)
		int fd = pin_open(containment->folder, NULL, programs[i]);

		if (!link_holds(fd, containment))
			continue;
		if (bpf_link_update(fd, bpf_program__fd(program_of(containment, i)), NULL) < 0)
			return -errno;
		containment->links[i] = take_fd(&fd);
	}
	return 0;
}

void containment_links_detach(struct containment *containment)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < CONTAINMENT_LINKS; i++) {
		if (containment->links[i] >= 0)
			(void)bpf_link_detach(containment->links[i]);
		close_cleanup(&containment->links[i]);
		containment->links[i] = -1;
		if (containment->folder[0] &&
		    pin_path(path, containment->folder, NULL, programs[i]) == 0)
			(void)unlink(path);
	}
}

bool containment_links_hold(const struct containment *containment)
{
	for (size_t i = 0; i < CONTAINMENT_LINKS; i++)
		if (!link_holds(containment->links[i], containment))
			return false;
	return true;
}

void containment_links_close(struct containment *containment)
{
	for (size_t i = 0; i < CONTAINMENT_LINKS; i++)
		close_cleanup(&containment->links[i]);
}
