/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host is, what it runs by itself, and who may come in: files that are copied, and lists
 * of folders. Some of it is in folders of users, who may put there what they like.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "evidence/evidence_rows.h"

#define PIECE	     (64 * KIB)
/* cron.d has none, systemd's folders one: NAME.service.d. */
#define DEPTH_MAX    3
#define PASSWD_MAX   (4 * MIB)
#define PACKAGES_MAX (64 * MIB)

int evidence_copy(struct evidence_item *item, const char *path)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(free_cleanup) char *piece = malloc(PIECE);
	struct stat status;
	ssize_t n = 1;
	int r = 0;

	if (fd < 0 || !piece)
		return piece ? -errno : -ENOMEM;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -EMEDIUMTYPE;
	while (r == 0 && n != 0) {
		n = read(fd, piece, PIECE);
		if (n < 0 && errno != EINTR)
			r = -errno;
		else if (n > 0)
			r = evidence_item_add(item, piece, (size_t)n);
	}
	return r;
}

int evidence_copy_source(const struct evidence_options *options, const struct evidence_row *row,
			 struct evidence_item *item)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", options->root, row->source) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return evidence_copy(item, path);
}

int evidence_text_load(const char *path, size_t max, char **ret, struct evidence_span *ret_span)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(free_cleanup) char *text = NULL;
	size_t room = 0, size = 0;

	if (fd < 0)
		return -errno;
	while (size < max) {
		ssize_t n;

		if (size == room) {
			char *grown = realloc(text, room ? 2 * room : PIECE);

			if (!grown)
				return -ENOMEM;
			text = grown;
			room = room ? 2 * room : PIECE;
		}
		n = read(fd, text + size, room - size < max - size ? room - size : max - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		size += n > 0 ? (size_t)n : 0;
	}
	if (!text)
		return -ENODATA;
	*ret_span = (struct evidence_span){ text, size };
	*ret = take_ptr(text);
	return 0;
}

/* ---- folders ---- */

/* A line for each entry; what is a regular file is copied later. */
static int entry_line(struct evidence_item *item, const char *root, const char *path,
		      const struct stat *status)
{
	char shown[1024], target[1024] = "", time[CLOCK_TEXT_SIZE], link[PATH_MAX];
	char full[PATH_MAX];
	ssize_t n;

	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	clock_format((uint64_t)status->st_mtime * NS_PER_SECOND, time);
	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	n = S_ISLNK(status->st_mode) ? readlink(full, link, sizeof(link)) : 0;
	(void)escape_text(link, n > 0 ? (size_t)n : 0, target, sizeof(target));
	return evidence_item_print(item, "%06o\t%u\t%u\t%lld\t%s\t%s\t%s\n", status->st_mode,
				   status->st_uid, status->st_gid, (long long)status->st_size, time,
				   shown, target);
}

static int folder_list(struct evidence_item *item, const char *root, const char *folder,
		       unsigned depth, bool copied)
{
	CLEANUP(closedir_cleanup) DIR *stream = NULL;
	char path[PATH_MAX], full[PATH_MAX];
	const struct dirent *entry;
	struct stat status;
	int r = 0;

	if (snprintf(full, sizeof(full), "%s%s", root, folder) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	stream = opendir(full);
	if (!stream)
		return -errno;
	while (r == 0 && (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >=
			    (int)sizeof(path) ||
		    fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = entry_line(item, root, path, &status);
		if (r == 0 && copied && S_ISREG(status.st_mode))
			r = evidence_item_aside(item, path, strlen(path) + 1);
		if (r == 0 && S_ISDIR(status.st_mode) && depth + 1 < DEPTH_MAX)
			(void)folder_list(item, root, path, depth + 1, copied);
	}
	return r;
}

static int folder_copy(const struct evidence_options *options, const struct evidence_row *row,
		       struct evidence_item *item)
{
	return folder_list(item, options->root, row->source, 0, true);
}

static int folder_show(const struct evidence_options *options, const struct evidence_row *row,
		       struct evidence_item *item)
{
	return folder_list(item, options->root, row->source, 0, false);
}

/* Keys that let somebody in, of everybody who has a home. */
static int logins(const struct evidence_options *options, const struct evidence_row *row,
		  struct evidence_item *item)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct evidence_span rest, line, home;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s%s", options->root, row->source);
	r = evidence_text_load(path, PASSWD_MAX, &text, &rest);
	while (r == 0 && evidence_line_next(&rest, &line)) {
		char folder[PATH_MAX];

		if (evidence_home_read(line, &home) < 0 ||
		    snprintf(folder, sizeof(folder), "%.*s/.ssh", (int)home.size, home.at) >=
			    (int)sizeof(folder))
			continue;
		/* Most have none. */
		r = folder_list(item, options->root, folder, DEPTH_MAX, false);
		if (r != -ENOSPC && r != -ECANCELED && r != -ENOMEM)
			r = 0;
		for (int i = 0; r == 0 && i < 2; i++) {
			char file[PATH_MAX + 32], full[2 * PATH_MAX];
			struct stat status;

			(void)snprintf(file, sizeof(file), "%s/authorized_keys%s", folder,
				       i ? "2" : "");
			(void)snprintf(full, sizeof(full), "%s%s", options->root, file);
			if (lstat(full, &status) == 0 && S_ISREG(status.st_mode))
				r = evidence_item_aside(item, file, strlen(file) + 1);
		}
	}
	return r;
}

/* ---- packages ---- */

int evidence_packages(const struct evidence_options *options, const struct evidence_row *row,
		      struct evidence_item *item)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct evidence_package package;
	struct evidence_span rest;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s%s", options->root, row->source);
	r = evidence_text_load(path, PACKAGES_MAX, &text, &rest);
	while (r == 0 && evidence_package_next(&rest, &package)) {
		const struct evidence_span *fields[] = { &package.name, &package.version,
							 &package.architecture, &package.status };
		char shown[ELEMENTS(fields)][256];

		for (size_t i = 0; i < ELEMENTS(fields); i++)
			(void)escape_text(fields[i]->at ? fields[i]->at : "", fields[i]->size,
					  shown[i], sizeof(shown[i]));
		r = evidence_item_print(item, "%s\t%s\t%s\t%s\n", shown[0], shown[1], shown[2],
					shown[3]);
	}
	return r;
}

