/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that of each recorded flow which begins like TLS, HTTP or QUIC the first bytes come up, in
 * whatever pieces they were sent, once, in bounds, and that others only count.
 */
#include <errno.h>
#include <net/ethernet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "probe_run.h"
#include "sensor/probes.h"

#define PIECES_MAX 64
/* What probes/flow.h allows. */
#define FLOW_BYTES 16384
#define HTTP_BYTES 8192
#define SEGMENTS   16
#define DATAGRAMS  8
#define TRIES	   4

struct piece {
	uint32_t offset, size;
	bool last;
	struct event event;
};

struct flows {
	struct probe probe;
	struct flow flow; /* a new one for each case */
	struct ledger before;
	size_t count;
	struct piece pieces[PIECES_MAX];
	size_t stream_size;	    /* bytes of the flow, without a gap */
	uint8_t stream[FLOW_BYTES]; /* put together from the pieces */
};

static void piece_take(const struct event *event, void *userdata)
{
	struct flows *flows = userdata;
	const struct event_payload *payload = &event->payload;

	if (event->kind != EVENT_PAYLOAD)
		return;
	assert_true(flows->count < PIECES_MAX);
	assert_true(payload->size > 0);
	assert_int_equal(event->name.length, 0);
	flows->pieces[flows->count++] = (struct piece){ .offset = payload->offset,
							.size = (uint32_t)payload->size,
							.last = payload->last,
							.event = *event };
	if (event->protocol != IPPROTO_TCP)
		return;
	assert_true(payload->offset + payload->size <= FLOW_BYTES);
	memcpy(flows->stream + payload->offset, payload->bytes, payload->size);
	if (payload->offset <= flows->stream_size)
		flows->stream_size = payload->offset + payload->size;
}

static void flows_open(struct flows *flows, const struct sensor_options *options)
{
	memset(flows, 0, sizeof(*flows));
	assert_int_equal(sensor_open(options, piece_take, flows, &flows->probe.sensor), 0);
	flows->probe.program =
		bpf_program__fd(flows->probe.sensor->probes->progs.egress_audit_packet);
	flows->flow = (struct flow){ 1, 40000, 8443 };
}

static uint64_t counted(struct flows *flows, enum ledger_flow counter)
{
	struct ledger ledger = probe_ledger(&flows->probe);

	return ledger.flows[counter] - flows->before.flows[counter];
}

/* Another flow, of which nothing is known. */
static void flow_next(struct flows *flows)
{
	struct ledger ledger = probe_ledger(&flows->probe);

	assert_true(ledger_balances(&ledger));
	assert_int_equal(ledger.rejected, 0);
	flows->before = ledger;
	flows->flow.client++;
	flows->count = flows->stream_size = 0;
}

static void send_segment(struct flows *flows, enum packet_ip ip, uint32_t sequence, uint8_t flags,
			 const void *bytes, size_t size)
{
	struct packet packet;

	packet_tcp(&packet, ip, &flows->flow, sequence, flags, bytes, size);
	assert_int_equal(probe_run_more(&flows->probe, &packet), PROBE_PASSED);
}

static void send_stream(struct flows *flows, uint32_t sequence, const void *bytes, size_t size)
{
	send_segment(flows, PACKET_IPV4, sequence, TCP_ACK, bytes, size);
}

/* A handshake record of size bytes in all, with one message that claims hello bytes. */
static void hello_make(uint8_t *bytes, size_t size, size_t hello)
{
	const uint8_t head[] = { 0x16,
				 3,
				 1,
				 (uint8_t)((size - 5) >> 8),
				 (uint8_t)(size - 5),
				 1,
				 0,
				 (uint8_t)(hello >> 8),
				 (uint8_t)hello,
				 3,
				 3 };

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(bytes, head, sizeof(head));
}

