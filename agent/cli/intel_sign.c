/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon intel keygen, sign and verify: signatures over packs and policies (base/signature.h), for
 * whoever builds them once for many hosts.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/command.h"
#include "cli/intel.h"

#define SHOWN_SIZE   512
#define KEY_FILE_MAX 256
#define KEYS_MAX     16
#define COPY_SIZE    65536
#define KEYGEN_USAGE "Usage: cordon intel keygen -o KEY\n"
#define SIGN_USAGE                                                                                 \
	"Usage: cordon intel sign --key KEY [--kind pack|policy|evidence] [--version N]\n"         \
	"                         [--valid DURATION] FILE...\n"                                    \
	"\n"                                                                                       \
	"Puts a signature behind each file, in the place of one that is there.\n"                  \
	"  --kind     what it is: without it, by its name (.yaml, .yml: a policy)\n"               \
	"  --version  counts up: hosts refuse an older one than they had (the time)\n"             \
	"  --valid    until when hosts take it (30d, 12h; else without an end)\n"
#define VERIFY_USAGE                                                                               \
	"Usage: cordon intel verify --key PUBLIC... [--kind pack|policy|evidence] FILE...\n"

static int failure_tell(const char *path, int error, const char *what)
{
	char shown[SHOWN_SIZE];

	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	(void)log_errno(LOG_ERR, error, "%s: %s", shown, what);
	return COMMAND_FAILED;
}

static int usage(const char *text, bool asked)
{
	(void)fputs(text, asked ? stdout : stderr);
	return asked ? COMMAND_FINE : COMMAND_FAILED;
}

/* The private key is a line of text; it is never overwritten. */
static int key_write(const char *path, const uint8_t seed[static SIGNATURE_KEY_SIZE])
{
	CLEANUP(close_cleanup) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char text[SIGNATURE_BASE64_SIZE];
	int r;

	if (fd < 0)
		return -errno;
	signature_key_text(seed, text);
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0)
		r = fd_write_all(fd, "\n", 1);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	explicit_bzero(text, sizeof(text));
	return r;
}

int intel_keygen(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	uint8_t seed[SIGNATURE_KEY_SIZE];
	char text[SIGNATURE_BASE64_SIZE];
	struct signature_key key;
	const char *path = NULL;
	int r, option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "o:h", options, NULL)) >= 0) {
		if (option != 'o')
			return usage(KEYGEN_USAGE, option == 'h');
		path = optarg;
	}
	if (!path || optind != argc)
		return usage(KEYGEN_USAGE, false);
	r = signature_generate(seed, &key);
	if (r == 0)
		r = key_write(path, seed);
	explicit_bzero(seed, sizeof(seed));
	if (r < 0)
		return failure_tell(path, r, "the key cannot be written");
	signature_key_text(key.key, text);
	(void)printf("key    %s\npublic %s\n", key.id, text);
	return COMMAND_FINE;
}

int intel_seed_load(const char *path, uint8_t ret_seed[static SIGNATURE_KEY_SIZE])
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	int r = fd_read_file(path, KEY_FILE_MAX, &text, &size);

	if (r == 0)
		r = signature_seed_read(text, ret_seed);
	if (text)
		explicit_bzero(text, size);
	if (r < 0)
		(void)failure_tell(path, r, "no private key of cordon intel keygen");
	return r;
}

static int copy_sign(const char *path, int to, const uint8_t seed[static SIGNATURE_KEY_SIZE],
		     struct signature *signature)
{
	CLEANUP(close_cleanup) int from = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(free_cleanup) char *buffer = malloc(COPY_SIZE);
	ssize_t n;

	if (from < 0 || !buffer)
		return buffer ? -errno : -ENOMEM;
	while ((n = read(from, buffer, COPY_SIZE)) != 0) {
		int r = n < 0 ? -errno : fd_write_all(to, buffer, (size_t)n);

		if (r < 0 && r != -EINTR)
			return r;
	}
	return signature_write(to, seed, signature);
}

int intel_sign_file(const char *path, const uint8_t seed[static SIGNATURE_KEY_SIZE],
		    struct signature *signature)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int to = -1;
	struct stat status;
	int r;

	if (stat(path, &status) < 0)
		return -errno;
	to = fd_open_temporary(path, status.st_mode & 07777, &temporary);
	if (to < 0)
		return to;
	r = copy_sign(path, to, seed, signature);
	if (r == 0)
		r = fd_replace(to, temporary, path);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

