/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that an entry is never said to be known for longer than it is, and at most half a span
 * less; that few files are kept however often packs change; that damaged ones are none.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "intel/pack_history.h"
#include "intel_folder.h"

#define NOW  UINT64_C(1780272000) /* 2026-06-01 */
#define SPAN UINT64_C(3600)

/* A pack of these entries, made at that time. */
static struct pack *pack_make(struct intel_folder *folder, const char *list, uint64_t time)
{
	struct compile_report report;
	struct pack *pack = NULL;
	const char *why = "";

	clock_hold(time * NS_PER_SECOND, 0);
	assert_int_equal(intel_folder_compile(folder, list, NULL, NULL, &report), 0);
	clock_release();
	assert_int_equal(pack_open(folder->pack, &pack, &why), 0);
	return pack;
}

static struct pack_history *history_open(const struct intel_folder *folder)
{
	struct pack_history *history = NULL;

	assert_int_equal(pack_history_open(folder->path, SPAN, &history), 0);
	return history;
}

static uint64_t since(struct pack_history *history, enum indicator_kind kind, const char *text,
		      uint8_t severity)
{
	struct indicator indicator = { .kind = kind, .severity = severity, .feed = "", .tags = "" };

	(void)snprintf(indicator.text, sizeof(indicator.text), "%s", text);
	return pack_history_since(history, &indicator);
}

static size_t files(const struct intel_folder *folder, bool remove)
{
	char path[128], file[512];
	const struct dirent *entry;
	size_t count = 0;
	DIR *all;

	(void)snprintf(path, sizeof(path), "%s/" PACK_HISTORY_FOLDER, folder->path);
	all = opendir(path);
	while (all && (entry = readdir(all))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		(void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (remove)
			(void)unlink(file);
	}
	(void)closedir(all);
	if (remove)
		(void)rmdir(path);
	return count;
}

static int teardown(void **state)
{
	(void)files(*state, true);
	return intel_folder_remove(state);
}

/* Until there is nothing to do. */
static void settle(struct pack_history *history, const struct pack *pack, uint64_t now)
{
	for (int i = 0; i < 10 && pack_history_tick(history, pack, now) > 0; i++)
		;
}

static void known_since(void **state)
{
	struct intel_folder *folder = *state;
	struct pack_history *history = history_open(folder);
	struct pack *first = pack_make(folder,
				       "old.example\n10.1.0.0/16\n"
				       "d41d8cd98f00b204e9800998ecf8427e\n",
				       NOW - 86400);
	struct pack *second = pack_make(folder, "old.example\nnew.example\n10.1.0.0/16\n", NOW);

	assert_int_equal(since(history, INDICATOR_DOMAIN, "old.example", 0), 0);
	pack_history_install(history);
	settle(history, first, NOW);
	/* What came with the image is as old as that. */
	assert_int_equal(since(history, INDICATOR_DOMAIN, "old.example", 0), NOW - 86400);
	assert_int_equal(since(history, INDICATOR_ADDRESS, "10.1.0.0/16", 0), NOW - 86400);
	assert_int_equal(since(history, INDICATOR_ADDRESS, "10.1.0.0/17", 0), 0);
	assert_int_equal(since(history, INDICATOR_HASH, "d41d8cd98f00b204e9800998ecf8427e", 0),
			 NOW - 86400);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "new.example", 0), 0);
	/* A name below it is another entry; the same one, but more severe, too. */
	assert_int_equal(since(history, INDICATOR_DOMAIN, "a.old.example", 0), 0);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "old.example", 5), 0);
	pack_history_install(history);
	settle(history, second, NOW + 10);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "new.example", 0), NOW + 10);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "old.example", 0), NOW - 86400);
	/* Over a restart, and without another copy of what is kept. */
	pack_history_close(history);
	history = history_open(folder);
	pack_history_install(history);
	settle(history, second, NOW + SPAN);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "new.example", 0), NOW + 10);
	assert_int_equal(files(folder, false), 2);
	pack_history_close(history);
	pack_close(first);
	pack_close(second);
}

/* Another pack each minute for two days, and a restart now and then. */
static void bounded(void **state)
{
	struct intel_folder *folder = *state;
	struct pack_history *history = history_open(folder);
	struct pack *pack = NULL;

	for (uint64_t minute = 0; minute < 2880; minute += 7) {
		uint64_t now = NOW + minute * 60, came = 0, wanted;
		char list[4096] = "", name[32];
		size_t used = 0;

		/* Each entry is listed for two spans. */
		for (uint64_t k = minute >= 126 ? minute - 126 : 0; k <= minute; k += 7)
			used += (size_t)snprintf(list + used, sizeof(list) - used,
						 "n%llu.example\n", (unsigned long long)k);
		pack_close(pack);
		pack = pack_make(folder, list, now);
		if (minute % 700 == 0) {
			pack_history_close(history);
			history = history_open(folder);
		}
		pack_history_install(history);
		settle(history, pack, now);
		assert_true(files(folder, false) <= PACK_HISTORY_MAX);
		for (uint64_t k = minute >= 126 ? minute - 126 : 0; k <= minute; k += 7) {
			(void)snprintf(name, sizeof(name), "n%llu.example", (unsigned long long)k);
			came = since(history, INDICATOR_DOMAIN, name, 0);
			wanted = NOW + k * 60;
			assert_true(came == 0 || came >= wanted);
			/* Half a span, and until the next look. */
			if (now - wanted >= SPAN + SPAN / 2 + 420)
				assert_true(came && now - came >= SPAN);
		}
	}
	pack_history_close(history);
	pack_close(pack);
}

static void damaged(void **state)
{
	struct intel_folder *folder = *state;
	struct pack_history *history = history_open(folder);
	struct pack *pack = pack_make(folder, "old.example\n", NOW - 86400);
	char path[160];
	FILE *file;

	pack_history_install(history);
	settle(history, pack, NOW);
	pack_history_close(history);
	(void)snprintf(path, sizeof(path), "%s/" PACK_HISTORY_FOLDER "/%llu", folder->path,
		       (unsigned long long)(NOW - 86400));
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 200, SEEK_SET), 0);
	assert_int_equal(fputs("damage", file) >= 0 && fclose(file) == 0, 1);
	(void)snprintf(path, sizeof(path), "%s/" PACK_HISTORY_FOLDER "/half.copy", folder->path);
	file = fopen(path, "w");
	assert_int_equal(file && fclose(file) == 0, 1);
	history = history_open(folder);
	assert_int_equal(since(history, INDICATOR_DOMAIN, "old.example", 0), 0);
	assert_int_equal(files(folder, false), 0);
	/* The clock was set back: it goes on. */
	pack_history_install(history);
	settle(history, pack, NOW);
	settle(history, pack, NOW - 40 * 86400);
	pack_history_install(history);
	settle(history, pack, NOW - 40 * 86400);
	assert_true(since(history, INDICATOR_DOMAIN, "old.example", 0) <= NOW);
	pack_history_close(history);
	pack_close(pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_since, intel_folder_make, teardown),
		cmocka_unit_test_setup_teardown(bounded, intel_folder_make, teardown),
		cmocka_unit_test_setup_teardown(damaged, intel_folder_make, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
