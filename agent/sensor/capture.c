/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "base/clock.h"
#include "sensor/frame.h"

struct capture {
	pcap_t *pcap;
	int link; /* as libpcap numbers it */
	char link_name[32];
	bool damaged;
	struct capture_counters counters;
};

static uint64_t packet_time(const struct pcap_pkthdr *header)
{
	/* Opened for nanoseconds, so tv_usec holds them. */
	uint64_t seconds = (uint64_t)header->ts.tv_sec, ns = (uint64_t)header->ts.tv_usec;

	/* Seconds in pcap files are unsigned, but libpcap reads them as signed: 2038 to 2106. */
	if (header->ts.tv_sec < 0)
		seconds = (uint32_t)header->ts.tv_sec;
	if (seconds > UINT64_MAX / NS_PER_SECOND - 1)
		seconds = UINT64_MAX / NS_PER_SECOND - 1;
	return seconds * NS_PER_SECOND + ns % NS_PER_SECOND;
}

int capture_next(struct capture *capture, struct capture_packet *ret)
{
	struct capture_counters *counters = &capture->counters;
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	int r = PCAP_ERROR;

	while (!capture->damaged && (r = pcap_next_ex(capture->pcap, &header, &bytes)) == 1) {
		enum frame_outcome outcome =
			frame_peel(capture->link, bytes, header->caplen, header->len, &ret->ip);

		counters->frames++;
		if (outcome == FRAME_IP) {
			ret->frame = counters->frames;
			ret->time = packet_time(header);
			counters->packets++;
			counters->cut += ret->ip.cut;
			counters->tunnel += ret->ip.tunnel;
			return 1;
		}
		counters->other += outcome == FRAME_OTHER;
		counters->broken += outcome == FRAME_BROKEN;
		counters->skipped += outcome == FRAME_SKIPPED;
	}
	if (capture->damaged || r != PCAP_ERROR_BREAK) {
		capture->damaged = true;
		return -EBADMSG;
	}
	return 0;
}

int capture_open_file(FILE *file, struct capture **ret, char why[static CAPTURE_WHY_SIZE])
{
	_Static_assert(CAPTURE_WHY_SIZE >= PCAP_ERRBUF_SIZE, "libpcap's errors fit");
	struct capture *capture = calloc(1, sizeof(*capture));
	const char *name;

	if (!capture) {
		(void)fclose(file);
		(void)snprintf(why, CAPTURE_WHY_SIZE, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	capture->pcap =
		pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!capture->pcap) {
		(void)fclose(file);
		free(capture);
		return -EBADMSG;
	}
	capture->link = pcap_datalink(capture->pcap);
	name = pcap_datalink_val_to_name(capture->link);
	if (name)
		(void)snprintf(capture->link_name, sizeof(capture->link_name), "%s", name);
	else
		(void)snprintf(capture->link_name, sizeof(capture->link_name), "%d", capture->link);
	*ret = capture;
	return 0;
}

int capture_open(const char *path, struct capture **ret, char why[static CAPTURE_WHY_SIZE])
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
	int r = -errno;

	if (!file) {
		(void)snprintf(why, CAPTURE_WHY_SIZE, "%s", strerror(-r));
		return r;
	}
	return capture_open_file(file, ret, why);
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	pcap_close(capture->pcap);
	free(capture);
}

const char *capture_error(const struct capture *capture)
{
	return capture->damaged ? pcap_geterr(capture->pcap) : "";
}

const struct capture_counters *capture_counters(const struct capture *capture)
{
	return &capture->counters;
}

const char *capture_link_type(const struct capture *capture, bool *ret_read)
{
	*ret_read = frame_link_known(capture->link);
	return capture->link_name;
}