static const char *kind_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0) ? "policy" : "pack";
}

static bool kind_is_one(const char *kind)
{
	return strcmp(kind, "pack") == 0 || strcmp(kind, "policy") == 0 ||
	       strcmp(kind, "evidence") == 0;
}

int intel_sign_option(const char *name, const char *value, struct signature *signature)
{
	uint64_t number = 0;
	int r;

	if (strcmp(name, "version") == 0) {
		r = parse_u64(value, INT64_MAX, &signature->version);
	} else {
		r = parse_duration(value, &number);
		signature->expires = clock_realtime() / NS_PER_SECOND + number / NS_PER_SECOND;
	}
	if (r < 0)
		log_error("not a valid %s", name);
	return r;
}

void intel_sign_defaults(struct signature *signature)
{
	signature->created = clock_realtime() / NS_PER_SECOND;
	if (!signature->version)
		signature->version = signature->created;
}

struct sign_job {
	uint8_t seed[SIGNATURE_KEY_SIZE];
	struct signature signature;
	struct signature_key keys[KEYS_MAX];
	size_t keys_count;
	const char *kind;
	bool have_key;
};

static int sign_one(struct sign_job *job, const char *path)
{
	int r;

	(void)snprintf(job->signature.kind, sizeof(job->signature.kind), "%s",
		       job->kind ? job->kind : kind_of(path));
	r = intel_sign_file(path, job->seed, &job->signature);
	if (r < 0)
		return failure_tell(path, r, "cannot be signed");
	(void)printf("%s: %s, key %s, version %" PRIu64 "\n", path, job->signature.kind,
		     job->signature.key, job->signature.version);
	return COMMAND_FINE;
}

int intel_sign(int argc, char **argv)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' },
						 { "kind", required_argument, NULL, 't' },
						 { "version", required_argument, NULL, 'v' },
						 { "valid", required_argument, NULL, 'e' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct sign_job job = { 0 };
	int status = COMMAND_FINE, option, r = 0;

	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'k') {
			r = intel_seed_load(optarg, job.seed);
			job.have_key = true;
		} else if (option == 't' && kind_is_one(optarg)) {
			job.kind = optarg;
		} else if (option == 'v' || option == 'e') {
			r = intel_sign_option(option == 'v' ? "version" : "valid", optarg,
					      &job.signature);
		} else {
			return usage(SIGN_USAGE, option == 'h');
		}
	}
	if (r < 0)
		return COMMAND_FAILED;
	if (!job.have_key || optind == argc)
		return usage(SIGN_USAGE, false);
	intel_sign_defaults(&job.signature);
	for (int i = optind; i < argc && status == COMMAND_FINE; i++)
		status = sign_one(&job, argv[i]);
	explicit_bzero(job.seed, sizeof(job.seed));
	return status;
}

static int verify_one(const struct sign_job *job, const char *path)
{
	CLEANUP(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct signature signature;
	char shown[SHOWN_SIZE];
	int r;

	(void)escape_text(path, strlen(path), shown, sizeof(shown));
	if (fd < 0)
		return failure_tell(path, -errno, "cannot be opened");
	r = signature_verify(fd, job->kind ? job->kind : kind_of(path), job->keys, job->keys_count,
			     clock_realtime() / NS_PER_SECOND, 0, &signature);
	if (r < 0) {
		(void)printf("%s: %s\n", shown, signature_error(r));
		return COMMAND_FOUND;
	}
	(void)printf("%s: good, key %s, version %" PRIu64 "\n", shown, signature.key,
		     signature.version);
	return COMMAND_FINE;
}

int intel_verify(int argc, char **argv)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' },
						 { "kind", required_argument, NULL, 't' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct sign_job job = { 0 };
	int status = COMMAND_FINE, option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (option == 'k' && job.keys_count < KEYS_MAX &&
		    signature_key_read(optarg, &job.keys[job.keys_count]) == 0)
			job.keys_count++;
		else if (option == 't' && kind_is_one(optarg))
			job.kind = optarg;
		else
			return usage(VERIFY_USAGE, option == 'h');
	}
	if (job.keys_count == 0 || optind == argc)
		return usage(VERIFY_USAGE, false);
	for (int i = optind; i < argc; i++) {
		int one = verify_one(&job, argv[i]);

		status = one > status ? one : status;
	}
	return status;
}
