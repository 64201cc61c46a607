/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how batches become objects in S3: their bytes, keys and addresses. Replies are a stranger's;
 * of a good one only its ETag is looked at.
 */
#include "cloud/s3.h"

#include <errno.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "cloud/reply_xml.h"
#include "cloud/sink.h"

/* zlib: a gzip header without name and time, so that the same lines give the same bytes. */
#define WINDOW_GZIP    (15 + 16)
#define MEMORY_LEVEL   8
/* Of the digest, in a key: who would have two batches of a host and hour alike has to look for it.
 */
#define DIGEST_LETTERS 16

CLEANUP_DEFINE(xmlDoc *, xmlFreeDoc)

/* ---- the object ---- */

static char *lines_of(const struct batch *batch, size_t *ret_size)
{
	size_t size = 0;
	char *lines;

	for (size_t i = 0; i < batch->count; i++)
		size += batch->entries[i]->size + 1;
	lines = malloc(size ? size : 1);
	*ret_size = size;
	for (size_t i = 0, used = 0; lines && i < batch->count; i++) {
		memcpy(lines + used, batch->entries[i]->document, batch->entries[i]->size);
		used += batch->entries[i]->size;
		lines[used++] = '\n';
	}
	return lines;
}

void *s3_object(const struct batch *batch, size_t *ret_size, uint8_t lines[static SHA256_SIZE])
{
	CLEANUP(free_cleanup) void *packed = NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	z_stream stream = { 0 };
	size_t size;

	text = lines_of(batch, &size);
	if (!text || digest_sha256(text, size, lines) < 0 ||
	    deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	stream.next_in = (Bytef *)text;
	stream.avail_in = (uInt)size;
	stream.avail_out = (uInt)deflateBound(&stream, (uLong)size);
	packed = malloc(stream.avail_out);
	stream.next_out = packed;
	if (!packed || deflate(&stream, Z_FINISH) != Z_STREAM_END) {
		(void)deflateEnd(&stream);
		return NULL;
	}
	*ret_size = stream.total_out;
	(void)deflateEnd(&stream);
	return take_ptr(packed);
}

int s3_key(const struct batch *batch, const char *prefix, const char *host,
	   const uint8_t lines[static SHA256_SIZE], char out[static S3_KEY_SIZE])
{
	char digest[SHA256_TEXT_SIZE], date[32];
	time_t seconds = (time_t)(batch->first / 1000);
	struct tm utc;
	int length;

	digest_text(lines, SHA256_SIZE, digest);
	if (!gmtime_r(&seconds, &utc) || strftime(date, sizeof(date), "%Y/%m/%d/%H", &utc) == 0)
		return -EINVAL;
	length = snprintf(out, S3_KEY_SIZE, "%s%s/%s-%.*s.jsonl.gz", prefix, date, host,
			  DIGEST_LETTERS, digest);
	return length >= S3_KEY_SIZE ? -ENAMETOOLONG : 0;
}

/* ---- its address ---- */

static void path_put(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/";

	for (; *text; text++)
		if (strchr(plain, *text))
			(void)fputc(*text, out);
		else
			(void)fprintf(out, "%%%02X", (unsigned char)*text);
}

char *s3_path(const char *bucket, const char *key)
{
	char *path = NULL;
	size_t size;
	FILE *out = open_memstream(&path, &size);
	bool failed;

	if (!out)
		return NULL;
	if (bucket) {
		(void)fputc('/', out);
		path_put(out, bucket);
	}
	(void)fputc('/', out);
	path_put(out, key);
	failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return path;
	free(path);
	return NULL;
}

/* ---- what goes wrong ---- */

/* Shown, and compared with what may be set: nothing but a region's letters. */
bool s3_error_region(const char *body, size_t size, char out[static S3_REGION_SIZE])
{
	CLEANUP(xmlFreeDoc_cleanup) xmlDoc *document = reply_xml_read(body, size);
	const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
	const char *region = reply_xml_text(reply_xml_child(root, "Region"));

	if (!region || !*region || strlen(region) >= S3_REGION_SIZE ||
	    region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return false;
	(void)strcpy(out, region);
	return true;
}

static bool is_elsewhere(const struct client_result *result)
{
	static const char *const codes[] = { "PermanentRedirect", "TemporaryRedirect", "Redirect",
					     "AuthorizationHeaderMalformed",
					     "IllegalLocationConstraintException" };

	for (size_t i = 0; i < ELEMENTS(codes); i++)
		if (strcmp(codes[i], result->code) == 0)
			return true;
	return result->status >= 301 && result->status <= 308;
}

bool s3_setting_is_wrong(struct sink_queue *queue, const struct client_result *result,
			 char text[static MESSAGE_TEXT_SIZE])
{
	const char *bucket = sink_settings(queue)->s3.bucket;
	char region[S3_REGION_SIZE];

	if (strcmp(result->code, "NoSuchBucket") == 0)
		(void)snprintf(text, MESSAGE_TEXT_SIZE, "report.s3.bucket: there is no bucket %s",
			       bucket);
	else if (!is_elsewhere(result))
		return false;
	else if (s3_error_region(result->body, result->body_size, region))
		(void)snprintf(text, MESSAGE_TEXT_SIZE,
			       "report.s3.bucket: %s is in %s, not in the region of this host",
			       bucket, region);
	else
		(void)snprintf(text, MESSAGE_TEXT_SIZE,
			       "report.s3.bucket: %s is elsewhere (HTTP %u), in another region "
			       "than this host",
			       bucket, result->status);
	return true;
}

/* ---- the call ---- */

static void put_done(const struct client_result *result, void *userdata)
{
	char text[MESSAGE_TEXT_SIZE];

	if (s3_setting_is_wrong(userdata, result, text))
		sink_fail_setting(userdata, text);
	/* Whoever stores an object says which one it is. */
	else if (result->failure == FAILURE_NONE && !*result->etag)
		sink_fail_reply(userdata);
	else
		sink_judge(userdata, result, "s3:PutObject", NULL);
}

/* S3 compares what it got with the digest, and refuses what differs. */
static int put(struct sink_queue *queue, const void *object, size_t size,
	       const uint8_t digest[static SHA256_SIZE], const char *key, client_done done)
{
	const struct settings *settings = sink_settings(queue);
	const struct service *service = service_find("s3");
	char checksum[DIGEST_BASE64_SIZE], endpoint[ENDPOINT_URL_SIZE];
	const struct http_header headers[] = {
		{ "x-amz-sdk-checksum-algorithm", "SHA256" },
		{ "x-amz-checksum-sha256", checksum },
		{ "x-amz-expected-bucket-owner", settings->s3.owner },
	};
	struct client_request request = {
		.service = service,
		.operation = "PutObject",
		.method = "PUT",
		.content_type = "application/gzip",
		.body = object,
		.body_size = size,
		.headers = headers,
		.header_count = *settings->s3.owner ? 3 : 2,
	};
	int r = client_endpoint(sink_client(queue), service, endpoint);
	CLEANUP(free_cleanup) char *path = NULL;

	if (r < 0)
		return r;
	digest_base64(digest, checksum);
	/* As the SDKs have it: not where somebody else said which host it is, and not with a dot,
	 * which the certificate's wildcard has no room for. */
	if (r != ENDPOINT_OVERRIDDEN && !strchr(settings->s3.bucket, '.'))
		request.host_prefix = settings->s3.bucket;
	path = s3_path(request.host_prefix ? NULL : settings->s3.bucket, key);
	if (!path)
		return -ENOMEM;
	request.path = path;
	sink_send(queue, &request, done);
	return 0;
}

/* What is not as its digest says is refused, after the role was asked. */
void s3_try(struct sink_queue *queue, client_done done)
{
	static const uint8_t wrong[SHA256_SIZE];
	char key[S3_KEY_SIZE];
	int r;

	(void)snprintf(key, sizeof(key), "%spreflight", sink_settings(queue)->s3.prefix);
	r = put(queue, "", 0, wrong, key, done);
	if (r < 0)
		sink_fail_early(queue, r);
}

static void deliver(struct sink_queue *queue)
{
	uint8_t lines[SHA256_SIZE], digest[SHA256_SIZE];
	CLEANUP(free_cleanup) void *object = NULL;
	char key[S3_KEY_SIZE];
	size_t size;
	int r = -ENOMEM;

	object = s3_object(sink_batch(queue), &size, lines);
	if (object)
		r = s3_key(sink_batch(queue), sink_settings(queue)->s3.prefix, sink_host(queue),
			   lines, key);
	if (r == 0)
		r = digest_sha256(object, size, digest);
	if (r == 0)
		r = put(queue, object, size, digest, key, put_done);
	if (r < 0)
		sink_fail_early(queue, r);
}

static uint64_t hold(const struct settings *settings)
{
	return settings->s3.interval * NS_PER_SECOND;
}

const struct cloud_sink s3 = {
	.name = "S3",
	.limits = { .count = S3_LINES_MAX,
		    .bytes = S3_BYTES_MAX,
		    .overhead = S3_LINE_EXTRA,
		    .entry = S3_BYTES_MAX,
		    .period = S3_HOUR },
	/* An object costs the same whatever is in it: nobody waits for this copy. */
	.interval = NS_PER_SECOND,
	.hold = hold,
	.patient = true,
	.deliver = deliver,
};
