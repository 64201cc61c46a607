/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence_order.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

char *evidence_order_write(const struct evidence_options *options)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I}", "root",
		options->root, "output", options->output, "journal", options->journal, "key",
		options->key, "isolation", options->isolation, "finding", options->finding,
		"reason", options->reason, "host", options->host, "pid", (int)options->pid, "start",
		(json_int_t)options->start, "size_max", (json_int_t)options->size_max, "memory_max",
		(json_int_t)options->memory_max, "time", (json_int_t)options->time);

	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

int evidence_order_read(const char *text, size_t size, struct evidence_options *ret,
			void **ret_holder)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(text, size, 0, NULL);
	json_int_t start, size_max, memory_max, time;
	struct evidence_options options = { 0 };
	int pid;

	if (!object ||
	    json_unpack(object, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I}",
			"root", &options.root, "output", &options.output, "journal",
			&options.journal, "key", &options.key, "isolation", &options.isolation,
			"finding", &options.finding, "reason", &options.reason, "host",
			&options.host, "pid", &pid, "start", &start, "size_max", &size_max,
			"memory_max", &memory_max, "time", &time) < 0 ||
	    pid < 0 || start < 0 || size_max < 0 || memory_max < 0 || time < 0)
		return -EBADMSG;
	options.pid = pid;
	options.start = (uint64_t)start;
	options.size_max = (uint64_t)size_max;
	options.memory_max = (uint64_t)memory_max;
	options.time = (uint64_t)time;
	*ret = options;
	*ret_holder = take_ptr(object);
	return 0;
}

void evidence_order_free(void *holder)
{
	json_decref(holder);
}

char *evidence_answer_write(int error, const struct evidence_result *result)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:i, s:s, s:I, s:i, s:i, s:i, s:b}", "error", error, "sha256",
				   result->sha256, "size", (json_int_t)result->size, "files",
				   (int)result->files, "missing", (int)result->missing, "cut",
				   (int)result->cut, "signed", result->is_signed);

	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

int evidence_answer_read(const char *text, size_t size, int *ret_error, struct evidence_result *ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(text, size, 0, NULL);
	struct evidence_result result = { 0 };
	int error, files, missing, cut, is_signed;
	const char *sha256;
	json_int_t bytes;

	if (!object ||
	    json_unpack(object, "{s:i, s:s, s:I, s:i, s:i, s:i, s:b}", "error", &error, "sha256",
			&sha256, "size", &bytes, "files", &files, "missing", &missing, "cut", &cut,
			"signed", &is_signed) < 0 ||
	    error > 0 || error < -4095 || bytes < 0 || files < 0 || missing < 0 || cut < 0)
		return -EBADMSG;
	if (error == 0 && (strlen(sha256) != SHA256_TEXT_SIZE - 1 ||
			   strspn(sha256, "0123456789abcdef") != SHA256_TEXT_SIZE - 1))
		return -EBADMSG;
	(void)snprintf(result.sha256, sizeof(result.sha256), "%s", sha256);
	result.size = (uint64_t)bytes;
	result.files = (unsigned)files;
	result.missing = (unsigned)missing;
	result.cut = (unsigned)cut;
	result.is_signed = is_signed != 0;
	*ret_error = error;
	*ret = result;
	return 0;
}
