/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that the kernel side's word on an address is that of a plain list of prefixes, over
 * thousands of random ones of both families, at the packet and at connect; that policy's marks and
 * expiry reach it; that learnt addresses and foreign resolvers are told; and that the counters
 * balance throughout.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/pack.h"
#include "probe_cgroup.h"
#include "probe_run.h"
#include "sensor/probes.h"
#include "tests/unit/prefix_reference.h"

CLEANUP_DEFINE(struct pack *, pack_close)

#define ENTRIES	  1500
#define ADDRESSES 6000
#define UNKNOWN	  253 /* a protocol for experiments (RFC 3692): no hook at the system call */
#define PORT	  4433

static struct probe_random random_numbers = { 0x9e3779b97f4a7c15ULL };

static unsigned pick(unsigned below)
{
	return probe_pick(&random_numbers, below);
}

/* A sensor whose programs are attached to a cgroup of the test's own. */
struct world {
	char *cgroup;
	struct probe probe;
};

static void world_open(struct world *world, bool enforce)
{
	struct sensor_options options = { .enforce = enforce };

	world->cgroup = probe_cgroup_make();
	options.cgroup = world->cgroup;
	probe_open(&world->probe, &options);
}

static void world_close(struct world *world)
{
	probe_close(&world->probe);
	probe_cgroup_remove(world->cgroup);
}

/* The smallest packet to that address. */
static void packet_to(struct packet *packet, const struct address *to, uint8_t protocol)
{
	memset(packet, 0, sizeof(*packet));
	if (address_is_ipv4(to)) {
		packet->size = 28;
		packet->bytes[0] = 0x45;
		packet->bytes[3] = 28;
		packet->bytes[8] = 64;
		packet->bytes[9] = protocol;
		memcpy(packet->bytes + 16, to->bytes + 12, 4);
		return;
	}
	packet->size = 48;
	packet->bytes[0] = 0x60;
	packet->bytes[5] = 8;
	packet->bytes[6] = protocol;
	packet->bytes[7] = 64;
	memcpy(packet->bytes + 24, to->bytes, 16);
}

/* What the counters say of the one packet, which is dropped only when the list has it. */
static enum prefix_word kernel_word(struct world *world, const struct address *address)
{
	static const enum ledger_counter counters[] = {
		[PREFIX_NONE] = LEDGER_CLEAN,
		[PREFIX_LISTED] = LEDGER_MATCHED,
		[PREFIX_ALLOWED] = LEDGER_ALLOWED,
	};
	struct ledger before = probe_ledger(&world->probe), after;
	struct packet packet;
	enum probe_verdict verdict;
	enum prefix_word found = PREFIX_NONE;
	unsigned count = 0;

	packet_to(&packet, address, UNKNOWN);
	verdict = probe_run(&world->probe, &packet);
	after = probe_ledger(&world->probe);
	assert_true(ledger_balances(&after));
	for (size_t i = 0; i < ELEMENTS(counters); i++) {
		uint64_t added = after.counters[LEDGER_SEND][counters[i]] -
				 before.counters[LEDGER_SEND][counters[i]];

		if (added)
			found = (enum prefix_word)i;
		count += (unsigned)added;
	}
	assert_int_equal(count, 1);
	assert_int_equal(verdict, found == PREFIX_LISTED ? PROBE_DROPPED : PROBE_PASSED);
	return found;
}