static void test_hello_in_one_segment(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[1500];

	for (int ip = 0; ip < PACKET_IPS; ip++)
		for (size_t size = 60; size <= sizeof(hello); size += 240) {
			flow_next(flows);
			hello_make(hello, size, size - 9);
			send_segment(flows, (enum packet_ip)ip, 100, TCP_SYN, NULL, 0);
			send_segment(flows, (enum packet_ip)ip, 101, TCP_ACK, NULL, 0);
			assert_int_equal(flows->count, 0);
			send_segment(flows, (enum packet_ip)ip, 101, TCP_ACK, hello, size);
			assert_int_equal(flows->count, 1);
			assert_int_equal(flows->pieces[0].event.source_port, 40000);
			assert_int_equal(flows->pieces[0].event.destination_port, 8443);
			assert_int_equal(flows->pieces[0].event.protocol, IPPROTO_TCP);
			assert_true(flows->pieces[0].last);
			assert_int_equal(flows->stream_size, size);
			assert_memory_equal(flows->stream, hello, size);
			/* What follows it is nobody's business, if it is no other hello. */
			hello[0] = 0x17;
			send_segment(flows, (enum packet_ip)ip, 101 + (uint32_t)size, TCP_ACK,
				     hello, size);
			assert_int_equal(flows->count, 1);
			assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 1);
			assert_int_equal(counted(flows, LEDGER_FLOW_OTHER), 0);
		}
}

/* More in the segment than the ClientHello. */
static void test_hello_and_more(void **state)
{
	struct flows *flows = *state;
	uint8_t bytes[1200];

	flow_next(flows);
	hello_make(bytes, 800, 300);
	send_stream(flows, 1, bytes, sizeof(bytes));
	/* There may be another hello in it. */
	assert_int_equal(flows->count, 1);
	assert_int_equal(flows->pieces[0].size, sizeof(bytes));
	assert_false(flows->pieces[0].last);
}

/* A server may want another hello: it comes up as well, behind a change of ciphers or without. */
static void test_second_hello(void **state)
{
	static const uint8_t change[] = { 0x14, 3, 3, 0, 1, 1 },
			     finished[40] = { 0x17, 3, 3, 0, 35 };
	struct flows *flows = *state;
	uint8_t hello[300], both[sizeof(change) + sizeof(hello)];

	hello_make(hello, sizeof(hello), sizeof(hello) - 9);
	memcpy(both, change, sizeof(change));
	memcpy(both + sizeof(change), hello, sizeof(hello));
	for (int kind = 0; kind < 4; kind++) {
		size_t size = kind == 1 ? sizeof(both) : sizeof(hello);
		uint32_t at = 1;

		flow_next(flows);
		send_stream(flows, at, hello, sizeof(hello));
		at += sizeof(hello);
		if (kind == 2) {
			send_stream(flows, at, change, sizeof(change));
			at += sizeof(change);
		}
		if (kind == 3) {
			send_stream(flows, at, finished, sizeof(finished));
			at += sizeof(finished);
		}
		send_stream(flows, at, kind == 1 ? both : hello, size);
		/* Sent again, and one too many. */
		send_stream(flows, 1, hello, sizeof(hello));
		send_stream(flows, at, kind == 1 ? both : hello, size);
		send_stream(flows, at + (uint32_t)size, hello, sizeof(hello));
		assert_int_equal(flows->count, kind == 3 ? 1 : 2);
		assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 1);
		if (kind == 3)
			continue;
		assert_int_equal(flows->pieces[1].size, size);
		assert_int_equal(flows->pieces[1].offset, 0);
		assert_true(flows->pieces[1].last);
	}
}

static void test_hello_in_segments(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[4000];

	for (size_t step = 300; step < 1400; step += 100) {
		flow_next(flows);
		hello_make(hello, sizeof(hello), sizeof(hello) - 9);
		for (size_t at = 0; at < sizeof(hello); at += step)
			send_stream(flows, (uint32_t)(0xfffffe00u + at), hello + at,
				    at + step < sizeof(hello) ? step : sizeof(hello) - at);
		assert_int_equal(flows->count, (sizeof(hello) + step - 1) / step);
		assert_int_equal(flows->stream_size, sizeof(hello));
		assert_memory_equal(flows->stream, hello, sizeof(hello));
		for (size_t i = 0; i < flows->count; i++)
			assert_int_equal(flows->pieces[i].last, i + 1 == flows->count);
		assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 1);
	}
}

/* A message that goes on in other records: no telling where it ends, so to the maximum. */
static void test_hello_in_records(void **state)
{
	struct flows *flows = *state;
	uint8_t bytes[1400];
	uint32_t at = 0;

	flow_next(flows);
	hello_make(bytes, 200, 1500);
	for (int i = 0; i < 20; i++, at += sizeof(bytes)) {
		send_stream(flows, 7 + at, bytes, sizeof(bytes));
		bytes[0] = 0;
	}
	assert_int_equal(flows->stream_size, FLOW_BYTES);
	assert_true(flows->pieces[flows->count - 1].last);
	assert_int_equal(flows->count, 12);
}

