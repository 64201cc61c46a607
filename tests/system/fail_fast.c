/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the daemon in test_block.py: tells one asker that its lookup was blocked.
 *
 *   fail_fast PID udp|tcp CLIENT PORT SERVER PORT [ID NAME TYPE]
 *
 * PID 0: not known. Prints the counters as JSON; exits 0 when the asker was told.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/parse.h"
#include "response/block.h"
#include "sensor/process.h"

static int number(const char *text, uint64_t max, uint64_t *ret)
{
	int r = parse_u64(text, max, ret);

	if (r < 0)
		(void)fprintf(stderr, "fail_fast: not a number up to %" PRIu64 ": %s\n", max, text);
	return r;
}

static int event_read(int argc, char **argv, struct process *process, struct event *event)
{
	uint64_t pid, client_port, server_port, id = 0, type = 0;

	if (argc != 7 && argc != 10)
		return -1;
	if (number(argv[1], INT32_MAX, &pid) < 0 || number(argv[4], UINT16_MAX, &client_port) < 0 ||
	    number(argv[6], UINT16_MAX, &server_port) < 0 ||
	    address_parse(argv[3], &event->source) < 0 ||
	    address_parse(argv[5], &event->destination) < 0)
		return -1;
	if (argc == 10 &&
	    (number(argv[7], UINT16_MAX, &id) < 0 || number(argv[9], UINT16_MAX, &type) < 0 ||
	     domain_name_parse(argv[8], &event->name) < 0))
		return -1;
	process->pid = (pid_t)pid;
	event->process = pid ? process : NULL;
	event->direction = EVENT_DIRECTION_OUT;
	event->disposition = EVENT_BLOCKED;
	event->protocol = strcmp(argv[2], "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
	event->source_port = (uint16_t)client_port;
	event->destination_port = (uint16_t)server_port;
	event->dns_id = (uint16_t)id;
	event->qtype = (uint16_t)type;
	event->qclass = 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct block_statistics statistics;
	struct process process = { 0 };
	struct event event = { 0 };
	struct block *block;
	sd_event *loop;

	if (event_read(argc, argv, &process, &event) < 0 || sd_event_default(&loop) < 0)
		return 2;
	if (block_open(loop, &block) < 0)
		return 2;
	block_fail_fast(block, &event);
	block_statistics(block, &statistics);
	(void)printf("{\"answered\": %" PRIu64 ", \"destroyed\": %" PRIu64 ", \"gone\": %" PRIu64
		     ", \"skipped\": %" PRIu64 ", \"failed\": %" PRIu64 "}\n",
		     statistics.answered, statistics.destroyed, statistics.gone, statistics.skipped,
		     statistics.failed);
	block_close(block);
	sd_event_unref(loop);
	return statistics.answered + statistics.destroyed == 1 ? 0 : 1;
}
