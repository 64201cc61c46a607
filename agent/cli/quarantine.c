/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon quarantine`: shows what is in the quarantine, puts it back, deletes it. Works on the
 * folder itself, with or without a daemon; only root can. Paths and rules in it are of files that
 * were found bad: the writer escapes them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/writer.h"
#include "daemon/config.h"
#include "response/quarantine.h"

CLEANUP_DEFINE(struct quarantine *, quarantine_close)

static const char usage[] =
	"usage: cordon quarantine list [--json]\n"
	"       cordon quarantine restore [--to PATH] [--allow] ID...\n"
	"       cordon quarantine delete ID...\n"
	"\n"
	"  --to PATH        put it there, and not where it was (an absolute path)\n"
	"  --allow          a file of this content is not taken again\n"
	"  --json           one JSON object\n"
	"  --config FILE    configuration\n"
	"  --state-dir DIR  where the daemon keeps its state\n"
	"\n"
	"ID may be cut short, as long as it is the only one that begins so.\n";

struct request {
	bool json, allow, help;
	const char *to, *config, *state_dir;
};

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "allow", no_argument, NULL, 'a' },
	{ "to", required_argument, NULL, 't' },
	{ "config", required_argument, NULL, 'c' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool options_read(int argc, char **argv, struct request *request)
{
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 'j')
			request->json = true;
		else if (option == 'a')
			request->allow = true;
		else if (option == 'h')
			request->help = true;
		else if (option == 't')
			request->to = optarg;
		else if (option == 'c')
			request->config = optarg;
		else if (option == 's')
			request->state_dir = optarg;
		else
			return false;
	}
	return true;
}

static int state_find(const struct request *request, char out[static PATH_MAX])
{
	struct document_error error;
	struct config config;

	if (request->state_dir) {
		(void)snprintf(out, PATH_MAX, "%s/" QUARANTINE_FOLDER, request->state_dir);
		return 0;
	}
	if (config_load(request->config, &config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	(void)snprintf(out, PATH_MAX, "%s/" QUARANTINE_FOLDER, config.state_dir);
	config_free(&config);
	return 0;
}

/* An empty one is not made for being looked at. */
static int folder_open(const struct request *request, struct quarantine **ret)
{
	char folder[PATH_MAX];
	size_t ended = 0;
	int r = state_find(request, folder);

	if (r < 0)
		return r;
	if (access(folder, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = quarantine_open(folder, ret, &ended);
	if (r == -EPERM)
		log_error("%s: others than you and its owner may come to it, or you are not its "
			  "owner",
			  folder);
	else if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s", folder);
	if (ended)
		log_notice("%zu moves that were interrupted were ended", ended);
	return r;
}

static int item_show(const struct quarantine_item *item, void *userdata)
{
	struct writer *writer = userdata;
	char time[CLOCK_TEXT_SIZE];

	clock_format(item->time, time);
	writer_cell(writer, WRITER_PLAIN, "%s", item->id);
	writer_cell(writer, WRITER_PLAIN, "%s", time);
	writer_cell(writer, WRITER_PLAIN, "%" PRIu64, item->size);
	writer_cell(writer, WRITER_PLAIN, "%04o", item->mode);
	writer_cell(writer, WRITER_PLAIN, "%u:%u", item->uid, item->gid);
	writer_cell(writer, item->links > 1 ? WRITER_WARN : WRITER_PLAIN, "%" PRIu64,
		    item->links - 1);
	writer_cell(writer, WRITER_PLAIN, "%s", item->rule ? item->rule : "-");
	writer_cell(writer, WRITER_PLAIN, "%s", item->path);
	writer_cell(writer, WRITER_FAINT, "%s", item->sha256);
	writer_cell(writer, WRITER_FAINT, "%s", item->finding ? item->finding : "");
	return 0;
}

static int run_list(struct quarantine *quarantine, const struct request *request, int argc,
		    char **argv)
{
	static const struct writer_column columns[] = {
		{ .key = "id", .title = "id" },
		{ .key = "time", .title = "taken" },
		{ .key = "size", .title = "bytes", .right = true },
		{ .key = "mode", .title = "mode" },
		{ .key = "owner", .title = "owner" },
		{ .key = "other_names", .title = "left", .right = true },
		{ .key = "rule", .title = "rule" },
		{ .key = "path", .title = "path" },
		{ .key = "sha256", .title = "sha256", .below = true },
		{ .key = "finding", .title = "finding", .below = true },
	};
	struct writer *writer = writer_new(stdout, request->json);
	size_t damaged = 0;
	int count = 0;

	(void)argv;
	if (argc > 0 || !writer) {
		log_error("%s", writer ? "list takes no ID" : "out of memory");
		return COMMAND_FAILED;
	}
	writer_table(writer, "items", "Quarantine", columns, ELEMENTS(columns));
	if (quarantine)
		count = quarantine_list(quarantine, item_show, writer, &damaged);
	writer_end(writer);
	if (writer_finish(writer) < 0 || count < 0)
		return COMMAND_FAILED;
	if (damaged)
		log_warning("%zu items are damaged, and left for you to look at", damaged);
	return count > 0 ? COMMAND_FOUND : COMMAND_FINE;
}

/* The one item whose id begins so. */
struct search {
	const char *start;
	char id[QUARANTINE_ID_SIZE];
	unsigned found;
};

static int item_compare(const struct quarantine_item *item, void *userdata)
{
	struct search *search = userdata;

	if (strncmp(item->id, search->start, strlen(search->start)) != 0)
		return 0;
	search->found++;
	memcpy(search->id, item->id, sizeof(search->id));
	return 0;
}

static int id_find(struct quarantine *quarantine, const char *start,
		   char out[static QUARANTINE_ID_SIZE])
{
	struct search search = { .start = start };
	size_t damaged;
	int r = quarantine ? quarantine_list(quarantine, item_compare, &search, &damaged) : 0;

	if (r < 0)
		return r;
	/* A damaged one is found by its whole id only. */
	if (search.found == 0 && strlen(start) < QUARANTINE_ID_SIZE)
		(void)snprintf(search.id, sizeof(search.id), "%s", start);
	if (search.found > 1)
		return -ENOTUNIQ;
	memcpy(out, search.id, QUARANTINE_ID_SIZE);
	return 0;
}

static const char *failure_text(int error)
{
	switch (error) {
	case -ENOENT:
		return "no such item, or the folder that it was in is gone (--to PATH)";
	case -EEXIST:
		return "a file is there already (--to PATH)";
	case -ELOOP:
		return "a symbolic link is in the way (--to PATH)";
	case -ENOTUNIQ:
		return "several items begin so";
	case -EBADMSG:
		return "the item is damaged";
	default:
		return strerror(-error);
	}
}

static int each(struct quarantine *quarantine, const struct request *request, int argc, char **argv,
		bool restore)
{
	int status = COMMAND_FINE;

	if (argc == 0) {
		(void)fputs(usage, stderr);
		return COMMAND_FAILED;
	}
	for (int i = 0; i < argc; i++) {
		char id[QUARANTINE_ID_SIZE];
		int r = id_find(quarantine, argv[i], id);

		if (r == 0 && !quarantine)
			r = -ENOENT;
		if (r == 0)
			r = restore ? quarantine_restore(quarantine, id, request->to,
							 request->allow)
				    : quarantine_delete(quarantine, id);
		if (r < 0) {
			log_error("%s: %s", argv[i], failure_text(r));
			status = COMMAND_FAILED;
		}
	}
	return status;
}

static int run_restore(struct quarantine *quarantine, const struct request *request, int argc,
		       char **argv)
{
	if (request->to && (request->to[0] != '/' || argc > 1)) {
		log_error("--to is one absolute path, for one item");
		return COMMAND_FAILED;
	}
	return each(quarantine, request, argc, argv, true);
}

static int run_delete(struct quarantine *quarantine, const struct request *request, int argc,
		      char **argv)
{
	return each(quarantine, request, argc, argv, false);
}

int command_quarantine(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct quarantine *quarantine, const struct request *request, int argc,
			   char **argv);
	} actions[] = { { "list", run_list },
			{ "restore", run_restore },
			{ "delete", run_delete } };
	CLEANUP(quarantine_close_cleanup) struct quarantine *quarantine = NULL;
	struct request request = { 0 };

	if (!options_read(argc, argv, &request)) {
		(void)fputs(usage, stderr);
		return COMMAND_FAILED;
	}
	if (request.help) {
		(void)fputs(usage, stdout);
		return COMMAND_FINE;
	}
	for (size_t i = 0; optind < argc && i < ELEMENTS(actions); i++) {
		if (strcmp(argv[optind], actions[i].name) != 0)
			continue;
		if (folder_open(&request, &quarantine) < 0)
			return COMMAND_FAILED;
		return actions[i].run(quarantine, &request, argc - optind - 1, argv + optind + 1);
	}
	(void)fputs(usage, stderr);
	return COMMAND_FAILED;
}
