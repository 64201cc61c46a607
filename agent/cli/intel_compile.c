/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/intel.h"
#include "intel/compile.h"
#include "intel/list_source.h"
#include "intel/pack.h"

/* Rejected lines that are shown; all are counted. */
#define REJECTED_SHOWN 100
#define SHOWN_SIZE     512
#define ALLOW_MAX      256

CLEANUP_DEFINE(struct pack *, pack_close)

struct job {
	struct compile_options options;
	const char *allow_paths[ALLOW_MAX];
	const char *out;
	const char *key; /* to sign with; NULL: it is not signed */
	struct signature signature;
	bool json;
	bool terminal; /* progress is shown there */
	bool progress_shown;
	uint64_t rejected;
};

static void progress_clear(struct job *job)
{
	if (job->progress_shown)
		(void)fputs("\r\033[K", stderr);
	job->progress_shown = false;
}

static void show_progress(uint64_t lines, void *data)
{
	struct job *job = data;

	if (!job->terminal)
		return;
	(void)fprintf(stderr, "\r%" PRIu64 " lines read", lines);
	job->progress_shown = true;
}

static void show_rejected(const struct list_rejection *rejection, void *data)
{
	struct job *job = data;
	char path[SHOWN_SIZE], text[SHOWN_SIZE];

	if (job->rejected++ >= REJECTED_SHOWN)
		return;
	progress_clear(job);
	(void)escape_text(rejection->path, strlen(rejection->path), path, sizeof(path));
	(void)escape_text(rejection->text.text, rejection->text.size, text, sizeof(text));
	(void)fprintf(stderr, "%s:%" PRIu64 ": %s: %s: \"%s\"\n", path, rejection->line,
		      list_reason_name(rejection->reason), list_reason_text(rejection->reason),
		      text);
}

static void usage_print(FILE *file)
{
	(void)fputs(
		"Usage: cordon intel compile -o PACK [OPTION...] LIST...\n"
		"\n"
		"Compiles lists of indicators (\"-\": standard input) into a pack: names, hosts "
		"files,\n"
		"addresses and prefixes, file hashes, JA4, AdBlock, dnsmasq, unbound, RPZ, CSV, "
		"TSV,\n"
		"JSON, STIX 2.1, MISP, ipset, Suricata datasets; any of them also in gzip.\n"
		"Lines that cannot be taken are told, and do not fail the whole.\n"
		"\n"
		"  -o, --output PACK      the file to write\n"
		"      --feed NAME        the feed of all entries (else what the list says, else\n"
		"                         its file's name)\n"
		"      --format NAME      what all lists are (else each line as it looks): plain,\n"
		"                         hosts, dnsmasq, unbound, rpz, adblock, csv, tsv, drop,\n"
		"                         ipset, dataset, hashes, json, stix, misp, warninglist\n"
		"      --severity NAME    of entries that have none of their own\n"
		"      --tags A,B         of all entries, besides their own\n"
		"      --allow LIST       a list of what must not match (again for more)\n"
		"      --never-block FILE the never-block list to use (\"none\": none)\n"
		"      --force-suffix     take public suffixes, single labels and wide prefixes\n"
		"      --sign KEY         sign the pack with a key of cordon intel keygen\n"
		"      --version N        of the signature (else the time)\n"
		"      --valid DURATION   how long hosts take it (else without an end)\n"
		"      --json             print the result as one JSON object\n",
		file);
}

enum option_key {
	OPTION_FEED = 256,
	OPTION_FORMAT,
	OPTION_SEVERITY,
	OPTION_TAGS,
	OPTION_ALLOW,
	OPTION_NEVER_BLOCK,
	OPTION_FORCE_SUFFIX,
	OPTION_SIGN,
	OPTION_VERSION,
	OPTION_VALID,
	OPTION_JSON
};

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "feed", required_argument, NULL, OPTION_FEED },
	{ "format", required_argument, NULL, OPTION_FORMAT },
	{ "severity", required_argument, NULL, OPTION_SEVERITY },
	{ "tags", required_argument, NULL, OPTION_TAGS },
	{ "allow", required_argument, NULL, OPTION_ALLOW },
	{ "never-block", required_argument, NULL, OPTION_NEVER_BLOCK },
	{ "force-suffix", no_argument, NULL, OPTION_FORCE_SUFFIX },
	{ "sign", required_argument, NULL, OPTION_SIGN },
	{ "version", required_argument, NULL, OPTION_VERSION },
	{ "valid", required_argument, NULL, OPTION_VALID },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int value_refuse(const char *what, const char *value)
{
	char shown[SHOWN_SIZE];

	(void)escape_text(value, strlen(value), shown, sizeof(shown));
	log_error("not a valid %s: %s", what, shown);
	return -EINVAL;
}

