/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a bundle holds what was to be collected, bounded, with digests and a signature that
 * are right; that what cannot be read is told and keeps nothing else away; that nothing is left of
 * one that fails; that a reader who hangs is left behind; and that the folder stays bounded.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/signature.h"
#include "evidence/evidence.h"
#include "evidence/evidence_bundle.h"
#include "evidence/evidence_item.h"
#include "evidence/evidence_order.h"
#include "evidence/evidence_text.h"
#include "sensor/process_proc.h"

#define FILES_MAX 256
#define MIB	  (UINT64_C(1) << 20)

struct unpacked {
	struct {
		char name[512];
		char *data;
		size_t size;
	} files[FILES_MAX];
	size_t count;
};

struct bed {
	char folder[64], root[128], output[128];
	struct evidence_options options;
	struct unpacked unpacked;
};

static void unpacked_clear(struct unpacked *unpacked)
{
	for (size_t i = 0; i < unpacked->count; i++)
		free(unpacked->files[i].data);
	unpacked->count = 0;
}

static void unpack(struct bed *bed)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;

	unpacked_clear(&bed->unpacked);
	assert_int_equal(archive_read_support_filter_gzip(archive), ARCHIVE_OK);
	assert_int_equal(archive_read_support_format_tar(archive), ARCHIVE_OK);
	assert_int_equal(archive_read_open_filename(archive, bed->output, 65536), ARCHIVE_OK);
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		size_t at = bed->unpacked.count++;
		size_t size = (size_t)archive_entry_size(entry);

		assert_true(at < FILES_MAX);
		(void)snprintf(bed->unpacked.files[at].name, 512, "%s",
			       archive_entry_pathname(entry));
		assert_int_equal(archive_entry_perm(entry), 0400);
		bed->unpacked.files[at].data = calloc(1, size + 1);
		bed->unpacked.files[at].size = size;
		if (size > 0)
			assert_int_equal(
				archive_read_data(archive, bed->unpacked.files[at].data, size),
				size);
	}
	(void)archive_read_free(archive);
}

static const char *file_of(const struct bed *bed, const char *name)
{
	for (size_t i = 0; i < bed->unpacked.count; i++)
		if (strcmp(bed->unpacked.files[i].name, name) == 0)
			return bed->unpacked.files[i].data;
	return NULL;
}

/* Every file but the manifest is in it, with the digest that it has. */
static void check_digests(const struct bed *bed)
{
	const char *manifest = file_of(bed, EVIDENCE_MANIFEST);

	assert_non_null(manifest);
	for (size_t i = 0; i + 1 < bed->unpacked.count; i++) {
		char text[SHA256_TEXT_SIZE], line[1024];
		uint8_t digest[SHA256_SIZE];

		assert_int_equal(digest_sha256(bed->unpacked.files[i].data,
					       bed->unpacked.files[i].size, digest),
				 0);
		digest_text(digest, sizeof(digest), text);
		(void)snprintf(line, sizeof(line), "\n%s  %s\n", text, bed->unpacked.files[i].name);
		if (!strstr(manifest, line))
			fail_msg("%s is not in the manifest, or another", line);
	}
	assert_string_equal(bed->unpacked.files[bed->unpacked.count - 1].name, EVIDENCE_MANIFEST);
}

