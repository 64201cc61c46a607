/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns one file at a time: its bytes in memory, its hash, what rules say of it and of what is
 * packed in it. Gets descriptors from file_pool.c; anybody may have written the files.
 */
#include "scan/file_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "scan/archive.h"
#include "scan/file_buffer.h"
#include "scan/file_protocol.h"
#include "scan/file_type.h"
#include "scan/memory_map.h"
#include "scan/yara_engine.h"
#include "sensor/file_facts.h"

/* Of one file. A rule that matches each of many members is told of each. */
#define MATCHES_MAX   10000
#define INSIDE_MAX    4096
#define EXTENSION_MAX 64
/* Of a process's memory, searched at once. */
#define MEMORY_PIECE  ((size_t)4 << 20)
/* A search is slow that takes longer than this, and than a second for so many bytes. */
#define SLOW_TIME     (3 * NS_PER_SECOND)
#define SLOW_BYTES    ((uint64_t)4 << 20)

struct worker {
	int channel;
	struct yara_engine *engine;
	const struct file_limits *limits;
	struct file_buffer buffer;
	struct file_frame frame;
	const char *why;

	/* Of the file at hand. */
	uint64_t job, deadline;
	unsigned matches;
	unsigned hashes; /* FILE_HASH_* that are asked for */
	const char *reason;
	bool cut;    /* a part of it was not searched */
	bool failed; /* the file itself was not */
	bool slow, blamed;
	struct yara_search search;
	char filename[256], extension[EXTENSION_MAX];
	struct archive_budget budget;
	char inside[INSIDE_MAX];
	size_t inside_length;
	unsigned depth;
};

static int message_send(struct worker *worker, struct file_message *message)
{
	message->id = worker->job;
	message->descriptors[0] = message->descriptors[1] = -1;
	return file_message_send(worker->channel, message, true);
}

static void part_miss(struct worker *worker, const char *reason)
{
	worker->cut = true;
	if (!worker->reason)
		worker->reason = reason;
}

static int hit_met(const struct yara_hit *hit, void *userdata)
{
	struct worker *worker = userdata;
	struct file_message message = {
		.type = FILE_MATCH,
		.numbers = { [FILE_MATCH_SEVERITY] = hit->severity,
			     [FILE_MATCH_SCORE] = hit->score },
		.texts = { [FILE_MATCH_RULE] = hit->rule,
			   [FILE_MATCH_NAMESPACE] = hit->namespace_,
			   [FILE_MATCH_REFERENCE] = hit->reference,
			   [FILE_MATCH_DESCRIPTION] = hit->description,
			   [FILE_MATCH_INSIDE] = worker->inside },
	};

	if (worker->matches == MATCHES_MAX) {
		part_miss(worker, "more matches than are told of one file");
		return 0;
	}
	worker->matches++;
	return message_send(worker, &message);
}

/* Seconds that are left, rounded up: libyara knows no others. 0: none. */
static unsigned seconds_left(const struct worker *worker)
{
	uint64_t now = clock_boottime();

	return now < worker->deadline ? (unsigned)((worker->deadline - now) / NS_PER_SECOND) + 1
				      : 0;
}

static int search_failed(struct worker *worker, int r)
{
	worker->failed |= worker->depth == 0;
	switch (r) {
	case -ETIMEDOUT:
		part_miss(worker, "the time for one file was up");
		return 0;
	case -ENOMEM:
		part_miss(worker, "memory was short");
		return 0;
	case -EOVERFLOW:
	case -EIO:
		part_miss(worker, "the search gave up");
		return 0;
	default:
		return r;
	}
}

/* What lists may name. A kind that this libcrypto has not is left out. */
static int hashes_send(struct worker *worker, const uint8_t *bytes, size_t size)
{
	struct file_message message = { .type = FILE_HASHES, .texts = { worker->inside } };
	uint64_t *numbers = message.numbers;

	if (worker->hashes & FILE_HASH_MD5 &&
	    digest_md5(bytes, size, (uint8_t *)&numbers[FILE_HASHES_MD5]) == 0)
		numbers[FILE_HASHES_KINDS] |= FILE_HASH_MD5;
	if (worker->hashes & FILE_HASH_SHA1 &&
	    digest_sha1(bytes, size, (uint8_t *)&numbers[FILE_HASHES_SHA1]) == 0)
		numbers[FILE_HASHES_KINDS] |= FILE_HASH_SHA1;
	if (worker->hashes & FILE_HASH_SHA256 && digest_sha256(bytes, size, message.digest) == 0)
		numbers[FILE_HASHES_KINDS] |= FILE_HASH_SHA256;
	numbers[FILE_HASHES_SIZE] = size;
	return numbers[FILE_HASHES_KINDS] ? message_send(worker, &message) : 0;
}

static int bytes_search(struct worker *worker, const uint8_t *bytes, size_t size);

