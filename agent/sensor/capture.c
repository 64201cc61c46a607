/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include <zlib.h>

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

static ssize_t inflate_read(void *cookie, char *buffer, size_t size)
{
	int error = Z_OK, n = gzread(cookie, buffer, size < INT_MAX ? (unsigned)size : INT_MAX);

	if (n > 0)
		return n;
	(void)gzerror(cookie, &error);
	if (error == Z_OK)
		return 0;
	/* Bytes that cannot be unpacked, or an end before that of what was packed. */
	if (error != Z_ERRNO)
		errno = EBADMSG;
	return -1;
}

static int inflate_close(void *cookie)
{
	return gzclose_r(cookie) == Z_OK ? 0 : -1;
}

/* What is read of it is what gzip packed, or, where nothing is packed, as it is. Takes fd. */
static FILE *inflate_open(int fd)
{
	const cookie_io_functions_t functions = { .read = inflate_read, .close = inflate_close };
	gzFile packed = fd < 0 ? NULL : gzdopen(fd, "rb");
	FILE *file;

	if (!packed) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	file = fopencookie(packed, "r", functions);
	if (!file)
		(void)gzclose_r(packed);
	return file;
}

int capture_open(const char *path, struct capture **ret, char why[static CAPTURE_WHY_SIZE])
{
	int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					: open(path, O_RDONLY | O_CLOEXEC);
	FILE *file = inflate_open(fd);
	int r = errno ? -errno : -EIO;

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
