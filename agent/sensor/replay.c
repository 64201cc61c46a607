/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded packets through the probes, one at a time, with BPF_PROG_TEST_RUN.
 */
#include <errno.h>
#include <limits.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/probes.h"
#include "sensor/replay_split.h"

/* The kernel takes less than a page, headroom and its own structures off (test_run.c,
 * bpf_test_init()); since 6.18 more, but one size for all makes one result for all. */
#define REPLAY_PACKET_MAX 3072

/* The kernel takes an Ethernet header off before it calls a cgroup program, and reads the protocol
 * from it. */
static int packet_run(const void *packet, size_t size, void *userdata)
{
	struct sensor *sensor = userdata;
	uint8_t frame[sizeof(struct ether_header) + REPLAY_PACKET_MAX] = { 0 };
	struct ether_header *header = (struct ether_header *)(void *)frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .repeat = 1,
		    .data_size_in = (uint32_t)(sizeof(*header) + size));
	int r;

	if (size == 0 || size > REPLAY_PACKET_MAX)
		return -EINVAL;
	header->ether_type =
		htons(*(const uint8_t *)packet >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	memcpy(frame + sizeof(*header), packet, size);
	r = bpf_prog_test_run_opts(bpf_program__fd(sensor->probes->progs.egress_audit_packet),
				   &options);
	if (r < 0)
		return -errno;
	while (sensor_dispatch(sensor, INT_MAX) > 0)
		;
	return 0;
}

int sensor_replay(struct sensor *sensor, const void *packet, size_t size, uint64_t frame,
		  uint64_t time)
{
	sensor->frame = frame;
	sensor->time = time;
	if (size == 0)
		return 0;
	return replay_split(packet, size, REPLAY_PACKET_MAX, packet_run, sensor);
}
