/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes, and all of the culprit. Names, arguments and mappings are of the processes' own
 * making.
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
#include "base/escape.h"
#include "base/parse.h"
#include "evidence/evidence_rows.h"

#define TEXT_MAX      (64 * KIB)
#define ARGUMENTS_MAX 2048
/* A chain of parents; longer ones are a loop, or a game. */
#define ANCESTORS_MAX 64
#define MEMORY_PIECE  (64 * KIB)

/* ---- one process a line ---- */

/* What a link of /proc/PID leads to, escaped; "" when it cannot be read. */
static void link_text(const struct evidence_options *options, pid_t pid, const char *name,
		      char *out, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/proc/%d/%s", options->root, (int)pid, name);
	n = readlink(path, target, sizeof(target));
	(void)escape_text(target, n > 0 ? (size_t)n : 0, out, size);
}

/* The beginning of a file of /proc/PID, with blanks for NULs and line feeds, escaped. */
static void head_text(const struct evidence_options *options, pid_t pid, const char *name,
		      char *out, size_t size)
{
	CLEANUP(close_cleanup) int fd = -1;
	char path[PATH_MAX], text[ARGUMENTS_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/proc/%d/%s", options->root, (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < n; i++)
		if (text[i] == '\0' || text[i] == '\n')
			text[i] = ' ';
	while (n > 0 && text[n - 1] == ' ')
		n--;
	(void)escape_text(text, n > 0 ? (size_t)n : 0, out, size);
}

static int process_line(const struct evidence_options *options, pid_t pid,
			struct evidence_item *item, pid_t *ret_parent)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[PATH_MAX], comm[128], exe[1024], arguments[ARGUMENTS_MAX], cgroup[512];
	struct evidence_span span;
	struct evidence_stat found;
	struct stat status = { .st_uid = (uid_t)-1 };
	int r;

	(void)snprintf(path, sizeof(path), "%s/proc/%d/stat", options->root, (int)pid);
	r = evidence_text_load(path, TEXT_MAX, &text, &span);
	if (r == 0)
		r = evidence_stat_read(span, &found);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/proc/%d", options->root, (int)pid);
	(void)stat(path, &status);
	(void)escape_text(found.comm.at, found.comm.size, comm, sizeof(comm));
	link_text(options, pid, "exe", exe, sizeof(exe));
	head_text(options, pid, "cmdline", arguments, sizeof(arguments));
	head_text(options, pid, "cgroup", cgroup, sizeof(cgroup));
	if (ret_parent)
		*ret_parent = found.parent;
	return evidence_item_print(item, "%d\t%d\t%c\t%u\t%llu\t%s\t%s\t%s\t%s\n", (int)pid,
				   (int)found.parent, found.state, status.st_uid,
				   (unsigned long long)found.start, comm, exe, cgroup, arguments);
}

static const char process_head[] =
	"# pid\tparent\tstate\tuid\tstart (ticks)\tcomm\texe\tcgroup\targuments\n";

/* Calls for each process that there is. What one says counts only if nobody waits any more, or
 * there is no room. */
static int each_process(const struct evidence_options *options, struct evidence_item *item,
			int (*act)(const struct evidence_options *options, pid_t pid,
				   struct evidence_item *item))
{
	CLEANUP(closedir_cleanup) DIR *stream = NULL;
	char path[PATH_MAX];
	const struct dirent *entry;