static void test_tiny_segments(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[300];

	for (size_t first = 1; first < 12; first++) {
		flow_next(flows);
		hello_make(hello, sizeof(hello), sizeof(hello) - 9);
		send_stream(flows, 1, hello, first);
		for (uint32_t i = 0; i < 30; i++)
			send_stream(flows, 1 + (uint32_t)first + i, hello + first + i, 1);
		assert_int_equal(flows->count, SEGMENTS);
		assert_int_equal(flows->stream_size, first + SEGMENTS - 1);
		assert_memory_equal(flows->stream, hello, flows->stream_size);
		for (size_t i = 0; i < flows->count; i++)
			assert_int_equal(flows->pieces[i].last, i + 1 == SEGMENTS);
		assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 1);
	}
}

static void test_sent_again(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[900];

	flow_next(flows);
	hello_make(hello, sizeof(hello), sizeof(hello) - 9);
	send_stream(flows, 50, hello, 400);
	send_stream(flows, 50, hello, 400);
	send_stream(flows, 49, hello, 1); /* a keep-alive */
	send_stream(flows, 50, hello, 600);
	assert_int_equal(flows->count, 2);
	assert_int_equal(flows->pieces[1].offset, 400);
	assert_int_equal(flows->pieces[1].size, 200);
	/* One that was lost before it came here. */
	send_stream(flows, 750, hello + 700, 100);
	assert_int_equal(flows->pieces[2].offset, 700);
	assert_false(flows->pieces[2].last);
	send_stream(flows, 850, hello + 800, 100);
	assert_true(flows->pieces[3].last);
	assert_memory_equal(flows->stream, hello, 600);
}

static void test_ports_used_again(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[100];

	flow_next(flows);
	hello_make(hello, sizeof(hello), sizeof(hello) - 9);
	for (uint32_t i = 0; i < 3; i++) {
		send_segment(flows, PACKET_IPV4, 1000 * i, TCP_SYN, NULL, 0);
		send_segment(flows, PACKET_IPV4, 1000 * i, TCP_SYN, NULL, 0);
		send_stream(flows, 1000 * i + 1, hello, sizeof(hello));
		send_segment(flows, PACKET_IPV4, 1000 * i, TCP_SYN, NULL, 0);
		send_stream(flows, 1000 * i + 1, hello, sizeof(hello));
		assert_int_equal(flows->count, i + 1);
	}
	/* Payload in the SYN itself (RFC 7413). */
	send_segment(flows, PACKET_IPV4, 9000, TCP_SYN, hello, 40);
	send_segment(flows, PACKET_IPV4, 9001, TCP_ACK, hello, sizeof(hello));
	assert_int_equal(flows->count, 5);
	assert_int_equal(flows->pieces[3].offset, 0);
	assert_int_equal(flows->pieces[4].offset, 40);
	assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 4);
}

static void test_http(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n",
		"POST /x HTTP/1.1\r\n",
		"HEAD / HTTP/1.0\r\n",
		"PUT / HTTP/1.1\r\n",
		"DELETE / HTTP/1.1\r\n",
		"OPTIONS * HTTP/1.1\r\n",
		"CONNECT a.test:443 HTTP/1.1\r\n",
		"PATCH / HTTP/1.1\r\n",
		"TRACE / HTTP/1.1\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};
	struct flows *flows = *state;

	for (size_t i = 0; i < ELEMENTS(requests); i++)
		for (size_t cut = 1; cut < strlen(requests[i]); cut++) {
			size_t size = strlen(requests[i]);

			flow_next(flows);
			send_stream(flows, 1, requests[i], cut);
			send_stream(flows, 1 + (uint32_t)cut, requests[i] + cut, size - cut);
			assert_int_equal(flows->count, 2);
			assert_int_equal(flows->stream_size, size);
			assert_memory_equal(flows->stream, requests[i], size);
			assert_false(flows->pieces[1].last);
			assert_int_equal(counted(flows, LEDGER_FLOW_HTTP), 1);
		}
}

