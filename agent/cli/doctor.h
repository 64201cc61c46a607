/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of `cordon doctor`: each looks at one thing and says how it is, what was found and
 * what to do about it. No check changes anything. A check is a function and a row in doctor.c's
 * table.
 */
#pragma once

#include <stdbool.h>

#include "daemon/config.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but less well or less safely */
	DOCTOR_FAIL, /* does not work */
	DOCTOR_STATES,
};

#define DOCTOR_TEXT_SIZE 512

struct doctor_result {
	enum doctor_state state;
	char found[DOCTOR_TEXT_SIZE];
	char remedy[DOCTOR_TEXT_SIZE]; /* "" when there is nothing to do */
};

/* What the checks share: the configuration as it was read. */
struct doctor {
	struct config config; /* when configured */
	bool configured;
	char config_error[DOCTOR_TEXT_SIZE];
};

/* Reads the configuration at path (NULL: the default one). */
void doctor_configure(struct doctor *doctor, const char *path);

/* What was found: adds to what was said before (the worst state counts). */
void doctor_found(struct doctor_result *result, enum doctor_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_remedy(struct doctor_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

typedef void (*doctor_check)(const struct doctor *doctor, struct doctor_result *result);

/* doctor_kernel.c: what the kernel and our rights allow */
void doctor_kernel(const struct doctor *doctor, struct doctor_result *result);
void doctor_btf(const struct doctor *doctor, struct doctor_result *result);
void doctor_cgroup(const struct doctor *doctor, struct doctor_result *result);
void doctor_bpf(const struct doctor *doctor, struct doctor_result *result);
void doctor_sockets(const struct doctor *doctor, struct doctor_result *result);
void doctor_jit(const struct doctor *doctor, struct doctor_result *result);
void doctor_unprivileged(const struct doctor *doctor, struct doctor_result *result);
void doctor_capabilities(const struct doctor *doctor, struct doctor_result *result);
void doctor_memlock(const struct doctor *doctor, struct doctor_result *result);

/* doctor_watch.c: what may be watched of files */
void doctor_watch(const struct doctor *doctor, struct doctor_result *result);

/* doctor_files.c: what we read and write */
void doctor_configuration(const struct doctor *doctor, struct doctor_result *result);
void doctor_policy(const struct doctor *doctor, struct doctor_result *result);
void doctor_pack(const struct doctor *doctor, struct doctor_result *result);
void doctor_permissions(const struct doctor *doctor, struct doctor_result *result);
void doctor_disk(const struct doctor *doctor, struct doctor_result *result);

/* doctor_pins.c: what stays in the kernel */
void doctor_pins(const struct doctor *doctor, struct doctor_result *result);
/* `cordon doctor --unload`: an exit status. config: NULL: the default one. */
int doctor_unload(const char *config, bool force);

/* doctor_aws.c: has the daemon try the calls of AWS that the configuration needs, and prints a
 * table of them; the worst of their states. Nothing where nothing goes to AWS. */
struct writer;
enum doctor_state doctor_aws(const struct doctor *doctor, struct writer *writer);

/* doctor_hooks.c: a table of the hooks that the daemon uses; nothing where none runs. */
enum doctor_state doctor_hooks(const struct doctor *doctor, struct writer *writer);

/* doctor_host.c: what runs beside us */
#define DOCTOR_SOCKET_SIZE 512
/* The daemon's control socket. */
void doctor_socket(const struct doctor *doctor, char out[static DOCTOR_SOCKET_SIZE]);
void doctor_clock(const struct doctor *doctor, struct doctor_result *result);
void doctor_journald(const struct doctor *doctor, struct doctor_result *result);
void doctor_daemon(const struct doctor *doctor, struct doctor_result *result);
void doctor_resolvers(const struct doctor *doctor, struct doctor_result *result);
