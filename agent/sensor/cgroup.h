/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cgroup's path says of who is in it. The path was made by systemd or a container engine,
 * and by whoever may make cgroups below theirs.
 */
#pragma once

#include <stddef.h>

/* The unit that the host's own systemd put it in: the first service, scope, socket, mount or swap
 * below the slices; the innermost of these slices when there is none. What lies below a unit was
 * named by whoever runs in it (user managers, containers), and says nothing. Escapes are kept:
 * "/system.slice/ssh.service" gives "ssh.service". "" when there is none, it does not fit, or the
 * path does not begin at the root. */
void cgroup_unit(const char *path, char *out, size_t out_size);

/* The container's id: 64 hexadecimal digits in a component of the path (docker, containerd, crio,
 * podman, kubernetes), or 32 for ECS tasks with a "-" and digits after it. The first one, for what
 * lies below it was named in the container; slices do not count, they are pods' (podman). "" when
 * there is none or the path does not begin at the root. */
void cgroup_container(const char *path, char out[static 65]);
