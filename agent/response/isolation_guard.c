/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_guard.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

/* A mark that cannot be looked at is taken as being there: it was put there to be heeded. */
static bool file_is_there(const char *path)
{
	return *path && (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

bool isolation_guard(const struct isolation_options *options, const struct isolation_facts *facts,
		     uint64_t uptime, bool by_hand, char why[static GUARD_TEXT_SIZE])
{
	if (file_is_there(options->never_file)) {
		(void)snprintf(why, GUARD_TEXT_SIZE, "this host is never to be isolated: %.150s",
			       options->never_file);
		return true;
	}
	if (*options->never_tag && facts_tag(facts, options->never_tag)) {
		(void)snprintf(why, GUARD_TEXT_SIZE,
			       "this instance is never to be isolated: it has the tag %.128s",
			       options->never_tag);
		return true;
	}
	if (!by_hand && uptime < options->grace) {
		(void)snprintf(why, GUARD_TEXT_SIZE,
			       "the host has been up for %llu s only: isolation.grace_after_boot",
			       (unsigned long long)(uptime / NS_PER_SECOND));
		return true;
	}
	return false;
}