/* A word that a list could say as well: checked by the same code. */
static int value_check(const char *what, const char *value,
		       int (*read)(struct list_attributes *attributes, struct span value),
		       struct list_attributes *attributes)
{
	if (read(attributes, (struct span){ value, strlen(value) }) < 0)
		return value_refuse(what, value);
	return 0;
}

static int option_take(struct job *job, int key, const char *value)
{
	struct list_attributes attributes = { 0 };
	int r = 0;

	switch (key) {
	case 'o':
		job->out = value;
		break;
	case OPTION_FEED:
		job->options.feed = value;
		r = value_check("feed name", value, list_attributes_feed, &attributes);
		break;
	case OPTION_FORMAT:
		if (list_format_find(value, &job->options.format) < 0)
			r = value_refuse("format", value);
		break;
	case OPTION_SEVERITY:
		r = value_check("severity", value, list_attributes_severity, &attributes);
		job->options.severity = attributes.severity;
		break;
	case OPTION_TAGS:
		job->options.tags = value;
		r = value_check("list of tags", value, list_attributes_tags, &attributes);
		break;
	case OPTION_ALLOW:
		if (job->options.allow_count == ALLOW_MAX)
			return value_refuse("number of allow lists", value);
		job->allow_paths[job->options.allow_count++] = value;
		break;
	case OPTION_NEVER_BLOCK:
		job->options.no_never_block = strcmp(value, "none") == 0;
		job->options.never_block = value;
		break;
	case OPTION_FORCE_SUFFIX:
		job->options.force_suffix = true;
		break;
	case OPTION_SIGN:
		job->key = value;
		break;
	case OPTION_VERSION:
		r = intel_sign_option("version", value, &job->signature);
		break;
	case OPTION_VALID:
		r = intel_sign_option("valid", value, &job->signature);
		break;
	case OPTION_JSON:
		job->json = true;
		break;
	default:
		return -EINVAL;
	}
	return r;
}

static json_t *rejected_json(const struct compile_report *report)
{
	json_t *object = json_object();

	for (size_t i = LIST_TAKEN + 1; i < LIST_REASONS; i++)
		if (report->rejected[i] > 0)
			(void)json_object_set_new(object, list_reason_name((enum list_reason)i),
						  json_integer((json_int_t)report->rejected[i]));
	return object;
}

static json_t *skipped_json(const struct compile_report *report)
{
	json_t *object = json_object();

	for (size_t i = 0; i < LIST_SKIPS; i++)
		(void)json_object_set_new(object, list_skip_name((enum list_skip)i),
					  json_integer((json_int_t)report->skipped[i]));
	return object;
}

static json_t *report_json(const struct job *job, const struct compile_report *report)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:{s:o, s:I, s:s}}",
		"lines", (json_int_t)report->lines, "items", (json_int_t)report->items, "domains",
		(json_int_t)report->domains, "addresses", (json_int_t)report->addresses, "hashes",
		(json_int_t)report->hashes, "allows", (json_int_t)report->allows, "never_block",
		(json_int_t)report->never_block, "duplicates", (json_int_t)report->duplicates,
		"masked", (json_int_t)report->masked, "rejected", rejected_json(report), "skipped",
		skipped_json(report), "pack", "path", intel_json_text(job->out), "bytes",
		(json_int_t)report->pack.bytes, "sha256", report->pack.sha256);
}

