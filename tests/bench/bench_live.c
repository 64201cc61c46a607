/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet costs in the DNS probe on real sockets: sends on loopback from a cgroup with the
 * probes, in turn with sends from one with empty programs on the same hooks, and a program's usual
 * use of the caches in between. Prints one JSON object a kind of traffic, in nanoseconds:
 *
 *	egress_over	the egress program, by the kernel's run-time statistics, over the empty one
 *	ingress_over	the same coming in (TCP: acknowledgements)
 *	send_over	the whole of send(), without those statistics
 *
 *	bench_live PACK
 *
 * Sockets are connected: what the hook on sendto() costs is not in it. Needs root; works in a
 * network namespace and in cgroups of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "intel/pack.h"
#include "sensor/probes.h"

#define ROUNDS	   200
#define SENDS	   64 /* a round and side */
#define NAMES	   100000
#define RING_BYTES (1 << 20)
/* Read between two sends, from memory that the second-level cache does not hold. */
#define WORK_BYTES ((size_t)8192)
#define WORK_ROOM  ((size_t)4 << 20)

enum traffic {
	TRAFFIC_NOT_DNS,
	TRAFFIC_MISS, /* three labels, each name a new one */
	TRAFFIC_HIT,
	TRAFFIC_TCP, /* data on an established connection that is not DNS */
	TRAFFICS,
};

static const char *const traffic_names[TRAFFICS] = { "not_dns", "miss", "hit", "tcp" };

struct query {
	uint8_t bytes[12 + DOMAIN_NAME_WIRE_MAX + 4];
	size_t size;
};

/* Sockets of one cgroup, and what is attached to it. */
struct side {
	char *cgroup;
	int egress, ingress; /* programs */
	int dns, other, stream, stream_server;
};

struct usage {
	uint64_t time, count;
};

struct bench {
	struct sensor *sensor;
	struct side empty, probed;
	int dns_server, other_server, stream_server;
	struct query *misses, hit;
	size_t miss;
	uint8_t *work;
	size_t worked;
};

static void check(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "bench_live: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void query_make(struct query *query, const char *text)
{
	static const uint8_t header[12] = { 0x12, 0x34, 1, 0, 0, 1 };
	static const uint8_t tail[4] = { 0, 1, 0, 1 };
	struct domain_name name;

	check(domain_name_parse(text, &name) == 0, text);
	memcpy(query->bytes, header, sizeof(header));
	memcpy(query->bytes + sizeof(header), name.wire, name.length);
	memcpy(query->bytes + sizeof(header) + name.length, tail, sizeof(tail));
	query->size = sizeof(header) + name.length + sizeof(tail);
}

static void misses_make(struct bench *bench)
{
	uint64_t random = 88172645463325252ULL;
	char text[64];

	bench->misses = calloc(NAMES, sizeof(*bench->misses));
	check(bench->misses, "memory");
	for (size_t i = 0; i < NAMES; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		(void)snprintf(text, sizeof(text), "w%llx.q%llx.com",
			       (unsigned long long)(random >> 48),
			       (unsigned long long)(random & UINT32_MAX));
		query_make(&bench->misses[i], text);
	}
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

static void cgroup_join(const char *folder)
{
	char path[PATH_MAX];
	CLEANUP(close_cleanup) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd >= 0 && write(fd, "0", 1) == 1, path);
}

/* Where it is now: it goes back there, so that its own cgroups can be removed. */
static char *cgroup_home(const char *root)
{
	CLEANUP(fclose_cleanup) FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX], *folder = NULL;

	check(file, "/proc/self/cgroup");
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		check(asprintf(&folder, "%s%s", root, line + 3) > 0, "memory");
	}
	check(folder, "the cgroup that it is in");
	return folder;
}

