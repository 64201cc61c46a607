/* SPDX-License-Identifier: Apache-2.0
 *
 * Units and containers from cgroup paths: as engines and systemd write them, and as somebody writes
 * them who wants to be taken for another.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/cgroup.h"
#include "sensor/sensor.h"

#define HEX_16	 "0123456789abcdef"
#define HEX_32	 HEX_16 HEX_16
#define HEX_64	 HEX_32 HEX_32
#define OTHER_64 "ffffffffffffffff" HEX_16 HEX_32

struct path {
	const char *path, *unit, *container;
};

static const struct path real[] = {
	{ "/", "", "" },
	{ "/init.scope", "init.scope", "" },
	{ "/system.slice/ssh.service", "ssh.service", "" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "" },
	{ "/system.slice/system-modprobe.slice", "system-modprobe.slice", "" },
	{ "/system.slice/dev-sda1.swap", "dev-sda1.swap", "" },
	{ "/system.slice/docker.socket", "docker.socket", "" },
	{ "/system.slice/run-user-0.mount", "run-user-0.mount", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
	  "user@1000.service", "" },
	{ "/system.slice/a\\x2db.service", "a\\x2db.service", "" },
	{ "/system.slice/docker-" HEX_64 ".scope", "docker-" HEX_64 ".scope", HEX_64 },
	{ "/docker/" HEX_64, "", HEX_64 },
	{ "/system.slice/containerd.service/kubepods-besteffort.slice:cri-containerd:" HEX_64,
	  "containerd.service", HEX_64 },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HEX_32
	  ".slice/cri-containerd-" HEX_64 ".scope",
	  "cri-containerd-" HEX_64 ".scope", HEX_64 },
	{ "/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef/" HEX_64, "", HEX_64 },
	{ "/machine.slice/libpod-" HEX_64 ".scope/container", "libpod-" HEX_64 ".scope", HEX_64 },
	{ "/machine.slice/machine-libpod_pod_" OTHER_64 ".slice/libpod-" HEX_64 ".scope",
	  "libpod-" HEX_64 ".scope", HEX_64 },
	{ "/ecs/" HEX_32 "/" HEX_64, "", HEX_64 },
	{ "/ecs/" HEX_32 "-1234567890", "", HEX_32 },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX_64 ".scope",
	  "user@1000.service", HEX_64 },
};

static const struct path forged[] = {
	/* A user's own manager, or a container's, names what is below it. */
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/ssh.service",
	  "user@1000.service", "" },
	{ "/system.slice/docker-" HEX_64 ".scope/system.slice/ssh.service/" OTHER_64,
	  "docker-" HEX_64 ".scope", HEX_64 },
	{ "/lxc.payload.web/system.slice/ssh.service", "", "" },
	/* Not the names that they look like. */
	{ "/system.slice/.service", "system.slice", "" },
	{ "/system.slice/ssh.service.d", "system.slice", "" },
	{ "/system.slice/ssh.services/ssh.service", "system.slice", "" },
	{ "/docker/0" HEX_64, "", "" },
	{ "/docker/" HEX_64 "f", "", "" },
	{ "/docker/" HEX_32 HEX_16, "", "" },
	{ "/ecs/" HEX_32, "", "" },
	{ "/ecs/" HEX_32 "-x", "", "" },
	{ "/ecs/" HEX_32 "/-1", "", "" },
	/* No path from the root. */
	{ "", "", "" },
	{ "system.slice/ssh.service/" HEX_64, "", "" },
	{ ".../ssh.service/" HEX_64, "", "" },
	{ "...", "", "" },
	{ "//ssh.service", "", "" },
};

static void assert_paths(const struct path *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char unit[256] = "before", container[65] = "before";

		print_message("%s\n", paths[i].path);
		cgroup_unit(paths[i].path, unit, sizeof(unit));
		cgroup_container(paths[i].path, container);
		assert_string_equal(unit, paths[i].unit);
		assert_string_equal(container, paths[i].container);
	}
}

static void test_real_paths(void **state)
{
	/* Proves unit and container of the paths that systemd and the engines make. */
	(void)state;
	assert_paths(real, ELEMENTS(real));
}

static void test_forged_paths(void **state)
{
	/* Proves that nobody below a unit or in a container is taken for another one. */
	(void)state;
	assert_paths(forged, ELEMENTS(forged));
}

static void test_unit_that_does_not_fit(void **state)
{
	/* Proves that a unit is whole or not there; never cut, never the one above it. */
	char unit[sizeof("ssh.service")];

	(void)state;
	cgroup_unit("/s.slice/ssh.service", unit, sizeof(unit));
	assert_string_equal(unit, "ssh.service");
	cgroup_unit("/s.slice/ssh.service", unit, sizeof(unit) - 1);
	assert_string_equal(unit, "");
}

static void test_root(void **state)
{
	/* Proves that the hierarchy that is found in the mount table is a cgroup v2 folder. */
	char *path = NULL, events[512];
	int r = sensor_cgroup_root(&path);

	(void)state;
	if (r == -ENOENT) {
		assert_null(path);
		print_message("no cgroup v2 hierarchy is mounted here\n");
		skip();
	}
	assert_int_equal(r, 0);
	(void)snprintf(events, sizeof(events), "%s/cgroup.procs", path);
	free(path);
	assert_int_equal(access(events, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_paths),
		cmocka_unit_test(test_forged_paths),
		cmocka_unit_test(test_unit_that_does_not_fit),
		cmocka_unit_test(test_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
