/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines of our own programs (findings are not log lines: they have their own sinks). A line
 * goes to the systemd journal when stderr is connected to it, else to stderr. Whoever has the
 * context logs, once: functions either log or return an error.
 */
#pragma once

#include <stdarg.h>
#include <syslog.h>

/* program: borrowed for the life of the process. level: the least severe LOG_* that is shown. */
void log_open(const char *program, int level);
void log_set_level(int level);
/* For daemons: lines never wait for whoever reads stderr (outlet.h). What waits then goes out with
 * the next line, or with log_flush(). */
void log_never_wait(void);
void log_flush(void);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs "text: strerror(error)" and returns error, so that `return log_errno(r, ...)` reads well.
 * error: a negative errno. */
int log_errno(int level, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* hear is called with each line of at least that level, as it is written (escaped, borrowed), but
 * not for lines that are logged meanwhile. NULL: nobody listens any more. */
void log_listen(int level, void (*hear)(int level, const char *text, void *userdata),
		void *userdata);

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)