static void test_http_to_its_end(void **state)
{
	struct flows *flows = *state;
	uint8_t bytes[1000];
	uint32_t at = 0;

	flow_next(flows);
	memset(bytes, 'a', sizeof(bytes));
	memcpy(bytes, "GET /", 5);
	for (int i = 0; i < 12; i++, at += sizeof(bytes)) {
		send_stream(flows, at, bytes, sizeof(bytes));
		/* What begins like a request would be another one. */
		memset(bytes, 'a', 5);
	}
	/* To the end of a segment. */
	assert_int_equal(flows->stream_size, HTTP_BYTES / 1000 * 1000 + 1000);
	assert_int_equal(flows->count, 9);
	assert_true(flows->pieces[8].last);
	/* One that closes says so. */
	flow_next(flows);
	send_segment(flows, PACKET_IPV4, 1, TCP_ACK | 1, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_true(flows->pieces[0].last);
}

static void test_others_only_count(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} others[] = {
		{ "get / HTTP/1.1", 14 },
		{ "GETX / HTTP/1.1", 15 },
		{ "GET", 4 }, /* with the NUL */
		{ "PRI * FTP/", 10 },
		{ "SSH-2.0-x\r\n", 11 },
		{ "\x16\x03\x01\x00\x50\x02", 6 }, /* ServerHello */
		{ "\x16\x02\x01", 3 },
		{ "\x17\x03\x03\x00\x10", 5 },
		{ "\0", 1 },
	};
	struct flows *flows = *state;

	for (size_t i = 0; i < ELEMENTS(others); i++) {
		flow_next(flows);
		send_segment(flows, PACKET_IPV4, 0, TCP_SYN, NULL, 0);
		send_stream(flows, 1, others[i].bytes, others[i].size);
		for (uint32_t k = 1; k < TRIES; k++)
			send_stream(flows, 100 * k, others[i].bytes, others[i].size);
		send_stream(flows, 1000, "GET / HTTP/1.1", 14);
		assert_int_equal(flows->count, 0);
		assert_int_equal(counted(flows, LEDGER_FLOW_OTHER), 1);
		assert_int_equal(counted(flows, LEDGER_FLOW_HTTP), 0);
		/* A recording that begins in the middle of it: neither the one nor the other. */
		flow_next(flows);
		send_stream(flows, 1, others[i].bytes, others[i].size);
		assert_int_equal(flows->count, 0);
		assert_int_equal(counted(flows, LEDGER_FLOW_OTHER), 0);
		send_stream(flows, 100, "GET / HTTP/1.1", 14);
		assert_int_equal(flows->count, 1);
	}
	/* What a server says to a SYN is not a flow of its own. */
	flow_next(flows);
	send_segment(flows, PACKET_IPV4, 0, TCP_SYN | TCP_ACK, NULL, 0);
	send_stream(flows, 1, "220 mail.test", 13);
	assert_int_equal(counted(flows, LEDGER_FLOW_OTHER), 0);
}

/* As behind a SOCKS proxy, or after STARTTLS. */
static void test_after_something_else(void **state)
{
	struct flows *flows = *state;
	uint8_t hello[700];

	hello_make(hello, sizeof(hello), sizeof(hello) - 9);
	for (uint32_t before = 1; before < TRIES + 2; before++) {
		flow_next(flows);
		send_segment(flows, PACKET_IPV4, 0, TCP_SYN, NULL, 0);
		for (uint32_t i = 0; i < before; i++)
			send_stream(flows, 1 + i * 10, "\5\1\0\3\6a.test", 10);
		send_stream(flows, 1 + before * 10, hello, 300);
		send_stream(flows, 1 + before * 10 + 300, hello + 300, 400);
		assert_int_equal(counted(flows, LEDGER_FLOW_OTHER), 1);
		assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 0);
		assert_int_equal(counted(flows, LEDGER_FLOW_LATE), before < TRIES);
		if (before >= TRIES) {
			assert_int_equal(flows->count, 0);
			continue;
		}
		assert_int_equal(flows->count, 2);
		assert_int_equal(flows->stream_size, sizeof(hello));
		assert_memory_equal(flows->stream, hello, sizeof(hello));
		assert_true(flows->pieces[1].last);
	}
	/* One byte of it says nothing in the middle of something else. */
	flow_next(flows);
	send_segment(flows, PACKET_IPV4, 0, TCP_SYN, NULL, 0);
	send_stream(flows, 1, "EHLO", 4);
	send_stream(flows, 5, "P", 1);
	assert_int_equal(flows->count, 0);
}

