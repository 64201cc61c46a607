/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form and the table of the messages between the processes that scan files. What is read
 * here was written by a process that may be in an attacker's hands.
 */
#include "scan/file_protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Longest texts, without their end. */
#define PATH_TEXT   4095
#define RULE_TEXT   255
#define META_TEXT   1023
#define REASON_TEXT 511

#define PARENT                                                                                     \
	(FILE_READER_PARENT_COMPILER | FILE_READER_PARENT_ZYGOTE | FILE_READER_PARENT_WORKER |     \
	 FILE_READER_PARENT_UNGREETED)

/* What a message carries: numbers, a digest, texts, descriptors; and who may get it. */
static const struct row {
	const char *name;
	unsigned readers, numbers;
	bool digest;
	unsigned descriptors_min, descriptors_max;
	size_t texts[FILE_TEXTS_MAX]; /* the longest allowed; 0: no such text */
} rows[FILE_MESSAGES] = {
	[FILE_HELLO] = { "hello", FILE_READER_PARENT_UNGREETED, FILE_NUMBERS_MAX, .texts = { 0 } },
	[FILE_FAILED] = { "failed", PARENT, 0, .texts = { REASON_TEXT } },
	[FILE_SOURCE] = { "source", FILE_READER_COMPILER, 1, false, 1, 1, { PATH_TEXT } },
	[FILE_MISSING] = { "missing", FILE_READER_COMPILER, 0, .texts = { REASON_TEXT } },
	[FILE_COMPILE] = { "compile", FILE_READER_COMPILER, 0, false, 1, 1, { 0 } },
	[FILE_INCLUDE] = { "include", FILE_READER_PARENT_COMPILER, 0,
			   .texts = { PATH_TEXT, PATH_TEXT } },
	[FILE_TROUBLE] = { "trouble", FILE_READER_PARENT_COMPILER, 2,
			   .texts = { PATH_TEXT, REASON_TEXT } },
	[FILE_COMPILED] = { "compiled", FILE_READER_PARENT_COMPILER, 3, true, .texts = { 0 } },
	[FILE_RULES] = { "rules", FILE_READER_ZYGOTE, 4, false, 1, 1, { 0 } },
	[FILE_LOADED] = { "loaded", FILE_READER_PARENT_ZYGOTE, 1, .texts = { 0 } },
	[FILE_FORK] = { "fork", FILE_READER_ZYGOTE, 0, false, 1, 1, { 0 } },
	[FILE_FORKED] = { "forked", FILE_READER_PARENT_ZYGOTE, 1, .texts = { 0 } },
	[FILE_SCAN] = { "scan", FILE_READER_WORKER, 2, false, 1, 2, { PATH_TEXT, RULE_TEXT } },
	[FILE_MATCH] = { "match",
			 FILE_READER_PARENT_WORKER,
			 2,
			 false,
			 0,
			 0,
			 { RULE_TEXT, PATH_TEXT, META_TEXT, META_TEXT, PATH_TEXT } },
	[FILE_SLOW] = { "slow", FILE_READER_PARENT_WORKER, 1, .texts = { RULE_TEXT, PATH_TEXT } },
	[FILE_HASHES] = { "hashes", FILE_READER_PARENT_WORKER, FILE_HASHES_END, true,
			  .texts = { PATH_TEXT } },
	[FILE_DONE] = { "done", FILE_READER_PARENT_WORKER, 2, true, .texts = { REASON_TEXT } },
};

struct head {
	uint32_t type, zero;
	uint64_t id;
};

_Static_assert(sizeof(struct head) + 2 * sizeof(uint64_t) + 2 * (PATH_TEXT + 1) +
			       2 * (META_TEXT + 1) + RULE_TEXT + 1 <=
		       FILE_FRAME_MAX,
	       "the largest message fits");

const char *file_message_name(enum file_message_type type)
{
	return (size_t)type < ELEMENTS(rows) && rows[type].name ? rows[type].name : "unknown";
}

static void frame_put(struct file_frame *frame, const void *data, size_t size)
{
	memcpy(frame->bytes + frame->size, data, size);
	frame->size += size;
}

void file_message_write(const struct file_message *message, struct file_frame *ret)
{
	const struct row *row = &rows[message->type];
	struct head head = { .type = (uint32_t)message->type, .id = message->id };

	ret->size = 0;
	frame_put(ret, &head, sizeof(head));
	frame_put(ret, message->numbers, row->numbers * sizeof(message->numbers[0]));
	if (row->digest)
		frame_put(ret, message->digest, sizeof(message->digest));
	for (size_t i = 0; i < FILE_TEXTS_MAX && row->texts[i]; i++) {
		const char *text = message->texts[i] ? message->texts[i] : "";

		frame_put(ret, text, strnlen(text, row->texts[i]));
		frame_put(ret, "", 1);
	}
}

