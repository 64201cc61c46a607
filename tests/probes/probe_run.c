/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_run.h"

#include <errno.h>
#include <net/ethernet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "intel/compile.h"
#include "intel/pack.h"
#include "sensor/dns_answers.h"
#include "sensor/probes.h"

#define EXIT_SKIPPED 77 /* automake's word for it */

int probe_privilege(void)
{
	static const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET_EGRESS);
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "probe_privilege", "GPL", instructions,
			       ELEMENTS(instructions), &options);

	log_open("test", LOG_WARNING);
	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	(void)fprintf(stderr, "%s: BPF programs cannot be loaded (%s): run as root\n",
		      getenv("CI") ? "failed" : "skipped", strerror(errno));
	return getenv("CI") ? 1 : EXIT_SKIPPED;
}

static void event_take(const struct event *event, void *userdata)
{
	struct probe *probe = userdata;

	/* Of a recorded answer; the question that it repeats came before. */
	if (event->kind == EVENT_ANSWER && event->direction == EVENT_DIRECTION_UNKNOWN)
		return;
	assert_true(probe->count < PROBE_EVENTS_MAX);
	probe->events[probe->count++] = (struct probe_event){
		.kind = event->kind,
		.answers = event->answers ? event->answers->count : 0,
		.matched = event->matched,
		.blocked = event->disposition == EVENT_BLOCKED,
		.unreadable = event->unreadable,
		.watch = event->watch,
		.reason = event->reason,
		.qname = event->name,
	};
}

void probe_open(struct probe *probe, const struct sensor_options *options)
{
	const struct bpf_program *program;

	memset(probe, 0, sizeof(*probe));
	assert_int_equal(sensor_open(options, event_take, probe, &probe->sensor), 0);
	program = options->enforce ? probe->sensor->probes->progs.egress_enforce_packet
				   : probe->sensor->probes->progs.egress_audit_packet;
	probe->program = bpf_program__fd(program);
	if (!options->replay)
		probe->ingress = bpf_program__fd(probe->sensor->probes->progs.ingress_audit_packet);
	assert_true(probe->program >= 0);
}

void probe_close(struct probe *probe)
{
	sensor_close(probe->sensor);
	probe->sensor = NULL;
}

void probe_tails_clear(struct probe *probe)
{
	const struct bpf_map *both[] = { probe->sensor->probes->maps.egress_tails,
					 probe->sensor->probes->maps.ingress_tails };

	for (size_t k = 0; k < ELEMENTS(both); k++)
		for (uint32_t i = 0; i < bpf_map__max_entries(both[k]); i++)
			if (bpf_map_delete_elem(bpf_map__fd(both[k]), &i) < 0)
				assert_int_equal(errno, ENOENT); /* turned off */
}

bool probe_sees_packet_memory(void)
{
	/* Returns whether data is below data_end. */
	static const struct bpf_insn instructions[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 2,
		  .src_reg = 1,
		  .off = offsetof(struct __sk_buff, data) },
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 3,
		  .src_reg = 1,
		  .off = offsetof(struct __sk_buff, data_end) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_JMP | BPF_JLE | BPF_X, .dst_reg = 2, .src_reg = 3, .off = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const uint8_t frame[64] = { [12] = 8, [14] = 0x45 };
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_CGROUP_INET_EGRESS);
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "probe_memory", "GPL", instructions,
			       ELEMENTS(instructions), &load);

	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_test_run_opts(fd, &run), 0);
	(void)close(fd);
	return run.retval == 1;
}

enum probe_verdict probe_run_unread(struct probe *probe, const struct packet *packet)
{
	uint8_t frame[sizeof(struct ether_header) + PACKET_MAX] = { 0 };
	struct ether_header *header = (struct ether_header *)(void *)frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .repeat = 1,
		    .data_size_in = (uint32_t)(sizeof(*header) + packet->size));

	header->ether_type = htons(packet->bytes[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	memcpy(frame + sizeof(*header), packet->bytes, packet->size);
	assert_int_equal(bpf_prog_test_run_opts(probe->program, &options), 0);
	assert_in_range(options.retval, PROBE_DROPPED, PROBE_PASSED);
	return (enum probe_verdict)options.retval;
}

enum probe_verdict probe_run_more(struct probe *probe, const struct packet *packet)
{
	enum probe_verdict verdict = probe_run_unread(probe, packet);

	while (sensor_dispatch(probe->sensor, INT32_MAX) > 0)
		;
	return verdict;
}

enum probe_verdict probe_run(struct probe *probe, const struct packet *packet)
{
	probe->count = 0;
	return probe_run_more(probe, packet);
}

struct ledger probe_ledger(struct probe *probe)
{
	struct ledger ledger;

	assert_int_equal(sensor_ledger(probe->sensor, &ledger), 0);
	return ledger;
}

static void list_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static void rejection_show(const struct list_rejection *rejection, void *data)
{
	(void)data;
	fail_msg("line %llu of the test's list is rejected: %.*s",
		 (unsigned long long)rejection->line, (int)rejection->text.size,
		 rejection->text.text);
}

struct pack *probe_pack(const char *block, const char *allow)
{
	char folder[] = "/tmp/cordon-probe-XXXXXX", paths[3][64];
	const char *block_path = paths[0], *allow_path = paths[1], *why = "";
	struct compile_options options = { .no_never_block = true,
					   .force_suffix = true,
					   .allow_paths = &allow_path,
					   .allow_count = 1,
					   .rejected = rejection_show };
	struct compile_report report;
	struct pack *pack = NULL;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(paths[0], sizeof(paths[0]), "%s/block.list", folder);
	(void)snprintf(paths[1], sizeof(paths[1]), "%s/allow.list", folder);
	(void)snprintf(paths[2], sizeof(paths[2]), "%s/test.pack", folder);
	list_write(paths[0], block);
	list_write(paths[1], allow ? allow : "# none\n");
	assert_int_equal(compile_lists(&block_path, 1, &options, paths[2], &report), 0);
	if (pack_open(paths[2], &pack, &why) < 0)
		fail_msg("pack_open: %s", why);
	for (size_t i = 0; i < ELEMENTS(paths); i++)
		assert_int_equal(unlink(paths[i]), 0);
	assert_int_equal(rmdir(folder), 0);
	return pack;
}

unsigned probe_pick(struct probe_random *random, unsigned below)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (unsigned)((random->state >> 33) % below);
}
