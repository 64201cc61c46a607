/* SPDX-License-Identifier: Apache-2.0
 *
 * What looking at flows costs, beside a sensor that does not: a TCP segment by BPF_PROG_TEST_RUN,
 * segments of an established connection, and short connections with a ClientHello, by the kernel's
 * own run-time statistics. Prints one JSON object a line.
 *
 * Needs root; attaches to a cgroup of its own, and talks to itself over loopback.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/probes.h"

#define RUNS	    9
#define REPEAT	    200000
#define MESSAGES    100000
#define CONNECTIONS 10000
#define HELLO	    517 /* as OpenSSL 3.0 writes it */

static void need(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static void event_drop(const struct event *event, void *userdata)
{
	(void)event;
	(void)userdata;
}

static int first_program(const struct sensor *sensor)
{
	return bpf_program__fd(sensor->probes->progs.egress_audit_packet);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A segment with size bytes of payload and these flags. */
static uint32_t segment_ns(int program, uint8_t flags, size_t size)
{
	uint8_t frame[sizeof(struct ether_header) + 40 + HELLO] = { [12] = 8, [14] = 0x45 };
	uint32_t runs[RUNS];

	frame[14 + 9] = IPPROTO_TCP;
	frame[14 + 20] = 0x9c; /* source port */
	frame[14 + 22] = 0x01; /* destination port */
	frame[14 + 23] = 0xbb;
	frame[14 + 32] = 0x50;
	frame[14 + 33] = flags;
	for (size_t i = 0; i < RUNS; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
			    .data_size_in = (uint32_t)(sizeof(struct ether_header) + 40 + size),
			    .repeat = REPEAT);

		need(bpf_prog_test_run_opts(program, &options) == 0, "BPF_PROG_TEST_RUN");
		runs[i] = options.duration;
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

struct run {
	uint64_t time, count, began;
};

static struct run run_begin(int program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	need(bpf_obj_get_info_by_fd(program, &info, &size) == 0, "bpf_obj_get_info_by_fd");
	return (struct run){ info.run_time_ns, info.run_cnt, clock_boottime() };
}

static struct run run_end(int program, const struct run *begun)
{
	struct run now = run_begin(program);

	return (struct run){ now.time - begun->time, now.count - begun->count,
			     now.began - begun->began };
}

static int listener_open(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	need(bind(fd, (struct sockaddr *)address, size) == 0 &&
		     getsockname(fd, (struct sockaddr *)address, &size) == 0 && listen(fd, 10) == 0,
	     "listen");
	return fd;
}

static int dial(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
	need(connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0, "connect");
	return fd;
}

/* Small segments to and fro. */
static struct run established_run(int program, int listener, const struct sockaddr_in *to)
{
	int client = dial(to), server = accept(listener, NULL, NULL);
	struct run begun;
	char bytes[100] = "not anything that is read";

	need(write(client, bytes, sizeof(bytes)) == sizeof(bytes) &&
		     read(server, bytes, sizeof(bytes)) == sizeof(bytes),
	     "first");
	begun = run_begin(program);
	for (int i = 0; i < MESSAGES; i++)
		need(write(client, bytes, sizeof(bytes)) == sizeof(bytes) &&
			     read(server, bytes, sizeof(bytes)) == sizeof(bytes),
		     "message");
	begun = run_end(program, &begun);
	(void)close(client);
	(void)close(server);
	return begun;
}

/* A connection, a ClientHello, an answer, and the end. */
static struct run short_run(struct sensor *sensor, int program, int listener,
			    const struct sockaddr_in *to)
{
	char hello[HELLO] = { 0x16, 3, 1, 2, 0, 1, 0, 1, (char)0xfc }, bytes[HELLO];
	struct run begun = run_begin(program);

	for (int i = 0; i < CONNECTIONS; i++) {
		int client = dial(to), server = accept(listener, NULL, NULL);

		need(write(client, hello, sizeof(hello)) == sizeof(hello) &&
			     read(server, bytes, sizeof(bytes)) == sizeof(bytes) &&
			     write(server, bytes, 100) == 100 && read(client, bytes, 100) == 100,
		     "connection");
		(void)close(client);
		(void)close(server);
		(void)sensor_dispatch(sensor, 1000);
		(void)sensor_poll(sensor);
	}
	return run_end(program, &begun);
}

static void sensor_bench(const char *cgroup, bool flows, int empty)
{
	struct sensor_options options = { .cgroup = cgroup, .flows = flows };
	struct run established, connections;
	struct sockaddr_in to;
	struct sensor *sensor;
	struct ledger ledger;
	uint32_t base, ack, data;
	int listener = listener_open(&to), program;

	need(sensor_open(&options, event_drop, NULL, &sensor) == 0, "sensor");
	program = first_program(sensor);
	base = segment_ns(empty, 0x10, 0);
	ack = segment_ns(program, 0x10, 0);
	data = segment_ns(program, 0x18, 100);
	established = established_run(program, listener, &to);
	connections = short_run(sensor, program, listener, &to);
	need(sensor_ledger(sensor, &ledger) == 0, "ledger");
	(void)printf("{\"flows\": %s, \"ack_over_ns\": %d, \"data_without_note_over_ns\": %d, "
		     "\"established_ns_a_packet\": %.1f, \"short_ns_a_connection\": %.0f, "
		     "\"short_packets_a_connection\": %.1f, \"connections_a_second\": %.0f, "
		     "\"tls\": %llu, \"balances\": %s}\n",
		     flows ? "true" : "false", (int)(ack - base), (int)(data - base),
		     (double)established.time / (double)established.count,
		     (double)connections.time / CONNECTIONS,
		     (double)connections.count / CONNECTIONS,
		     CONNECTIONS / ((double)connections.began / 1e9),
		     (unsigned long long)ledger.flows[LEDGER_FLOW_TLS],
		     ledger_balances(&ledger) ? "true" : "false");
	(void)fflush(stdout);
	sensor_close(sensor);
	(void)close(listener);
}

static void cgroup_enter(const char *folder)
{
	char path[600];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, "0", 1) == 1, path);
	(void)close(fd);
}

int main(void)
{
	char cgroup[512], *root;
	int empty = empty_program(), statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);

	need(empty >= 0 && statistics >= 0, "BPF");
	need(sensor_cgroup_root(&root) == 0, "cgroup");
	(void)snprintf(cgroup, sizeof(cgroup), "%s/cordon-bench-XXXXXX", root);
	need(mkdtemp(cgroup) != NULL, cgroup);
	cgroup_enter(cgroup);
	for (int i = 0; i < 3; i++) {
		sensor_bench(cgroup, false, empty);
		sensor_bench(cgroup, true, empty);
	}
	cgroup_enter(root);
	need(rmdir(cgroup) == 0, cgroup);
	free(root);
	return 0;
}