static void put(const struct bed *bed, const char *path, const char *text)
{
	char full[512], *slash;

	(void)snprintf(full, sizeof(full), "%s%s", bed->root, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	assert_int_equal(fd_make_folders(full, 0755), 0);
	*slash = '/';
	assert_int_equal(fd_write_file(full, 0644, text, strlen(text)), 0);
}

static int bed_open(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	char link[256];

	assert_non_null(bed);
	(void)strcpy(bed->folder, "/tmp/cordon-evidence-XXXXXX");
	assert_non_null(mkdtemp(bed->folder));
	(void)snprintf(bed->root, sizeof(bed->root), "%s/root", bed->folder);
	(void)snprintf(bed->output, sizeof(bed->output), "%s/bundle.tar.gz", bed->folder);
	assert_int_equal(fd_make_folders(bed->root, 0755), 0);
	(void)snprintf(link, sizeof(link), "%s/proc", bed->root);
	assert_int_equal(symlink("/proc", link), 0);
	put(bed, "/etc/passwd",
	    "root:x:0:0::/root:/bin/sh\nbroken\neve:x:1:1::/home/eve:/bin/sh\n");
	put(bed, "/etc/group", "root:x:0:\n");
	put(bed, "/home/eve/.ssh/authorized_keys", "ssh-ed25519 AAAA eve\n");
	put(bed, "/etc/cron.d/job one\n", "* * * * * root /tmp/x\n");
	put(bed, "/var/lib/dpkg/status",
	    "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
	    "Description: none\n\nPackage: b\nVersion: 2\x1b[31m\n");
	bed->options = (struct evidence_options){ .root = bed->root,
						  .output = bed->output,
						  .journal = "",
						  .key = "",
						  .isolation = "u-1",
						  .finding = "f-1",
						  .reason = "a\nb  c.txt",
						  .host = "h",
						  .size_max = 64 * MIB,
						  .time = 60 * NS_PER_SECOND };
	*state = bed;
	return 0;
}

static int bed_close(void **state)
{
	struct bed *bed = *state;
	char command[256];

	unpacked_clear(&bed->unpacked);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", bed->folder);
	assert_int_equal(system(command), 0);
	free(bed);
	return 0;
}

static void test_host(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	uint8_t digest[SHA256_SIZE];
	char text[SHA256_TEXT_SIZE];
	CLEANUP(free_cleanup) char *bytes = NULL;
	struct stat status;
	size_t size;

	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	check_digests(bed);
	assert_int_equal(result.files, bed->unpacked.count - 1);
	assert_int_equal(result.cut, 0);
	assert_false(result.is_signed);
	assert_non_null(strstr(file_of(bed, "processes.tsv"), "test_evidence"));
	assert_non_null(strstr(file_of(bed, "open-files.tsv"), "\t"));
	assert_string_equal(file_of(bed, "packages/dpkg.tsv"),
			    "a\t1\tall\tinstall ok installed\nb\t2\\x1b[31m\t\t\n");
	assert_string_equal(file_of(bed, "files/home/eve/.ssh/authorized_keys"),
			    "ssh-ed25519 AAAA eve\n");
	/* A line feed in a name makes no second line of the manifest, and is told of in the list.
	 */
	assert_string_equal(file_of(bed, "files/etc/cron.d/job_one_~1"), "* * * * * root /tmp/x\n");
	assert_non_null(strstr(file_of(bed, "cron/cron.d.tsv"), "/etc/cron.d/job one\\x0a"));
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST), "# reason: a\\x0ab  c.txt\n"));
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST), "# signature: none"));
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST), "# not collected: findings.jsonl"));
	assert_null(file_of(bed, "culprit/maps"));
	assert_int_equal(stat(bed->output, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, result.size);
	assert_int_equal(fd_read_file(bed->output, 64 * MIB, &bytes, &size), 0);
	assert_int_equal(digest_sha256(bytes, size, digest), 0);
	digest_text(digest, sizeof(digest), text);
	assert_string_equal(text, result.sha256);
}

