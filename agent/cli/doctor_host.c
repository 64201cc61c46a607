/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of what runs beside the agent.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "cli/doctor.h"
#include "daemon/control_call.h"

CLEANUP_DEFINE(json_t *, json_decref)

void doctor_clock(const struct doctor *doctor, struct doctor_result *result)
{
	struct timex clock = { 0 };
	int state = adjtimex(&clock);

	(void)doctor;
	if (state < 0) {
		doctor_found(result, DOCTOR_WARN, "not known: %s", strerror(errno));
	} else if (state == TIME_ERROR || clock.status & STA_UNSYNC) {
		doctor_found(result, DOCTOR_WARN,
			     "not synchronised: times in findings may be wrong");
		doctor_remedy(result, "run chronyd or systemd-timesyncd");
	} else {
		doctor_found(result, DOCTOR_OK, "synchronised");
	}
}

void doctor_journald(const struct doctor *doctor, struct doctor_result *result)
{
	static const char path[] = "/run/systemd/journal/socket";

	/* As in a container, where there is none. */
	if (doctor->configured && !doctor->config.report.journald) {
		doctor_found(result, DOCTOR_OK, "not used");
		return;
	}
	if (access(path, W_OK) == 0) {
		doctor_found(result, DOCTOR_OK, "%s", path);
		return;
	}
	doctor_found(result, DOCTOR_WARN, "%s: %s", path, strerror(errno));
	doctor_remedy(result,
		      "without it findings go to the other sinks only: report.journald: no");
}

static void daemon_describe(const json_t *reply, struct doctor_result *result)
{
	const char *mode = json_string_value(json_object_get(reply, "mode"));
	const json_t *problems = json_object_get(reply, "problems");
	const json_t *problem;
	size_t i;

	doctor_found(result, DOCTOR_OK, "runs, pid %" JSON_INTEGER_FORMAT ", mode %s",
		     json_integer_value(json_object_get(reply, "pid")), mode ? mode : "not told");
	json_array_foreach(problems, i, problem)
	{
		const char *text = json_string_value(json_object_get(problem, "problem"));

		doctor_found(result, DOCTOR_WARN, "%s", text ? text : "a problem");
	}
	if (result->state != DOCTOR_OK)
		doctor_remedy(result, "see cordon status");
}

void doctor_socket(const struct doctor *doctor, char out[static DOCTOR_SOCKET_SIZE])
{
	if (doctor->configured)
		(void)snprintf(out, DOCTOR_SOCKET_SIZE, "%s/control", doctor->config.runtime_dir);
	else
		(void)snprintf(out, DOCTOR_SOCKET_SIZE, "%s", CONTROL_PATH);
}

void doctor_daemon(const struct doctor *doctor, struct doctor_result *result)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	char path[DOCTOR_SOCKET_SIZE];
	int r;

	doctor_socket(doctor, path);
	r = control_call(path, "status", &reply);
	if (r >= 0) {
		daemon_describe(reply, result);
	} else if (r == -ENOENT || r == -ECONNREFUSED) {
		doctor_found(result, DOCTOR_WARN, "cordond does not run: nobody listens at %s",
			     path);
		doctor_remedy(result, "systemctl start cordond");
	} else if (r == -EACCES || r == -EPERM) {
		doctor_found(result, DOCTOR_WARN, "%s may not be opened", path);
		doctor_remedy(result, "run as root, or as a member of group cordon");
	} else {
		doctor_found(result, DOCTOR_FAIL, "cordond does not answer: %s", strerror(-r));
		doctor_remedy(result, "journalctl -u cordond");
	}
}

/* Stubs that ask on behalf of others: findings tell them as such. */
static const struct {
	const char *path, *name;
} stubs[] = {
	{ "/run/systemd/resolve/io.systemd.Resolve", "systemd-resolved" },
	{ "/run/nscd/socket", "nscd" },
	{ "/run/unbound.ctl", "unbound" },
	{ "/run/dnsmasq/dnsmasq.pid", "dnsmasq" },
};

static void nameservers_tell(struct doctor_result *result)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/etc/resolv.conf", "re");
	char line[256], text[ADDRESS_TEXT_SIZE];
	struct address address;

	if (!file) {
		doctor_found(result, DOCTOR_OK, "/etc/resolv.conf: %s", strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " nameserver %63s", text) != 1)
			continue;
		if (address_parse(text, &address) == 0 && address_is_loopback(&address))
			doctor_found(result, DOCTOR_OK, "asks a stub at %s", text);
		else
			doctor_found(result, DOCTOR_OK, "asks %s", text);
	}
}

void doctor_resolvers(const struct doctor *doctor, struct doctor_result *result)
{
	(void)doctor;
	nameservers_tell(result);
	for (size_t i = 0; i < ELEMENTS(stubs); i++)
		if (access(stubs[i].path, F_OK) == 0)
			doctor_found(result, DOCTOR_OK,
				     "%s runs: lookups through its socket show it as the asker",
				     stubs[i].name);
}
