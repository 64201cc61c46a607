/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/object_put.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/digest.h"

#define REPLY_MAX ((size_t)64 * 1024)

struct object {
	void *bytes;
	size_t size;
	client_done done;
	void *userdata;
};

static void object_free(struct object *object)
{
	if (!object)
		return;
	if (object->bytes)
		(void)munmap(object->bytes, object->size);
	free(object);
}

CLEANUP_DEFINE(struct object *, object_free)

static int object_map(struct object *object, const struct object_put *put)
{
	struct stat status;
	void *bytes;

	if (fstat(put->file, &status) < 0)
		return -errno;
	if (status.st_size <= 0 || (uint64_t)status.st_size > put->size_max)
		return status.st_size <= 0 ? -ENODATA : -EFBIG;
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, put->file, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	object->bytes = bytes;
	object->size = (size_t)status.st_size;
	return 0;
}

static void object_done(const struct client_result *result, void *userdata)
{
	struct object *object = userdata;

	object->done(result, object->userdata);
	object_free(object);
}

int object_put(struct client *client, const struct object_put *put, client_done done,
	       void *userdata)
{
	CLEANUP(object_free_cleanup) struct object *object = calloc(1, sizeof(*object));
	uint8_t digest[SHA256_SIZE];
	char checksum[DIGEST_BASE64_SIZE];
	const struct http_header headers[] = {
		/* S3 compares what it got with this, and refuses what differs. */
		{ "x-amz-checksum-sha256", checksum },
		{ "x-amz-expected-bucket-owner", put->owner },
	};
	struct client_request request = {
		.service = service_find("s3"),
		.operation = "PutObject",
		.method = "PUT",
		.path = put->path,
		.content_type = "application/gzip",
		.body_lent = true,
		.headers = headers,
		.header_count = *put->owner ? 2 : 1,
		.bucket = CLIENT_RESPONSES,
		.timeout = put->timeout,
		.reply_max = REPLY_MAX,
	};
	int r = object ? object_map(object, put) : -ENOMEM;

	if (r == 0)
		r = digest_sha256(object->bytes, object->size, digest);
	if (r < 0)
		return r;
	digest_base64(digest, checksum);
	object->done = done;
	object->userdata = userdata;
	request.body = object->bytes;
	request.body_size = object->size;
	r = client_call(client, &request, object_done, object, NULL);
	if (r == 0)
		object = NULL;
	return r;
}