	(void)snprintf(path, sizeof(path), "%s/proc", options->root);
	stream = opendir(path);
	if (!stream)
		return -errno;
	while ((entry = readdir(stream))) {
		uint64_t pid;
		int r;

		if (parse_u64(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		r = act(options, (pid_t)pid, item);
		if (r == -ENOSPC || r == -ECANCELED || r == -ENOMEM)
			return r;
	}
	return 0;
}

static int tree_line(const struct evidence_options *options, pid_t pid, struct evidence_item *item)
{
	return process_line(options, pid, item, NULL);
}

static int processes(const struct evidence_options *options, const struct evidence_row *row,
		     struct evidence_item *item)
{
	size_t before;
	int r = evidence_item_print(item, "%s", process_head);

	(void)row;
	before = item->size;
	if (r == 0)
		r = each_process(options, item, tree_line);
	/* A /proc that shows nothing is one that cannot be read. */
	if (r == 0 && item->size == before)
		return -EACCES;
	return r;
}

static int ancestors(const struct evidence_options *options, const struct evidence_row *row,
		     struct evidence_item *item)
{
	pid_t pid = options->pid;
	int r = evidence_item_print(item, "%s", process_head);

	(void)row;
	for (int i = 0; r == 0 && pid > 0 && i < ANCESTORS_MAX; i++) {
		pid_t parent = 0;

		r = process_line(options, pid, item, &parent);
		pid = parent;
	}
	return r;
}

/* ---- what is open ---- */

static int files_of(const struct evidence_options *options, pid_t pid, struct evidence_item *item)
{
	CLEANUP(closedir_cleanup) DIR *stream = NULL;
	char path[PATH_MAX], name[300], target[1024];
	const struct dirent *entry;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/proc/%d/fd", options->root, (int)pid);
	stream = opendir(path);
	if (!stream)
		return -errno;
	while (r == 0 && (entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "fd/%s", entry->d_name);
		link_text(options, pid, name, target, sizeof(target));
		r = evidence_item_print(item, "%d\t%s\t%s\n", (int)pid, entry->d_name, target);
	}
	return r;
}

static int open_files(const struct evidence_options *options, const struct evidence_row *row,
		      struct evidence_item *item)
{
	(void)row;
	return each_process(options, item, files_of);
}

static int culprit_files(const struct evidence_options *options, const struct evidence_row *row,
			 struct evidence_item *item)
{
	(void)row;
	return files_of(options, options->pid, item);
}

static int culprit_links(const struct evidence_options *options, const struct evidence_row *row,
			 struct evidence_item *item)
{
	static const char *const names[] = { "exe",    "cwd",	 "root",   "ns/net",
					     "ns/mnt", "ns/pid", "ns/user" };
	int r = 0;

	(void)row;
	for (size_t i = 0; r == 0 && i < ELEMENTS(names); i++) {
		char target[PATH_MAX];

		link_text(options, options->pid, names[i], target, sizeof(target));
		r = evidence_item_print(item, "%s\t%s\n", names[i], target);
	}
	return r;
}

static int culprit_copy(const struct evidence_options *options, const struct evidence_row *row,
			struct evidence_item *item)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/proc/%d/%s", options->root, (int)options->pid,
		       row->source);
	return evidence_copy(item, path);
}

/* ---- memory ---- */

/* What no file on disk has: what can be written, and what is executed without a name. */
static bool mapping_is_wanted(const struct evidence_mapping *mapping)
{
	static const char vvar[] = "[vvar";

	if (!mapping->readable || (mapping->name.size >= sizeof(vvar) - 1 &&
				   memcmp(mapping->name.at, vvar, sizeof(vvar) - 1) == 0))
		return false;
	return mapping->writable || (mapping->executable && mapping->inode == 0) ||
	       memmem(mapping->name.at, mapping->name.size, " (deleted)", 10) != NULL;
}

static int index_add(struct evidence_item *item, const struct evidence_mapping *mapping,
		     uint64_t offset, uint64_t size, uint64_t unread)
{
	char line[1024], name[512];
	int length;

	(void)escape_text(mapping->name.at, mapping->name.size, name, sizeof(name));
	length = snprintf(line, sizeof(line), "%llu\t%llu\t%llx-%llx\t%c%c%c%c\t%llu\t%s\n",
			  (unsigned long long)offset, (unsigned long long)size,
			  (unsigned long long)mapping->start, (unsigned long long)mapping->end,
			  mapping->readable ? 'r' : '-', mapping->writable ? 'w' : '-',
			  mapping->executable ? 'x' : '-', mapping->shared ? 's' : 'p',
			  (unsigned long long)unread, name);
	return evidence_item_aside(item, line, (size_t)length);
}

/* Pages that cannot be read are left as zeros, so that offsets hold. */
static int mapping_copy(int memory, const struct evidence_mapping *mapping, char *piece,
			struct evidence_item *item)
{
	uint64_t offset = item->size, unread = 0, at = mapping->start;
	int r = 0;

	while (r == 0 && at < mapping->end) {
		size_t want = mapping->end - at < MEMORY_PIECE ? (size_t)(mapping->end - at)
							       : MEMORY_PIECE;
		ssize_t n = pread(memory, piece, want, (off_t)at);

		if (n <= 0) {
			want = want < 4 * KIB ? want : 4 * KIB;
			memset(piece, 0, want);
			unread += want;
			n = (ssize_t)want;
		}
		r = evidence_item_add(item, piece, (size_t)n);
		at += (uint64_t)n;
	}
	if (r == 0 || r == -ENOSPC)
		(void)index_add(item, mapping, offset, item->size - offset, unread);
	return r;
}