/* The network is pid 1's: who collects has none of its own. */

#define COPY(name, max, path)                                                                      \
	{                                                                                          \
		name, max, evidence_copy_source, path, NULL, true                                  \
	}
#define REQUIRED(name, max, path)                                                                  \
	{                                                                                          \
		name, max, evidence_copy_source, path, NULL, false                                 \
	}
#define FOLDER(name, path)                                                                         \
	{                                                                                          \
		name, MIB, folder_copy, path, "", true                                             \
	}

const struct evidence_row evidence_host_rows[] = {
	REQUIRED("net/tcp", 8 * MIB, "/proc/1/net/tcp"),
	COPY("net/tcp6", 8 * MIB, "/proc/1/net/tcp6"),
	REQUIRED("net/udp", 4 * MIB, "/proc/1/net/udp"),
	COPY("net/udp6", 4 * MIB, "/proc/1/net/udp6"),
	COPY("net/raw", MIB, "/proc/1/net/raw"),
	COPY("net/raw6", MIB, "/proc/1/net/raw6"),
	COPY("net/packet", MIB, "/proc/1/net/packet"),
	COPY("net/unix", 4 * MIB, "/proc/1/net/unix"),
	COPY("net/route", MIB, "/proc/1/net/route"),
	COPY("net/ipv6_route", MIB, "/proc/1/net/ipv6_route"),
	COPY("net/arp", MIB, "/proc/1/net/arp"),
	COPY("net/dev", MIB, "/proc/1/net/dev"),
	{ .name = "findings.jsonl", .max = 8 * MIB, .collect = evidence_findings },
	{ .name = "kernel.log", .max = 4 * MIB, .collect = evidence_kernel_log },
	REQUIRED("host/version", 4 * KIB, "/proc/version"),
	COPY("host/modules", MIB, "/proc/modules"),
	REQUIRED("host/mounts", MIB, "/proc/1/mounts"),
	COPY("host/uptime", 4 * KIB, "/proc/uptime"),
	COPY("host/boot_id", 4 * KIB, "/proc/sys/kernel/random/boot_id"),
	COPY("host/cmdline", 16 * KIB, "/proc/cmdline"),
	COPY("host/os-release", 16 * KIB, "/etc/os-release"),
	COPY("host/hosts", MIB, "/etc/hosts"),
	COPY("host/resolv.conf", 64 * KIB, "/etc/resolv.conf"),
	COPY("host/ld.so.preload", 64 * KIB, "/etc/ld.so.preload"),
	COPY("host/rc.local", 64 * KIB, "/etc/rc.local"),
	REQUIRED("users/passwd", 4 * MIB, "/etc/passwd"),
	REQUIRED("users/group", 4 * MIB, "/etc/group"),
	COPY("users/sudoers", MIB, "/etc/sudoers"),
	FOLDER("users/sudoers.d.tsv", "/etc/sudoers.d"),
	COPY("users/utmp", MIB, "/run/utmp"),
	{ "users/keys.tsv", MIB, logins, "/etc/passwd", "", false },
	COPY("cron/crontab", MIB, "/etc/crontab"),
	FOLDER("cron/cron.d.tsv", "/etc/cron.d"),
	FOLDER("cron/hourly.tsv", "/etc/cron.hourly"),
	FOLDER("cron/daily.tsv", "/etc/cron.daily"),
	FOLDER("cron/weekly.tsv", "/etc/cron.weekly"),
	FOLDER("cron/monthly.tsv", "/etc/cron.monthly"),
	FOLDER("cron/spool.tsv", "/var/spool/cron"),
	FOLDER("cron/at.tsv", "/var/spool/at"),
	FOLDER("systemd/etc.tsv", "/etc/systemd/system"),
	FOLDER("systemd/run.tsv", "/run/systemd/system"),
	FOLDER("systemd/user.tsv", "/etc/systemd/user"),
	{ "systemd/timers.tsv", MIB, folder_show, "/var/lib/systemd/timers", NULL, true },
	{ "systemd/installed.tsv", MIB, folder_show, "/usr/lib/systemd/system", NULL, true },
	{ "packages/dpkg.tsv", 4 * MIB, evidence_packages, "/var/lib/dpkg/status", NULL, true },
	/* A database that is read elsewhere (rpm --dbpath): nothing of it is parsed as root. */
	COPY("packages/rpmdb.sqlite", 64 * MIB, "/var/lib/rpm/rpmdb.sqlite"),
	COPY("packages/rpmdb.sqlite-wal", 16 * MIB, "/var/lib/rpm/rpmdb.sqlite-wal"),
	{ 0 },
};