static void loopback_start(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	CLEANUP(close_cleanup) int fd = -1;

	check(unshare(CLONE_NEWNET) == 0, "a network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	check(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "loopback");
}

static struct sockaddr_in address_of(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

static int server_make(int type, uint16_t port)
{
	struct sockaddr_in address = address_of(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	check(fd >= 0 &&
		      bind(fd, (const struct sockaddr *)(const void *)&address, sizeof(address)) ==
			      0 &&
		      (type == SOCK_DGRAM || listen(fd, 2) == 0),
	      "a server's socket");
	return fd;
}

static int client_make(int type, uint16_t port)
{
	struct sockaddr_in address = address_of(port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	check(fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)&address,
				 sizeof(address)) == 0,
	      "a client's socket");
	if (type == SOCK_STREAM)
		check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "nodelay");
	return fd;
}

static void side_connect(struct bench *bench, struct side *side, const char *home)
{
	cgroup_join(side->cgroup);
	side->dns = client_make(SOCK_DGRAM, 53);
	side->other = client_make(SOCK_DGRAM, 443);
	side->stream = client_make(SOCK_STREAM, 443);
	cgroup_join(home);
	side->stream_server = accept4(bench->stream_server, NULL, NULL, SOCK_CLOEXEC);
	check(side->stream_server >= 0, "a connection");
}

static char *cgroup_make(const char *root)
{
	char *folder;

	check(asprintf(&folder, "%s/cordon-bench-XXXXXX", root) > 0 && mkdtemp(folder),
	      "a cgroup of its own");
	return folder;
}

static int empty_attach(const char *cgroup, enum bpf_attach_type hook)
{
	static const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = hook);
	CLEANUP(close_cleanup) int folder = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", instructions,
			       ELEMENTS(instructions), &options);

	check(fd >= 0 && bpf_prog_attach(fd, folder, hook, 0) == 0, "an empty program");
	return fd;
}

static void event_ignore(const struct event *event, void *userdata)
{
	(void)event;
	(void)userdata;
}

static void probes_attach_to(struct bench *bench, const struct pack *pack)
{
	struct sensor_options options = { .cgroup = bench->probed.cgroup,
					  .ring_bytes = RING_BYTES };
	uint64_t next;

	check(sensor_open(&options, event_ignore, NULL, &bench->sensor) == 0 &&
		      sensor_set_pack(bench->sensor, pack, 0, NULL, NULL, &next) == 0,
	      "the probes");
	bench->probed.egress = bpf_program__fd(bench->sensor->probes->progs.egress_audit_packet);
	bench->probed.ingress = bpf_program__fd(bench->sensor->probes->progs.ingress_audit_packet);
}

static void work(struct bench *bench)
{
	for (size_t i = 0; i < WORK_BYTES; i += 64) {
		const volatile uint8_t *byte = &bench->work[bench->worked % WORK_ROOM];

		(void)*byte;
		bench->worked += 64;
	}
}

struct ends {
	int from, to;
};

static struct ends traffic_ends(const struct bench *bench, const struct side *side,
				enum traffic traffic)
{
	switch (traffic) {
	case TRAFFIC_TCP:
		return (struct ends){ side->stream, side->stream_server };
	case TRAFFIC_NOT_DNS:
		return (struct ends){ side->other, bench->other_server };
	default:
		return (struct ends){ side->dns, bench->dns_server };
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
	return values[count / 2];
}

/* Nanoseconds that one send takes. */
static double send_time(struct bench *bench, struct ends ends, enum traffic traffic)
{
	const struct query *query =
		traffic == TRAFFIC_MISS ? &bench->misses[bench->miss++ % NAMES] : &bench->hit;
	struct timespec start, end;
	uint8_t bytes[512];
	bool sent;

	work(bench);
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	sent = send(ends.from, query->bytes, query->size, 0) == (ssize_t)query->size;
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	check(sent && recv(ends.to, bytes, sizeof(bytes), 0) > 0, "a packet on loopback");
	return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}

static double round_run(struct bench *bench, const struct side *side, enum traffic traffic)
{
	struct ends ends = traffic_ends(bench, side, traffic);
	double times[SENDS];

	for (size_t i = 0; i < SENDS; i++)
		times[i] = send_time(bench, ends, traffic);
	while (sensor_dispatch(bench->sensor, INT_MAX) > 0)
		;
	return median(times, SENDS);
}

static struct usage program_usage(int program)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	check(bpf_obj_get_info_by_fd(program, &info, &size) == 0, "a program's statistics");
	return (struct usage){ .time = info.run_time_ns, .count = info.run_cnt };
}