/* Any stream cut anywhere, parts of it sent again: what comes up is its beginning. */
static void test_pieces_make_the_stream(void **state)
{
	struct probe_random random = { 0x6c62272e07bb0142ULL };
	struct flows *flows = *state;
	uint8_t hello[6000];

	for (int round = 0; round < 400; round++) {
		enum packet_ip ip = (enum packet_ip)probe_pick(&random, PACKET_IPS);
		size_t size = 20 + probe_pick(&random, sizeof(hello) - 20), at = 0, segments = 0;
		bool told = false; /* the first piece says where the message ends */

		flow_next(flows);
		hello_make(hello, size, size - 9);
		while (at < size) {
			size_t part = 1 + probe_pick(&random, 1500);
			size_t back = probe_pick(&random, 4) ? 0 : probe_pick(&random, 3000);

			back = back > at ? at : back;
			part = part > size - at + back ? size - at + back : part;
			send_segment(flows, ip, (uint32_t)(77 + at - back), TCP_ACK,
				     hello + at - back, part);
			if (at == 0)
				told = part >= 9;
			if (part > back) {
				at += part - back;
				segments++;
			}
		}
		assert_int_equal(flows->count, segments < SEGMENTS ? segments : SEGMENTS);
		if (segments <= SEGMENTS)
			assert_int_equal(flows->stream_size, size);
		assert_memory_equal(flows->stream, hello, flows->stream_size);
		assert_int_equal(flows->pieces[flows->count - 1].last,
				 told || segments >= SEGMENTS);
		assert_int_equal(counted(flows, LEDGER_FLOW_TLS), 1);
	}
}

static void datagram_make(uint8_t *bytes, uint32_t version, uint8_t first)
{
	const uint8_t head[] = { first, (uint8_t)(version >> 24), (uint8_t)(version >> 16),
				 (uint8_t)(version >> 8), (uint8_t)version };

	memset(bytes, 0x5a, 1500);
	memcpy(bytes, head, sizeof(head));
}

static void send_datagram(struct flows *flows, enum packet_ip ip, const void *bytes, size_t size)
{
	struct packet packet;

	packet_udp(&packet, ip, &flows->flow, bytes, size);
	assert_int_equal(probe_run_more(&flows->probe, &packet), PROBE_PASSED);
}

static void test_quic(void **state)
{
	static const struct {
		uint32_t version;
		uint8_t first;
		size_t size, pieces;
	} cases[] = {
		{ 1, 0xc3, 1200, 1 },	       { 1, 0xc0, 1350, 1 },
		{ 0x6b3343cf, 0xd3, 1252, 1 }, { 0xff00001d, 0xc1, 1200, 1 },
		{ 0x1a2a3a4a, 0xf0, 1500, 1 }, /* of a version that nobody knows */
		{ 1, 0xe3, 1200, 0 },	       /* Handshake */
		{ 1, 0xd3, 1200, 0 },	       /* 0-RTT */
		{ 0x6b3343cf, 0xc3, 1200, 0 }, /* Retry */
		{ 1, 0xc3, 1199, 0 },	       { 0, 0xc3, 1200, 0 },
		{ 1, 0x43, 1200, 0 },	       { 1, 0x83, 1200, 0 },
	};
	struct flows *flows = *state;
	uint8_t bytes[1500];

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		for (int ip = 0; ip < PACKET_IPS; ip++) {
			flow_next(flows);
			datagram_make(bytes, cases[i].version, cases[i].first);
			send_datagram(flows, (enum packet_ip)ip, bytes, cases[i].size);
			assert_int_equal(flows->count, cases[i].pieces);
			assert_int_equal(counted(flows, LEDGER_FLOW_QUIC), cases[i].pieces);
			if (!cases[i].pieces)
				continue;
			assert_int_equal(flows->pieces[0].size, cases[i].size);
			assert_int_equal(flows->pieces[0].offset, 0);
			assert_int_equal(flows->pieces[0].event.protocol, IPPROTO_UDP);
			assert_false(flows->pieces[0].last);
		}
}

