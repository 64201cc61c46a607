/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "scan/archive.h"

struct made {
	uint8_t bytes[1 << 20];
	size_t size;
};
static struct made made;

static void add(struct archive *archive, const char *name, const void *bytes, size_t size)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	while (size > 0) {
		size_t part = size < 65536 ? size : 65536;

		assert_int_equal(archive_write_data(archive, bytes, part), part);
		size -= part;
	}
	archive_entry_free(entry);
}

/* Each kind of archive with two members, or one of the given size full of zeros. */
static void make(const char *kind, size_t zeros)
{
	static const uint8_t nothing[65536];
	struct archive *archive = archive_write_new();

	if (strcmp(kind, "zip") == 0)
		(void)archive_write_set_format_zip(archive);
	else if (strcmp(kind, "gzip") == 0)
		(void)archive_write_set_format_raw(archive);
	else
		(void)archive_write_set_format_ustar(archive);
	if (strcmp(kind, "gzip") == 0 || strcmp(kind, "tar.gz") == 0)
		(void)archive_write_add_filter_gzip(archive);
	(void)archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(
		archive_write_open_memory(archive, made.bytes, sizeof(made.bytes), &made.size),
		ARCHIVE_OK);
	if (zeros)
		add(archive, "zeros", nothing, zeros);
	else
		add(archive, "a", "first", 5);
	if (!zeros && strcmp(kind, "gzip") != 0)
		add(archive, "d/b\033", "second", 6);
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	(void)archive_write_free(archive);
}

struct met {
	char names[256];
	unsigned count;
	size_t bytes;
};

static int member_met(const char *name, const uint8_t *bytes, size_t size, void *userdata)
{
	struct met *met = userdata;
	size_t used = strlen(met->names);

	(void)snprintf(met->names + used, sizeof(met->names) - used, "%s:%.*s ", name,
		       size < 10 ? (int)size : 0, (const char *)bytes);
	met->count++;
	met->bytes += size;
	return 0;
}

static struct archive_budget budget_full(void)
{
	return (struct archive_budget){ .bytes_left = 100 << 20,
					.member_max = 50 << 20,
					.members_left = 100,
					.deadline = UINT64_MAX };
}

static void members_are_read(void **state)
{
	/* Proves: each kind gives its members, with names that are safe to show. */
	static const struct {
		const char *kind, *names;
	} cases[] = {
		{ "zip", "a:first d/b\\x1b:second " },
		{ "tar", "a:first d/b\\x1b:second " },
		{ "tar.gz", "a:first d/b\\x1b:second " },
	};
	struct archive_budget budget = budget_full();
	struct met met;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		met = (struct met){ 0 };
		make(cases[i].kind, 0);
		assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
		assert_string_equal(met.names, cases[i].names);
		assert_null(budget.reason);
	}
	met = (struct met){ 0 };
	make("gzip", 0);
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	assert_non_null(strstr(met.names, ":first"));
}

static void limits_end_it(void **state)
{
	/* Proves: bytes in all, of one member, members and time are bounded, and told; what was
	 * unpacked until then is still given. */
	struct archive_budget budget = budget_full();
	struct met met = { 0 };

	(void)state;
	make("zip", 10 << 20);
	budget.bytes_left = 1 << 20;
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	assert_non_null(budget.reason);
	assert_int_equal(met.bytes, 1 << 20);

	budget = budget_full();
	budget.member_max = 1 << 20;
	met = (struct met){ 0 };
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	assert_string_equal(budget.reason, "a member of an archive that is too large");
	assert_true(met.bytes >= 1 << 20 && met.bytes < 2 << 20);

	make("tar", 0);
	budget = budget_full();
	budget.members_left = 1;
	met = (struct met){ 0 };
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	assert_non_null(budget.reason);
	assert_int_equal(met.count, 1);

	budget = budget_full();
	budget.deadline = clock_boottime();
	met = (struct met){ 0 };
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	assert_string_equal(budget.reason, "no time to unpack it all");
	assert_int_equal(met.bytes, 0);
}

static void bombs_are_refused(void **state)
{
	/* Proves: what grows out of all proportion is ended long before the budget. */
	struct archive_budget budget = budget_full();
	struct met met = { 0 };

	(void)state;
	make("gzip", 80 << 20);
	assert_int_equal(archive_each(made.bytes, made.size, &budget, member_met, &met), 0);
	if (!budget.reason)
		fail_msg("%zu packed, %u of %zu", made.size, met.count, met.bytes);
	assert_string_equal(budget.reason, "an archive bomb");
	assert_true(met.bytes < 20 << 20);
}

static void damage_is_told(void **state)
{
	/* Proves: an archive cut at any byte gives what can be had, and says so where it is not
	 * whole. */
	(void)state;
	make("zip", 0);
	for (size_t size = 4; size < made.size; size++) {
		struct archive_budget budget = budget_full();
		struct met met = { 0 };
		uint8_t *copy = malloc(size);

		assert_non_null(copy);
		memcpy(copy, made.bytes, size);
		assert_int_equal(archive_each(copy, size, &budget, member_met, &met), 0);
		assert_true(budget.reason || met.count == 2);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read),
		cmocka_unit_test(limits_end_it),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(damage_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
