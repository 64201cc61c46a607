/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the compiler's process and what it is told. What it says is checked: the rules that it reads
 * may have got into it.
 */
#include "scan/rule_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/worker_process.h"
#include "scan/file_main.h"
#include "scan/file_protocol.h"
#include "scan/rule_folder.h"

/* libyara's compiler takes some 60 kB a rule. */
#define MEMORY_MAX    ((uint64_t)8 << 30)
/* Ten thousand rules take ten seconds on a slow host, and as long again where some are wrong. */
#define TIME_MAX      (600 * NS_PER_SECOND)
/* Rules that are told of; the rest is counted. */
#define TROUBLES_MAX  1000
#define TROUBLE_TEXT  1024
#define FRAMES_A_TURN 64

struct rule_session {
	sd_event *loop;
	struct worker_program program;
	struct worker_process process;
	sd_event_source *channel_source, *process_source, *timer;
	struct rule_session_listener listener;
	struct rule_files files;
	size_t files_count; /* without those that are only included */
	size_t sent;	    /* of files; after all of them comes COMPILE */
	bool greeted, asked, failed_said;
	unsigned troubles;
	json_t *told;	 /* of them; NULL: more than are told */
	uint64_t missed; /* files that could not be opened */
	bool incomplete; /* others that were asked for could not be, either */
	uint64_t begun;	 /* wall clock */
	int set;
	struct file_frame frame;
};

void rule_session_free(struct rule_session *session)
{
	if (!session)
		return;
	(void)sd_event_source_disable_unref(session->channel_source);
	(void)sd_event_source_disable_unref(session->process_source);
	(void)sd_event_source_disable_unref(session->timer);
	worker_process_end(&session->process);
	(void)sd_event_unref(session->loop);
	rule_files_clear(&session->files);
	json_decref(session->told);
	close_cleanup(&session->set);
	free(session);
}

static void trouble_tell(struct rule_session *session, bool warning, const char *name,
			 unsigned line, const char *why)
{
	char text[TROUBLE_TEXT], where[32] = "", shown[TROUBLE_TEXT];

	if (session->troubles++ >= TROUBLES_MAX) {
		json_decref(take_ptr(session->told));
		return;
	}
	if (line > 0)
		(void)snprintf(where, sizeof(where), ":%u", line);
	(void)snprintf(text, sizeof(text), "%.600s%s: %.300s", name, where, why);
	(void)escape_text(text, strlen(text), shown, sizeof(shown));
	if (json_array_append_new(session->told, json_pack("[s,b]", shown, warning)) < 0)
		json_decref(take_ptr(session->told));
	session->listener.trouble(shown, warning, session->listener.userdata);
}

