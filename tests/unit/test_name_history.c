/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that an entry which covers a name long in use is known, at whatever level of the name it
 * stands, over restarts, until it is listed no more; that a name used only shortly before it was
 * listed is not protected later; that a flood of names displaces none in use for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "intel/name_history.h"
#include "intel_folder.h"

#define NOW UINT64_C(1780272000) /* 2026-06-01 */
#define DAY UINT64_C(86400)

static struct pack *pack_make(struct intel_folder *folder, const char *list)
{
	struct compile_report report;
	struct pack *pack = NULL;
	const char *why = "";

	assert_int_equal(intel_folder_compile(folder, list, NULL, NULL, &report), 0);
	assert_int_equal(pack_open(folder->pack, &pack, &why), 0);
	return pack;
}

static struct name_history *history_open(const struct intel_folder *folder)
{
	struct name_history *history = NULL;

	assert_int_equal(name_history_open(folder->path, 7 * DAY, &history), 0);
	return history;
}

static void note(struct name_history *history, const char *text, uint64_t now)
{
	struct domain_name name;

	assert_int_equal(domain_name_parse(text, &name), 0);
	name_history_note(history, &name, now);
}

/* The name by which it is, or "". */
static const char *struck(const struct name_history *history, const char *entry)
{
	static char shown[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name name;
	uint64_t since;

	assert_int_equal(domain_name_parse(entry, &name), 0);
	return name_history_struck(history, &name, shown, &since) ? shown : "";
}

static int teardown(void **state)
{
	const struct intel_folder *folder = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" NAME_HISTORY_FILE, folder->path);
	(void)unlink(path);
	return intel_folder_remove(state);
}

static void listed_when_long_used(void **state)
{
	struct name_history *history = history_open(*state);
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	note(history, "www.old.example", NOW);
	note(history, "new.example", NOW + 1);
	assert_non_null(file);
	assert_int_equal(name_history_list(history, NOW + 7 * DAY, file), 1);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "www.old.example\n");
	free(text);
	name_history_close(history);
}

static void long_in_use(void **state)
{
	struct intel_folder *folder = *state;
	struct name_history *history = history_open(folder);
	struct pack *none = pack_make(folder, "nobody.example\n");
	struct pack *bad = pack_make(folder, "example.org\napi.site.example\nfresh.example\n"
					     "very.deep.down.below.site.example\n");

	note(history, "WWW.example.org", NOW);
	note(history, "www.example.org", NOW + DAY); /* it stays as old as it is */
	note(history, "v1.api.site.example", NOW);
	note(history, "a.very.deep.down.below.site.example", NOW);
	note(history, "fresh.example", NOW + 5 * DAY);
	assert_int_equal(name_history_count(history), 4);
	assert_int_equal(name_history_install(history, none, NOW + 8 * DAY), 0);
	assert_string_equal(struck(history, "example.org"), "");
	assert_int_equal(name_history_install(history, bad, NOW + 8 * DAY), 2);
	assert_string_equal(struck(history, "example.org"), "www.example.org");
	assert_string_equal(struck(history, "api.site.example"), "v1.api.site.example");
	assert_string_equal(struck(history, "other.example.org"), "");
	/* Not for long by then: never, also when more time has passed. */
	assert_int_equal(name_history_install(history, bad, NOW + 90 * DAY), 0);
	assert_string_equal(struck(history, "fresh.example"), "");
	name_history_close(history);
	history = history_open(folder);
	assert_int_equal(name_history_count(history), 3);
	assert_string_equal(struck(history, "EXAMPLE.org"), "www.example.org");
	/* Listed no more: then the next listing is another one. */
	assert_int_equal(name_history_install(history, none, NOW + 91 * DAY), 0);
	assert_string_equal(struck(history, "example.org"), "");
	assert_int_equal(name_history_install(history, bad, NOW + 92 * DAY), 2);
	name_history_close(history);
	pack_close(none);
	pack_close(bad);
}

static void flooded(void **state)
{
	struct intel_folder *folder = *state;
	struct name_history *history = history_open(folder);
	struct pack *bad = pack_make(folder, "example.org\n");
	char name[64];

	note(history, "www.example.org", NOW);
	note(history, "com", NOW); /* nobody lists that */
	for (unsigned i = 0; i < 3 * NAME_HISTORY_MAX; i++) {
		(void)snprintf(name, sizeof(name), "x%u.flood.example", i);
		note(history, name, NOW + 8 * DAY);
	}
	assert_int_equal(name_history_count(history), NAME_HISTORY_MAX);
	assert_int_equal(name_history_install(history, bad, NOW + 9 * DAY), 1);
	/* When all are old the oldest goes. */
	note(history, "one.more.example", NOW + 90 * DAY);
	assert_string_equal(struck(history, "example.org"), "");
	assert_int_equal(name_history_count(history), NAME_HISTORY_MAX);
	name_history_close(history);
	history = history_open(folder);
	assert_int_equal(name_history_count(history), NAME_HISTORY_MAX);
	name_history_close(history);
	pack_close(bad);
}

/* Lines that are none are left out; names with any bytes come back as they were. */
static void the_file(void **state)
{
	static const char text[] = "1 0 fine.example\nx\n2 0\n3 1 a..b\n-1 q example.com\n"
				   "99999999999999999999999 0 big.example\n5 0 od\\000d.example\n";
	struct intel_folder *folder = *state;
	struct name_history *history;
	char path[128];

	(void)intel_folder_write(folder, NAME_HISTORY_FILE, text, sizeof(text) - 1, path);
	history = history_open(folder);
	assert_in_range(name_history_count(history), 2, 4);
	assert_int_equal(name_history_save(history, NOW), 0);
	note(history, "new.example", NOW);
	assert_int_equal(name_history_save(history, NOW), 0);
	name_history_close(history);
	history = history_open(folder);
	note(history, "fine.example", NOW);
	note(history, "od\\000d.example", NOW);
	note(history, "new.example", NOW);
	assert_in_range(name_history_count(history), 3, 5);
	name_history_close(history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(listed_when_long_used, intel_folder_make, teardown),
		cmocka_unit_test_setup_teardown(long_in_use, intel_folder_make, teardown),
		cmocka_unit_test_setup_teardown(flooded, intel_folder_make, teardown),
		cmocka_unit_test_setup_teardown(the_file, intel_folder_make, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
