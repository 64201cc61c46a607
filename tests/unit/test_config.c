/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that every key of the configuration is read, that drop-ins override in the order of their
 * names, that the sample says what the defaults are, and that errors name their place.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "daemon/config.h"
#include "daemon/config_fixed.h"

static struct config read_text(const char *text)
{
	struct document_error error;
	struct config config;

	if (config_from_text("/etc/x/c.yaml", text, strlen(text), &config, &error) < 0)
		fail_msg("%s", error.text);
	return config;
}

static void assert_defaults(const struct config *config)
{
	assert_int_equal(config->mode, CONFIG_AUDIT);
	assert_string_equal(config->state_dir, CORDON_STATEDIR);
	assert_string_equal(config->runtime_dir, "/run/cordon");
	assert_int_equal(config->log_level, LOG_INFO);
	assert_null(config->sensor.cgroup);
	assert_int_equal(config->sensor.ports_count, 0);
	assert_int_equal(config->sensor.ring_size, 1 << 20);
	assert_int_equal(config->sensor.processes, 4096);
	assert_int_equal(config->sensor.unseen_rate, 0);
	assert_false(config->sensor.responses);
	assert_true(config->sensor.pin);
	assert_string_equal(config->sensor.pin_dir, "/sys/fs/bpf/cordon");
	assert_int_equal(config->sensor.unattended, CONFIG_UNATTENDED_ENFORCE);
	assert_int_equal(config->sensor.unattended_after, 0);
	assert_true(config->sensor.answers);
	assert_int_equal(config->sensor.answers_rate, 1000);
	assert_int_equal(config->sensor.resolvers_count, 0);
	assert_true(config->intel.builtin_resolvers);
	assert_true(config->sensor.connections);
	assert_true(config->sensor.flows);
	assert_true(config->contain.ntp);
	assert_int_equal(config->contain.interfaces, CONFIG_INTERFACES_AUTO);
	assert_int_equal(config->contain.seconds, 0);
	assert_int_equal(config->contain.open_count, 0);
	assert_int_equal(config->contain.names.count, 0);
	assert_int_equal(config->contain.units.count, 2);
	assert_string_equal(config->contain.units.texts[0], "amazon-ssm-agent.service");
	assert_int_equal(config->contain.resolvers.count, 1);
	assert_string_equal(config->intel.pack, CORDON_STATEDIR "/intel.pack");
	assert_null(config->intel.never_block);
	assert_int_equal(config->intel.feeds_count, 0);
	assert_null(config->scan.worker);
	assert_int_equal(config->scan.workers, 1);
	assert_int_equal(config->scan.memory, 256 << 20);
	assert_int_equal(config->policy.count, 1);
	assert_string_equal(config->policy.files[0], CORDON_DATADIR "/default.yaml");
	assert_int_equal(config->journal.max_findings, 20000);
	assert_int_equal(config->journal.sightings, 32);
	assert_string_equal(config->report.file.path, CORDON_STATEDIR "/findings.jsonl");
	assert_int_equal(config->report.file.max_size, 64 << 20);
	assert_int_equal(config->report.file.keep, 4);
	assert_true(config->report.journald);
	assert_false(config->report.screen);
}

/* Nothing said means the defaults, and so do sections with nothing in them. */
static void test_defaults(void **state)
{
	static const char *const texts[] = {
		"",
		"# nothing\n",
		"---\n",
		"sensor:\nintel:\npolicy:\njournal:\nreport:\n  file:\n",
		"intel: { feeds: [] }\nsensor: { ports: [] }\n",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct config config = read_text(texts[i]);

		assert_defaults(&config);
		config_free(&config);
	}
}