/* A child with a known secret in memory that no file has. */
static pid_t child_begin(int *ret_end)
{
	int ready[2], end[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		for (int i = 0; i < 26; i++)
			page[i] = (char)('Z' - i);
		(void)!write(ready[1], "r", 1);
		(void)close(end[1]);
		(void)!read(end[0], &byte, 1);
		_exit(page[0] == 'Z' ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(end[0]);
	*ret_end = end[1];
	return pid;
}

static void test_culprit(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	char secret[27] = { 0 };
	int end;
	pid_t pid = child_begin(&end);
	bool found = false;

	for (int i = 0; i < 26; i++)
		secret[i] = (char)('Z' - i);
	bed->options.pid = pid;
	assert_int_equal(process_proc_start(pid, &bed->options.start), 0);
	bed->options.memory_max = 32 * MIB;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	check_digests(bed);
	assert_non_null(strstr(file_of(bed, "culprit/maps"), "test_evidence"));
	assert_non_null(strstr(file_of(bed, "culprit/ancestors.tsv"), "test_evidence"));
	assert_non_null(strstr(file_of(bed, "culprit/open-files.tsv"), "pipe:["));
	assert_memory_equal(file_of(bed, "culprit/exe"), "\177ELF", 4);
	assert_non_null(strstr(file_of(bed, "culprit/memory.index"), "[stack]"));
	for (size_t i = 0; i < bed->unpacked.count; i++)
		if (strcmp(bed->unpacked.files[i].name, "culprit/memory") == 0)
			found = memmem(bed->unpacked.files[i].data, bed->unpacked.files[i].size,
				       secret, 26) != NULL;
	assert_true(found);
	/* Not without being asked for, and bounded. */
	bed->options.memory_max = 0;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	assert_null(file_of(bed, "culprit/memory"));
	bed->options.memory_max = 8192;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST),
			       "# not whole: culprit/memory: cut at its bound, after 8192 bytes"));
	/* Another has the pid by now. */
	bed->options.start -= NS_PER_SECOND;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	assert_null(file_of(bed, "culprit/maps"));
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST), "its pid is another's"));
	(void)close(end);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_bounds(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	size_t sum = 0;

	bed->options.size_max = 20000;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	check_digests(bed);
	for (size_t i = 0; i + 1 < bed->unpacked.count; i++)
		sum += bed->unpacked.files[i].size;
	assert_true(sum <= 20000);
	assert_true(result.cut + result.missing > 0);
	assert_non_null(strstr(file_of(bed, EVIDENCE_MANIFEST), "the bundle is full"));
	bed->options.size_max = 64 * MIB;
	bed->options.time = 0;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	assert_int_equal(result.files, 0);
	assert_non_null(
		strstr(file_of(bed, EVIDENCE_MANIFEST), "# not collected: net/tcp: time was up"));
}

static void test_signature(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	uint8_t seed[SIGNATURE_KEY_SIZE];
	char text[SIGNATURE_BASE64_SIZE], path[256];
	struct signature_key key;
	struct signature found;
	const char *manifest;
	int fd;

	assert_int_equal(signature_generate(seed, &key), 0);
	signature_key_text(seed, text);
	(void)snprintf(path, sizeof(path), "%s/key", bed->folder);
	assert_int_equal(fd_write_file(path, 0600, text, strlen(text)), 0);
	bed->options.key = path;
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	assert_true(result.is_signed);
	unpack(bed);
	check_digests(bed);
	manifest = file_of(bed, EVIDENCE_MANIFEST);
	fd = memfd_create("manifest", MFD_CLOEXEC);
	assert_int_equal(fd_write_all(fd, manifest, strlen(manifest)), 0);
	assert_int_equal(signature_verify(fd, EVIDENCE_KIND, &key, 1,
					  clock_realtime() / NS_PER_SECOND, 0, &found),
			 0);
	assert_int_equal(pwrite(fd, "X", 1, 3), 1);
	assert_int_equal(signature_verify(fd, EVIDENCE_KIND, &key, 1,
					  clock_realtime() / NS_PER_SECOND, 0, &found),
			 -EKEYREJECTED);
	(void)close(fd);
	/* A key that is none leaves nothing unsigned behind. */
	assert_int_equal(unlink(bed->output), 0);
	assert_int_equal(fd_write_file(path, 0600, "nonsense", 8), 0);
	assert_int_equal(evidence_make(&bed->options, &result), -ENOKEY);
	assert_int_equal(access(bed->output, F_OK), -1);
}

