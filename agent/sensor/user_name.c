/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/user_name.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define USERS_FILE "/etc/passwd"
/* Users remembered, and for how long. */
#define USERS_MAX  64
#define USERS_TIME (60 * NS_PER_SECOND)
/* Longest line that is read. */
#define USERS_LINE 1024

struct user {
	bool known;
	uid_t uid;
	uint64_t read; /* on the boot clock */
	char name[64];
};

static void user_read(uid_t uid, struct user *user)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen(USERS_FILE, "re");
	struct passwd entry, *found;
	char buffer[USERS_LINE];

	*user = (struct user){ .known = true, .uid = uid, .read = clock_boottime() };
	while (file && fgetpwent_r(file, &entry, buffer, sizeof(buffer), &found) == 0) {
		if (entry.pw_uid != uid)
			continue;
		(void)snprintf(user->name, sizeof(user->name), "%s", entry.pw_name);
		return;
	}
}

void user_name(uid_t uid, char *out, size_t out_size)
{
	static struct user users[USERS_MAX];
	struct user *user = &users[uid % USERS_MAX];

	if (!user->known || user->uid != uid || clock_boottime() - user->read > USERS_TIME)
		user_read(uid, user);
	(void)snprintf(out, out_size, "%s", user->name);
}
