/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/stub.h"

#include <string.h>

#include "base/cleanup.h"
#include "sensor/process.h"

static const char *const stub_folders[] = {
	"/usr/sbin/", "/usr/bin/",	  "/usr/lib/systemd/", "/lib/systemd/", "/sbin/",
	"/bin/",      "/usr/local/sbin/", "/usr/libexec/",     "/opt/",
};

static const char *const stub_programs[] = {
	"systemd-resolved", "nscd",    "dnsmasq",	 "unbound", "named",   "kresd",
	"pdns_recursor",    "nsncd",   "dnscrypt-proxy", "stubby",  "coredns", "smartdns",
	"dnsdist",	    "sssd_be", "knot-resolver",	 "pdnsd",   "bind9",
};

bool stub_known(const struct process *process)
{
	const char *slash = strrchr(process->exe, '/');
	bool system = false;

	/* Of a path that was cut it is not known where it begins. */
	if (!slash || process->exe_truncated || process->container[0] || process->mounts_foreign)
		return false;
	for (size_t i = 0; i < ELEMENTS(stub_folders); i++)
		system |= strncmp(process->exe, stub_folders[i], strlen(stub_folders[i])) == 0;
	for (size_t i = 0; system && i < ELEMENTS(stub_programs); i++)
		if (strcmp(slash + 1, stub_programs[i]) == 0)
			return true;
	return false;
}
