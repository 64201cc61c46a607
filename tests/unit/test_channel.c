/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define DEADLINE (5 * NS_PER_SECOND)

static char folder[] = "/tmp/test_channel.XXXXXX";
static char path[64];

static int folder_make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

struct pair {
	int listener, server, client;
	struct channel_peer peer;
};

static struct pair pair_make(void)
{
	struct pair pair;

	pair.listener = channel_listen(path, 0600, (gid_t)-1);
	assert_true(pair.listener >= 0);
	pair.client = channel_connect(path);
	assert_true(pair.client >= 0);
	pair.server = channel_accept(pair.listener, &pair.peer);
	assert_true(pair.server >= 0);
	return pair;
}

static void pair_close(const struct pair *pair)
{
	close(pair->listener);
	close(pair->server);
	close(pair->client);
}

static void frames_keep_their_bounds(void **state)
{
	/* Proves: two frames sent come out as two, the largest passes, the peer is known. */
	CLEANUP(free_cleanup) char *large = calloc(1, CHANNEL_FRAME_MAX + 1);
	CLEANUP(free_cleanup) char *buffer = calloc(1, CHANNEL_FRAME_MAX + 1);
	struct pair pair = pair_make();

	(void)state;
	assert_int_equal(pair.peer.uid, getuid());
	assert_int_equal(pair.peer.gid, getgid());
	assert_int_equal(pair.peer.pid, getpid());
	assert_int_equal(channel_receive(pair.server, buffer, 8), -EAGAIN);
	assert_int_equal(channel_send(pair.client, "one", 3), 0);
	assert_int_equal(channel_send(pair.client, "three", 5), 0);
	assert_int_equal(channel_receive(pair.server, buffer, 8), 3);
	assert_int_equal(channel_receive(pair.server, buffer, 8), 5);
	assert_memory_equal(buffer, "three", 5);
	memset(large, 'x', CHANNEL_FRAME_MAX + 1);
	assert_int_equal(channel_send(pair.server, large, CHANNEL_FRAME_MAX + 1), -EMSGSIZE);
	assert_int_equal(channel_send(pair.server, large, CHANNEL_FRAME_MAX), 0);
	assert_int_equal(channel_receive(pair.client, buffer, CHANNEL_FRAME_MAX),
			 CHANNEL_FRAME_MAX);
	assert_memory_equal(buffer, large, CHANNEL_FRAME_MAX);
	pair_close(&pair);
}

static void frames_too_large_are_refused_whole(void **state)
{
	/* Proves: a frame over the receiver's size is an error, and the next one is read whole. */
	struct pair pair = pair_make();
	char buffer[4];

	(void)state;
	assert_int_equal(channel_send(pair.client, "12345", 5), 0);
	assert_int_equal(channel_send(pair.client, "1234", 4), 0);
	assert_int_equal(channel_receive(pair.server, buffer, 4), -EMSGSIZE);
	assert_int_equal(channel_receive(pair.server, buffer, 4), 4);
	pair_close(&pair);
}

static void senders_never_wait(void **state)
{
	/* Proves: a peer that does not read, or is gone, costs an error, not time. */
	struct pair pair = pair_make();
	int r = 0;

	(void)state;
	for (int i = 0; i < 100000 && r == 0; i++)
		r = channel_send(pair.server, "frame", 5);
	assert_int_equal(r, -EAGAIN);
	close(pair.client);
	assert_int_equal(channel_send(pair.server, "frame", 5), -EPIPE);
	assert_int_equal(channel_receive(pair.server, (char[8]){ 0 }, 8), -EPIPE);
	close(pair.server);
	close(pair.listener);
}

static void descriptors_sent_along_are_closed(void **state)
{
	/* Proves: a peer cannot fill our table of descriptors. */
	struct pair pair = pair_make();
	int before = dup(0), after;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	(void)state;
	close(before);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &pair.client, sizeof(int));
	assert_int_equal(sendmsg(pair.client, &message, 0), 1);
	assert_int_equal(channel_receive(pair.server, (char[8]){ 0 }, 8), 1);
	after = dup(0);
	assert_int_equal(before, after);
	close(after);
	pair_close(&pair);
}

static void dead_sockets_are_replaced(void **state)
{
	/* Proves: a live listener is not robbed of its path, a dead one's socket is replaced with
	 * the mode asked for, and what is no socket stays. */
	struct stat status;
	int first, second, file;

	(void)state;
	first = channel_listen(path, 0660, (gid_t)-1);
	assert_true(first >= 0);
	assert_int_equal(channel_listen(path, 0660, (gid_t)-1), -EADDRINUSE);
	close(first);
	second = channel_listen(path, 0640, (gid_t)-1);
	assert_true(second >= 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	close(second);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(channel_connect(path), -ENOENT);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(channel_listen(path, 0660, (gid_t)-1), -EEXIST);
	assert_int_equal(unlink(path), 0);
}

static void paths_are_checked(void **state)
{
	/* Proves: a path that does not fit into the address is refused, not cut. */
	char name[200];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(channel_listen(name, 0600, (gid_t)-1), -ENAMETOOLONG);
	assert_int_equal(channel_connect(name), -ENAMETOOLONG);
	assert_int_equal(channel_connect(""), -EINVAL);
}

static void waits_end_at_their_deadline(void **state)
{
	/* Proves: a wait for a silent peer times out, one for a frame that is there does not. */
	struct pair pair = pair_make();

	(void)state;
	assert_int_equal(channel_wait(pair.server, POLLIN, clock_boottime()), -ETIMEDOUT);
	assert_int_equal(channel_send(pair.client, "x", 1), 0);
	assert_int_equal(channel_wait(pair.server, POLLIN, clock_boottime() + DEADLINE), 0);
	pair_close(&pair);
}

static void requests_are_found_in_the_table(void **state)
{
	/* Proves: name, rights and size are each checked, rights before size. */
	static const struct channel_request table[] = { { "first", 10, 1 },
							{ "second", 20, 2 | 4 } };

	(void)state;
	assert_int_equal(channel_request_find(table, 2, "first", 10, 1), 0);
	assert_int_equal(channel_request_find(table, 2, "second", 20, 4), 1);
	assert_int_equal(channel_request_find(table, 2, "second", 21, 4), -EMSGSIZE);
	assert_int_equal(channel_request_find(table, 2, "second", 21, 1), -EPERM);
	assert_int_equal(channel_request_find(table, 2, "secon", 1, 7), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_keep_their_bounds),
		cmocka_unit_test(frames_too_large_are_refused_whole),
		cmocka_unit_test(senders_never_wait),
		cmocka_unit_test(descriptors_sent_along_are_closed),
		cmocka_unit_test(dead_sockets_are_replaced),
		cmocka_unit_test(paths_are_checked),
		cmocka_unit_test(waits_end_at_their_deadline),
		cmocka_unit_test(requests_are_found_in_the_table),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
