/* SPDX-License-Identifier: Apache-2.0 */
#include "malformed_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/pack.h"
#include "probe_cgroup.h"

static const char block[] = "evil.test\na.b.c.deep.test\nkept.test\n";
static const char allow[] = "good.evil.test\n";

static const struct {
	const char *name;
	enum match match;
} entries[] = {
	{ "evil.test", MATCH_LISTED },
	{ "a.b.c.deep.test", MATCH_LISTED },
	{ "kept.test", MATCH_KEPT },
	{ "good.evil.test", MATCH_ALLOWED },
};

_Static_assert(ELEMENTS(entries) == TARGET_ENTRIES, "as the header says");

static bool keep_kept(const struct indicator *indicator, void *userdata)
{
	(void)userdata;
	return strcmp(indicator->text, "kept.test") == 0;
}

static void fail_packet(const struct packet *packet, enum target_kind kind, const char *what)
{
	for (size_t i = 0; i < packet->size; i++)
		(void)fprintf(stderr, "%02x%s", packet->bytes[i],
			      i % 32 == 31 || i + 1 == packet->size ? "\n" : " ");
	fail_msg("target %d: %s", (int)kind, what);
}

/* What the kernel side itself took for a listed name has to be one; what was read in user space is
 * to be confirmed by others, and bears a reason. */
static void matches_check(const struct packet *packet, enum target_kind kind,
			  const struct probe *probe, const struct strict *strict)
{
	size_t at = 0;

	for (size_t i = 0; i < probe->count; i++) {
		const struct probe_event *event = &probe->events[i];

		if (!event->matched || event->reason)
			continue;
		if (at >= strict->count || event->qname.length != strict->matches[at].length ||
		    memcmp(event->qname.wire, strict->matches[at].wire, event->qname.length) != 0)
			fail_packet(packet, kind, "a wrong match");
		at++;
	}
	if (at != strict->count)
		fail_packet(packet, kind, "a match is missing");
}

static void target_run(struct targets *targets, enum target_kind kind, const struct packet *packet)
{
	struct target *target = &targets->each[kind];
	struct ledger before = probe_ledger(&target->probe), after;
	struct strict strict;
	enum probe_verdict verdict;
	char what[128];
	uint64_t written;

	strict_read(packet->bytes, packet->size, &target->rules, target->enforce, &strict);
	verdict = probe_run(&target->probe, packet);
	after = probe_ledger(&target->probe);
	for (int i = 0; i < LEDGER_OUTCOMES; i++) {
		uint64_t grown =
			after.counters[LEDGER_EGRESS][i] - before.counters[LEDGER_EGRESS][i];

		targets->outcomes[i] += grown;
		(void)snprintf(what, sizeof(what), "%s is counted %llu times, not %zu",
			       ledger_counter_name((enum ledger_counter)i),
			       (unsigned long long)grown, strict.outcomes[i]);
		if (grown != strict.outcomes[i])
			fail_packet(packet, kind, what);
	}
	written = after.counters[LEDGER_EGRESS][LEDGER_SUBMITTED] -
		  before.counters[LEDGER_EGRESS][LEDGER_SUBMITTED];
	if (written != strict.records)
		fail_packet(packet, kind, "not a record for each that needs one");
	if (verdict != (strict.drop ? PROBE_DROPPED : PROBE_PASSED))
		fail_packet(packet, kind, strict.drop ? "passed" : "dropped");
	matches_check(packet, kind, &target->probe, &strict);
}

void targets_run(struct targets *targets, const struct packet *packet)
{
	for (int kind = 0; kind < TARGETS; kind++)
		target_run(targets, (enum target_kind)kind, packet);
}

void targets_check(struct targets *targets)
{
	for (int kind = 0; kind < TARGETS; kind++) {
		struct ledger ledger = probe_ledger(&targets->each[kind].probe);

		assert_true(ledger_balances(&ledger));
		assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_RING_FULL], 0);
		assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_LIMITED], 0);
		assert_int_equal(ledger.waiting, 0);
		assert_int_equal(ledger.rejected, 0);
	}
}

struct flow targets_flow(struct targets *targets, bool answer)
{
	targets->client++;
	return (struct flow){ .client = targets->client,
			      .source_port = answer ? 53 : 40000,
			      .destination_port = answer ? 40000 : 53 };
}

void targets_query(struct message *message, const char *text)
{
	struct domain_name name;

	assert_int_equal(domain_name_parse(text, &name), 0);
	message_query(message, &name);
}

void targets_stream(struct message *stream, const char *text)
{
	struct message message;

	targets_query(&message, text);
	stream->size = 0;
	message_append(stream, (uint8_t[]){ 0, (uint8_t)message.size }, 2);
	message_append(stream, message.bytes, message.size);
}

void targets_packet(struct targets *targets, struct packet *packet, enum shape shape,
		    enum packet_ip ip, const char *name)
{
	struct flow flow = targets_flow(targets, shape == SHAPE_ANSWER);
	struct message message;

	if (shape == SHAPE_TCP) {
		targets_stream(&message, name);
		packet_tcp(packet, ip, &flow, 1, TCP_ACK, message.bytes, message.size);
		return;
	}
	targets_query(&message, name);
	if (shape == SHAPE_ANSWER)
		message.bytes[2] |= 0x80;
	packet_udp(packet, ip, &flow, message.bytes, message.size);
}

struct pack *targets_pack(void)
{
	return probe_pack(block, allow);
}

static void reference_fill(struct targets *targets)
{
	for (size_t i = 0; i < ELEMENTS(entries); i++) {
		targets->entries[i].match = entries[i].match;
		assert_int_equal(domain_name_parse(entries[i].name, &targets->entries[i].name), 0);
	}
	targets->reference.entries = targets->entries;
	targets->reference.count = ELEMENTS(entries);
}

int targets_open(void **state)
{
	struct targets *targets = calloc(1, sizeof(*targets));
	struct sensor_options options[TARGETS] = {
		[TARGET_AUDIT] = { .replay = true, .answers = true },
		[TARGET_ENFORCE] = { .replay = true, .answers = true, .enforce = true },
		[TARGET_LIVE] = { .enforce = true },
	};
	struct pack *pack = targets_pack();
	uint64_t next;

	if (!targets)
		return -1;
	targets->random.state = 0x853c49e6748fea9bULL;
	reference_fill(targets);
	targets->cgroup = probe_cgroup_make();
	options[TARGET_LIVE].cgroup = targets->cgroup;
	for (int kind = 0; kind < TARGETS; kind++) {
		struct target *target = &targets->each[kind];

		target->enforce = options[kind].enforce;
		target->rules = (struct strict_rules){ .reference = &targets->reference,
						       .responses = options[kind].replay,
						       .answers = options[kind].replay,
						       .observe_all = options[kind].replay };
		probe_open(&target->probe, &options[kind]);
		assert_int_equal(
			sensor_set_pack(target->probe.sensor, pack, 0, keep_kept, NULL, &next), 0);
	}
	pack_close(pack);
	*state = targets;
	return 0;
}

int targets_close(void **state)
{
	struct targets *targets = *state;

	for (int kind = 0; kind < TARGETS; kind++)
		probe_close(&targets->each[kind].probe);
	probe_cgroup_remove(targets->cgroup);
	free(targets);
	return 0;
}