static void test_unreadable_proc(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	const char *manifest;
	char link[256];

	(void)snprintf(link, sizeof(link), "%s/proc", bed->root);
	assert_int_equal(unlink(link), 0);
	bed->options.pid = getpid();
	assert_int_equal(evidence_make(&bed->options, &result), 0);
	unpack(bed);
	check_digests(bed);
	manifest = file_of(bed, EVIDENCE_MANIFEST);
	assert_non_null(strstr(manifest, "# not collected: culprit/maps: No such file"));
	assert_non_null(strstr(manifest, "# not whole: processes.tsv: No such file")
				?: strstr(manifest, "# not collected: processes.tsv"));
	assert_non_null(strstr(manifest, "# not collected: net/tcp: No such file"));
	/* All else is there. */
	assert_non_null(file_of(bed, "users/passwd"));
	assert_true(result.missing >= 10);
}

static void test_disk_full(void **state)
{
	struct bed *bed = *state;
	struct evidence_result result = { 0 };
	struct evidence_bundle *bundle = NULL;
	char noise[65536];
	int fd = memfd_create("small", MFD_CLOEXEC), r = 0;

	/* More than it may write, whatever it is compressed to. */
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(random() >> 7);
	assert_int_equal(evidence_bundle_open(fd, 40000, &bundle), 0);
	for (int i = 0; r == 0 && i < 10; i++)
		r = evidence_bundle_add(bundle, "noise", noise, sizeof(noise));
	assert_int_equal(r, -ENOSPC);
	evidence_bundle_free(bundle);
	(void)close(fd);
	bed->options.output = "/dev/full/none";
	assert_int_equal(evidence_make(&bed->options, &result), -ENOTDIR);
}

static int hang(struct evidence_item *item, const void *userdata)
{
	char byte;
	int r = evidence_item_add(item, "before", 6);

	if (r == 0)
		(void)!read(*(const int *)userdata, &byte, 1);
	/* Nobody waits any more: this goes nowhere. */
	return evidence_item_add(item, "after", 5);
}

static void test_hang(void **state)
{
	struct evidence_item *item = evidence_item_new(1024);
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(evidence_item_run(item, hang, &ends[0], NS_PER_SECOND / 20), -ETIMEDOUT);
	assert_true(item->size <= 6);
	(void)close(ends[1]);
	assert_int_equal(evidence_item_add(item, "x", 1), -ECANCELED);
	assert_true(item->size <= 6);
	/* Its thread has it, and may free it. */
	evidence_item_free(item);
}

