/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiles feeds in a cage: gets the lists' descriptors from cordond, and gives it a pack. The
 * lists are whoever's wrote them; here they meet their parsers.
 */
#include "scan/compile_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd_pass.h"
#include "intel/suffix.h"
#include "scan/compile_protocol.h"

CLEANUP_DEFINE(struct pack *, pack_close)

struct work {
	int channel;
	size_t feeds_count;
	struct compile_feed feeds[COMPILE_FEEDS_MAX];
	struct compile_feed_report reports[COMPILE_FEEDS_MAX];
	struct compile_hand hands[COMPILE_FEEDS_MAX]; /* the texts that feeds borrow */
	int fds[COMPILE_ROLES];			      /* 0: not handed over */
};

static int answer_send(int channel, const struct compile_answer *answer)
{
	struct iovec part = { (void *)(uintptr_t)answer, sizeof(*answer) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = sendmsg(channel, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int compile_worker_prepare(void)
{
	suffix_prepare();
	return 0;
}

static int hello_send(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	struct compile_answer answer = { .type = COMPILE_HELLO };

	answer.hello.version = COMPILE_VERSION;
	answer.hello.uid = uid;
	memcpy(answer.hello.layers, layers, sizeof(answer.hello.layers));
	return answer_send(channel, &answer);
}

static int hand_take(struct work *work, const struct compile_hand *hand, int fd)
{
	struct compile_hand *kept;

	if (hand->role >= COMPILE_ROLES)
		return -EBADMSG;
	if (hand->role != COMPILE_FEED) {
		work->fds[hand->role] = fd;
		return 0;
	}
	if (work->feeds_count == COMPILE_FEEDS_MAX || hand->format >= LIST_FORMATS)
		return -EBADMSG;
	kept = &work->hands[work->feeds_count];
	*kept = *hand;
	kept->name[sizeof(kept->name) - 1] = kept->tags[sizeof(kept->tags) - 1] = '\0';
	work->feeds[work->feeds_count++] = (struct compile_feed){
		.path = kept->name,
		.name = kept->name,
		.fd = fd,
		.format = (enum list_format)hand->format,
		.tags = kept->tags,
		.expiry = hand->expiry,
		.severity = hand->severity,
		.allow = hand->allow,
	};
	return 0;
}

static void progress_tell(uint64_t lines, void *data)
{
	struct compile_answer answer = { .type = COMPILE_PROGRESS, .lines = lines };
	const struct work *work = data;

	(void)answer_send(work->channel, &answer);
}

static int failure_send(const struct work *work, int error, size_t feed, const char *text)
{
	struct compile_answer answer = { .type = COMPILE_FAILED };

	answer.failed.error = error;
	answer.failed.feed = feed < work->feeds_count ? (uint32_t)feed : UINT32_MAX;
	(void)snprintf(answer.failed.text, sizeof(answer.failed.text), "%s", text ? text : "");
	return answer_send(work->channel, &answer);
}

static int feeds_send(const struct work *work)
{
	int r = 0;

	for (size_t i = 0; i < work->feeds_count && r == 0; i++) {
		struct compile_answer answer = { .type = COMPILE_FEED_DONE };

		answer.feed.feed = (uint32_t)i;
		answer.feed.report = work->reports[i];
		r = answer_send(work->channel, &answer);
	}
	return r;
}

static int changes_send(const struct work *work, const struct pack *before,
			const struct pack *after)
{
	CLEANUP(free_cleanup) struct pack_change *changes = NULL;
	size_t count = 0;
	int r = pack_diff(before, after, &changes, &count);

	for (size_t i = 0; i < count && r == 0; i++) {
		struct compile_answer answer = { .type = COMPILE_CHANGE, .change = changes[i] };

		r = answer_send(work->channel, &answer);
	}
	return r;
}

static int named_compare(const struct work *work, enum compile_role role, const struct pack *before,
			 const struct pack *after, struct compile_named *ret)
{
	char name[INDICATOR_TEXT_SIZE] = "";
	int r = 0;

	if (work->fds[role])
		r = pack_newly_blocked(before, after, work->fds[role],
				       clock_realtime() / NS_PER_SECOND, &ret->count, name);
	(void)snprintf(ret->name, sizeof(ret->name), "%.255s", name);
	return r;
}

/* Compares the new pack with the one in force. */
static int update_compare(struct work *work, const struct pack *after, struct compile_answer *ret)
{
	CLEANUP(pack_close_cleanup) struct pack *before = NULL;
	const char *why;
	int r;

	/* One that cannot be read is as good as none: everything is new then. */
	if (work->fds[COMPILE_BEFORE])
		(void)pack_open_fd(work->fds[COMPILE_BEFORE], &before, &why);
	work->fds[COMPILE_BEFORE] = 0;
	r = changes_send(work, before, after);
	if (r == 0)
		r = named_compare(work, COMPILE_POPULAR, before, after, &ret->done.popular);
	if (r == 0)
		r = named_compare(work, COMPILE_IN_USE, before, after, &ret->done.in_use);
	return r;
}

static int done_send(struct work *work, const struct pack *pack,
		     const struct compile_report *report)
{
	struct compile_answer answer = { .type = COMPILE_DONE };
	struct pack_info info;
	int r = update_compare(work, pack, &answer);

	if (r < 0)
		return failure_send(work, r, SIZE_MAX, "the update cannot be compared");
	pack_info(pack, &info);
	answer.done.lines = report->lines;
	answer.done.items = report->items;
	answer.done.domains = info.domains;
	answer.done.addresses = info.addresses;
	answer.done.hashes = info.hashes;
	answer.done.allows = info.allows;
	answer.done.never_block = report->never_block;
	answer.done.duplicates = report->duplicates;
	for (size_t i = 0; i < LIST_REASONS; i++)
		answer.done.rejected += report->rejected[i];
	answer.done.bytes = info.bytes;
	return answer_send(work->channel, &answer);
}

static int feeds_compile(struct work *work, struct compile_report *report)
{
	struct compile_options options = {
		.never_block_fd = work->fds[COMPILE_NEVER_BLOCK],
		.no_never_block = !work->fds[COMPILE_NEVER_BLOCK],
		.resolvers_fd = work->fds[COMPILE_RESOLVERS],
		.progress = progress_tell,
		.data = work,
	};

	return compile_feeds_fd(work->feeds, work->feeds_count, &options, work->fds[COMPILE_OUTPUT],
				report, work->reports);
}

static int work_do(struct work *work)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct compile_report report = { .failed_feed = SIZE_MAX };
	bool ready = work->fds[COMPILE_READY] != 0;
	const char *why = "";
	int r = ready ? 0 : feeds_compile(work, &report);

	if (r < 0)
		return failure_send(work, r, report.failed_feed, report.failed_path);
	r = pack_open_fd(work->fds[ready ? COMPILE_READY : COMPILE_OUTPUT], &pack, &why);
	if (r < 0)
		return failure_send(work, r, SIZE_MAX, why);
	r = feeds_send(work);
	return r < 0 ? r : done_send(work, pack, &report);
}

int compile_worker_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	CLEANUP(free_cleanup) struct work *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return -ENOMEM;
	work->channel = channel;
	r = hello_send(channel, layers, uid);
	while (r == 0 && !work->fds[COMPILE_OUTPUT] && !work->fds[COMPILE_READY]) {
		struct compile_hand hand;
		int fd = -1;

		r = fd_pass_await(channel, &hand, sizeof(hand), &fd);
		if (r == 0)
			r = hand_take(work, &hand, fd);
	}
	return r < 0 ? r : work_do(work);
}