/* Every key goes to its place; relative paths start at the file's folder. */
static void test_every_key(void **state)
{
	struct config config = read_text(
		"mode: enforce\nstate_dir: /s\nruntime_dir: run\nlog_level: debug\n"
		"sensor:\n  cgroup: /sys/fs/cgroup/x\n  ports: [5353, 53, 8053]\n  ring_size: "
		"512K\n"
		"  processes: 8192\n  unseen_rate: 10\n  responses: yes\n  pin: no\n"
		"  pin_dir: pins\n  unattended: observe\n  unattended_after: 60\n"
		"  answers: no\n  answers_rate: 7\n  resolvers: [10.0.0.2, 'fd00::2']\n"
		"  connections: no\n  flows: no\n"
		"intel:\n  pack: p.pack\n  never_block: n.txt\n  builtin_resolvers: no\n  feeds:\n"
		"    - { name: one, path: lists/one, severity: high, tags: [c2, malware] }\n"
		"    - { name: two, path: /two, action: allow }\n"
		"scan: { worker: bin/scan, workers: 3, memory: 64M }\n"
		"policy:\n  files: [a.yaml, /b.yaml]\n"
		"journal: { max_findings: 500, sightings: 0 }\n"
		"contain:\n  units: [a.service, /b/c]\n  resolvers: []\n  names: x.example\n"
		"  open:\n    - { address: 10.1.0.0/16, port: 443, protocol: tcp }\n"
		"    - { address: \"fd00::1\" }\n  ntp: no\n  interfaces: yes\n  seconds: 60\n"
		"report:\n  file: { path: f.jsonl, max_size: 1M, keep: 0 }\n  journald: no\n"
		"  screen: yes\n");

	(void)state;
	assert_int_equal(config.mode, CONFIG_ENFORCE);
	assert_string_equal(config.state_dir, "/s");
	assert_string_equal(config.runtime_dir, "/etc/x/run");
	assert_int_equal(config.log_level, LOG_DEBUG);
	assert_string_equal(config.sensor.cgroup, "/sys/fs/cgroup/x");
	assert_int_equal(config.sensor.ports_count, 2); /* 53 goes without saying */
	assert_int_equal(config.sensor.ports[0], 5353);
	assert_int_equal(config.sensor.ports[1], 8053);
	assert_int_equal(config.sensor.ring_size, 512 << 10);
	assert_int_equal(config.sensor.processes, 8192);
	assert_int_equal(config.sensor.unseen_rate, 10);
	assert_true(config.sensor.responses);
	assert_false(config.sensor.pin);
	assert_string_equal(config.sensor.pin_dir, "/etc/x/pins");
	assert_int_equal(config.sensor.unattended, CONFIG_UNATTENDED_OBSERVE);
	assert_int_equal(config.sensor.unattended_after, 60);
	assert_false(config.sensor.answers);
	assert_int_equal(config.sensor.answers_rate, 7);
	assert_int_equal(config.sensor.resolvers_count, 2);
	assert_int_equal(config.sensor.resolvers[0].bytes[15], 2);
	assert_int_equal(config.sensor.resolvers[1].bytes[0], 0xfd);
	assert_false(config.intel.builtin_resolvers);
	assert_false(config.sensor.connections);
	assert_false(config.sensor.flows);
	assert_int_equal(config.contain.units.count, 2);
	assert_string_equal(config.contain.units.texts[1], "/b/c");
	assert_int_equal(config.contain.resolvers.count, 0);
	assert_string_equal(config.contain.names.texts[0], "x.example");
	assert_int_equal(config.contain.open_count, 2);
	assert_int_equal(config.contain.open[0].length, 112);
	assert_int_equal(config.contain.open[0].port, 443);
	assert_int_equal(config.contain.open[0].protocol, 6);
	assert_int_equal(config.contain.open[1].length, 128);
	assert_int_equal(config.contain.open[1].port, 0);
	assert_false(config.contain.ntp);
	assert_int_equal(config.contain.interfaces, CONFIG_INTERFACES_YES);
	assert_int_equal(config.contain.seconds, 60);
	assert_string_equal(config.intel.pack, "/etc/x/p.pack");
	assert_string_equal(config.intel.never_block, "/etc/x/n.txt");
	assert_int_equal(config.intel.feeds_count, 2);
	assert_string_equal(config.intel.feeds[0].name, "one");
	assert_string_equal(config.intel.feeds[0].path, "/etc/x/lists/one");
	assert_int_equal(config.intel.feeds[0].severity, SEVERITY_HIGH);
	assert_string_equal(config.intel.feeds[0].tags, "c2,malware");
	assert_int_equal(config.intel.feeds[0].action, INDICATOR_BLOCK);
	assert_string_equal(config.intel.feeds[1].tags, "");
	assert_int_equal(config.intel.feeds[1].severity, SEVERITY_NONE);
	assert_int_equal(config.intel.feeds[1].action, INDICATOR_ALLOW);
	assert_string_equal(config.scan.worker, "/etc/x/bin/scan");
	assert_int_equal(config.scan.workers, 3);
	assert_int_equal(config.scan.memory, 64 << 20);
	assert_int_equal(config.policy.count, 2);
	assert_string_equal(config.policy.files[0], "/etc/x/a.yaml");
	assert_string_equal(config.policy.files[1], "/b.yaml");
	assert_int_equal(config.journal.max_findings, 500);
	assert_int_equal(config.journal.sightings, 0);
	assert_string_equal(config.report.file.path, "/etc/x/f.jsonl");
	assert_int_equal(config.report.file.max_size, 1 << 20);
	assert_int_equal(config.report.file.keep, 0);
	assert_false(config.report.journald);
	assert_true(config.report.screen);
	config_free(&config);

	config = read_text("state_dir: /s\nreport: { file: { path: \"\" } }\n");
	assert_string_equal(config.intel.pack, "/s/intel.pack");
	assert_string_equal(config.report.file.path, "");
	config_free(&config);
}

