/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon evidence`: has cordon-evidence make a bundle, with or without a daemon; only root can
 * read all of it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/worker_process.h"
#include "cli/command.h"
#include "cli/journal_place.h"
#include "evidence/evidence_order.h"

#define SIZE_MAX_DEFAULT ((uint64_t)128 * 1024 * 1024)
#define SIZE_MAX_MOST	 ((uint64_t)1024 * 1024 * 1024)
#define TIME_DEFAULT	 (60 * NS_PER_SECOND)
/* To write what it has. */
#define TIME_MARGIN	 (60 * NS_PER_SECOND)
#define ANSWER_MAX	 4096

static const char usage[] =
	"usage: cordon evidence [--pid PID] [--memory SIZE] [--max-size SIZE] [--time DURATION]\n"
	"                       [--key KEY] [--reason TEXT] -o FILE\n"
	"\n"
	"  --pid PID        the process behind it, of which more is taken\n"
	"  --memory SIZE    of its memory, at most so much (64M); else none\n"
	"  --max-size SIZE  in all, before it is compressed (128M)\n"
	"  --time DURATION  after which it ends with what it has (60s)\n"
	"  --key KEY        signs the manifest (a key of cordon intel keygen)\n"
	"  --reason TEXT    stands in the manifest\n"
	"  --config FILE    configuration\n"
	"  --state-dir DIR  where the daemon keeps its state\n"
	"\n"
	"The archive is a gzipped tar; `sha256sum -c MANIFEST` checks what was unpacked.\n";

static const struct option options[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "memory", required_argument, NULL, 'm' },
	{ "max-size", required_argument, NULL, 'M' },
	{ "time", required_argument, NULL, 't' },
	{ "key", required_argument, NULL, 'k' },
	{ "reason", required_argument, NULL, 'r' },
	{ "config", required_argument, NULL, 'c' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct evidence_options evidence;
	const char *config, *state_dir;
	bool help;
};

static int number_read(int option, struct evidence_options *evidence)
{
	uint64_t value = 0;
	int r;

	if (option == 'p') {
		r = parse_u64(optarg, INT32_MAX, &value);
		evidence->pid = (pid_t)value;
		return r == 0 && value == 0 ? -EINVAL : r;
	}
	if (option == 't')
		return parse_duration(optarg, &evidence->time);
	r = parse_size(optarg, &value);
	if (r < 0 || value > SIZE_MAX_MOST)
		return r < 0 ? r : -ERANGE;
	*(option == 'm' ? &evidence->memory_max : &evidence->size_max) = value;
	return 0;
}

static bool options_read(int argc, char **argv, struct request *request)
{
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
		if (option == 'o')
			request->evidence.output = optarg;
		else if (option == 'k')
			request->evidence.key = optarg;
		else if (option == 'r')
			request->evidence.reason = optarg;
		else if (option == 'c')
			request->config = optarg;
		else if (option == 's')
			request->state_dir = optarg;
		else if (option == 'h')
			request->help = true;
		else if (option == '?' || number_read(option, &request->evidence) < 0)
			return false;
	}
	return optind == argc && (request->help || *request->evidence.output);
}

/* The program gives up its rights, and this one stays without the libraries that it needs. */
static int worker_ask(const struct worker_process *process, const struct evidence_options *wanted,
		      struct evidence_result *ret)
{
	CLEANUP(free_cleanup) char *order = evidence_order_write(wanted);
	uint64_t deadline = clock_boottime() + wanted->time + TIME_MARGIN;
	char answer[ANSWER_MAX];
	ssize_t n;
	int error = 0, r;

	if (!order)
		return -EINVAL;
	r = channel_send(process->channel, order, strlen(order));
	if (r == 0)
		r = channel_wait(process->channel, POLLIN, deadline);
	if (r < 0)
		return r;
	n = channel_receive(process->channel, answer, sizeof(answer));
	if (n < 0)
		return (int)n;
	r = evidence_answer_read(answer, (size_t)n, &error, ret);
	return r < 0 ? r : error;
}

static int worker_make(const struct evidence_options *wanted, struct evidence_result *ret)
{
	struct worker_process process;
	struct worker_program program;
	int r = worker_program_open(EVIDENCE_PROGRAM, NULL, &program);

	if (r < 0)
		return log_errno(LOG_ERR, r, EVIDENCE_PROGRAM);
	r = worker_process_start(&program, 0, &process);
	worker_program_close(&program);
	if (r < 0)
		return log_errno(LOG_ERR, r, EVIDENCE_PROGRAM);
	r = worker_ask(&process, wanted, ret);
	worker_process_end(&process);
	if (r == -ENOKEY)
		log_error("%s is no key of cordon intel keygen", wanted->key);
	else if (r == -ENOSPC)
		log_error("%s: the disk has too little room: 64 MiB are left free", wanted->output);
	else if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s", wanted->output);
	return r;
}

static int make(const struct request *request)
{
	struct evidence_result result = { 0 };

	if (worker_make(&request->evidence, &result) < 0)
		return COMMAND_FAILED;
	(void)printf("%s: %u files, %" PRIu64 " bytes, %s\nsha256 %s\n", request->evidence.output,
		     result.files, result.size, result.is_signed ? "signed" : "not signed",
		     result.sha256);
	if (result.missing + result.cut == 0)
		return COMMAND_FINE;
	(void)printf("%u could not be read, %u not to their end: see MANIFEST\n", result.missing,
		     result.cut);
	return COMMAND_FOUND;
}

int command_evidence(int argc, char **argv)
{
	CLEANUP(free_cleanup) char *journal = NULL;
	char host[HOST_NAME_MAX + 1] = "";
	struct request request = { .evidence = { .root = "",
						 .output = "",
						 .journal = "",
						 .key = "",
						 .isolation = "",
						 .finding = "",
						 .reason = "asked for by root",
						 .host = host,
						 .size_max = SIZE_MAX_DEFAULT,
						 .time = TIME_DEFAULT } };

	if (!options_read(argc, argv, &request) || request.help) {
		(void)fputs(usage, request.help ? stdout : stderr);
		return request.help ? COMMAND_FINE : COMMAND_FAILED;
	}
	(void)gethostname(host, sizeof(host) - 1);
	/* Without a configuration there is no journal to be read; all else is there. */
	if (journal_place(request.config, request.state_dir, &journal) == 0)
		request.evidence.journal = journal;
	return make(&request);
}