static bool bytes_take(const struct file_frame *frame, size_t *at, void *ret, size_t size)
{
	if (size > frame->size - *at)
		return false;
	memcpy(ret, frame->bytes + *at, size);
	*at += size;
	return true;
}

static const char *texts_read(const struct file_frame *frame, size_t at, const struct row *row,
			      struct file_message *ret)
{
	for (size_t i = 0; i < FILE_TEXTS_MAX && row->texts[i]; i++) {
		const char *text = frame->bytes + at;
		const char *end = memchr(text, '\0', frame->size - at);

		if (!end)
			return "a text that does not end";
		if ((size_t)(end - text) > row->texts[i])
			return "a text that is too long";
		ret->texts[i] = text;
		at += (size_t)(end - text) + 1;
	}
	return at == frame->size ? NULL : "a message of the wrong size";
}

static const char *message_read(const struct file_frame *frame, enum file_reader reader,
				struct file_message *ret)
{
	const struct row *row;
	struct head head;
	size_t at = 0;
	unsigned descriptors = 0;

	if (!bytes_take(frame, &at, &head, sizeof(head)) || head.zero ||
	    head.type >= FILE_MESSAGES || !rows[head.type].name)
		return "an unknown message";
	row = &rows[head.type];
	if (!(row->readers & reader))
		return "a message that is not allowed now";
	ret->type = (enum file_message_type)head.type;
	ret->id = head.id;
	if (!bytes_take(frame, &at, ret->numbers, row->numbers * sizeof(ret->numbers[0])) ||
	    (row->digest && !bytes_take(frame, &at, ret->digest, sizeof(ret->digest))))
		return "a message of the wrong size";
	for (size_t i = 0; i < FILE_DESCRIPTORS; i++)
		descriptors += frame->descriptors[i] >= 0;
	if (descriptors < row->descriptors_min || descriptors > row->descriptors_max)
		return "a message with the wrong number of descriptors";
	return texts_read(frame, at, row, ret);
}

int file_message_read(struct file_frame *frame, enum file_reader reader, struct file_message *ret,
		      const char **ret_why)
{
	struct file_message message = { 0 };
	const char *why = message_read(frame, reader, &message);

	for (size_t i = 0; i < FILE_DESCRIPTORS; i++) {
		if (why)
			close_cleanup(&frame->descriptors[i]);
		message.descriptors[i] = take_fd(&frame->descriptors[i]);
	}
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = message;
	return 0;
}

void file_message_close(struct file_message *message)
{
	for (size_t i = 0; i < FILE_DESCRIPTORS; i++) {
		close_cleanup(&message->descriptors[i]);
		message->descriptors[i] = -1;
	}
}

/* ---- the socket ---- */

int file_message_send(int fd, const struct file_message *message, bool wait)
{
	struct file_frame frame;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FILE_DESCRIPTORS * sizeof(int))] = { 0 };
	struct iovec part = { .iov_base = frame.bytes };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t count = 0;
	ssize_t n;

	file_message_write(message, &frame);
	part.iov_len = frame.size;
	while (count < rows[message->type].descriptors_max && message->descriptors[count] >= 0)
		count++;
	if (count > 0) {
		struct cmsghdr *first = (struct cmsghdr *)control;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(first), message->descriptors, count * sizeof(int));
	}
	do
		n = sendmsg(fd, &header, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* More than fit are closed by the kernel, which then says so. */
static void control_read(struct msghdr *header, struct file_frame *frame)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		size_t size = part->cmsg_len - CMSG_LEN(0);

		if (part->cmsg_level != SOL_SOCKET)
			continue;
		if (part->cmsg_type == SCM_RIGHTS && size <= sizeof(frame->descriptors))
			memcpy(frame->descriptors, CMSG_DATA(part), size);
		if (part->cmsg_type == SCM_CREDENTIALS && size == sizeof(struct ucred)) {
			struct ucred credentials;

			memcpy(&credentials, CMSG_DATA(part), sizeof(credentials));
			frame->sender = credentials.pid;
		}
	}
}

int file_frame_receive(int fd, struct file_frame *ret, bool wait)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FILE_DESCRIPTORS * sizeof(int)) +
					      CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = { .iov_base = ret->bytes, .iov_len = sizeof(ret->bytes) };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t n;

	do
		n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	ret->size = (size_t)n;
	ret->sender = 0;
	for (size_t i = 0; i < FILE_DESCRIPTORS; i++)
		ret->descriptors[i] = -1;
	control_read(&header, ret);
	if (n > 0 && !(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	for (size_t i = 0; i < FILE_DESCRIPTORS; i++)
		close_cleanup(&ret->descriptors[i]);
	return n == 0 ? -EPIPE : -EBADMSG;
}