static void report_print(const struct job *job, const struct compile_report *report)
{
	char path[SHOWN_SIZE];

	(void)escape_text(job->out, strlen(job->out), path, sizeof(path));
	(void)printf("%s: %" PRIu64 " bytes, SHA-256 %s\n", path, report->pack.bytes,
		     report->pack.sha256);
	(void)printf("%" PRIu64 " lines: %" PRIu64 " domains, %" PRIu64 " addresses, %" PRIu64
		     " hashes (%" PRIu64 " of them allowed), %" PRIu64 " duplicates\n",
		     report->lines, report->domains, report->addresses, report->hashes,
		     report->allows, report->duplicates);
	if (report->masked > 0)
		(void)printf("%" PRIu64
			     " prefixes had bits beyond their length, which were cleared\n",
			     report->masked);
	(void)printf("%" PRIu64 " never-block entries\n", report->never_block);
	(void)printf("%" PRIu64 " blank, %" PRIu64 " comments, %" PRIu64
		     " of the format's syntax; %" PRIu64 " items in all\n",
		     report->skipped[LIST_SKIP_BLANK], report->skipped[LIST_SKIP_COMMENT],
		     report->skipped[LIST_SKIP_SYNTAX], report->items);
	if (job->rejected > 0)
		(void)printf("%" PRIu64 " rejected:\n", job->rejected);
	for (size_t i = LIST_TAKEN + 1; i < LIST_REASONS; i++)
		if (report->rejected[i] > 0)
			(void)printf("  %8" PRIu64 " %s\n", report->rejected[i],
				     list_reason_name((enum list_reason)i));
}

static int failure_tell(const struct compile_report *report, int error)
{
	const char *path = report->failed_path ? report->failed_path : "the lists";
	char shown[SHOWN_SIZE];

	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	if (error == -ENODATA)
		log_error("no list has an entry that could be taken: no pack is written");
	else if (error == -EILSEQ)
		log_error("%s: is in UTF-16: convert it to UTF-8", shown);
	else if (error == -EBADMSG)
		log_error("%s: damaged or truncated gzip", shown);
	else if (error == -EFBIG)
		log_error("%s: more than %" PRIu64 " bytes", shown, LIST_BYTES_MAX);
	else if (error == -EINVAL && report->failed_path)
		log_error("%s: a never-block list may not have lines that are not valid", shown);
	else
		(void)log_errno(LOG_ERR, error, "%s", shown);
	return COMMAND_FAILED;
}

/* The pack that is told is the signed one: its size and digest are other ones. */
static int pack_sign(struct job *job, struct compile_report *report)
{
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	uint8_t seed[SIGNATURE_KEY_SIZE];
	struct pack_info info;
	struct stat file;
	int r;

	if (!job->key)
		return 0;
	if (intel_seed_load(job->key, seed) < 0)
		return -EINVAL;
	(void)snprintf(job->signature.kind, sizeof(job->signature.kind), "pack");
	intel_sign_defaults(&job->signature);
	r = intel_sign_file(job->out, seed, &job->signature);
	explicit_bzero(seed, sizeof(seed));
	if (r < 0 || stat(job->out, &file) < 0)
		return log_errno(LOG_ERR, r < 0 ? r : -errno, "the pack cannot be signed");
	r = intel_open(job->out, &pack);
	if (r < 0)
		return r;
	pack_info(pack, &info);
	report->pack.bytes = (uint64_t)file.st_size;
	memcpy(report->pack.sha256, info.sha256, sizeof(report->pack.sha256));
	return 0;
}

static int job_run(struct job *job, const char *const *paths, size_t count)
{
	struct compile_report report;
	int r;

	job->terminal = isatty(STDERR_FILENO) == 1;
	job->options.allow_paths = job->allow_paths;
	job->options.rejected = show_rejected;
	job->options.progress = show_progress;
	job->options.data = job;
	r = compile_lists(paths, count, &job->options, job->out, &report);
	progress_clear(job);
	if (job->rejected > REJECTED_SHOWN)
		(void)fprintf(stderr, "%" PRIu64 " more rejected lines are not shown\n",
			      job->rejected - REJECTED_SHOWN);
	if (r < 0)
		return failure_tell(&report, r);
	if (pack_sign(job, &report) < 0)
		return COMMAND_FAILED;
	if (job->json)
		return intel_json_print(report_json(job, &report));
	report_print(job, &report);
	return fflush(stdout) == EOF ? COMMAND_FAILED : COMMAND_FINE;
}

int intel_compile(int argc, char **argv)
{
	struct job job = { 0 };
	int key;

	optind = 0;
	while ((key = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
		if (key == 'h') {
			usage_print(stdout);
			return COMMAND_FINE;
		}
		if (key == '?' || option_take(&job, key, optarg) < 0)
			return COMMAND_FAILED;
	}
	if (!job.out || (optind == argc && job.options.allow_count == 0)) {
		usage_print(stderr);
		return COMMAND_FAILED;
	}
	return job_run(&job, (const char *const *)argv + optind, (size_t)(argc - optind));
}
