/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the texts of one compilation. Gets them from rule_session.c in the parent; whoever wrote the
 * rules controls them.
 */
#include "scan/rule_compiler.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "scan/file_protocol.h"
#include "scan/yara_compile.h"

/* Of one file: a set of 10,000 rules in one has some 20 MB. */
#define TEXT_SIZE_MAX ((off_t)256 << 20)
#define TEXTS_MAX     65536

struct compiler {
	int channel;
	struct yara_text *texts;
	size_t count;
	uint64_t left_out; /* files that could not be had */
	struct digest *digest;
	struct file_frame frame;
	const char *why;
};

static int message_send(struct compiler *compiler, struct file_message *message)
{
	message->descriptors[0] = message->descriptors[1] = -1;
	return file_message_send(compiler->channel, message, true);
}

static int trouble_send(struct compiler *compiler, const char *name, unsigned line, const char *why,
			bool warning)
{
	struct file_message message = {
		.type = FILE_TROUBLE,
		.numbers = { [FILE_TROUBLE_LINE] = line, [FILE_TROUBLE_WARNING] = warning },
		.texts = { [FILE_TROUBLE_NAME] = name, [FILE_TROUBLE_WHY] = why },
	};

	compiler->left_out += line == 0 && !warning;
	return message_send(compiler, &message);
}

static void compile_tell(const char *name, unsigned line, const char *why, bool warning,
			 void *userdata)
{
	struct compiler *compiler = userdata;
	uint64_t before = compiler->left_out;

	(void)trouble_send(compiler, name, line, why, warning);
	compiler->left_out = before; /* yara_compile() counts its own */
}

/* ---- texts ---- */

static int text_read(int fd, struct yara_text *text)
{
	struct stat status;
	off_t at = 0;

	/* The C library's fstat() is another call, one that names files. */
	if (syscall(SYS_fstat, fd, &status) < 0)
		return -errno;
	if (status.st_size > TEXT_SIZE_MAX)
		return -EFBIG;
	text->text = malloc((size_t)status.st_size + 1);
	if (!text->text)
		return -ENOMEM;
	while (at < status.st_size) {
		ssize_t n = pread(fd, text->text + at, (size_t)(status.st_size - at), at);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += n;
	}
	text->size = (size_t)at;
	text->text[at] = '\0';
	return 0;
}

static int digest_text_add(struct compiler *compiler, const struct yara_text *text)
{
	uint64_t size = text->size;
	int r = digest_add(compiler->digest, text->name, strlen(text->name) + 1);

	r |= digest_add(compiler->digest, &size, sizeof(size));
	r |= digest_add(compiler->digest, text->text, text->size);
	return r < 0 ? -EIO : 0;
}

/* The number of the text that the message brought, or that was there already; UINT_MAX: it cannot
 * be read, which has been told. */