/* Keys that do not exist, or not yet, and values out of bounds are errors at their place. */
static void test_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "modee: audit\n",
		  "/etc/x/c.yaml:1:1: unknown key \"modee\" in the configuration; "
		  "did you mean \"mode\"?" },
		{ "mode: on\n", "/etc/x/c.yaml:1:7: expected audit, enforce, found \"on\"" },
		{ "[]\n", "/etc/x/c.yaml:1:1: expected the configuration, found a list" },
		{ "log_level: loud\n", "/etc/x/c.yaml:1:12: expected error, warning, notice, info, "
				       "debug, found \"loud\"" },
		{ "state_dir:\n", "/etc/x/c.yaml:1:11: expected a path, found nothing" },
		{ "state_dir: \"\"\n", "/etc/x/c.yaml:1:12: expected a path, found \"\"" },
		{ "sensor: { rings_size: 1M }\n",
		  "/etc/x/c.yaml:1:11: unknown key \"rings_size\" in "
		  "sensor; did you mean \"ring_size\"?" },
		{ "sensor: { ring_size: 1000K }\n",
		  "/etc/x/c.yaml:1:22: expected a power of two (512K, 1M, 2M), found \"1000K\"" },
		{ "sensor: { ring_size: 4K }\n",
		  "/etc/x/c.yaml:1:22: expected a number of bytes (64K, 1M, 2G) from 65536 to "
		  "268435456, found \"4K\"" },
		{ "sensor: { ports: [70000] }\n",
		  "/etc/x/c.yaml:1:19: expected a number from 1 to 65535, found \"70000\"" },
		{ "sensor: { ports: [1, 1] }\n", "/etc/x/c.yaml:1:22: a port that is given twice" },
		{ "sensor: { ports: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n",
		  "/etc/x/c.yaml:1:43: more than 8 ports" },
		{ "sensor: { processes: 1 }\n",
		  "/etc/x/c.yaml:1:22: expected a number from 256 to 1048576, found \"1\"" },
		{ "sensor: { responses: 2 }\n",
		  "/etc/x/c.yaml:1:22: expected yes or no, found \"2\"" },
		{ "sensor: { resolvers: [10.0.0.2, local] }\n",
		  "/etc/x/c.yaml:1:33: expected an address (10.0.0.2), found \"local\"" },
		{ "intel: { feeds: { a: b } }\n",
		  "/etc/x/c.yaml:1:17: expected a list of feeds, found a mapping" },
		{ "intel: { feeds: [ { name: a } ] }\n",
		  "/etc/x/c.yaml:1:19: a feed has a path or a url, one of them" },
		{ "intel: { feeds: [ { name: a, url: b, path: c } ] }\n",
		  "/etc/x/c.yaml:1:35: expected https://HOST/..., s3://BUCKET/KEY, ssm:NAME, or "
		  "http:// to this host's loopback, found \"b\"" },
		{ "intel: { feeds: [ { name: a, url: \"https://x/\", path: c } ] }\n",
		  "/etc/x/c.yaml:1:19: a feed has a path or a url, one of them" },
		{ "intel: { feeds: [ { name: a, path: c, interval: 5s } ] }\n",
		  "/etc/x/c.yaml:1:49: expected a duration from 60s to 2592000s (15min, 1h, 7d)" },
		{ "intel: { feeds: [ { name: a, url: \"http://example.com/\" } ] }\n",
		  "/etc/x/c.yaml:1:35: expected https://HOST/..., s3://BUCKET/KEY, ssm:NAME, or "
		  "http:// to this host's loopback, found \"http://example.com/\"" },
		{ "aws: { endpoints: { sns: 'http://10.0.0.1' } }\n",
		  "/etc/x/c.yaml:1:26: expected https://HOST, or http:// to this host's loopback, "
		  "found \"http://10.0.0.1\"" },
		{ "aws: { endpoint: 'localhost:4566' }\n",
		  "/etc/x/c.yaml:1:18: expected https://HOST, or http:// to this host's loopback, "
		  "found \"localhost:4566\"" },
		{ "intel: { keys: [ AAAA ] }\n",
		  "/etc/x/c.yaml:1:18: expected a public key of cordon intel keygen (44 letters), "
		  "found \"AAAA\"" },
		{ "intel:\n  feeds:\n  - { name: a, path: b }\n  - { name: a, path: c }\n",
		  "/etc/x/c.yaml:4:13: a second feed of this name, the first is in line 3" },
		{ "intel: { feeds: [ { name: a, path: b, tags: \"x,y\" } ] }\n",
		  "/etc/x/c.yaml:1:45: a tag with a comma or blank; write a list: [a, b]" },
		{ "intel: { feeds: [ { name: \"a\\n\", path: b } ] }\n",
		  "/etc/x/c.yaml:1:27: text with a backslash or characters that cannot be shown" },
		{ "contain: { open: [ { port: 1 } ] }\n",
		  "/etc/x/c.yaml:1:20: what stays open without \"address\"" },
		{ "contain: { open: [ { address: 10.0.0.1/8 } ] }\n",
		  "/etc/x/c.yaml:1:31: bits are set beyond the prefix" },
		{ "contain: { open: [ { address: x } ] }\n",
		  "/etc/x/c.yaml:1:31: expected an address or prefix (10.0.0.0/16), found \"x\"" },
		{ "policy: { files: [] }\n", "/etc/x/c.yaml:1:18: an empty list" },
		{ "policy: { files: [[]] }\n",
		  "/etc/x/c.yaml:1:19: expected a path, found a list" },
		{ "journal: { max_findings: 5 }\n",
		  "/etc/x/c.yaml:1:26: expected a number from 100 to 100000000, found \"5\"" },
		{ "report: { ssm: { opsitems: severe } }\n",
		  "/etc/x/c.yaml:1:28: expected off, no, informational, low, medium, high, "
		  "critical, found \"severe\"" },
		{ "report: { ssm: { interval: 0 } }\n",
		  "/etc/x/c.yaml:1:28: expected a number from 1 to 86400, found \"0\"" },
		{ "report: { file: f.jsonl }\n",
		  "/etc/x/c.yaml:1:17: expected report.file, found \"f.jsonl\"" },
		{ "mode: x\nreport: { screen: x }\n",
		  "/etc/x/c.yaml:1:7: expected audit, enforce, found \"x\"\n"
		  "/etc/x/c.yaml:2:19: expected yes or no, found \"x\"" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct document_error error;
		struct config config;

		assert_int_equal(config_from_text("/etc/x/c.yaml", cases[i].text,
						  strlen(cases[i].text), &config, &error),
				 -EINVAL);
		assert_string_equal(error.text, cases[i].error);
	}
}