static char *list_text(const struct prefix_reference *reference, bool allow)
{
	char *text = NULL, prefix[ADDRESS_TEXT_SIZE];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fprintf(out, "198.18.0.1\n");
	for (size_t i = 0; i < reference->count; i++) {
		const struct prefix_entry *entry = &reference->entries[i];

		if (entry->allow != allow)
			continue;
		address_format_prefix(&entry->address, entry->prefix, prefix);
		(void)fprintf(out, "%s\n", prefix);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A random list, and the pack of it. */
static struct pack *random_pack(struct prefix_reference *reference, size_t count)
{
	CLEANUP(free_cleanup) char *block = NULL;
	CLEANUP(free_cleanup) char *allow = NULL;

	reference->count = count;
	for (size_t i = 0; i < count; i++) {
		struct prefix_entry *entry = &reference->entries[i];

		/* Prefixes that hold a whole family have no text that lists take. */
		do
			*entry = prefix_random_entry(pick);
		while (entry->prefix == 0 || entry->prefix == 96);
	}
	block = list_text(reference, false);
	allow = list_text(reference, true);
	return probe_pack(block, allow);
}

static void pack_set(struct world *world, const struct pack *pack)
{
	uint64_t next;

	assert_int_equal(sensor_set_pack(world->probe.sensor, pack, 1, NULL, NULL, &next), 0);
}

static void word_check(struct world *world, const struct pack *pack,
		       const struct prefix_reference *reference, const struct address *address,
		       size_t *words)
{
	unsigned prefix;
	enum prefix_word expected = prefix_reference_find(reference, address, &prefix);
	enum prefix_word word = kernel_word(world, address);
	struct pack_match match;
	char text[ADDRESS_TEXT_SIZE];

	address_format(address, text);
	if (word != expected)
		fail_msg("%s: expected %d by /%u, got %d", text, expected, prefix, word);
	/* What `cordon intel lookup` says is the same. */
	assert_int_equal(pack_lookup_address(pack, address, 1, &match), expected != PREFIX_NONE);
	assert_int_equal(match.blocked, expected == PREFIX_LISTED);
	words[word]++;
}

/* Packets of a protocol without a hook: the kernel side, the list and the pack's lookup agree. */
static void test_packets(void **state)
{
	static const size_t sizes[] = { 40, ENTRIES };
	CLEANUP(free_cleanup) struct prefix_reference *reference = calloc(1, sizeof(*reference));
	struct world world;

	(void)state;
	assert_non_null(reference);
	world_open(&world, true);
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		CLEANUP(pack_close_cleanup) struct pack *pack = random_pack(reference, sizes[i]);
		size_t words[3] = { 0 };

		pack_set(&world, pack);
		for (int k = 0; k < ADDRESSES; k++) {
			struct address address = prefix_random_address(pick);

			/* A packet cannot have one of those. */
			word_check(&world, pack, reference, &address, words);
		}
		for (size_t k = 0; k < reference->count; k++) {
			struct prefix_entry entry = reference->entries[k];
			unsigned bit = entry.prefix - 1;

			word_check(&world, pack, reference, &entry.address, words);
			entry.address.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			word_check(&world, pack, reference, &entry.address, words);
		}
		for (size_t k = 0; k < ELEMENTS(words); k++)
			assert_true(words[k] > 0);
	}
	world_close(&world);
}

/* In the cgroup, and in a network namespace without a route: the error says whether the connection
 * was refused before the kernel looked for one. */
static void connects_make(const char *cgroup, const struct address *addresses, int *errors)
{
	if (probe_cgroup_enter(cgroup) < 0 || unshare(CLONE_NEWNET) < 0)
		_exit(1);
	for (size_t i = 0; i < ADDRESSES; i++) {
		struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
		struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
		/* IPv4 by its own hook, and mapped by the other. */
		bool ipv4 = address_is_ipv4(&addresses[i]) && i % 2;
		int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		memcpy(&to.sin6_addr, addresses[i].bytes, 16);
		memcpy(&to4.sin_addr, addresses[i].bytes + 12, 4);
		errors[i] = (ipv4 ? connect(fd, (struct sockaddr *)&to4, sizeof(to4))
				  : connect(fd, (struct sockaddr *)&to, sizeof(to))) < 0
				    ? errno
				    : 0;
		(void)close(fd);
	}
	_exit(0);
}

static void test_connect(void **state)
{
	size_t size = ADDRESSES * (sizeof(struct address) + sizeof(int));
	struct address *addresses =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *errors = (int *)(addresses + ADDRESSES), status;
	CLEANUP(free_cleanup) struct prefix_reference *reference = calloc(1, sizeof(*reference));
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct ledger ledger;
	struct world world;
	uint64_t words[3] = { 0 };
	pid_t child;

	(void)state;
	assert_ptr_not_equal(addresses, MAP_FAILED);
	assert_non_null(reference);
	world_open(&world, true);
	pack = random_pack(reference, ENTRIES);
	pack_set(&world, pack);
	for (size_t i = 0; i < ADDRESSES; i++)
		addresses[i] = prefix_random_address(pick);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		connects_make(world.cgroup, addresses, errors);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < ADDRESSES; i++) {
		unsigned prefix;
		enum prefix_word word = prefix_reference_find(reference, &addresses[i], &prefix);

		words[word]++;
		if ((errors[i] == EPERM) != (word == PREFIX_LISTED))
			fail_msg("address %zu: error %d, expected word %d", i, errors[i], word);
	}
	ledger = probe_ledger(&world.probe);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_CLEAN], words[PREFIX_NONE]);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_ALLOWED], words[PREFIX_ALLOWED]);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_MATCHED], words[PREFIX_LISTED]);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_BLOCKED], words[PREFIX_LISTED]);
	assert_true(ledger_balances(&ledger));
	world_close(&world);
	assert_int_equal(munmap(addresses, size), 0);
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