static void test_quic_is_bounded(void **state)
{
	struct flows *flows = *state;
	uint8_t bytes[1900];
	uint64_t began;

	datagram_make(bytes, 1, 0xc3);
	/* The bound is one for a second, of 1024 * 1024 * 1024 ns: again, if it ended just then. */
	do {
		flow_next(flows);
		began = clock_boottime() >> 30;
		for (int i = 0; i < 3 * DATAGRAMS; i++)
			send_datagram(flows, PACKET_IPV4, bytes, 1200);
	} while (clock_boottime() >> 30 != began);
	assert_int_equal(flows->count, DATAGRAMS);
	for (size_t i = 0; i < flows->count; i++)
		assert_int_equal(flows->pieces[i].last, i + 1 == DATAGRAMS);
	assert_int_equal(counted(flows, LEDGER_FLOW_QUIC), 1);
	/* Another peer of it is another flow. */
	flows->flow.destination_port++;
	send_datagram(flows, PACKET_IPV4, bytes, sizeof(bytes));
	flows->flow.destination_port--;
	assert_int_equal(flows->count, DATAGRAMS + 1);
	assert_int_equal(flows->pieces[DATAGRAMS].size, 1500);
	assert_int_equal(counted(flows, LEDGER_FLOW_QUIC), 2);
}

static void run_segmented(struct flows *flows, const struct packet *packet, uint32_t step)
{
	uint8_t frame[sizeof(struct ether_header) + 3000] = { 0 };
	struct ether_header *header = (struct ether_header *)(void *)frame;
	struct __sk_buff context = { .gso_size = step };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .repeat = 1,
		    .data_size_in = (uint32_t)(sizeof(*header) + packet->size), .ctx_in = &context,
		    .ctx_size_in = sizeof(context));

	header->ether_type = htons(ETHERTYPE_IP);
	memcpy(frame + sizeof(*header), packet->bytes, packet->size);
	assert_int_equal(bpf_prog_test_run_opts(flows->probe.program, &options), 0);
	while (sensor_dispatch(flows->probe.sensor, INT32_MAX) > 0)
		;
}

/* Two datagrams in one send (UDP_SEGMENT). The second is below the least that an Initial takes: it
 * is not one. */
static void test_quic_segmented(void **state)
{
	struct flows *flows = *state;
	struct packet packet;
	uint8_t bytes[1900];

	flow_next(flows);
	datagram_make(bytes, 1, 0xc3);
	datagram_make(bytes + 300, 1, 0xc3);
	packet_udp(&packet, PACKET_IPV4, &flows->flow, bytes, 1800);
	run_segmented(flows, &packet, 1300);
	assert_int_equal(flows->count, 1);
	assert_int_equal(flows->pieces[0].size, 1300);
}

static void test_dns_is_left_alone(void **state)
{
	struct flows *flows = *state;
	uint8_t bytes[1500];

	flow_next(flows);
	flows->flow.destination_port = 53;
	send_segment(flows, PACKET_IPV4, 0, TCP_SYN, NULL, 0);
	send_stream(flows, 1, "GET / HTTP/1.1\r\n", 16);
	datagram_make(bytes, 1, 0xc3);
	send_datagram(flows, PACKET_IPV4, bytes, 1200);
	flows->flow.destination_port = 8443;
	assert_int_equal(flows->count, 0);
	for (int i = 0; i < LEDGER_FLOWS; i++)
		assert_int_equal(counted(flows, (enum ledger_flow)i), 0);
}