/* ---- files ---- */

struct tree {
	char folder[64];
	char file[96], drop_ins[96], policies[96];
	struct config_places places;
};

static void tree_write(const struct tree *tree, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", tree->folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static int tree_make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -1;
	(void)strcpy(tree->folder, "/tmp/test_config.XXXXXX");
	if (!mkdtemp(tree->folder))
		return -1;
	(void)snprintf(tree->file, sizeof(tree->file), "%s/cordon.yaml", tree->folder);
	(void)snprintf(tree->drop_ins, sizeof(tree->drop_ins), "%s/cordon.d", tree->folder);
	(void)snprintf(tree->policies, sizeof(tree->policies), "%s/policy.d", tree->folder);
	tree->places = (struct config_places){ .file = tree->file,
					       .drop_ins = tree->drop_ins,
					       .policies = tree->policies,
					       .policy = "/shipped.yaml" };
	*state = tree;
	return 0;
}

static int tree_remove(void **state)
{
	static const char *const names[] = {
		"cordon.d/10-a.yaml", "cordon.d/9-b.yaml", "cordon.d/.hidden.yaml",
		"cordon.d/note.txt",  "policy.d/b.yaml",   "policy.d/a.yaml",
		"policy.d/README",    "cordon.d",	   "policy.d",
		"cordon.yaml"
	};
	struct tree *tree = *state;
	char path[256];

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", tree->folder, names[i]);
		(void)remove(path);
	}
	(void)rmdir(tree->folder);
	free(tree);
	return 0;
}