/* Runs a packet to that address; returns whether it passed. Events are left in the probe. */
static bool passes(struct world *world, const char *to, uint8_t protocol, uint16_t port)
{
	struct address address = address_of(to);
	struct packet packet;

	packet_to(&packet, &address, protocol);
	packet.bytes[packet.size - 6] = (uint8_t)(port >> 8);
	packet.bytes[packet.size - 5] = (uint8_t)port;
	return probe_run(&world->probe, &packet) == PROBE_PASSED;
}

static bool feed_kept(const struct indicator *indicator, void *userdata)
{
	(void)userdata;
	return strstr(indicator->text, "192.0.2.") || strstr(indicator->text, "2001:db8:1:");
}

/* Entries that policy wants kept are seen and pass; those past their expiry are not seen. */
static void test_marks(void **state)
{
	static const struct {
		const char *address;
		bool passes;
		size_t events;
	} cases[] = {
		{ "192.0.2.1", true, 1 },
		{ "198.51.100.1", false, 1 },
		{ "10.1.1.1", false, 1 },
		{ "2001:db8:1::1", true, 1 },
		{ "2001:db8:2::1", false, 1 },
		{ "203.0.113.1", true, 0 },
		{ "64:ff9b::198.51.100.2", false, 1 },
	};
	CLEANUP(pack_close_cleanup)
	struct pack *pack = probe_pack("192.0.2.0/24\n198.51.100.0/24\n10.0.0.0/8\n"
				       "2001:db8:1::/48\n2001:db8:2::/48\n"
				       "203.0.113.0/24 # expires=2100-01-01\n",
				       NULL);
	struct world world;
	uint64_t next;

	(void)state;
	world_open(&world, true);
	assert_int_equal(sensor_set_pack(world.probe.sensor, pack, UINT64_C(4200000000), feed_kept,
					 NULL, &next),
			 0);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(passes(&world, cases[i].address, UNKNOWN, 0), cases[i].passes);
		assert_int_equal(world.probe.count, cases[i].events);
	}
	world_close(&world);
}

/* An address that a name resolved to is told and refused for its time; the table goes first. */
static void test_learnt(void **state)
{
	const struct address learnt = address_of("192.0.2.1"), kept = address_of("2001:db8::1"),
			     past = address_of("192.0.2.3"), allowed = address_of("192.0.2.4");
	CLEANUP(pack_close_cleanup) struct pack *pack = probe_pack("evil.com\n", "192.0.2.4\n");
	uint64_t later = clock_boottime() + 3600 * NS_PER_SECOND;
	struct sensor *sensor;
	struct world world;

	(void)state;
	world_open(&world, true);
	sensor = world.probe.sensor;
	pack_set(&world, pack);
	assert_true(passes(&world, "192.0.2.1", UNKNOWN, 0));
	assert_int_equal(world.probe.count, 0);
	assert_int_equal(sensor_learn(sensor, &learnt, later, false), 0);
	assert_int_equal(sensor_learn(sensor, &learnt, later, false), 0);
	assert_int_equal(sensor_learn(sensor, &kept, later, true), 0);
	assert_int_equal(sensor_learn(sensor, &past, clock_boottime(), false), 0);
	assert_int_equal(sensor_learn(sensor, &allowed, later, false), 0);
	assert_false(passes(&world, "192.0.2.1", UNKNOWN, 0));
	assert_int_equal(world.probe.count, 1);
	assert_int_equal(world.probe.events[0].watch, EVENT_WATCH_LEARNT);
	assert_true(world.probe.events[0].blocked);
	assert_false(passes(&world, "64:ff9b::192.0.2.1", UNKNOWN, 0));
	assert_true(passes(&world, "2001:db8::1", UNKNOWN, 0));
	assert_int_equal(world.probe.count, 1);
	assert_false(world.probe.events[0].blocked);
	assert_true(passes(&world, "192.0.2.3", UNKNOWN, 0));
	assert_true(passes(&world, "192.0.2.4", UNKNOWN, 0));
	assert_int_equal(world.probe.count, 0);
	assert_int_equal(sensor_unlearn(sensor, &learnt), 0);
	assert_int_equal(sensor_unlearn(sensor, &learnt), 0);
	assert_true(passes(&world, "192.0.2.1", UNKNOWN, 0));
	assert_int_equal(world.probe.sensor->probes->bss->learnt_count, 3);
	world_close(&world);
}

