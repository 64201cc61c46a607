/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the rule set in memory, and the forking of workers. Gets both from file_pool.c. The set was
 * compiled in another cage from whatever the rules' writers wrote.
 */
#include "scan/file_zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "scan/file_cage.h"
#include "scan/file_main.h"
#include "scan/file_protocol.h"
#include "scan/file_worker.h"
#include "scan/yara_engine.h"

struct zygote {
	int channel;
	struct yara_engine *engine;
	struct file_limits limits;
	uint16_t layers[CAGE_LAYERS]; /* which hold in its workers as well */
	uint32_t uid;
	struct file_frame frame;
	const char *why;
};

static int message_send(struct zygote *zygote, struct file_message *message)
{
	message->descriptors[0] = message->descriptors[1] = -1;
	return file_message_send(zygote->channel, message, true);
}

/* The file is sealed: nobody can cut it short while it is mapped. */
static int rules_load(struct zygote *zygote, const struct file_message *message)
{
	struct file_message reply = { .type = FILE_LOADED };
	struct stat status;
	void *set;
	int r;

	if (zygote->engine)
		return -EBADMSG;
	zygote->limits = (struct file_limits){
		.size_max = message->numbers[FILE_RULES_SIZE_MAX],
		.time_max = message->numbers[FILE_RULES_TIME_MAX],
		.depth = (unsigned)message->numbers[FILE_RULES_DEPTH],
		.unpacked_max = message->numbers[FILE_RULES_UNPACKED_MAX],
	};
	r = yara_engine_new(&zygote->engine);
	if (r < 0)
		return r;
	if (syscall(SYS_fstat, message->descriptors[0], &status) < 0)
		return -errno;
	if (status.st_size > 0) {
		set = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE,
			   message->descriptors[0], 0);
		if (set == MAP_FAILED)
			return -errno;
		r = yara_engine_load(zygote->engine, set, (size_t)status.st_size);
		(void)munmap(set, (size_t)status.st_size);
	}
	if (r < 0)
		return r;
	reply.numbers[0] = yara_engine_rules(zygote->engine);
	return message_send(zygote, &reply);
}

/* In the new process. What the zygote may do beyond a worker's work, a worker may not. */
static int worker_close(int channel)
{
	const struct rlimit none = { 0, 0 };

	if (dup2(channel, CAGE_CHANNEL) < 0)
		return -errno;
	(void)close(channel);
	/* The zygote's own does not hold for a child. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
	    syscall(SYS_prlimit64, 0, RLIMIT_NPROC, &none, NULL) < 0)
		return -errno;
	return cage_calls_filter(&worker_cage);
}

static _Noreturn void worker_run(struct zygote *zygote, int channel)
{
	const char *why = NULL;
	int r = worker_close(channel);

	if (r == 0)
		r = yara_engine_ready(zygote->engine);
	if (r == 0)
		r = file_hello(zygote->layers, zygote->uid);
	if (r == 0)
		r = file_worker_serve(CAGE_CHANNEL, zygote->engine, &zygote->limits, &why);
	_exit(r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* The C library's fork() would make a child of ours. Nothing here has threads or handlers. */
static int worker_fork(struct zygote *zygote, struct file_message *message)
{
	struct file_message reply = { .type = FILE_FORKED, .id = message->id };
	int channel = message->descriptors[0];
	long pid;

	if (!zygote->engine)
		return -EBADMSG;
	pid = syscall(SYS_clone, WORKER_CLONE_FLAGS, 0, 0, 0, 0);
	if (pid == 0)
		worker_run(zygote, channel);
	/* The parent sees the channel end, and tries again later. */
	if (pid < 0)
		return 0;
	reply.numbers[0] = (uint64_t)pid;
	return message_send(zygote, &reply);
}

static int message_take(struct zygote *zygote)
{
	struct file_message message;
	int r = file_frame_receive(zygote->channel, &zygote->frame, true);

	if (r == 0)
		r = file_message_read(&zygote->frame, FILE_READER_ZYGOTE, &message, &zygote->why);
	if (r < 0)
		return r;
	r = message.type == FILE_RULES ? rules_load(zygote, &message)
				       : worker_fork(zygote, &message);
	file_message_close(&message);
	return r;
}

int file_zygote_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid,
		      const char **ret_why)
{
	struct zygote *zygote = calloc(1, sizeof(*zygote));
	int r;

	*ret_why = NULL;
	if (!zygote)
		return -ENOMEM;
	zygote->channel = channel;
	zygote->uid = uid;
	memcpy(zygote->layers, layers, sizeof(zygote->layers));
	do
		r = message_take(zygote);
	while (r == 0);
	*ret_why = zygote->why;
	return r == -EPIPE ? 0 : r;
}
