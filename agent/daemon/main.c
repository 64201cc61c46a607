/* SPDX-License-Identifier: Apache-2.0
 *
 * cordond: the agent's one process with rights. Loads the probes, owns the journal, decides.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include <config.h>
#include "daemon/agent.h"

static const char usage[] =
	"usage: cordond [--config FILE] [--foreground]\n"
	"\n"
	"  --config FILE   configuration (default " CORDON_SYSCONFDIR "/cordon/cordon.yaml)\n"
	"  --foreground    show findings on standard output\n"
	"  --help          show this\n"
	"  --version       show the version\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct agent agent = { 0 };
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case 'c':
			agent.config_path = optarg;
			break;
		case 'f':
			agent.foreground = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		case 'v':
			(void)puts(PACKAGE_STRING);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "cordond: unexpected argument %s\n%s", argv[optind], usage);
		return 2;
	}
	log_open("cordond", LOG_INFO);
	log_never_wait();
	r = agent_start(&agent);
	if (r >= 0)
		r = agent_run(&agent);
	agent_stop(&agent);
	return r < 0 ? 2 : 0;
}
