/* SPDX-License-Identifier: Apache-2.0
 *
 * The layers of the cage around a worker, by name: what the worker sets up (cage.c), says in its
 * hello, and the parent shows.
 */
#pragma once

enum cage_layer {
	CAGE_DESCRIPTORS,
	CAGE_OOM,
	CAGE_NAMESPACES,
	CAGE_ROOT,
	CAGE_BOUNDING,
	CAGE_USER,
	CAGE_CAPABILITIES,
	CAGE_PARENT,
	CAGE_DUMPABLE,
	CAGE_LIMITS,
	CAGE_PRIVILEGES,
	CAGE_LANDLOCK,
	CAGE_SECCOMP,
	CAGE_LAYERS,
};

/* "seccomp"; and what it keeps a worker from, a few words. */
const char *cage_layer_name(enum cage_layer layer);
const char *cage_layer_purpose(enum cage_layer layer);
