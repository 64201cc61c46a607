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

/* A part of its own is worth it when so many rules are in it: files that begin so are searched
 * twice, all others without these rules. */
#define PART_RULES_MIN	  4
#define PARTS_BY_KEY_MAX  8
/* Includes in includes; libyara has the same limit. */
#define INCLUDE_DEPTH_MAX 16
/* Rounds for one file, each of which leaves out a rule or more. */
#define ROUNDS_MAX	  1000
#define WHY_MAX		  256

/* Which rules of a text are compiled. */
struct choice {
	bool all; /* whatever their key */
	uint32_t key;
};

struct build {
	struct yara_compile *compile;
	uint32_t keys[PARTS_BY_KEY_MAX];
	size_t keys_count;
	uint64_t left_out;
	/* Of the text that is being compiled. */
	struct yara_text *top, *text;
	unsigned errors;
	bool isolating; /* errors leave rules out; else they only count */
	char *blank;	/* a copy of the text */
	size_t blank_size;
};

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

static bool span_has(const char *text, struct yara_span span, const char *word, size_t length)
{
	return memmem(text + span.start, span.end - span.start, word, length) != NULL;
}

/* ---- which part a rule is in ---- */

static uint32_t rule_key(const struct build *build, const struct yara_rule_text *rule)
{
	if (build->top->unsplit || rule->tangled)
		return YARA_KEY_NONE;
	for (size_t i = 0; i < build->keys_count; i++)
		if (build->keys[i] == rule->key)
			return rule->key;
	return YARA_KEY_NONE;
}

static bool rule_chosen(const struct build *build, const struct yara_rule_text *rule,
			struct choice choice)
{
	return !rule->left_out && (choice.all || rule_key(build, rule) == choice.key);
}

static int number_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The keys that many rules have. */
static int keys_choose(struct build *build)
{
	CLEANUP(free_cleanup) uint32_t *keys = NULL;
	size_t count = 0, room = 0;

	for (size_t i = 0; i < build->compile->count; i++)
		room += build->compile->texts[i].parts.rules_count;
	keys = calloc(room + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < build->compile->count; i++) {
		const struct yara_source *parts = &build->compile->texts[i].parts;

		for (size_t k = 0; k < parts->rules_count; k++)
			if (parts->rules[k].key != YARA_KEY_NONE && !parts->rules[k].tangled)
				keys[count++] = parts->rules[k].key;
	}
	qsort(keys, count, sizeof(*keys), number_compare);
	for (size_t i = 0, end; i < count && build->keys_count < PARTS_BY_KEY_MAX; i = end) {
		for (end = i; end < count && keys[end] == keys[i];)
			end++;
		if (end - i >= PART_RULES_MIN)
			build->keys[build->keys_count++] = keys[i];
	}
	return 0;
}

/* ---- a text, without what is not to be compiled ---- */

static void span_blank(char *text, struct yara_span span)
{
	for (size_t i = span.start; i < span.end; i++)
		if (text[i] != '\n')
			text[i] = ' ';
}

/* Whether a rule that is chosen, in the file or what it includes, speaks of the module. */
static bool module_used(const struct build *build, const struct yara_text *text,
			struct choice choice, const char *name, size_t length, unsigned depth)
{
	for (size_t i = 0; i < text->parts.rules_count; i++)
		if (rule_chosen(build, &text->parts.rules[i], choice) &&
		    span_has(text->text, text->parts.rules[i].condition, name, length))
			return true;
	for (size_t i = 0; depth < INCLUDE_DEPTH_MAX && i < text->parts.directives_count; i++)
		if (text->nested && text->nested[i] != UINT_MAX &&
		    module_used(build, &build->compile->texts[text->nested[i]], choice, name,
				length, depth + 1))
			return true;
	return false;
}

/* Everything that is not between start and end is blank, and so are rules that are not chosen,
 * includes, and imports that nobody needs. */
static int text_cut(struct build *build, const struct yara_text *text, struct choice choice,
		    size_t start, size_t end)
{
	const struct yara_source *parts = &text->parts;
	char *copy;

	if (text->size + 1 > build->blank_size) {
		copy = realloc(build->blank, text->size + 1);
		if (!copy)
			return -ENOMEM;
		build->blank = copy;
		build->blank_size = text->size + 1;
	}
	copy = build->blank;
	memcpy(copy, text->text, text->size);
	copy[end] = '\0';
	span_blank(copy, (struct yara_span){ 0, start });
	for (size_t i = 0; i < parts->rules_count && parts->rules[i].span.start < end; i++)
		if (!rule_chosen(build, &parts->rules[i], choice))
			span_blank(copy, parts->rules[i].span);
	for (size_t i = 0; i < parts->directives_count; i++) {
		const struct yara_directive *directive = &parts->directives[i];
		size_t length = directive->text.end - directive->text.start;

		if (directive->span.start < end &&
		    (directive->include ||
		     !module_used(build, build->top, choice, text->text + directive->text.start,
				  length, 0)))
			span_blank(copy, directive->span);
	}
	return 0;
}

