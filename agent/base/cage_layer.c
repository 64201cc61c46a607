/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cage_layer.h"

#include <stddef.h>

#include "base/cleanup.h"

static const struct {
	const char *name, *purpose;
} layers[CAGE_LAYERS] = {
	[CAGE_DESCRIPTORS] = { "descriptors", "nothing is open but the channel" },
	[CAGE_OOM] = { "oom", "the first to go when memory is short" },
	[CAGE_NAMESPACES] = { "namespaces", "no network, IPC or host name of the host" },
	[CAGE_ROOT] = { "root", "its root folder is an empty one that is deleted" },
	[CAGE_BOUNDING] = { "bounding", "no program can give it a capability" },
	[CAGE_USER] = { "user", "a user without rights, and no groups" },
	[CAGE_CAPABILITIES] = { "capabilities", "none in any set" },
	[CAGE_PARENT] = { "parent", "does not outlive cordond" },
	[CAGE_DUMPABLE] = { "dumpable", "others of its user can neither trace nor dump it" },
	[CAGE_LIMITS] = { "limits", "memory, descriptors; no files, no processes" },
	[CAGE_PRIVILEGES] = { "no-new-privileges", "no set-user-ID program" },
	[CAGE_LANDLOCK] = { "landlock", "no file, no port" },
	[CAGE_SECCOMP] = { "seccomp", "killed at any system call that it does not need" },
};

const char *cage_layer_name(enum cage_layer layer)
{
	return (size_t)layer < ELEMENTS(layers) ? layers[layer].name : "unknown";
}

const char *cage_layer_purpose(enum cage_layer layer)
{
	return (size_t)layer < ELEMENTS(layers) ? layers[layer].purpose : "";
}
