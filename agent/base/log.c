/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "base/escape.h"
#include "base/outlet.h"

/* Longest log line; the rest is cut. */
#define LOG_LINE_MAX  2048
/* Of them, kept for what the error is. */
#define LOG_ERROR_MAX 128

static const char *log_program = "cordon";
static int log_level_max = LOG_INFO;
static bool log_to_journal;
static struct outlet *log_outlet; /* NULL: stderr itself */

static struct {
	int level;
	void (*hear)(int level, const char *text, void *userdata);
	void *userdata;
	bool hears; /* just now */
} log_listener;

void log_listen(int level, void (*hear)(int level, const char *text, void *userdata),
		void *userdata)
{
	log_listener.level = level;
	log_listener.hear = hear;
	log_listener.userdata = userdata;
}

static void log_tell(int level, const char *text)
{
	if (!log_listener.hear || log_listener.hears || level > log_listener.level)
		return;
	log_listener.hears = true;
	log_listener.hear(level, text, log_listener.userdata);
	log_listener.hears = false;
}

void log_open(const char *program, int level)
{
	log_program = program;
	log_level_max = level;
	log_to_journal = sd_is_socket(STDERR_FILENO, AF_UNIX, SOCK_STREAM, -1) > 0 &&
			 getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(int level)
{
	log_level_max = level;
}

void log_never_wait(void)
{
	/* Without one, lines wait as they did. */
	if (!log_outlet && !log_to_journal)
		(void)outlet_open(STDERR_FILENO, &log_outlet);
}

void log_flush(void)
{
	if (log_outlet)
		(void)outlet_flush(log_outlet);
}

static void log_print(const char *text)
{
	char line[LOG_LINE_MAX * 2 + 64];
	int n;

	if (!log_outlet) {
		(void)fprintf(stderr, "%s: %s\n", log_program, text);
		return;
	}
	n = snprintf(line, sizeof(line), "%s: %s\n", log_program, text);
	if (n > 0 && (size_t)n < sizeof(line))
		(void)outlet_write(log_outlet, line, (size_t)n);
}

static void log_write(int level, const char *text)
{
	char shown[LOG_LINE_MAX * 2];

	/* What is logged may quote bytes that somebody else chose. */
	escape_text(text, strlen(text), shown, sizeof(shown));
	if (log_to_journal)
		(void)sd_journal_send("PRIORITY=%i", level, "SYSLOG_IDENTIFIER=%s", log_program,
				      "MESSAGE=%s", shown, NULL);
	else
		log_print(shown);
	log_tell(level, shown);
}

void log_line(int level, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list arguments;

	if (level > log_level_max)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_write(level, text);
}

int log_errno(int level, int error, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list arguments;
	size_t length;

	if (level > log_level_max)
		return error;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text) - LOG_ERROR_MAX, format, arguments);
	va_end(arguments);
	length = strlen(text);
	(void)snprintf(text + length, sizeof(text) - length, ": %s", strerror(-error));
	log_write(level, text);
	return error;
}
