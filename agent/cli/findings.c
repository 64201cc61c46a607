/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon findings`: what is in the journal, and what comes into it (for `cordon watch`, too, where
 * there is no terminal). Reads the journal's file itself, so it works with and without a running
 * daemon. What it prints holds names and paths that an outsider chose: all of it is escaped.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/findings.h"
#include "cli/journal_place.h"
#include "detect/finding.h"
#include "journal/journal.h"
#include "report/ocsf.h"
#include "report/screen.h"
#include "report/view.h"

/* How often a follower asks whether there is something new: one read of shared memory. */
#define FOLLOW_INTERVAL_MS 200
/* Findings that a follower remembers having shown, to show less of their repeats. */
#define SHOWN_PLACES	   1024

struct findings {
	struct journal_query query;
	const char *config, *state_dir;
	bool follow, json, from_now;
	/* on the way */
	char *path;
	struct journal *journal;
	bool colour, found, told_waiting;
	uint32_t shown[SHOWN_PLACES]; /* hashes of uids */
};

CLEANUP_DEFINE(struct journal *, journal_close)
CLEANUP_DEFINE(json_t *, json_decref)

static volatile sig_atomic_t findings_stop;

static void stop(int number)
{
	(void)number;
	findings_stop = 1;
}

/* The stored object, with the count and times of its entry. NULL: it is told why. */
static json_t *entry_object(const struct journal_entry *entry)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(entry->document, 0, NULL);

	if (!object || ocsf_finding_amend(object, entry->count, entry->last_seen) < 0) {
		log_warning("%s: what is stored is not a finding", entry->uid);
		return NULL;
	}
	return take_ptr(object);
}

static bool was_shown(struct findings *findings, const char *uid)
{
	uint32_t hash = 2166136261u, *place;
	bool shown;

	for (; *uid; uid++)
		hash = (hash ^ (uint8_t)*uid) * 16777619u;
	place = &findings->shown[hash % SHOWN_PLACES];
	shown = *place == hash;
	*place = hash;
	return shown;
}

/* Whoever reads our output may be gone; that ends us quietly. */
static int print_line(const char *line)
{
	if (fputs(line, stdout) < 0 || fputc('\n', stdout) < 0 || fflush(stdout) != 0)
		return errno ? -errno : -EIO;
	return 0;
}

static int entry_print(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = entry_object(entry);
	CLEANUP(free_cleanup) char *json = NULL;
	struct findings *findings = userdata;
	char line[SCREEN_LINE_SIZE];
	struct view view;

	if (!object)
		return 0;
	findings->found = true;
	if (findings->json) {
		json = ocsf_line(object);
		return json ? print_line(json) : -ENOMEM;
	}
	view_read(object, &view);
	screen_line(&view, was_shown(findings, entry->uid) ? SCREEN_REPEAT : SCREEN_FINDING,
		    findings->colour, line);
	return findings_stop ? -EINTR : print_line(line);
}

struct field {
	const char *label, *text;
};

static int sighting_print(const struct journal_sighting *sighting, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loads(sighting->summary, 0, NULL);
	static const char *const keys[] = { "hostname", "type", "path", "disposition" };
	char time[CLOCK_TEXT_SIZE], safe[1024];
	json_int_t pid = json_integer_value(json_object_get(object, "pid"));

	(void)userdata;
	clock_format(sighting->time, time);
	(void)printf("    %s", time);
	if (pid)
		(void)printf("  pid %lld", (long long)pid);
	for (size_t i = 0; i < ELEMENTS(keys); i++) {
		const char *text = json_string_value(json_object_get(object, keys[i]));

		if (!text)
			continue;
		screen_text(text, safe, sizeof(safe));
		(void)printf("  %s", safe);
	}
	return print_line("");
}

static int change_print(const struct journal_change_note *change, void *userdata)
{
	char time[CLOCK_TEXT_SIZE], safe[1024];

	(void)userdata;
	clock_format(change->time, time);
	screen_text(change->text, safe, sizeof(safe));
	(void)printf("    %s  %-10s  %-13s  %s", time, journal_event_name(change->event),
		     severity_name((enum severity)change->severity), safe);
	return print_line("");
}

static void fields_print(const struct view *view)
{
	const struct field fields[] = {
		{ "Finding", view->uid },
		{ "Title", view->title },
		{ "Why", view->why },
		{ "Severity", view->severity },
		{ "Detector", view->detector },
		{ "Indicator", view->indicator },
		{ "Feed", view->feed },
		{ "Policy", view->policy },
		{ "Rule", view->rule },
		{ "Done", view->disposition },
		{ "Would have", view->would_have },
		{ "Not done", view->missed },
		{ "Name asked", view->qname },
		{ "Type", view->qtype },
		{ "From", view->source },
		{ "To", view->destination },
		{ "Process", view->comm },
		{ "Executable", view->exe },
		{ "Arguments", view->arguments },
		{ "User", view->user },
		{ "Unit", view->unit },
		{ "Container", view->container },
		{ "Learnt from", view->attribution },
		{ "Role", view->process_role },
		{ "Host", view->hostname },
	};
	char safe[SCREEN_LINE_SIZE];

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		if (!*fields[i].text)
			continue;
		screen_text(fields[i].text, safe, sizeof(safe));
		(void)printf("%-12s %s\n", fields[i].label, safe);
	}
	if (view->pid)
		(void)printf("%-12s %lld\n", "Pid", view->pid);
}

/* One finding in full, with its history. */
static int entry_print_full(const struct journal_entry *entry, void *userdata)
{
	CLEANUP(json_decref_cleanup) json_t *object = entry_object(entry);
	struct findings *findings = userdata;
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];
	struct view view;
	int r;

	if (!object)
		return -EBADMSG;
	findings->found = true;
	view_read(object, &view);
	clock_format(entry->first_seen, first);
	clock_format(entry->last_seen, last);
	fields_print(&view);
	(void)printf("%-12s %s\n", "Status", journal_life_name(entry->life));
	(void)printf("%-12s %llu\n%-12s %s\n%-12s %s\n%-12s\n", "Count",
		     (unsigned long long)entry->count, "First seen", first, "Last seen", last,
		     "Sightings");
	r = journal_read_sightings(findings->journal, entry->uid, sighting_print, NULL);
	(void)printf("%-12s\n", "History");
	return r < 0 ? r : journal_read_changes(findings->journal, entry->uid, change_print, NULL);
}

static int journal_reopen(struct findings *findings)
{
	journal_close(findings->journal);
	findings->journal = NULL;
	return journal_open_reader(findings->path, &findings->journal);
}

/* Waits out the interval; -EPIPE when nobody reads us any more, -EINTR when we are to stop. The
 * signals come in only while we wait, or in a system call: so none is missed in between. */
static int follow_wait(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = 0 };
	const struct timespec interval = { .tv_nsec = FOLLOW_INTERVAL_MS * 1000000L };
	sigset_t blocked, before;
	int n = 0;

	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	if (!findings_stop)
		n = ppoll(&output, 1, &interval, &before);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (n > 0 && (output.revents & POLLERR))
		return -EPIPE;
	return findings_stop ? -EINTR : 0;
}

/* What has changed since the last time. Where to go on is asked for first: what changes while we
 * read may be shown twice, but is not missed. */
static int follow_read(struct findings *findings)
{
	uint64_t sequence;
	int r = journal_sequence(findings->journal, &sequence);

	if (r == 0 && !findings->from_now)
		r = journal_read(findings->journal, &findings->query, entry_print, findings);
	if (r == 0) {
		findings->query.after_sequence = sequence;
		findings->from_now = false;
	}
	return r;
}

static int follow_step(struct findings *findings)
{
	int r;

	if (!findings->journal) {
		r = journal_reopen(findings);
		if (r == -ENOENT) {
			if (!findings->told_waiting)
				log_notice("%s is not there yet; waiting for cordond",
					   findings->path);
			findings->told_waiting = true;
			/* All that comes into a journal that is yet to be made is new. */
			findings->from_now = false;
			return 0;
		}
		findings->query.after_sequence = 0;
		return r < 0 ? r : follow_read(findings);
	}
	r = journal_poll(findings->journal);
	if (r == -ESTALE) {
		journal_close(findings->journal);
		findings->journal = NULL;
		findings->from_now = false;
		return 0;
	}
	if (r != JOURNAL_CHANGED)
		return r;
	return follow_read(findings);
}

static int findings_follow(struct findings *findings)
{
	const struct sigaction action = { .sa_handler = stop };
	int r = 0;

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	while (r >= 0) {
		r = follow_step(findings);
		/* Somebody else has the file locked: it will pass. */
		if (r >= 0 || r == -EBUSY)
			r = follow_wait();
	}
	return r;
}

static int findings_list(struct findings *findings)
{
	int r = journal_reopen(findings);

	if (r < 0)
		return r;
	if (findings->query.uid && !findings->json)
		return journal_read(findings->journal, &findings->query, entry_print_full,
				    findings);
	return journal_read(findings->journal, &findings->query, entry_print, findings);
}

static int findings_run(struct findings *findings)
{
	int r = journal_place(findings->config, findings->state_dir, &findings->path);

	if (r < 0)
		return COMMAND_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	findings->colour = screen_colour(STDOUT_FILENO);
	r = findings->follow ? findings_follow(findings) : findings_list(findings);
	journal_close(findings->journal);
	if (r == -ENOENT)
		log_error("there is no journal at %s: has cordond run here?", findings->path);
	else if (r == -EPROTONOSUPPORT)
		log_error("%s was written by a newer version of cordon", findings->path);
	else if (r < 0 && r != -EPIPE && r != -EINTR)
		log_errno(LOG_ERR, r, "cannot read %s", findings->path);
	if (findings->query.uid && r == 0 && !findings->found)
		log_notice("no finding has the uid %s", findings->query.uid);
	free(findings->path);
	if (r < 0 && r != -EPIPE && r != -EINTR)
		return COMMAND_FAILED;
	return findings->found ? COMMAND_FOUND : COMMAND_FINE;
}

static int usage(FILE *file, const char *command)
{
	(void)fprintf(
		file,
		"usage: cordon %s [--since TIME] [--severity NAME] [--status NAME] [--follow] "
		"[--json] [--config FILE] [--state-dir DIR] [[show] UID]\n"
		"       cordon %s close UID --comment TEXT [--json] [--socket PATH]\n",
		command, command);
	return file == stdout ? COMMAND_FINE : COMMAND_FAILED;
}

/* --status: adds to the lives that are shown. */
static int status_take(struct findings *findings, const char *name)
{
	for (unsigned life = 0; life <= JOURNAL_LIFE_CLOSED; life++)
		if (strcmp(journal_life_name((enum journal_life)life), name) == 0) {
			findings->query.lives |= 1u << life;
			return 0;
		}
	log_error("--status: \"%s\" is none of open, suppressed, closed", name);
	return -EINVAL;
}

/* One option; -EINVAL when its value is told to be wrong. */
static int option_take(struct findings *findings, int option)
{
	enum severity severity;

	switch (option) {
	case 's':
		if (parse_time(optarg, &findings->query.since) == 0)
			return 0;
		log_error("--since: \"%s\" is neither a time (2026-11-21, 2026-11-21T02:24:05Z) "
			  "nor a span (90s, 15min, 24h, 7d)",
			  optarg);
		return -EINVAL;
	case 'v':
		if (severity_parse(optarg, &severity) == 0) {
			findings->query.severity = (int)severity;
			return 0;
		}
		log_error("--severity: \"%s\" is none of informational, low, medium, high, "
			  "critical",
			  optarg);
		return -EINVAL;
	case 't':
		return status_take(findings, optarg);
	case 'f':
		findings->follow = true;
		return 0;
	case 'j':
		findings->json = true;
		return 0;
	case 'c':
		findings->config = optarg;
		return 0;
	case 'd':
		findings->state_dir = optarg;
		return 0;
	case 'k': /* of the picture of `cordon watch`: lines do not ask the daemon */
		return 0;
	default:
		return -EINVAL;
	}
}

static int findings_main(int argc, char **argv, struct findings *findings)
{
	static const struct option options[] = {
		{ "since", required_argument, NULL, 's' },
		{ "severity", required_argument, NULL, 'v' },
		{ "status", required_argument, NULL, 't' },
		{ "follow", no_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "config", required_argument, NULL, 'c' },
		{ "state-dir", required_argument, NULL, 'd' },
		{ "socket", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	/* 0 makes getopt begin anew: the program's own options were read with it. */
	optind = 0;
	while ((option = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, argv[0]);
		if (option_take(findings, option) < 0)
			return option == '?' ? usage(stderr, argv[0]) : COMMAND_FAILED;
	}
	if (optind < argc - 1 && strcmp(argv[optind], "show") == 0)
		optind++;
	if (optind < argc)
		findings->query.uid = argv[optind++];
	if (optind < argc || (findings->query.uid && findings->follow))
		return usage(stderr, argv[0]);
	return findings_run(findings);
}

int command_findings(int argc, char **argv)
{
	struct findings findings = { 0 };

	if (argc > 1 && strcmp(argv[1], "close") == 0)
		return findings_close(argc - 1, argv + 1);
	return findings_main(argc, argv, &findings);
}

int findings_follow_lines(int argc, char **argv)
{
	struct findings findings = { .follow = true, .from_now = true };

	return findings_main(argc, argv, &findings);
}