/* Nothing is there: the defaults hold; a file that was asked for must be there. */
static void test_missing(void **state)
{
	struct tree *tree = *state;
	struct document_error error;
	struct config config;
	char expected[256];

	assert_int_equal(config_load_places(&tree->places, &config, &error), 0);
	assert_string_equal(config.policy.files[0], "/shipped.yaml");
	config_free(&config);

	tree->places.required = true;
	assert_int_equal(config_load_places(&tree->places, &config, &error), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s: cannot be read: No such file or directory",
		       tree->file);
	assert_string_equal(error.text, expected);
	assert_int_equal(config_load(tree->file, &config, &error), -EINVAL);
	assert_string_equal(error.text, expected);
}

/* What one file has locked no other one opens: neither by a mode nor by taking it back. */
static void test_mode_lock(void **state)
{
	struct tree *tree = *state;
	struct document_error error;
	struct config config;

	assert_int_equal(mkdir(tree->drop_ins, 0700), 0);
	tree_write(tree, "cordon.yaml", "mode_lock: audit\n");
	tree_write(tree, "cordon.d/99.yaml", "mode: enforce\n");
	assert_int_equal(config_load_places(&tree->places, &config, &error), 0);
	assert_int_equal(config.mode, CONFIG_AUDIT);
	assert_int_equal(config.mode_lock, CONFIG_MODE_LOCKED);
	config_free(&config);

	/* Also a lock that comes last. */
	tree_write(tree, "cordon.yaml", "mode: enforce\n");
	tree_write(tree, "cordon.d/99.yaml", "mode_lock: audit\n");
	assert_int_equal(config_load_places(&tree->places, &config, &error), 0);
	assert_int_equal(config.mode, CONFIG_AUDIT);
	config_free(&config);

	tree_write(tree, "cordon.yaml", "mode_lock: audit\n");
	for (size_t i = 0; i < 4; i++) {
		static const char *const open[] = { "mode_lock: enforce\n", "mode_lock: no\n",
						    "mode_lock:\n", "mode_lock: ''\n" };

		tree_write(tree, "cordon.d/99.yaml", open[i]);
		assert_int_equal(config_load_places(&tree->places, &config, &error), -EINVAL);
	}
}

/* Drop-ins come after the file, in the order of their names, and override key by key; feeds are
 * added, or replaced by name. Files that are hidden or of another kind are let be. */
