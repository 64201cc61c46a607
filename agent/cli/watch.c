/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon watch`: a live picture on a terminal, also over SSM Session Manager at 80 columns; a line
 * for each finding where there is none. Reads the journal's file, and asks the daemon for its
 * status; works without a daemon. However it ends, the terminal is as it was.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/findings.h"
#include "cli/journal_place.h"
#include "cli/watch_draw.h"
#include "daemon/control_call.h"
#include "journal/journal.h"
#include "report/ocsf.h"
#include "report/screen.h"

/* The journal is asked so often, the daemon every so many times; the picture is drawn when there is
 * something new, and at least once a second for the clock. */
#define POLL_INTERVAL_MS 250
#define STATUS_EVERY	 8
#define DRAW_EVERY	 4
/* At the start the findings of so long are shown. */
#define SHOWN_SINCE	 (UINT64_C(24) * 3600 * NS_PER_SECOND)
/* Below this there is no picture, but lines. */
#define COLUMNS_MIN	 40u
#define LINES_MIN	 8u

CLEANUP_DEFINE(struct journal *, journal_close)
CLEANUP_DEFINE(json_t *, json_decref)

struct watch {
	const char *config, *state_dir, *socket;
	struct journal_query query;
	char *path;
	struct journal *journal;
	struct watch_rows *rows;
	json_t *status;
	char status_why[128], journal_why[128];
	bool changed;
};

static volatile sig_atomic_t watch_stop, watch_resized;
static struct termios terminal_before;

static void stop(int number)
{
	(void)number;
	watch_stop = 1;
}

static void resized(int number)
{
	(void)number;
	watch_resized = 1;
}

/* ---- the terminal ---- */

/* The alternate screen, no cursor, no wrapping; keys come one by one and are not shown. */
static int terminal_enter(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal_before) < 0)
		return -errno;
	raw = terminal_before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	(void)fputs("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J", stdout);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static void terminal_leave(void)
{
	(void)fputs("\x1b[?7h\x1b[?25h\x1b[?1049l", stdout);
	(void)fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

static void terminal_size(unsigned *ret_columns, unsigned *ret_lines)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*ret_columns = size.ws_col ? size.ws_col : 80;
	*ret_lines = size.ws_row ? size.ws_row : 24;
}

static bool terminal_fits(void)
{
	const char *term = getenv("TERM");
	unsigned columns, lines;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return false;
	terminal_size(&columns, &lines);
	return columns >= COLUMNS_MIN && lines >= LINES_MIN;
}

/* ---- what is shown ---- */

static int entry_take(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);
	struct watch *watch = userdata;
	struct view view;

	if (!object || ocsf_finding_amend(object, entry->count, entry->last_seen) < 0)
		return 0;
	view_read(object, &view);
	watch_rows_take(watch->rows, &view,
			(int)json_integer_value(json_object_get(object, "status_id")));
	watch->changed = true;
	return watch_stop ? -EINTR : 0;
}

static int journal_look(struct watch *watch)
{
	uint64_t sequence;
	int r = 0;

	if (!watch->journal) {
		r = journal_open_reader(watch->path, &watch->journal);
		watch->query.after_sequence = 0;
	} else {
		r = journal_poll(watch->journal);
		if (r == 0)
			return 0;
	}
	if (r >= 0)
		r = journal_sequence(watch->journal, &sequence);
	if (r >= 0)
		r = journal_read(watch->journal, &watch->query, entry_take, watch);
	if (r >= 0)
		watch->query.after_sequence = sequence;
	return r;
}

/* Another file, or none: it is looked for again the next time. */
static void journal_follow(struct watch *watch)
{
	int r = journal_look(watch);

	if (r < 0 && r != -EBUSY) {
		journal_close(watch->journal);
		watch->journal = NULL;
	}
	watch->journal_why[0] = '\0';
	if (r < 0 && r != -ESTALE && r != -EINTR && r != -EBUSY)
		(void)snprintf(watch->journal_why, sizeof(watch->journal_why), "journal: %s",
			       r == -ENOENT ? "there is none yet" : strerror(-r));
}

static void status_ask(struct watch *watch)
{
	json_t *reply = NULL;
	int r = control_call(watch->socket, "status", &reply);

	json_decref(watch->status);
	watch->status = r < 0 ? NULL : reply;
	if (r < 0)
		(void)snprintf(watch->status_why, sizeof(watch->status_why), "%s", strerror(-r));
	watch->changed = true;
}

/* All of a picture goes out with one write. */
static int picture_show(struct watch *watch)
{
	CLEANUP(free_cleanup) char *text = NULL;
	struct watch_picture picture = { .rows = watch->rows,
					 .status = watch->status,
					 .status_why = watch->status_why,
					 .journal = watch->journal_why,
					 .colour = screen_colour(STDOUT_FILENO),
					 .now = clock_realtime() };
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	terminal_size(&picture.columns, &picture.lines);
	(void)fputs("\x1b[H", out);
	watch_draw(&picture, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	watch->changed = false;
	if (fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0)
		return -EIO;
	return 0;
}

/* Waits for a key; -EINTR when it is time to go. Signals come in only while we wait. */
static int key_wait(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	const struct timespec interval = { .tv_nsec = POLL_INTERVAL_MS * 1000000L };
	sigset_t blocked, before;
	char keys[64];
	ssize_t n = 0;
	int r;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	r = watch_stop ? -1 : ppoll(&input, 1, &interval, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (watch_stop)
		return -EINTR;
	if (r > 0)
		n = read(STDIN_FILENO, keys, sizeof(keys));
	/* Nobody is at the keys any more. */
	if (r > 0 && n <= 0)
		return -EINTR;
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q')
			return -EINTR;
	return 0;
}

static int watch_loop(struct watch *watch)
{
	int r = 0;

	for (unsigned turn = 0; r == 0; turn++) {
		journal_follow(watch);
		if (turn % STATUS_EVERY == 0)
			status_ask(watch);
		if (watch_resized)
			(void)fputs("\x1b[2J", stdout);
		if (watch->changed || watch_resized || turn % DRAW_EVERY == 0) {
			watch_resized = 0;
			r = picture_show(watch);
		}
		if (r == 0)
			r = key_wait();
	}
	return r;
}

static int watch_terminal(struct watch *watch)
{
	const struct sigaction ends = { .sa_handler = stop };
	const struct sigaction resizes = { .sa_handler = resized };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigaction(SIGINT, &ends, NULL);
	(void)sigaction(SIGTERM, &ends, NULL);
	(void)sigaction(SIGHUP, &ends, NULL);
	(void)sigaction(SIGWINCH, &resizes, NULL);
	/* Stopped with Ctrl-Z the terminal would stay as it is now. */
	(void)signal(SIGTSTP, SIG_IGN);
	r = terminal_enter();
	if (r == 0)
		r = watch_loop(watch);
	terminal_leave();
	if (r < 0 && r != -EINTR && r != -EIO) {
		(void)log_errno(LOG_ERR, r, "watch");
		return COMMAND_FAILED;
	}
	return COMMAND_FINE;
}

static int watch_picture_run(struct watch *watch)
{
	int r;

	watch->rows = calloc(1, sizeof(*watch->rows));
	if (!watch->rows || journal_place(watch->config, watch->state_dir, &watch->path) < 0) {
		free(watch->rows);
		return COMMAND_FAILED;
	}
	watch->query.since = clock_realtime() - SHOWN_SINCE;
	r = watch_terminal(watch);
	journal_close(watch->journal);
	json_decref(watch->status);
	free(watch->rows);
	free(watch->path);
	return r;
}

/* The options that the picture has; with others, or --json, there are lines. */
int command_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "severity", required_argument, NULL, 'v' },
		{ "config", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "socket", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	struct watch watch = { .socket = CONTROL_PATH };
	enum severity severity;
	int option;

	if (!terminal_fits())
		return findings_follow_lines(argc, argv);
	/* What is not known here is for the lines, which say what is wrong with it. */
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'v' && severity_parse(optarg, &severity) == 0)
			watch.query.severity = (int)severity;
		else if (option == 'c')
			watch.config = optarg;
		else if (option == 'd')
			watch.state_dir = optarg;
		else if (option == 's')
			watch.socket = optarg;
		else
			break;
	}
	opterr = 1;
	if (option != -1 || optind < argc)
		return findings_follow_lines(argc, argv);
	return watch_picture_run(&watch);
}