/* In the cgroup: datagrams to DNS ports of addresses. */
static void datagrams_send(const char *cgroup, const char *const *addresses, size_t count,
			   uint16_t port)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || probe_cgroup_enter(cgroup) < 0 || unshare(CLONE_NEWNET) < 0)
		_exit(1);
	/* A socket of the namespace that is left has routes, and nobody may hear of this. */
	(void)close(fd);
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < count; i++) {
		struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
		struct address address;

		if (address_parse(addresses[i], &address) < 0)
			_exit(1);
		memcpy(&to.sin6_addr, address.bytes, 16);
		(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	}
	_exit(0);
}

/* How many of them were told, as what. */
static size_t watched(struct world *world, const char *const *addresses, size_t count,
		      uint16_t port, enum event_watch watch)
{
	pid_t child = fork();
	size_t told = 0;
	int status;

	assert_true(child >= 0);
	if (child == 0)
		datagrams_send(world->cgroup, addresses, count, port);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	world->probe.count = 0;
	while (sensor_dispatch(world->probe.sensor, INT32_MAX) > 0)
		;
	for (size_t i = 0; i < world->probe.count; i++) {
		assert_int_equal(world->probe.events[i].watch, watch);
		assert_false(world->probe.events[i].blocked);
		told++;
	}
	return told;
}

/* Plain DNS to others than this host's own resolvers is told, once for a process and a place; and
 * DNS over TLS or QUIC. */
static void test_resolvers(void **state)
{
	static const char *const asked[] = { "192.0.2.53", "2001:db8::53", "::ffff:198.51.100.53",
					     "::1",	   "127.0.0.53",   "192.0.2.53" };
	const struct address own[] = { address_of("192.0.2.53"), address_of("2001:db8::53") };
	CLEANUP(pack_close_cleanup) struct pack *pack = probe_pack("evil.com\n", NULL);
	struct address many[SENSOR_RESOLVERS_MAX + 1] = { 0 };
	struct ledger ledger;
	struct world world;

	(void)state;
	world_open(&world, true);
	pack_set(&world, pack);
	assert_int_equal(watched(&world, asked, ELEMENTS(asked), 53, EVENT_WATCH_RESOLVER), 0);
	assert_int_equal(sensor_set_resolvers(world.probe.sensor, many, ELEMENTS(many)), -E2BIG);
	assert_int_equal(sensor_set_resolvers(world.probe.sensor, own, 1), 0);
	assert_int_equal(watched(&world, asked, ELEMENTS(asked), 53, EVENT_WATCH_RESOLVER), 2);
	assert_int_equal(sensor_set_resolvers(world.probe.sensor, own + 1, 1), 0);
	/* Asked twice, told once. */
	assert_int_equal(watched(&world, asked, ELEMENTS(asked), 53, EVENT_WATCH_RESOLVER), 2);
	assert_int_equal(sensor_set_resolvers(world.probe.sensor, NULL, 0), 0);
	assert_int_equal(watched(&world, asked, ELEMENTS(asked), 53, EVENT_WATCH_RESOLVER), 0);
	assert_int_equal(watched(&world, asked, ELEMENTS(asked), 853, EVENT_WATCH_ENCRYPTED), 3);
	ledger = probe_ledger(&world.probe);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_WATCHED], 2 + 3 + 4);
	assert_int_equal(ledger.counters[LEDGER_CONNECT][LEDGER_LIMITED], 2);
	assert_true(ledger_balances(&ledger));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),	  cmocka_unit_test(test_connect),
		cmocka_unit_test(test_marks),	  cmocka_unit_test(test_learnt),
		cmocka_unit_test(test_resolvers),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