static void test_drop_ins(void **state)
{
	struct tree *tree = *state;
	struct document_error error;
	struct config config;
	char path[256];

	assert_int_equal(mkdir(tree->drop_ins, 0700), 0);
	assert_int_equal(mkdir(tree->policies, 0700), 0);
	tree_write(tree, "cordon.yaml",
		   "mode: enforce\nsensor: { ports: [1, 2], processes: 512 }\n"
		   "intel: { feeds: [ { name: a, path: a1, severity: low }, { name: b, path: b1 } "
		   "] }\n");
	tree_write(tree, "cordon.d/10-a.yaml",
		   "mode: audit\nlog_level: error\nsensor: { ports: [3] }\n"
		   "intel: { feeds: [ { name: a, path: a2 }, { name: c, path: c2 } ] }\n");
	tree_write(tree, "cordon.d/9-b.yaml", "log_level: debug\n");
	tree_write(tree, "cordon.d/.hidden.yaml", "broken: [\n");
	tree_write(tree, "cordon.d/note.txt", "broken: [\n");
	tree_write(tree, "policy.d/b.yaml", "");
	tree_write(tree, "policy.d/a.yaml", "");
	tree_write(tree, "policy.d/README", "");

	if (config_load_places(&tree->places, &config, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(config.mode, CONFIG_AUDIT);
	assert_int_equal(config.log_level, LOG_DEBUG); /* "10-" is before "9-" */
	assert_int_equal(config.sensor.ports_count, 1);
	assert_int_equal(config.sensor.ports[0], 3);
	assert_int_equal(config.sensor.processes, 512);
	assert_int_equal(config.intel.feeds_count, 3);
	(void)snprintf(path, sizeof(path), "%s/a2", tree->drop_ins);
	assert_string_equal(config.intel.feeds[0].path, path);
	assert_int_equal(config.intel.feeds[0].severity, SEVERITY_NONE);
	(void)snprintf(path, sizeof(path), "%s/b1", tree->folder);
	assert_string_equal(config.intel.feeds[1].path, path);
	assert_string_equal(config.intel.feeds[2].name, "c");
	assert_int_equal(config.policy.count, 2);
	(void)snprintf(path, sizeof(path), "%s/a.yaml", tree->policies);
	assert_string_equal(config.policy.files[0], path);
	config_free(&config);

	/* "cordon.yaml" has "cordon.d" beside it, whatever folder they are in. */
	assert_int_equal(config_load(tree->file, &config, &error), 0);
	assert_int_equal(config.log_level, LOG_DEBUG);
	config_free(&config);
}

/* A broken drop-in breaks the whole, and the errors of all files are told. */
static void test_broken_drop_in(void **state)
{
	struct tree *tree = *state;
	struct document_error error;
	struct config config;
	char expected[512];

	assert_int_equal(mkdir(tree->drop_ins, 0700), 0);
	tree_write(tree, "cordon.yaml", "mode: yes\n");
	tree_write(tree, "cordon.d/10-a.yaml", "sensor: 7\n");
	assert_int_equal(config_load_places(&tree->places, &config, &error), -EINVAL);
	(void)snprintf(expected, sizeof(expected),
		       "%s:1:7: expected audit, enforce, found \"yes\"\n"
		       "%s/10-a.yaml:1:9: expected sensor, found \"7\"",
		       tree->file, tree->drop_ins);
	assert_string_equal(error.text, expected);
}

/* "#key: value" is a key that is off, "# Words" are words: takes the mark from the former. */
static void lines_uncomment(char *text)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		char *mark = line + strspn(line, " \n");

		if (mark[0] == '#' && mark[1] != '\n' && (mark[1] != ' ' || mark[2] == ' '))
			memmove(mark, mark + 1, strlen(mark));
		line = mark;
	}
}

/* The sample is a configuration that changes nothing, and is still one when each key in it is
 * turned on: it shows keys that exist, with values that they take. */