/* Whatever bytes stand where headers should: nothing breaks, and the ledger balances. */
static void test_broken_headers(void **state)
{
	struct probe_random random = { 0xcbf29ce484222325ULL };
	struct flows *flows = *state;
	struct packet packet;
	uint8_t bytes[1500];

	for (int i = 0; i < 20000; i++) {
		flow_next(flows);
		flows->flow.client = probe_pick(&random, 500) + 100000;
		datagram_make(bytes, 1, 0xc3);
		if (i % 2)
			packet_udp(&packet, (enum packet_ip)probe_pick(&random, PACKET_IPS),
				   &flows->flow, bytes, 1200);
		else
			packet_tcp(&packet, (enum packet_ip)probe_pick(&random, PACKET_IPS),
				   &flows->flow, probe_pick(&random, 1u << 31),
				   (uint8_t)probe_pick(&random, 64),
				   "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 32);
		for (unsigned k = probe_pick(&random, 3); k > 0; k--)
			packet.bytes[probe_pick(&random, (unsigned)packet.payload + 8)] =
				(uint8_t)probe_pick(&random, 256);
		if (i % 5 == 0)
			packet.size = 40 + probe_pick(&random, (unsigned)packet.size - 40);
		assert_int_equal(probe_run_more(&flows->probe, &packet), PROBE_PASSED);
	}
	flow_next(flows);
}

/* With nobody reading, flows take half of the ring; what is matched finds room. */
static void test_half_of_the_ring(void **state)
{
	struct sensor_options options = { .replay = true, .flows = true, .ring_bytes = 65536 };
	struct flows flows;
	struct packet packet;
	struct ledger ledger;
	struct domain_name name;
	struct message message;
	uint64_t before;

	(void)state;
	flows_open(&flows, &options);
	for (uint32_t i = 0; i < 200; i++) {
		flows.flow.client++;
		packet_tcp(&packet, PACKET_IPV4, &flows.flow, 1, TCP_ACK, "GET / HTTP/1.1\r\n", 16);
		assert_int_equal(probe_run_unread(&flows.probe, &packet), PROBE_PASSED);
	}
	ledger = probe_ledger(&flows.probe);
	before = ledger.flows[LEDGER_FLOW_SUBMITTED];
	assert_in_range(before, 20, 65536 / 2 / 1024);
	assert_int_equal(ledger.flows[LEDGER_FLOW_HTTP], 200);
	assert_int_equal(ledger.flows[LEDGER_FLOW_LIMITED], 200 - before);
	assert_int_equal(ledger_lost(&ledger), 200 - before);
	assert_int_equal(domain_name_parse("a.test", &name), 0);
	message_query(&message, &name);
	flows.flow.destination_port = 53;
	packet_udp(&packet, PACKET_IPV4, &flows.flow, message.bytes, message.size);
	assert_int_equal(probe_run_unread(&flows.probe, &packet), PROBE_PASSED);
	ledger = probe_ledger(&flows.probe);
	assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_SUBMITTED], 1);
	assert_true(ledger_balances(&ledger));
	while (sensor_dispatch(flows.probe.sensor, INT32_MAX) > 0)
		;
	ledger = probe_ledger(&flows.probe);
	assert_true(ledger_balances(&ledger));
	assert_int_equal(ledger.read, before + 1);
	probe_close(&flows.probe);
}

/* Turned off: nothing is looked at or loaded. */
static void test_off(void **state)
{
	struct sensor_options options = { .replay = true };
	struct sensor_program programs[SENSOR_PROGRAMS_MAX];
	struct flows flows;
	size_t count;

	(void)state;
	flows_open(&flows, &options);
	send_segment(&flows, PACKET_IPV4, 0, TCP_SYN, NULL, 0);
	send_stream(&flows, 1, "GET / HTTP/1.1\r\n", 16);
	assert_int_equal(flows.count, 0);
	for (int i = 0; i < LEDGER_FLOWS; i++)
		assert_int_equal(counted(&flows, (enum ledger_flow)i), 0);
	count = sensor_programs(flows.probe.sensor, programs);
	for (size_t i = 0; i < count; i++)
		assert_null(strstr(programs[i].name, "flow"));
	probe_close(&flows.probe);
}

static int fixture_open(void **state)
{
	static const struct sensor_options options = { .replay = true, .flows = true };
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return -1;
	flows_open(flows, &options);
	*state = flows;
	return 0;
}

static int fixture_close(void **state)
{
	struct flows *flows = *state;

	flow_next(flows);
	probe_close(&flows->probe);
	free(flows);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_in_one_segment),
		cmocka_unit_test(test_hello_and_more),
		cmocka_unit_test(test_second_hello),
		cmocka_unit_test(test_hello_in_segments),
		cmocka_unit_test(test_hello_in_records),
		cmocka_unit_test(test_tiny_segments),
		cmocka_unit_test(test_sent_again),
		cmocka_unit_test(test_ports_used_again),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_to_its_end),
		cmocka_unit_test(test_others_only_count),
		cmocka_unit_test(test_after_something_else),
		cmocka_unit_test(test_pieces_make_the_stream),
		cmocka_unit_test(test_quic),
		cmocka_unit_test(test_quic_is_bounded),
		cmocka_unit_test(test_quic_segmented),
		cmocka_unit_test(test_dns_is_left_alone),
		cmocka_unit_test(test_broken_headers),
		cmocka_unit_test(test_half_of_the_ring),
		cmocka_unit_test(test_off),
	};
	int r = probe_privilege();

	return r ? r : cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
