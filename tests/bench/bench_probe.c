/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet costs in the DNS probe, by BPF_PROG_TEST_RUN: the median of several runs, over an
 * empty program on the same hook in the same process. Prints one JSON object a line. bench_live
 *measures on real sockets.
 *
 *	bench_probe PACK...
 *
 * The packs are made by tests/bench/run. Needs root; attaches nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "intel/pack.h"
#include "sensor/probes.h"

#define RUNS	   15
#define REPEAT	   200000
/* A hit writes a record: as many as the ring holds, then it is emptied. */
#define REPEAT_HIT 1800
#define RING_BYTES (1 << 20)

struct packet {
	uint8_t bytes[512];
	uint32_t size;
};

static void packet_make(struct packet *packet, const char *name, uint16_t port)
{
	struct domain_name qname;
	struct ether_header *ethernet = (struct ether_header *)(void *)packet->bytes;
	uint8_t *at = packet->bytes + sizeof(*ethernet);
	struct iphdr ip = { .version = 4, .ihl = 5, .protocol = IPPROTO_UDP, .ttl = 64 };
	struct udphdr udp = { .source = htons(40000), .dest = htons(port) };
	static const uint8_t header[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	static const uint8_t tail[4] = { 0, 1, 0, 1 };
	size_t message;

	memset(packet, 0, sizeof(*packet));
	if (domain_name_parse(name, &qname) < 0)
		abort();
	message = sizeof(header) + qname.length + sizeof(tail);
	ethernet->ether_type = htons(ETHERTYPE_IP);
	ip.saddr = htonl(0x7f000001);
	ip.daddr = htonl(0x7f000035);
	ip.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + message));
	udp.len = htons((uint16_t)(sizeof(udp) + message));
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &udp, sizeof(udp));
	at += sizeof(ip) + sizeof(udp);
	memcpy(at, header, sizeof(header));
	memcpy(at + sizeof(header), qname.wire, qname.length);
	memcpy(at + sizeof(header) + qname.length, tail, sizeof(tail));
	packet->size = (uint32_t)(at + message - packet->bytes);
}

/* A segment of an established connection that is not DNS. */
static void packet_make_stream(struct packet *packet, size_t payload)
{
	struct ether_header *ethernet = (struct ether_header *)(void *)packet->bytes;
	uint8_t *at = packet->bytes + sizeof(*ethernet);
	struct iphdr ip = { .version = 4, .ihl = 5, .protocol = IPPROTO_TCP, .ttl = 64 };
	struct tcphdr tcp = { .source = htons(40000), .dest = htons(443), .doff = 5, .ack = 1 };

	memset(packet, 0, sizeof(*packet));
	ethernet->ether_type = htons(ETHERTYPE_IP);
	ip.saddr = htonl(0x7f000001);
	ip.daddr = htonl(0x7f000035);
	ip.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(tcp) + payload));
	tcp.psh = payload > 0;
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &tcp, sizeof(tcp));
	packet->size = (uint32_t)(sizeof(*ethernet) + sizeof(ip) + sizeof(tcp) + payload);
}

static int record_dropped(void *context, void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t median_ns(int program, const struct packet *packet, uint32_t repeat,
			  struct ring_buffer *ring)
{
	uint32_t runs[RUNS];

	for (size_t i = 0; i < RUNS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet->bytes,
			    .data_size_in = packet->size, .repeat = (int)repeat);

		if (bpf_prog_test_run_opts(program, &options) < 0) {
			perror("BPF_PROG_TEST_RUN");
			exit(2);
		}
		runs[i] = options.duration;
		if (ring)
			(void)ring_buffer__consume(ring);
	}
	qsort(runs, RUNS, sizeof(runs[0]), by_value);
	return runs[RUNS / 2];
}

static int empty_program(void)
{
	static const struct bpf_insn instructions[] = {
		{ .code = 0xb7, .dst_reg = 0, .imm = 1 }, /* r0 = 1 */
		{ .code = 0x95 },			  /* exit */
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET_EGRESS);

	return bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", instructions,
			     ELEMENTS(instructions), &options);
}

