/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cgroup's path says of who is in it. The path was made by systemd or a container engine,
 * and by whoever may make cgroups below theirs.
 */
#pragma once

#include <stddef.h>

/* The innermost systemd unit (service, scope, socket, mount; a slice only when there is nothing
 * else), unescaped names kept as they are: "/system.slice/ssh.service" gives "ssh.service". Empty
 * when there is none or it does not fit. */
void cgroup_unit(const char *path, char *out, size_t out_size);

/* The container's id: 64 hexadecimal digits in a component of the path (docker, containerd, crio,
 * podman, kubernetes), or 32 for ECS tasks with a "-" and digits after it. "" when there is none. */
void cgroup_container(const char *path, char out[static 65]);
