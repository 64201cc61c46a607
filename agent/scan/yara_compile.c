/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns compiling with libyara. Gets texts from rule_compiler.c, in the same cage. A compiler of
 * libyara is of no use after an error; so all is compiled in the hope that nothing is wrong, and
 * where something is, the files are tried one by one, without the rules that were found at fault.
 */
#include "scan/yara_compile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yara.h>

#include "base/cleanup.h"
#include "scan/yara_externals.h"
#include "scan/yara_part.h"
#include "scan/yara_stream.h"

/* Rounds for one file, each of which leaves out a rule or more. */
#define ROUNDS_MAX 1000
#define WHY_MAX	   256

static int nothing_met(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	(void)context;
	(void)message;
	(void)data;
	(void)userdata;
	return CALLBACK_CONTINUE;
}

int yara_prepare(void)
{
	return yr_initialize() == ERROR_SUCCESS ? 0 : -ENOMEM;
}

/* The module keeps what it has loaded; a search is the only way to have it do so. */
int yara_prepare_magic(void)
{
	static const uint8_t text[] = "text";
	YR_COMPILER *compiler;
	YR_RULES *rules;
	int r = yara_prepare();

	if (r < 0 || yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return -ENOMEM;
	/* Where it cannot be had, the searches will say so. */
	if (yr_compiler_add_string(
		    compiler,
		    "import \"magic\" rule some { condition: magic.type() contains \"x\" }",
		    NULL) == 0 &&
	    yr_compiler_get_rules(compiler, &rules) == ERROR_SUCCESS) {
		(void)yr_rules_scan_mem(rules, text, sizeof(text), 0, nothing_met, NULL, 1);
		(void)yr_rules_destroy(rules);
	}
	yr_compiler_destroy(compiler);
	return 0;
}

static bool text_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* ---- errors ---- */

static void rule_leave(struct yara_build *build, struct yara_text *text, unsigned line,
		       const char *why)
{
	struct yara_rule_text *rule = line > 0 ? yara_source_rule_at(&text->parts, line) : NULL;

	build->compile->tell(text->name, line, why, false, build->compile->userdata);
	if (rule) {
		rule->left_out = true;
		build->left_out++;
		return;
	}
	if (!build->top->left_out)
		build->left_out +=
			build->top->parts.rules_count ? build->top->parts.rules_count : 1;
	build->top->left_out = true;
}

/* An error that may only follow from another one: of form, or it says that a rule of this file is
 * not known. */
static bool error_follows(const struct yara_text *text, const char *why)
{
	const char *name = strchr(why, '"'), *end = name ? strchr(name + 1, '"') : NULL;

	if (strstr(why, "syntax error") || strstr(why, "unterminated"))
		return true;
	for (size_t i = 0; end && i < text->parts.rules_count; i++) {
		const struct yara_rule_text *rule = &text->parts.rules[i];
		size_t length = rule->name.end - rule->name.start;

		if (!rule->left_out && (size_t)(end - name - 1) == length &&
		    memcmp(text->text + rule->name.start, name + 1, length) == 0)
			return true;
	}
	return false;
}

static void error_met(int level, const char *file, int line, const YR_RULE *rule, const char *why,
		      void *userdata)
{
	struct yara_build *build = userdata;
	char text[WHY_MAX];

	(void)file;
	if (level != YARA_ERROR_LEVEL_ERROR) {
		/* Others are of style. */
		if (build->isolating || !strstr(why, "slow"))
			return;
		(void)snprintf(text, sizeof(text), "rule %s: %s", rule ? rule->identifier : "?",
			       why);
		build->compile->tell(build->text->name, line > 0 ? (unsigned)line : 0, text, true,
				     build->compile->userdata);
		return;
	}
	if (build->isolating && (build->errors == 0 || !error_follows(build->text, why)))
		rule_leave(build, build->text, line > 0 ? (unsigned)line : 0, why);
	build->errors++;
}

/* ---- compiling ---- */

static int compiler_new(struct yara_build *build, YR_COMPILER **ret)
{
	YR_COMPILER *compiler;

	if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return -ENOMEM;
	for (size_t i = 0; i < YARA_EXTERNALS; i++) {
		if (yr_compiler_define_string_variable(compiler, yara_external_names[i], "") ==
		    ERROR_SUCCESS)
			continue;
		yr_compiler_destroy(compiler);
		return -ENOMEM;
	}
	yr_compiler_set_callback(compiler, error_met, build);
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	*ret = compiler;
	return 0;
}

/* 0, 1 for an error in it, -ENOMEM. */
static int text_add(struct yara_build *build, YR_COMPILER *compiler, struct yara_text *text,
		    struct yara_choice choice, size_t start, size_t end)
{
	int r = yara_part_cut(build, text, choice, start, end);

	if (r < 0)
		return r;
	if (text_blank(build->blank))
		return 0;
	build->text = text;
	return yr_compiler_add_string(compiler, build->blank, build->top->name) > 0;
}

/* The text in pieces, between which come the texts that it includes. seen: those that were there
 * before in this namespace. */
static int pieces_add(struct yara_build *build, YR_COMPILER *compiler, unsigned number,
		      struct yara_choice choice, bool *seen, unsigned depth)
{
	struct yara_text *text = &build->compile->texts[number];
	size_t start = 0;
	int r = 0;

	if (seen[number] || depth > YARA_INCLUDE_DEPTH_MAX)
		return 0;
	seen[number] = true;
	for (size_t i = 0; r == 0 && i < text->parts.directives_count; i++) {
		const struct yara_directive *directive = &text->parts.directives[i];

		if (!directive->include || text->nested[i] == UINT_MAX)
			continue;
		r = text_add(build, compiler, text, choice, start, directive->span.start);
		if (r == 0)
			r = pieces_add(build, compiler, text->nested[i], choice, seen, depth + 1);
		start = directive->span.end;
	}
	return r == 0 ? text_add(build, compiler, text, choice, start, text->size) : r;
}

static int top_add(struct yara_build *build, YR_COMPILER *compiler, unsigned number,
		   struct yara_choice choice)
{
	CLEANUP(free_cleanup) bool *seen = calloc(build->compile->count, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	build->top = &build->compile->texts[number];
	build->errors = 0;
	return pieces_add(build, compiler, number, choice, seen, 0);
}

static bool top_stands(const struct yara_text *text)
{
	return text->top && !text->included && !text->left_out;
}

/* Leaves out what is wrong in one file. */
static int top_isolate(struct yara_build *build, unsigned number)
{
	struct yara_text *text = &build->compile->texts[number];
	int r = 1;

	build->isolating = true;
	for (unsigned i = 0; i < ROUNDS_MAX && r > 0 && !text->left_out; i++) {
		YR_COMPILER *compiler;

		r = compiler_new(build, &compiler);
		if (r < 0)
			break;
		r = top_add(build, compiler, number, (struct yara_choice){ .all = true });
		yr_compiler_destroy(compiler);
	}
	build->isolating = false;
	if (r > 0 && !text->left_out) {
		build->top = text;
		build->text = text;
		rule_leave(build, text, 0, "too many errors");
	}
	return r < 0 ? r : 0;
}

/* All files into one compiler. 1: *ret_number has an error. */
static int part_build(struct yara_build *build, struct yara_choice choice, YR_COMPILER *compiler,
		      unsigned *ret_number)
{
	for (unsigned i = 0; i < build->compile->count; i++) {
		int r;

		if (!top_stands(&build->compile->texts[i]))
			continue;
		r = top_add(build, compiler, i, choice);
		*ret_number = i;
		if (r != 0)
			return r;
	}
	return 0;
}

struct output {
	int fd;
	uint64_t at;
	int error;
};

static size_t output_write(const void *data, size_t size, size_t count, void *userdata)
{
	struct output *output = userdata;
	const char *bytes = data;
	size_t left = size * count;

	while (left > 0 && output->error == 0) {
		ssize_t n = pwrite(output->fd, bytes, left, (off_t)output->at);

		if (n < 0) {
			output->error = -errno;
			return 0;
		}
		bytes += n;
		left -= (size_t)n;
		output->at += (uint64_t)n;
	}
	return left == 0 ? count : 0;
}

/* 0 also when there is no rule in it. */
static int part_save(YR_RULES *rules, uint32_t key, struct output *output, uint64_t *count)
{
	YR_STREAM stream = { .user_data = output, .write = output_write };
	struct rule_set_head head = { .magic = RULE_SET_MAGIC, .key = key };
	uint64_t start = output->at, end;

	if (rules->num_rules == 0)
		return 0;
	*count += rules->num_rules;
	output->at += sizeof(head);
	if (yr_rules_save_stream(rules, &stream) != ERROR_SUCCESS && output->error == 0)
		output->error = -EIO;
	end = output->at;
	head.size = end - start - sizeof(head);
	output->at = start;
	(void)output_write(&head, sizeof(head), 1, output);
	output->at = end;
	return output->error;
}

static int part_compile(struct yara_build *build, struct yara_choice choice, struct output *output,
			uint64_t *count, unsigned *ret_number)
{
	YR_COMPILER *compiler;
	YR_RULES *rules;
	int r = compiler_new(build, &compiler);

	if (r < 0)
		return r;
	r = part_build(build, choice, compiler, ret_number);
	if (r == 0 && yr_compiler_get_rules(compiler, &rules) != ERROR_SUCCESS)
		r = -ENOMEM;
	yr_compiler_destroy(compiler);
	if (r != 0)
		return r;
	r = part_save(rules, choice.key, output, count);
	(void)yr_rules_destroy(rules);
	return r;
}

/* The file of that number, and those behind it, one by one. */
static int parts_repair(struct yara_build *build, unsigned number)
{
	struct yara_text *text = &build->compile->texts[number];
	uint64_t before = build->left_out;
	bool unsplit = text->unsplit;

	/* Should it be right as a whole, then it cannot be split. */
	text->unsplit = true;
	for (unsigned i = number; i < build->compile->count; i++) {
		int r = top_stands(&build->compile->texts[i]) ? top_isolate(build, i) : 0;

		if (r < 0)
			return r;
		if (i == number && unsplit && build->left_out == before) {
			build->top = build->text = text;
			rule_leave(build, text, 0, "it does not compile beside the others");
		}
	}
	return 0;
}

/* 1: a file has an error, and it and those behind it have been tried one by one. */
static int parts_compile(struct yara_build *build, struct output *output, uint64_t *count)
{
	*output = (struct output){ .fd = output->fd };
	*count = 0;
	for (size_t i = 0; i <= build->keys_count; i++) {
		struct yara_choice choice = {
			.key = i < build->keys_count ? build->keys[i] : YARA_KEY_NONE,
		};
		unsigned number = 0;
		int r = part_compile(build, choice, output, count, &number);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		r = parts_repair(build, number);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* A rule that is global holds for all others of its namespace. */
static bool text_global(const struct yara_compile *compile, const struct yara_text *text,
			unsigned depth)
{
	bool global = false;

	for (size_t i = 0; i < text->parts.rules_count; i++)
		global |= text->parts.rules[i].global;
	for (size_t i = 0; depth < YARA_INCLUDE_DEPTH_MAX && i < text->parts.directives_count; i++)
		if (text->nested && text->nested[i] != UINT_MAX)
			/* Rules of two files may name each other. */
			global |= text_global(compile, &compile->texts[text->nested[i]], depth + 1);
	return global;
}

/* Files of rules that were compiled before: each is a part of its own. */
static int binaries_take(struct yara_build *build, struct output *output, uint64_t *count)
{
	unsigned parts = (unsigned)build->keys_count + 1;

	for (size_t i = 0; i < build->compile->count; i++) {
		struct yara_text *text = &build->compile->texts[i];
		YR_RULES *rules;
		int r = 0;

		if (text->size < 4 || memcmp(text->text, "YARA", 4) != 0)
			continue;
		build->top = text;
		if (parts == RULE_SET_PARTS_MAX) {
			rule_leave(build, text, 0, "more files of compiled rules than can be");
		} else if (yara_rules_load(text->text, text->size, &rules) < 0) {
			rule_leave(build, text, 0,
				   "damaged, or compiled by another version of YARA");
		} else {
			r = part_save(rules, YARA_KEY_NONE, output, count);
			(void)yr_rules_destroy(rules);
			parts++;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Of those that were compiled before nothing but their texts is known. */
static bool magic_asked(const struct yara_text *text)
{
	static const char name[] = "magic";

	if (text->size >= 4 && memcmp(text->text, "YARA", 4) == 0)
		return memmem(text->text, text->size, name, sizeof(name));
	for (size_t i = 0; i < text->parts.directives_count; i++) {
		const struct yara_directive *directive = &text->parts.directives[i];

		if (!directive->include &&
		    yara_part_span_has(text->text, directive->text, name, sizeof(name) - 1))
			return true;
	}
	return false;
}

int yara_compile(struct yara_compile *compile, int fd, struct yara_compiled *ret)
{
	struct yara_build build = { .compile = compile };
	struct output output = { .fd = fd };
	uint64_t count = 0;
	bool magic = false;
	int r = yara_part_keys(&build);

	for (size_t i = 0; i < compile->count; i++) {
		struct yara_text *text = &compile->texts[i];

		/* Compiled ones are taken below. */
		if (text->size >= 4 && memcmp(text->text, "YARA", 4) == 0)
			text->top = false;
		magic |= magic_asked(text);
		text->unsplit = text_global(compile, text, 0);
	}
	/* Twice as a rule: the second time without what was wrong. */
	for (unsigned round = 0; r == 0; round++) {
		r = parts_compile(&build, &output, &count);
		if (r <= 0)
			break;
		r = round < ROUNDS_MAX ? 0 : -EIO;
	}
	free(build.blank);
	build.blank = NULL;
	if (r == 0)
		r = binaries_take(&build, &output, &count);
	if (r == 0)
		*ret = (struct yara_compiled){ count, build.left_out, magic };
	return r;
}
