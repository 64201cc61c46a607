/* SPDX-License-Identifier: Apache-2.0
 *
 * How many findings a second a policy judges on one core, for 10 to 10,000 rules of several kinds:
 * those that each name something of their own (an exception for a name, a feed, a user, an
 * executable), as people write them; with one regular expression in a hundred; and, as the worst
 * cases, rules that name nothing and must all be asked: of one kind, and of many.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/policy.h"
#include "policy/threshold.h"

#define NAMES	  1000
#define NS_SECOND 1e9

CLEANUP_DEFINE(struct policy *, policy_free)
CLEANUP_DEFINE(struct threshold_table *, threshold_table_free)

enum kind {
	KIND_NAMED,
	KIND_REGEX,
	KIND_ASKED,
	KIND_MIXED,
	KINDS,
};
static const char *const kind_names[] = { "named", "named, 1% regex", "all asked",
					  "all asked, mixed" };

/* What no index finds, of many kinds. */
static void asked_write(FILE *out, unsigned i)
{
	switch (i % 8) {
	case 0:
		(void)fprintf(out, "args: { contains: [\"--token=%u\", \"-x%u\"] }", i, i);
		break;
	case 1:
		(void)fprintf(out, "exe: \"*/tool%u\", severity: \">=low\"", i);
		break;
	case 2:
		(void)fprintf(out, "port: %u-%u, protocol: [udp, dns]", 1024 + i, 2048 + i);
		break;
	case 3:
		(void)fprintf(out, "destination: [10.%u.0.0/16, 172.16.%u.0/24]", i % 256, i % 256);
		break;
	case 4:
		(void)fprintf(out, "not: { tag: malware }, kind: question, severity: high");
		break;
	case 5:
		(void)fprintf(out, "domain: { regex: \"^[a-z0-9]{%u,}\\\\.evil%u\" }", i % 20, i);
		break;
	case 6:
		(void)fprintf(out, "any: [{ ancestor: \"*/sshd%u\" }, { unit: \"*@%u.service\" }]",
			      i, i);
		break;
	default:
		(void)fprintf(out, "time: \"%02u:00-%02u:30\", weekday: sat-sun", i % 23,
			      i % 23 + 1);
	}
}

/* What rule i matches. */
static void match_write(FILE *out, unsigned i, enum kind kind)
{
	if (kind == KIND_ASKED) {
		(void)fprintf(out, "exe: { suffix: \"/app%u\" }, uid: %u-4294967295", i, i);
		return;
	}
	if (kind == KIND_MIXED) {
		asked_write(out, i);
		return;
	}
	if (kind == KIND_REGEX && i % 100 == 0) {
		(void)fprintf(out, "args: { regex: \"(?i)curl .*x%u.*\\\\| *(ba)?sh\" }", i);
		return;
	}
	switch (i % 5) {
	case 0:
		(void)fprintf(out, "domain: [n%u.example, m%u.example], user: u1", i, i);
		break;
	case 1:
		(void)fprintf(out, "feed: feed%u, severity: \">=low\", not: { tag: t%u }", i, i);
		break;
	case 2:
		(void)fprintf(out, "exe: \"/opt/app%u/*\", comm: [x%u, curl]", i, i);
		break;
	case 3:
		(void)fprintf(out, "indicator: i%u.example, unit: \"s%u-*.service\"", i, i);
		break;
	default:
		(void)fprintf(out, "tag: tag%u, address: 10.0.0.0/8, port: 1-%u", i, i);
	}
}

static void rule_write(FILE *out, unsigned i, enum kind kind)
{
	(void)fprintf(out, "- { name: r%u, severity: %s, match: { ", i, i % 2 ? "high" : "-1");
	match_write(out, i, kind);
	(void)fputs(" } }\n", out);
}

static struct policy *policy_make(unsigned rules, enum kind kind)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct policy_error error = { "" };
	struct policy *policy = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	(void)fputs("rules:\n", out);
	for (unsigned i = 0; i < rules; i++)
		rule_write(out, i, kind);
	if (fclose(out) != 0 || policy_parse("bench.yaml", text, size, &policy, &error) < 0)
		(void)fprintf(stderr, "%s\n", error.text);
	return policy;
}

/* Findings of which one in ten is some rule's own. */
struct world {
	struct domain_name names[NAMES];
	struct process process;
	struct event event;
	struct indicator indicator;
	struct finding finding;
};

static void world_make(struct world *world)
{
	*world = (struct world){
		.process = { .exe = "/usr/bin/curl",
			     .comm = "curl",
			     .user = "u1",
			     .uid = 1000,
			     .arguments = "curl -s https://get.example.com/install | less",
			     .unit = "session-7.scope",
			     .cgroup = "/user.slice/session-7.scope" },
		.event = { .kind = EVENT_QUESTION,
			   .direction = EVENT_DIRECTION_OUT,
			   .time = 1,
			   .attribution = EVENT_ATTRIBUTION_SEND },
		.indicator = { .feed = "urlhaus",
			       .tags = "malware,c2",
			       .severity = 4,
			       .text = "bad.example.com" },
		.finding = { .uid = "bench",
			     .detector = "indicator",
			     .default_severity = SEVERITY_HIGH },
	};
	world->event.process = &world->process;
	world->finding.event = &world->event;
	world->finding.indicator = &world->indicator;
	for (unsigned i = 0; i < NAMES; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name),
			       i % 10 ? "www%u.bad.example.com" : "a.n%u.example", i);
		(void)domain_name_parse(name, &world->names[i]);
	}
}

static double seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / NS_SECOND;
}

static void measure(unsigned rules, enum kind kind, unsigned rounds)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	CLEANUP(threshold_table_free_cleanup) struct threshold_table *thresholds = NULL;
	double begun = seconds(), read, judged;
	uint64_t decided = 0;
	struct world world;

	policy = policy_make(rules, kind);
	read = seconds() - begun;
	if (!policy || threshold_table_new(&thresholds) < 0)
		return;
	world_make(&world);
	begun = seconds();
	for (unsigned i = 0; i < rounds; i++) {
		struct verdict verdict;

		world.event.name = world.names[i % NAMES];
		policy_judge(policy, thresholds, &world.finding, 1, &verdict);
		decided += strcmp(verdict.rule, "default") != 0;
	}
	judged = seconds() - begun;
	(void)printf("%-16s %6u rules: %8.0f findings/s, %6.2f us each, %5.1f%% by a rule; read in "
		     "%.0f ms\n",
		     kind_names[kind], rules, rounds / judged, judged / rounds * 1e6,
		     100.0 * (double)decided / rounds, read * 1000);
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 10, 100, 1000, 10000 };
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < ELEMENTS(sizes); i++)
			measure(sizes[i], (enum kind)kind,
				kind >= KIND_ASKED ? rounds / 20 + 1 : rounds);
	return 0;
}