/* The session may be gone after it. */
static int session_end(struct rule_session *session, int error, const struct rule_set *set)
{
	(void)sd_event_source_set_enabled(session->channel_source, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(session->process_source, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(session->timer, SD_EVENT_OFF);
	session->listener.done(error, set, session->listener.userdata);
	return 0;
}

static int session_break(struct rule_session *session, const char *why)
{
	trouble_tell(session, false, "the compiler of rules", 0, why);
	return session_end(session, -EIO, NULL);
}

/* ---- what it is sent ---- */

static int source_send(struct rule_session *session, const struct rule_file *file, int fd, bool top,
		       bool wait)
{
	struct file_message message = { .type = FILE_SOURCE,
					.numbers = { [FILE_SOURCE_TOP] = top },
					.texts = { file->path },
					.descriptors = { fd, -1 } };

	return file_message_send(session->process.channel, &message, wait);
}

static int file_send(struct rule_session *session)
{
	struct rule_file *file = &session->files.files[session->sent];
	CLEANUP(close_cleanup) int fd = rule_file_open(file);
	int r;

	if (fd < 0) {
		trouble_tell(session, false, file->path, 0, strerror(-fd));
		session->missed++;
		return 0;
	}
	r = source_send(session, file, fd, true, false);
	return r;
}

/* Until all is sent, or the socket is full: -EAGAIN. */
static int files_send(struct rule_session *session)
{
	struct file_message compile = { .type = FILE_COMPILE, .descriptors = { session->set, -1 } };
	int r = 0;

	while (r == 0 && session->sent < session->files_count) {
		r = file_send(session);
		session->sent += r == 0;
	}
	if (r == 0 && !session->asked) {
		r = file_message_send(session->process.channel, &compile, false);
		session->asked = r == 0;
	}
	return r;
}

static int channel_listen_for(struct rule_session *session, int r)
{
	uint32_t events = EPOLLIN | (r == -EAGAIN ? EPOLLOUT : 0);

	return sd_event_source_set_io_events(session->channel_source, events);
}

/* ---- what it says ---- */

static const char *include_take(struct rule_session *session, const struct file_message *message)
{
	struct file_message missing = { .type = FILE_MISSING, .descriptors = { -1, -1 } };
	const struct rule_file *file = NULL;
	CLEANUP(close_cleanup)
	int fd = session->asked
			 ? rule_file_include(&session->files, message->texts[FILE_INCLUDE_FROM],
					     message->texts[FILE_INCLUDE_NAME], &file)
			 : -EPERM;
	int r;

	if (fd >= 0) {
		r = source_send(session, file, fd, false, false);
	} else {
		session->incomplete = true;
		missing.texts[0] =
			fd == -EXDEV ? "outside of the folder of its rules" : strerror(-fd);
		r = file_message_send(session->process.channel, &missing, false);
	}
	/* It waits for this one answer: there is room. */
	return r < 0 ? "an include that nobody waits for" : NULL;
}

static int set_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0
		       ? -errno
		       : 0;
}

/* 1: the session is over, and may be gone. */
static int compiled_take(struct rule_session *session, const struct file_message *message)
{
	struct rule_set set = {
		.rules = message->numbers[FILE_COMPILED_RULES],
		.magic = message->numbers[FILE_COMPILED_MAGIC] != 0,
		.left_out = message->numbers[FILE_COMPILED_LEFT_OUT] + session->missed,
		.files = session->missed || session->incomplete ? NULL : &session->files,
		.files_given = session->files_count,
		.begun = session->begun,
		.troubles = session->told,
	};
	int r;

	/* It must not write any more when it is sealed. */
	worker_process_end(&session->process);
	r = set_seal(session->set);
	if (r < 0) {
		(void)session_end(session, r, NULL);
		return 1;
	}
	memcpy(set.digest, message->digest, sizeof(set.digest));
	set.fd = take_fd(&session->set);
	(void)session_end(session, 0, &set);
	return 1;
}

/* 0; 1: the session is over. */
static int message_take(struct rule_session *session, const struct file_message *message)
{
	const char *why = NULL;

	switch (message->type) {
	case FILE_HELLO:
		session->greeted = true;
		break;
	case FILE_INCLUDE:
		why = include_take(session, message);
		break;
	case FILE_TROUBLE:
		trouble_tell(session, message->numbers[FILE_TROUBLE_WARNING] != 0,
			     message->texts[FILE_TROUBLE_NAME],
			     (unsigned)message->numbers[FILE_TROUBLE_LINE],
			     message->texts[FILE_TROUBLE_WHY]);
		break;
	case FILE_COMPILED:
		if (session->asked)
			return compiled_take(session, message);
		why = "a set that nobody asked for";
		break;
	case FILE_FAILED:
		why = message->texts[0];
		break;
	default:
		why = "a request";
	}
	if (!why)
		return 0;
	(void)session_break(session, why);
	return 1;
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct rule_session *session = userdata;
	int r = 0;

	(void)source;
	(void)events;
	for (unsigned i = 0; i < FRAMES_A_TURN; i++) {
		struct file_message message;
		const char *why;

		r = file_frame_receive(fd, &session->frame, false);
		if (r == -EAGAIN)
			break;
		/* What it died of, its end will tell. */
		if (r == -EPIPE)
			return sd_event_source_set_enabled(session->channel_source, SD_EVENT_OFF);
		if (r == 0)
			r = file_message_read(&session->frame,
					      session->greeted ? FILE_READER_PARENT_COMPILER
							       : FILE_READER_PARENT_UNGREETED,
					      &message, &why);
		if (r < 0)
			return session_break(session, "broke the rules");
		if (message_take(session, &message) > 0)
			return 0;
	}
	r = session->greeted ? files_send(session) : 0;
	if (r < 0 && r != -EAGAIN && r != -EPIPE)
		return session_break(session, strerror(-r));
	return channel_listen_for(session, r);
}

static int process_ended(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct rule_session *session = userdata;
	char death[WORKER_DEATH_MAX];

	(void)source;
	(void)fd;
	(void)events;
	/* Its last words first; one that said COMPILED is gone by now. */
	if (sd_event_source_get_enabled(session->channel_source, NULL) > 0 &&
	    session->process.channel >= 0) {
		struct file_message message;
		const char *why;

		while (file_frame_receive(session->process.channel, &session->frame, false) == 0)
			if (file_message_read(&session->frame,
					      session->greeted ? FILE_READER_PARENT_COMPILER
							       : FILE_READER_PARENT_UNGREETED,
					      &message, &why) < 0 ||
			    message_take(session, &message) > 0)
				return 0;
	}
	if (worker_process_reap(&session->process, death) <= 0)
		return 0;
	return session_break(session, death);
}

static int time_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return session_break(userdata, "took too long");
}

/* ---- beginning ---- */

static int files_find(struct rule_session *session, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int r = rule_files_add(&session->files, paths[i]);

		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			trouble_tell(session, false, paths[i], 0, strerror(-r));
			session->missed++;
		}
	}
	session->files_count = session->files.count;
	return 0;
}

static int process_start(struct rule_session *session)
{
	int r;

	session->set = memfd_create("cordon-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (session->set < 0)
		return -errno;
	session->program.mode = FILE_MODE_RULES;
	r = worker_process_start(&session->program, MEMORY_MAX, &session->process);
	if (r < 0)
		return r;
	r = sd_event_add_io(session->loop, &session->channel_source, session->process.channel,
			    EPOLLIN, channel_ready, session);
	if (r >= 0)
		r = sd_event_add_io(session->loop, &session->process_source, session->process.pidfd,
				    EPOLLIN, process_ended, session);
	if (r >= 0)
		r = sd_event_add_time_relative(session->loop, &session->timer, CLOCK_BOOTTIME,
					       TIME_MAX / 1000, 0, time_over, session);
	return r < 0 ? r : 0;
}

int rule_session_new(sd_event *loop, const struct worker_program *program, const char *const *paths,
		     size_t count, const struct rule_session_listener *listener,
		     struct rule_session **ret)
{
	struct rule_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->loop = sd_event_ref(loop);
	session->program = *program;
	session->listener = *listener;
	session->process = (struct worker_process){ .pidfd = -1, .channel = -1 };
	session->set = -1;
	session->begun = clock_realtime();
	session->told = json_array();
	r = files_find(session, paths, count);
	if (r == 0)
		r = process_start(session);
	if (r < 0) {
		rule_session_free(session);
		return r;
	}
	*ret = session;
	return 0;
}
