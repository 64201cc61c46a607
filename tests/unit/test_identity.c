/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of another instance does not count: it is set aside whole, but for packs, once, and
 * what this instance wrote stays where it is.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/identity.h"

#define FIRST  "i-0123456789abcdef0"
#define SECOND "i-0aabbccd"

struct fixture {
	char folder[40], tag[64], state[64];
};

static void file_write(const char *folder, const char *name, const char *text)
{
	char path[160];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool is_there(const char *folder, const char *name)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

/* How many folders with state of others there are; the last one's path. */
static size_t asides(const struct fixture *fixture, char ret_path[static 340])
{
	DIR *folder = opendir(fixture->state);
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (strncmp(entry->d_name, "other-", 6) != 0)
			continue;
		count++;
		(void)snprintf(ret_path, 340, "%s/%s", fixture->state, entry->d_name);
	}
	assert_int_equal(closedir(folder), 0);
	return count;
}

static void tag_set(const struct fixture *fixture, const char *id)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%s\n", id);
	file_write(fixture->folder, "tag", line);
}

static int setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .folder = "/tmp/test_identity.XXXXXX" };
	assert_non_null(mkdtemp(fixture.folder));
	(void)snprintf(fixture.tag, sizeof(fixture.tag), "%s/tag", fixture.folder);
	(void)snprintf(fixture.state, sizeof(fixture.state), "%s/state", fixture.folder);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[80];

	(void)snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
	return system(command);
}

static int check(const struct fixture *fixture)
{
	return identity_check(fixture->tag, fixture->state);
}

static void test_first_start(void **state)
{
	struct fixture *fixture = *state;
	char path[340];

	tag_set(fixture, FIRST);
	assert_int_equal(check(fixture), 0);
	assert_true(is_there(fixture->state, "instance"));
	assert_int_equal(check(fixture), 0);
	assert_int_equal(asides(fixture, path), 0);
}

/* A version that wrote no note was here: its state is taken for this instance's. */
static void test_state_without_a_note_stays(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(mkdir(fixture->state, 0750), 0);
	file_write(fixture->state, "journal.db", "x");
	tag_set(fixture, FIRST);
	assert_int_equal(check(fixture), 0);
	assert_true(is_there(fixture->state, "journal.db"));
}

static void state_make(const struct fixture *fixture)
{
	char path[80];

	tag_set(fixture, FIRST);
	assert_int_equal(check(fixture), 0);
	file_write(fixture->state, "journal.db", "theirs");
	file_write(fixture->state, "contained", "theirs");
	file_write(fixture->state, "intel.pack", "indicators");
	(void)snprintf(path, sizeof(path), "%s/quarantine", fixture->state);
	assert_int_equal(mkdir(path, 0700), 0);
	file_write(path, "bad", "theirs");
}

static void test_another_instance_starts_clean(void **state)
{
	struct fixture *fixture = *state;
	char path[340];

	state_make(fixture);
	tag_set(fixture, SECOND);
	assert_int_equal(check(fixture), 1);
	assert_false(is_there(fixture->state, "journal.db"));
	assert_false(is_there(fixture->state, "contained"));
	assert_false(is_there(fixture->state, "quarantine"));
	assert_true(is_there(fixture->state, "intel.pack"));
	assert_int_equal(asides(fixture, path), 1);
	assert_non_null(strstr(path, FIRST));
	assert_true(is_there(path, "journal.db"));
	assert_true(is_there(path, "contained"));
	assert_true(is_there(path, "quarantine/bad"));

	/* From now on it is its own. */
	file_write(fixture->state, "journal.db", "ours");
	assert_int_equal(check(fixture), 0);
	assert_true(is_there(fixture->state, "journal.db"));

	/* And an image of that one. */
	tag_set(fixture, FIRST);
	assert_int_equal(check(fixture), 1);
	assert_false(is_there(fixture->state, "journal.db"));
	assert_int_equal(asides(fixture, path), 2);
}

static void test_broken_note(void **state)
{
	struct fixture *fixture = *state;
	char path[340];

	state_make(fixture);
	file_write(fixture->state, "instance", "../../etc\n");
	assert_int_equal(check(fixture), 1);
	assert_false(is_there(fixture->state, "contained"));
	assert_int_equal(asides(fixture, path), 1);
	assert_non_null(strstr(path, "/other-unknown."));
	assert_int_equal(check(fixture), 0);
}

static void test_not_on_ec2(void **state)
{
	static const char *const tags[] = { "",
					    "Default string",
					    "i-",
					    "i-0123456789ABCDEF0",
					    "i-0123456789abcdef01",
					    "i-01234567/../x" };
	struct fixture *fixture = *state;

	state_make(fixture);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		tag_set(fixture, tags[i]);
		assert_int_equal(check(fixture), 0);
	}
	assert_int_equal(unlink(fixture->tag), 0);
	assert_int_equal(check(fixture), 0);
	assert_true(is_there(fixture->state, "contained"));
}

static void test_what_cannot_be_moved_is_told(void **state)
{
	struct fixture *fixture = *state;

	tag_set(fixture, FIRST);
	file_write(fixture->folder, "state", "a file");
	assert_true(check(fixture) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_without_a_note_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_instance_starts_clean, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_broken_note, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_on_ec2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_moved_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