struct mappings {
	struct evidence_mapping *list;
	size_t count, room;
};

static void mappings_free(struct mappings *mappings)
{
	free(mappings->list);
}

static int mapping_add(struct mappings *mappings, const struct evidence_mapping *mapping)
{
	struct evidence_mapping *grown;
	size_t room = mappings->room ? mappings->room * 2 : 256;

	if (mappings->count == mappings->room) {
		grown = reallocarray(mappings->list, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		mappings->list = grown;
		mappings->room = room;
	}
	mappings->list[mappings->count++] = *mapping;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	const struct evidence_mapping *one = a, *other = b;
	uint64_t size = one->end - one->start, other_size = other->end - other->start;

	if (size != other_size)
		return size < other_size ? -1 : 1;
	return one->start < other->start ? -1 : one->start > other->start;
}

/* The smallest first: a bound cuts what is largest, not the stack. */
static int memory_collect(const struct evidence_options *options, const struct evidence_row *row,
			  struct evidence_item *item)
{
	static const char head[] = "# offset\tbytes\taddresses\trights\tunread\tname\n";
	CLEANUP(free_cleanup) char *text = NULL;
	CLEANUP(free_cleanup) char *piece = malloc(MEMORY_PIECE);
	CLEANUP(mappings_free) struct mappings mappings = { 0 };
	CLEANUP(close_cleanup) int memory = -1;
	struct evidence_span rest, line;
	struct evidence_mapping mapping;
	char path[PATH_MAX];
	int r;

	(void)row;
	(void)snprintf(path, sizeof(path), "%s/proc/%d/mem", options->root, (int)options->pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0 || !piece)
		return piece ? -errno : -ENOMEM;
	(void)snprintf(path, sizeof(path), "%s/proc/%d/maps", options->root, (int)options->pid);
	r = evidence_text_load(path, 4 * MIB, &text, &rest);
	if (r == 0)
		r = evidence_item_aside(item, head, sizeof(head) - 1);
	while (r == 0 && evidence_line_next(&rest, &line))
		if (evidence_mapping_read(line, &mapping) == 0 && mapping_is_wanted(&mapping))
			r = mapping_add(&mappings, &mapping);
	if (mappings.count > 0)
		qsort(mappings.list, mappings.count, sizeof(*mappings.list), by_size);
	for (size_t i = 0; r == 0 && i < mappings.count; i++)
		r = mapping_copy(memory, &mappings.list[i], piece, item);
	return r;
}

const struct evidence_row evidence_memory_row = { "culprit/memory",	  0,
						  memory_collect,	  NULL,
						  "culprit/memory.index", false };

const struct evidence_row evidence_culprit_rows[] = {
	{ .name = "culprit/ancestors.tsv", .max = 256 * KIB, .collect = ancestors },
	{ .name = "culprit/links.tsv", .max = 64 * KIB, .collect = culprit_links },
	{ .name = "culprit/open-files.tsv", .max = MIB, .collect = culprit_files },
	{ "culprit/maps", 4 * MIB, culprit_copy, "maps", NULL, false },
	{ "culprit/status", 64 * KIB, culprit_copy, "status", NULL, false },
	{ "culprit/stat", 64 * KIB, culprit_copy, "stat", NULL, false },
	{ "culprit/cmdline", 256 * KIB, culprit_copy, "cmdline", NULL, false },
	{ "culprit/environ", 256 * KIB, culprit_copy, "environ", NULL, false },
	{ "culprit/cgroup", 64 * KIB, culprit_copy, "cgroup", NULL, false },
	{ "culprit/limits", 64 * KIB, culprit_copy, "limits", NULL, false },
	{ "culprit/mountinfo", MIB, culprit_copy, "mountinfo", NULL, false },
	{ "culprit/net/tcp", 4 * MIB, culprit_copy, "net/tcp", NULL, false },
	{ "culprit/net/tcp6", 4 * MIB, culprit_copy, "net/tcp6", NULL, true },
	{ "culprit/net/udp", MIB, culprit_copy, "net/udp", NULL, false },
	{ "culprit/net/udp6", MIB, culprit_copy, "net/udp6", NULL, true },
	{ "culprit/exe", 32 * MIB, culprit_copy, "exe", NULL, false },
	{ 0 },
};

const struct evidence_row evidence_process_rows[] = {
	{ .name = "processes.tsv", .max = 8 * MIB, .collect = processes },
	{ .name = "open-files.tsv", .max = 8 * MIB, .collect = open_files },
	{ 0 },
};