static void test_prune(void **state)
{
	struct bed *bed = *state;
	char folder[256], path[512];
	struct stat status;

	(void)snprintf(folder, sizeof(folder), "%s/evidence", bed->folder);
	assert_int_equal(evidence_prune(folder, 3, MIB), 0);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	for (int i = 0; i < 6; i++) {
		(void)snprintf(path, sizeof(path), "%s/2026010%dT000000Z-u.tar.gz", folder, i);
		assert_int_equal(fd_write_file(path, 0600, "0123456789", 10), 0);
	}
	assert_int_equal(evidence_prune(folder, 3, MIB), 0);
	for (int i = 0; i < 6; i++) {
		(void)snprintf(path, sizeof(path), "%s/2026010%dT000000Z-u.tar.gz", folder, i);
		assert_int_equal(access(path, F_OK), i < 3 ? -1 : 0);
	}
	assert_int_equal(evidence_prune(folder, 3, 15), 0);
	(void)snprintf(path, sizeof(path), "%s/20260105T000000Z-u.tar.gz", folder);
	assert_int_equal(access(path, F_OK), 0);
	(void)snprintf(path, sizeof(path), "%s/20260104T000000Z-u.tar.gz", folder);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_order(void **state)
{
	struct bed *bed = *state;
	struct evidence_options read = { 0 };
	struct evidence_result result = { .size = 7, .files = 2, .missing = 1, .is_signed = true },
			       back = { 0 };
	CLEANUP(free_cleanup) char *text = evidence_order_write(&bed->options);
	CLEANUP(free_cleanup) char *answer = NULL;
	void *holder;
	int error;

	assert_non_null(text);
	assert_int_equal(evidence_order_read(text, strlen(text), &read, &holder), 0);
	assert_string_equal(read.output, bed->output);
	assert_string_equal(read.reason, "a\nb  c.txt");
	assert_int_equal(read.size_max, bed->options.size_max);
	evidence_order_free(holder);
	assert_int_equal(evidence_order_read("{}", 2, &read, &holder), -EBADMSG);
	memset(result.sha256, 'a', SHA256_TEXT_SIZE - 1);
	answer = evidence_answer_write(0, &result);
	assert_int_equal(evidence_answer_read(answer, strlen(answer), &error, &back), 0);
	assert_int_equal(error, 0);
	assert_true(back.is_signed);
	assert_int_equal(back.files, 2);
	memset(result.sha256, '/', 4);
	free(answer);
	answer = evidence_answer_write(0, &result);
	assert_int_equal(evidence_answer_read(answer, strlen(answer), &error, &back), -EBADMSG);
	assert_int_equal(evidence_answer_read("[]", 2, &error, &back), -EBADMSG);
}

static struct evidence_span span(const char *text)
{
	return (struct evidence_span){ text, strlen(text) };
}

static void test_texts(void **state)
{
	struct evidence_stat stat;
	struct evidence_mapping mapping;
	struct evidence_span home;

	(void)state;
	assert_int_equal(evidence_stat_read(span("7 (a) b (c)) S 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
						 "0 99 0"),
					    &stat),
			 0);
	assert_int_equal(stat.parent, 3);
	assert_int_equal(stat.start, 99);
	assert_int_equal(stat.comm.size, 8);
	assert_int_equal(evidence_stat_read(span("7 (a) S 3 0"), &stat), -EBADMSG);
	assert_int_equal(evidence_stat_read(span(") ("), &stat), -EBADMSG);
	assert_int_equal(evidence_mapping_read(span("7f00-8000 rw-p 00000000 00:00 0      [heap]"),
					       &mapping),
			 0);
	assert_int_equal(mapping.start, 0x7f00);
	assert_true(mapping.writable && !mapping.executable && !mapping.shared);
	assert_int_equal(mapping.name.size, 6);
	assert_int_equal(evidence_mapping_read(span("8000-7f00 rw-p 0 0 0"), &mapping), -EBADMSG);
	assert_int_equal(evidence_mapping_read(span("8000 rw-p 0 0 0"), &mapping), -EBADMSG);
	assert_int_equal(evidence_mapping_read(span("1-ffffffffffffffffff rw-p 0 0 0"), &mapping),
			 -EBADMSG);
	assert_int_equal(evidence_home_read(span("a:b:c:d:e:/h:s"), &home), 0);
	assert_int_equal(home.size, 2);
	assert_int_equal(evidence_home_read(span("a:b:c:d:e:h:s"), &home), -EBADMSG);
	assert_int_equal(evidence_home_read(span("a:b"), &home), -EBADMSG);
}

static void test_names(void **state)
{
	static const char *const cases[][2] = {
		{ "/etc/passwd", "etc/passwd" },
		{ "../../etc/passwd", "_./_./etc/passwd~7" },
		{ "a\nb", "a_b~7" },
		{ "a b", "a_b~7" },
		{ "/home/x/.ssh/k", "home/x/.ssh/k" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char name[EVIDENCE_NAME_SIZE];

		evidence_bundle_name(cases[i][0], 7, name);
		assert_string_equal(name, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_host, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_culprit, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_bounds, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_signature, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_unreadable_proc, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_disk_full, bed_open, bed_close),
		cmocka_unit_test(test_hang),
		cmocka_unit_test_setup_teardown(test_prune, bed_open, bed_close),
		cmocka_unit_test_setup_teardown(test_order, bed_open, bed_close),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