static double usage_since(int program, struct usage before)
{
	struct usage now = program_usage(program);

	return now.count == before.count
		       ? 0
		       : (double)(now.time - before.time) / (double)(now.count - before.count);
}

/* Medians over the rounds of what the probed side takes more. */
struct over {
	double egress, ingress, send;
};

static struct over traffic_run(struct bench *bench, enum traffic traffic)
{
	double egress[ROUNDS], ingress[ROUNDS], sends[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		const struct side *sides[] = { &bench->empty, &bench->probed };
		double of[2][3];

		for (size_t j = 0; j < 2; j++) {
			size_t at = (i + j) % 2;
			struct usage out = program_usage(sides[at]->egress);
			struct usage in = program_usage(sides[at]->ingress);

			of[at][0] = round_run(bench, sides[at], traffic);
			of[at][1] = usage_since(sides[at]->egress, out);
			of[at][2] = usage_since(sides[at]->ingress, in);
		}
		sends[i] = of[1][0] - of[0][0];
		egress[i] = of[1][1] - of[0][1];
		ingress[i] = of[1][2] - of[0][2];
	}
	return (struct over){ .egress = median(egress, ROUNDS),
			      .ingress = median(ingress, ROUNDS),
			      .send = median(sends, ROUNDS) };
}

static void bench_run(struct bench *bench)
{
	for (int traffic = 0; traffic < TRAFFICS; traffic++) {
		struct over off = traffic_run(bench, (enum traffic)traffic), on;
		CLEANUP(close_cleanup) int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);

		check(statistics >= 0, "run-time statistics");
		on = traffic_run(bench, (enum traffic)traffic);
		(void)printf("{\"traffic\": \"%s\", \"egress_over\": %.0f, "
			     "\"ingress_over\": %.0f, \"send_over\": %.0f}\n",
			     traffic_names[traffic], on.egress, on.ingress, off.send);
	}
}

static void bench_open(struct bench *bench, const char *path, const char *root)
{
	CLEANUP(free_cleanup) char *home = cgroup_home(root);
	struct pack *pack;
	const char *why = "";

	check(pack_open(path, &pack, &why) == 0, path);
	(void)pack_each_domain(pack, name_take, NULL);
	query_make(&bench->hit, listed);
	misses_make(bench);
	bench->work = malloc(WORK_ROOM);
	check(bench->work, "memory");
	memset(bench->work, 1, WORK_ROOM);
	bench->empty.cgroup = cgroup_make(root);
	bench->probed.cgroup = cgroup_make(root);
	bench->empty.egress = empty_attach(bench->empty.cgroup, BPF_CGROUP_INET_EGRESS);
	bench->empty.ingress = empty_attach(bench->empty.cgroup, BPF_CGROUP_INET_INGRESS);
	probes_attach_to(bench, pack);
	pack_close(pack);
	loopback_start();
	bench->dns_server = server_make(SOCK_DGRAM, 53);
	bench->other_server = server_make(SOCK_DGRAM, 443);
	bench->stream_server = server_make(SOCK_STREAM, 443);
	side_connect(bench, &bench->empty, home);
	side_connect(bench, &bench->probed, home);
}

static void bench_close(struct bench *bench)
{
	sensor_close(bench->sensor);
	(void)rmdir(bench->empty.cgroup);
	(void)rmdir(bench->probed.cgroup);
	free(bench->empty.cgroup);
	free(bench->probed.cgroup);
	free(bench->misses);
	free(bench->work);
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	CLEANUP(free_cleanup) char *root = NULL;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: bench_live PACK\n");
		return 2;
	}
	check(sensor_cgroup_root(&root) == 0, "a cgroup v2 hierarchy");
	bench_open(&bench, argv[1], root);
	bench_run(&bench);
	bench_close(&bench);
	return 0;
}