static int member_search(const char *name, const uint8_t *bytes, size_t size, void *userdata)
{
	struct worker *worker = userdata;
	size_t before = worker->inside_length;
	int n = snprintf(worker->inside + before, sizeof(worker->inside) - before, "%s%s",
			 before > 0 ? "!" : "", name);
	int r;

	worker->inside_length += n > 0 ? (size_t)n : 0;
	if (worker->inside_length >= sizeof(worker->inside))
		worker->inside_length = sizeof(worker->inside) - 1;
	r = worker->hashes ? hashes_send(worker, bytes, size) : 0;
	if (r == 0)
		r = bytes_search(worker, bytes, size);
	worker->inside_length = before;
	worker->inside[before] = '\0';
	return r;
}

static int archive_search(struct worker *worker, const uint8_t *bytes, size_t size)
{
	int r;

	if (worker->limits->depth == 0)
		return 0;
	if (worker->depth == worker->limits->depth) {
		part_miss(worker, "archives nested deeper than is looked at");
		return 0;
	}
	worker->depth++;
	r = archive_each(bytes, size, &worker->budget, member_search, worker);
	worker->depth--;
	if (worker->budget.reason)
		part_miss(worker, worker->budget.reason);
	if (r == -ENOMEM) {
		part_miss(worker, "memory was short");
		r = 0;
	}
	return r;
}

static void slow_judge(struct worker *worker, uint64_t spent, size_t size)
{
	worker->slow |= spent >= SLOW_TIME && spent / NS_PER_SECOND >= size / SLOW_BYTES;
}

static int bytes_search(struct worker *worker, const uint8_t *bytes, size_t size)
{
	uint64_t before;
	int r;

	worker->search.externals[YARA_FILETYPE] = file_type_name(bytes, size);
	worker->search.seconds = seconds_left(worker);
	if (worker->search.seconds == 0)
		return search_failed(worker, -ETIMEDOUT);
	before = clock_boottime();
	r = yara_engine_search(worker->engine, &worker->search, bytes, size);
	if (worker->depth == 0)
		slow_judge(worker, clock_boottime() - before, size);
	if (r < 0)
		r = search_failed(worker, r);
	if (r == 0 && file_type_archive(bytes, size))
		r = archive_search(worker, bytes, size);
	return r;
}

/* ---- a file ---- */

static void externals_set(struct worker *worker, const struct file_message *message)
{
	const char *path = message->texts[FILE_SCAN_PATH], *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

	(void)snprintf(worker->filename, sizeof(worker->filename), "%s", name);
	(void)snprintf(worker->extension, sizeof(worker->extension), "%s",
		       dot && dot > name ? dot : "");
	worker->search = (struct yara_search){
		.externals = {
			[YARA_FILENAME] = worker->filename,
			[YARA_FILEPATH] = path,
			[YARA_EXTENSION] = worker->extension,
			[YARA_FILETYPE] = "",
			[YARA_OWNER] = message->texts[FILE_SCAN_OWNER],
		},
		.met = hit_met,
		.userdata = worker,
	};
}

static void job_begin(struct worker *worker, const struct file_message *message)
{
	worker->job = message->id;
	worker->deadline = clock_boottime() + worker->limits->time_max;
	worker->matches = 0;
	worker->hashes = (unsigned)message->numbers[FILE_SCAN_HASHES];
	worker->reason = NULL;
	worker->cut = worker->failed = worker->slow = false;
	worker->inside[0] = '\0';
	worker->inside_length = 0;
	worker->depth = 0;
	worker->budget = (struct archive_budget){
		.bytes_left = worker->limits->unpacked_max,
		.member_max = worker->limits->size_max,
		.members_left = ARCHIVE_MEMBERS,
		.deadline = worker->deadline,
	};
	externals_set(worker, message);
}

static const char *error_reason(int error)
{
	switch (error) {
	case -EFBIG:
		return "larger than what is scanned";
	case -EINVAL:
		return "no regular file";
	case -ENOMEM:
		return "memory was short";
	default:
		return "it cannot be read";
	}
}

static int file_scan_one(struct worker *worker, const struct file_message *message,
			 struct file_message *reply)
{
	size_t size = 0;
	int r = file_buffer_read(&worker->buffer, message->descriptors[0], worker->limits->size_max,
				 &size);

	if (r < 0) {
		worker->reason = error_reason(r);
		reply->numbers[FILE_DONE_FLAGS] = FILE_DONE_UNSCANNABLE;
		return 0;
	}
	reply->numbers[FILE_DONE_SIZE] = size;
	/* The parent knows the SHA-256 by the reply. */
	if (worker->hashes & ~(unsigned)FILE_HASH_SHA256)
		r = hashes_send(worker, worker->buffer.bytes, size);
	if (r == 0)
		r = bytes_search(worker, worker->buffer.bytes, size);
	/* Nobody asks for it of a file about which there is nothing to say. */
	if (r == 0 && (worker->matches > 0 || worker->hashes) &&
	    digest_sha256(worker->buffer.bytes, size, reply->digest) == 0)
		reply->numbers[FILE_DONE_FLAGS] |= FILE_DONE_HASHED;
	return r;
}

/* ---- the memory of a process ---- */