static bool text_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* ---- errors ---- */

static void rule_leave(struct build *build, struct yara_text *text, unsigned line, const char *why)
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
	struct build *build = userdata;
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

static int compiler_new(struct build *build, YR_COMPILER **ret)
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
static int text_add(struct build *build, YR_COMPILER *compiler, struct yara_text *text,
		    struct choice choice, size_t start, size_t end)
{
	int r = text_cut(build, text, choice, start, end);

	if (r < 0)
		return r;
	if (text_blank(build->blank))
		return 0;
	build->text = text;
	return yr_compiler_add_string(compiler, build->blank, build->top->name) > 0;
}

/* The text in pieces, between which come the texts that it includes. seen: those that were there
 * before in this namespace. */
static int pieces_add(struct build *build, YR_COMPILER *compiler, unsigned number,
		      struct choice choice, bool *seen, unsigned depth)
{
	struct yara_text *text = &build->compile->texts[number];
	size_t start = 0;
	int r = 0;

	if (seen[number] || depth > INCLUDE_DEPTH_MAX)
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

static int top_add(struct build *build, YR_COMPILER *compiler, unsigned number,
		   struct choice choice)
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
static int top_isolate(struct build *build, unsigned number)
{
	struct yara_text *text = &build->compile->texts[number];
	int r = 1;

	build->isolating = true;
	for (unsigned i = 0; i < ROUNDS_MAX && r > 0 && !text->left_out; i++) {
		YR_COMPILER *compiler;

		r = compiler_new(build, &compiler);
		if (r < 0)
			break;
		r = top_add(build, compiler, number, (struct choice){ .all = true });
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
static int part_build(struct build *build, struct choice choice, YR_COMPILER *compiler,
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

static int part_compile(struct build *build, struct choice choice, struct output *output,
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
static int parts_repair(struct build *build, unsigned number)
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
static int parts_compile(struct build *build, struct output *output, uint64_t *count)
{
	*output = (struct output){ .fd = output->fd };
	*count = 0;
	for (size_t i = 0; i <= build->keys_count; i++) {
		struct choice choice = {
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
	for (size_t i = 0; depth < INCLUDE_DEPTH_MAX && i < text->parts.directives_count; i++)
		if (text->nested && text->nested[i] != UINT_MAX)
			/* Rules of two files may name each other. */
			global |= text_global(compile, &compile->texts[text->nested[i]], depth + 1);
	return global;
}

struct input {
	const char *bytes;
	size_t left;
};

static size_t input_read(void *data, size_t size, size_t count, void *userdata)
{
	struct input *input = userdata;

	if (size == 0 || count > input->left / size)
		return 0;
	memcpy(data, input->bytes, size * count);
	input->bytes += size * count;
	input->left -= size * count;
	return count;
}

/* Files of rules that were compiled before: each is a part of its own. */
static int binaries_take(struct build *build, struct output *output, uint64_t *count)
{
	unsigned parts = (unsigned)build->keys_count + 1;

	for (size_t i = 0; i < build->compile->count; i++) {
		struct yara_text *text = &build->compile->texts[i];
		struct input input = { text->text, text->size };
		YR_STREAM stream = { .user_data = &input, .read = input_read };
		YR_RULES *rules;
		int r = 0;

		if (text->size < 4 || memcmp(text->text, "YARA", 4) != 0)
			continue;
		build->top = text;
		if (parts == RULE_SET_PARTS_MAX) {
			rule_leave(build, text, 0, "more files of compiled rules than can be");
		} else if (yr_rules_load_stream(&stream, &rules) != ERROR_SUCCESS) {
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
		    span_has(text->text, directive->text, name, sizeof(name) - 1))
			return true;
	}
	return false;
}

int yara_compile(struct yara_compile *compile, int fd, struct yara_compiled *ret)
{
	struct build build = { .compile = compile };
	struct output output = { .fd = fd };
	uint64_t count = 0;
	bool magic = false;
	int r = keys_choose(&build);

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