static const char *listed_name(const struct pack *pack);

static void pack_bench(struct sensor *sensor, struct ring_buffer *ring, const char *path)
{
	static const char long_name[] =
		"aaaaaaaaaabbbbbbbbbbccccccccccd.aaaaaaaaaabbbbbbbbbbccccccccccd."
		"aaaaaaaaaabbbbbbbbbbccccccccccd.aaaaaaaaaabbbbbbbbbbccccccccccd."
		"aaaaaaaaaabbbbbbbbbbccccccccccd.aaaaaaaaaabbbbbbbbbb.innocent-name.com";
	int program = bpf_program__fd(sensor->probes->progs.egress_audit_packet);
	int empty = empty_program();
	struct pack *pack;
	struct pack_info info;
	const char *why;
	struct packet packet;
	uint32_t base, other, miss3, miss8, hit, data, acknowledgement;
	uint64_t next;

	if (empty < 0 || pack_open(path, &pack, &why) < 0 ||
	    sensor_set_pack(sensor, pack, 0, NULL, NULL, &next) < 0) {
		(void)fprintf(stderr, "bench_probe: %s cannot be loaded\n", path);
		exit(2);
	}
	pack_info(pack, &info);
	packet_make(&packet, "www.innocent-name.com", 443);
	base = median_ns(empty, &packet, REPEAT, NULL);
	other = median_ns(program, &packet, REPEAT, NULL);
	packet_make(&packet, "www.innocent-name.com", 53);
	miss3 = median_ns(program, &packet, REPEAT, NULL);
	packet_make(&packet, long_name, 53);
	miss8 = median_ns(program, &packet, REPEAT, NULL);
	packet_make(&packet, listed_name(pack), 53);
	hit = median_ns(program, &packet, REPEAT_HIT, ring);
	packet_make_stream(&packet, 400);
	data = median_ns(program, &packet, REPEAT, NULL);
	packet_make_stream(&packet, 0);
	acknowledgement = median_ns(program, &packet, REPEAT, NULL);
	(void)printf("{\"domains\": %llu, \"table_bytes\": %llu, \"empty_ns\": %u, "
		     "\"not_dns_over\": %d, \"miss_3_labels_over\": %d, "
		     "\"miss_8_labels_200_bytes_over\": %d, \"hit_over\": %d, "
		     "\"tcp_data_over\": %d, \"tcp_ack_over\": %d}\n",
		     (unsigned long long)info.domains, (unsigned long long)info.table_bytes, base,
		     (int)(other - base), (int)(miss3 - base), (int)(miss8 - base),
		     (int)(hit - base), (int)(data - base), (int)(acknowledgement - base));
	pack_close(pack);
	(void)close(empty);
}

static char listed[DOMAIN_NAME_TEXT_SIZE];

static int name_take(const struct domain_name *name, const struct indicator *indicator,
		     void *userdata)
{
	(void)userdata;
	if (indicator->action != INDICATOR_BLOCK)
		return 0;
	domain_name_format(name, listed);
	return 1;
}

static const char *listed_name(const struct pack *pack)
{
	(void)pack_each_domain(pack, name_take, NULL);
	return listed;
}

int main(int argc, char **argv)
{
	struct sensor sensor = { .cgroup_fd = -1, .options = { .ring_bytes = RING_BYTES } };
	struct ring_buffer *ring;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: bench_probe PACK...\n");
		return 2;
	}
	if (probes_load(&sensor) < 0)
		return 2;
	ring = ring_buffer__new(bpf_map__fd(sensor.probes->maps.records), record_dropped, NULL,
				NULL);
	if (!ring)
		return 2;
	for (int i = 1; i < argc; i++)
		pack_bench(&sensor, ring, argv[i]);
	ring_buffer__free(ring);
	probes__destroy(sensor.probes);
	return 0;
}