struct memory {
	struct worker *worker;
	int mem;
	struct memory_map map;
	size_t at;	 /* in the map */
	uint64_t offset; /* in that region */
	uint64_t read;
};

static void memory_first(void *userdata)
{
	struct memory *memory = userdata;

	memory->at = 0;
	memory->offset = 0;
	memory->read = 0;
}

/* In pieces that fit the buffer. What cannot be read (a device's, or gone by now) is left out. */
static bool memory_next(struct yara_region *ret, void *userdata)
{
	struct memory *memory = userdata;
	struct worker *worker = memory->worker;

	while (memory->at < memory->map.count) {
		const struct memory_region *region = &memory->map.regions[memory->at];
		uint64_t start = region->start + memory->offset, left = region->end - start;
		size_t size = left < MEMORY_PIECE ? (size_t)left : MEMORY_PIECE;
		ssize_t n;

		if (memory->read >= worker->limits->unpacked_max) {
			part_miss(worker, "more memory than is scanned of one process");
			return false;
		}
		n = left > 0 ? pread(memory->mem, worker->buffer.bytes, size, (off_t)start) : 0;
		if (n <= 0) {
			memory->at++;
			memory->offset = 0;
			continue;
		}
		memory->offset += (uint64_t)n;
		memory->read += (uint64_t)n;
		*ret = (struct yara_region){ worker->buffer.bytes, start, (size_t)n };
		return true;
	}
	return false;
}

static int memory_scan(struct worker *worker, const struct file_message *message,
		       struct file_message *reply)
{
	struct memory memory = { .worker = worker, .mem = message->descriptors[0] };
	const struct yara_regions regions = { memory_first, memory_next, &memory };
	int r = message->descriptors[1] >= 0 ? memory_map_read(message->descriptors[1], &memory.map)
					     : -EINVAL;

	if (r == 0)
		r = file_buffer_grow(&worker->buffer, MEMORY_PIECE);
	if (r < 0) {
		memory_map_clear(&memory.map);
		worker->reason = error_reason(r);
		reply->numbers[FILE_DONE_FLAGS] = FILE_DONE_UNSCANNABLE;
		return 0;
	}
	worker->search.externals[YARA_FILETYPE] = "MEMORY";
	worker->search.seconds = seconds_left(worker);
	r = yara_engine_search_memory(worker->engine, &worker->search, &regions);
	memory_map_clear(&memory.map);
	reply->numbers[FILE_DONE_SIZE] = memory.read;
	return r < 0 ? search_failed(worker, r) : 0;
}

/* ---- slow rules ---- */

/* After the file has been answered for: who made it slow. */
static int slow_tell(struct worker *worker, size_t size)
{
	struct yara_blame blame;
	struct file_message message = { .type = FILE_SLOW };

	worker->blamed = true;
	if (yara_engine_blame(worker->engine, &worker->search, worker->buffer.bytes, size,
			      &blame) == 0)
		return 0;
	message.numbers[FILE_SLOW_TIME] = blame.time;
	message.texts[FILE_SLOW_RULE] = blame.rule;
	message.texts[FILE_SLOW_NAMESPACE] = blame.namespace_;
	return message_send(worker, &message);
}

/* ---- requests ---- */

static int job_run(struct worker *worker, const struct file_message *message)
{
	struct file_message reply = { .type = FILE_DONE };
	bool blames;
	int r;

	job_begin(worker, message);
	if (message->numbers[FILE_SCAN_MEMORY])
		r = memory_scan(worker, message, &reply);
	else
		r = file_scan_one(worker, message, &reply);
	if (r < 0)
		return r;
	/* What did match is worth more than that not all was searched. */
	if (worker->failed && worker->matches == 0)
		reply.numbers[FILE_DONE_FLAGS] |= FILE_DONE_UNSCANNABLE;
	else if (worker->cut)
		reply.numbers[FILE_DONE_FLAGS] |= FILE_DONE_PARTIAL;
	blames = worker->slow && !worker->blamed && !message->numbers[FILE_SCAN_MEMORY];
	if (blames)
		reply.numbers[FILE_DONE_FLAGS] |= FILE_DONE_BLAMES;
	reply.texts[0] = worker->reason;
	r = message_send(worker, &reply);
	if (r == 0 && blames)
		r = slow_tell(worker, (size_t)reply.numbers[FILE_DONE_SIZE]);
	file_buffer_trim(&worker->buffer);
	return r;
}

int file_worker_serve(int channel, struct yara_engine *engine, const struct file_limits *limits,
		      const char **ret_why)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	*ret_why = NULL;
	if (!worker)
		return -ENOMEM;
	worker->channel = channel;
	worker->engine = engine;
	worker->limits = limits;
	do {
		struct file_message message;

		r = file_frame_receive(channel, &worker->frame, true);
		if (r == 0)
			r = file_message_read(&worker->frame, FILE_READER_WORKER, &message,
					      &worker->why);
		if (r < 0)
			break;
		r = job_run(worker, &message);
		file_message_close(&message);
	} while (r == 0);
	*ret_why = worker->why;
	return r == -EPIPE ? 0 : r;
}