static void test_sample(void **state)
{
	const char *folder = getenv("srcdir");
	CLEANUP(free_cleanup) char *text = NULL;
	struct document_error error;
	struct config config;
	char path[512];
	size_t size;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/packaging/cordon.yaml", folder ? folder : ".");
	assert_int_equal(fd_read_file(path, 1 << 20, &text, &size), 0);
	config = read_text(text);
	assert_defaults(&config);
	config_free(&config);

	lines_uncomment(text);
	if (config_from_text("sample", text, strlen(text), &config, &error) < 0)
		fail_msg("%s\n%s", error.text, text);
	assert_int_equal(config.intel.feeds_count, 3);
	assert_int_equal(config.sensor.ports_count, 1);
	config_free(&config);
}

/* What cannot change while it runs keeps its value and is named; the rest changes. */
static void test_fixed(void **state)
{
	static const struct {
		const char *text, *key, *value; /* in force: always the default one */
	} cases[] = {
		{ "mode: enforce\n", "mode", "audit" },
		{ "state_dir: /var/x\nreport: { file: { path: /f } }\n", "state_dir",
		  CORDON_STATEDIR },
		{ "runtime_dir: /run/x\n", "runtime_dir", "/run/cordon" },
		{ "sensor: { cgroup: /sys/fs/cgroup/x }\n", "sensor.cgroup", "" },
		{ "sensor: { ports: [5353] }\n", "sensor.ports", "53" },
		{ "sensor: { ring_size: 2M }\n", "sensor.ring_size", "1048576" },
		{ "sensor: { processes: 8192 }\n", "sensor.processes", "4096" },
		{ "sensor: { unseen_rate: 1 }\n", "sensor.unseen_rate", "0" },
		{ "sensor: { responses: yes }\n", "sensor.responses", "no" },
		{ "journal: { max_findings: 100 }\n", "journal.max_findings", "20000" },
		{ "journal: { sightings: 1 }\n", "journal.sightings", "32" },
		{ "report: { file: { max_size: 1M } }\n", "report.file.max_size", "67108864" },
		{ "report: { file: { keep: 1 } }\n", "report.file.keep", "4" },
		{ "report: { journald: no }\n", "report.journald", "yes" },
		{ "report: { screen: yes }\n", "report.screen", "no" },
		{ "aws: { fips: yes }\n", "aws.fips", "" },
		{ "aws: { dual_stack: no }\n", "aws.dual_stack", "" },
		{ "aws: { endpoints: { ssm: 'https://x' } }\n", "aws.endpoints", "" },
		{ "report: { ssm: { inventory: file } }\n", "report.ssm.inventory", "off" },
		{ "report: { ssm: { compliance: yes } }\n", "report.ssm.compliance", "no" },
		{ "report: { ssm: { opsitems: high } }\n", "report.ssm.opsitems", "off" },
		{ "report: { cloudwatch: { agent_group: /a } }\n", "report.cloudwatch.agent_group",
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct config running = read_text("report: { file: { path: /f } }\n");
		struct config next = read_text(cases[i].text);
		char shown[CONFIG_SHOWN_SIZE];
		uint64_t differ = 0;
		size_t key = 0;

		while (strcmp(config_fixed_name(key), cases[i].key) != 0)
			key++;
		assert_int_equal(config_keep_fixed(&next, &running, &differ), 0);
		assert_true(differ >> key & 1);
		config_fixed_show(&next, key, shown);
		assert_string_equal(shown, cases[i].value);
		assert_string_equal(next.intel.pack, CORDON_STATEDIR "/intel.pack");
		config_free(&running);
		config_free(&next);
	}
}

static void test_not_fixed(void **state)
{
	struct config running = read_text(""), next = read_text("log_level: debug\n"
								"intel: { pack: /p }\n");
	uint64_t differ = 1;

	(void)state;
	assert_int_equal(config_keep_fixed(&next, &running, &differ), 0);
	assert_int_equal(differ, 0);
	assert_int_equal(next.log_level, LOG_DEBUG);
	assert_string_equal(next.intel.pack, "/p");
	assert_null(config_fixed_name(CONFIG_FIXED_MAX));
	config_free(&running);
	config_free(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_errors),
		cmocka_unit_test_setup_teardown(test_missing, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(test_mode_lock, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(test_drop_ins, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(test_broken_drop_in, tree_make, tree_remove),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_not_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