static int text_take(struct compiler *compiler, struct file_message *message, unsigned *ret)
{
	struct yara_text *texts, *text;
	int r;

	for (size_t i = 0; i < compiler->count; i++)
		if (strcmp(compiler->texts[i].name, message->texts[0]) == 0) {
			*ret = (unsigned)i;
			return 0;
		}
	if (compiler->count == TEXTS_MAX)
		return -E2BIG;
	texts = reallocarray(compiler->texts, compiler->count + 1, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	compiler->texts = texts;
	text = &texts[compiler->count];
	*text = (struct yara_text){ .top = message->numbers[FILE_SOURCE_TOP] != 0 };
	text->name = strdup(message->texts[0]);
	if (!text->name)
		return -ENOMEM;
	r = text_read(message->descriptors[0], text);
	if (r < 0 && r != -ENOMEM) {
		*ret = UINT_MAX;
		r = trouble_send(compiler, text->name, 0, strerror(-r), false);
		free(text->text);
		free(text->name);
		return r;
	}
	if (r == 0)
		r = digest_text_add(compiler, text);
	/* What was compiled before is not to be cut. */
	if (r == 0 && (text->size < 4 || memcmp(text->text, "YARA", 4) != 0))
		r = yara_source_read(text->text, text->size, &text->parts);
	*ret = (unsigned)compiler->count++;
	return r;
}

static int message_receive(struct compiler *compiler, struct file_message *ret)
{
	int r = file_frame_receive(compiler->channel, &compiler->frame, true);

	return r < 0 ? r
		     : file_message_read(&compiler->frame, FILE_READER_COMPILER, ret,
					 &compiler->why);
}

/* Asks the parent for a file that this one includes. */
static int include_ask(struct compiler *compiler, size_t number, size_t directive, unsigned *ret)
{
	const struct yara_text *text = &compiler->texts[number];
	struct yara_span span = text->parts.directives[directive].text;
	char name[PATH_MAX];
	struct file_message message = { .type = FILE_INCLUDE, .texts = { name, text->name } };
	size_t length = span.end - span.start;
	int r;

	*ret = UINT_MAX;
	if (length >= sizeof(name))
		return trouble_send(compiler, text->name, 0, "the name of an include is too long",
				    false);
	memcpy(name, text->text + span.start, length);
	name[length] = '\0';
	r = message_send(compiler, &message);
	if (r == 0)
		r = message_receive(compiler, &message);
	if (r < 0)
		return r;
	if (message.type == FILE_MISSING) {
		char why[512];

		(void)snprintf(why, sizeof(why), "include \"%.200s\": %.200s", name,
			       message.texts[0]);
		return trouble_send(compiler, text->name, 0, why, false);
	}
	if (message.type == FILE_SOURCE)
		r = text_take(compiler, &message, ret);
	else
		r = -EBADMSG;
	file_message_close(&message);
	return r;
}

/* Those that are included may include others: they stand further down. */
static int includes_read(struct compiler *compiler)
{
	for (size_t i = 0; i < compiler->count; i++) {
		size_t count = compiler->texts[i].parts.directives_count;
		unsigned *nested = calloc(count + 1, sizeof(*nested));

		if (!nested)
			return -ENOMEM;
		compiler->texts[i].nested = nested;
		for (size_t k = 0; k < count; k++)
			nested[k] = UINT_MAX;
		for (size_t k = 0; k < count; k++) {
			int r = 0;

			if (compiler->texts[i].parts.directives[k].include)
				r = include_ask(compiler, i, k, &nested[k]);
			if (r < 0)
				return r;
			/* One that includes itself still stands. */
			if (nested[k] != UINT_MAX && nested[k] > i)
				compiler->texts[nested[k]].included = true;
			else if (nested[k] != UINT_MAX && nested[k] < i &&
				 !compiler->texts[i].included)
				compiler->texts[nested[k]].included = true;
		}
	}
	return 0;
}

static int set_compile(struct compiler *compiler, int fd)
{
	struct yara_compile compile = { .tell = compile_tell, .userdata = compiler };
	struct file_message message = { .type = FILE_COMPILED };
	struct yara_compiled compiled;
	int r = includes_read(compiler);

	/* Includes are more texts: not before they are all there. */
	compile.texts = compiler->texts;
	compile.count = compiler->count;
	if (r == 0)
		r = yara_compile(&compile, fd, &compiled);
	if (r == 0)
		r = digest_finish(compiler->digest, message.digest);
	if (r < 0)
		return r;
	message.numbers[FILE_COMPILED_RULES] = compiled.rules;
	message.numbers[FILE_COMPILED_LEFT_OUT] = compiled.left_out + compiler->left_out;
	message.numbers[FILE_COMPILED_MAGIC] = compiled.magic;
	return message_send(compiler, &message);
}

static int message_take(struct compiler *compiler)
{
	struct file_message message;
	unsigned number;
	int r = message_receive(compiler, &message);

	if (r < 0)
		return r;
	switch (message.type) {
	case FILE_SOURCE:
		r = text_take(compiler, &message, &number);
		break;
	case FILE_COMPILE:
		r = set_compile(compiler, message.descriptors[0]);
		break;
	default:
		r = -EBADMSG;
	}
	file_message_close(&message);
	return r;
}

int rule_compiler_serve(int channel, const char **ret_why)
{
	struct compiler *compiler = calloc(1, sizeof(*compiler));
	int r;

	*ret_why = NULL;
	if (compiler)
		compiler->digest = digest_new();
	if (!compiler || !compiler->digest)
		return -ENOMEM;
	compiler->channel = channel;
	do
		r = message_take(compiler);
	while (r == 0);
	*ret_why = compiler->why;
	/* The process ends with it: nothing is given back. */
	return r == -EPIPE ? 0 : r;
}
