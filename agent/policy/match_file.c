/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what the match keys about files compare with. Whoever wrote the file chose its path.
 */
#include "policy/match_file.h"

#include <strings.h>

#include "base/digest.h"
#include "sensor/file_facts.h"

static const struct file_facts *file_of(const struct match_subject *subject)
{
	return subject->event ? subject->event->file : NULL;
}

const char *match_text_path(const struct match_subject *subject)
{
	const struct file_facts *file = file_of(subject);

	return file ? file->path : NULL;
}

const char *match_text_rule(const struct match_subject *subject)
{
	const struct file_facts *file = file_of(subject);

	return file && file->match ? file->match->rule : NULL;
}

const char *match_text_namespace(const struct match_subject *subject)
{
	const struct file_facts *file = file_of(subject);

	return file && file->match ? file->match->namespace_ : NULL;
}

const char *match_text_trigger(const struct match_subject *subject)
{
	return subject->event ? subject->event->trigger : NULL;
}

const char *match_texts_sha256(struct match_subject *subject, size_t i, char *buffer)
{
	const struct file_facts *file = file_of(subject);

	if (i > 0 || !file || !file->hashed)
		return NULL;
	digest_text(file->sha256, sizeof(file->sha256), buffer);
	return buffer;
}

enum match_answer match_ask_sha256(const struct match_condition *condition,
				   struct match_subject *subject)
{
	char digits[MATCH_TEXT_SIZE];
	const char *text = match_texts_sha256(subject, 0, digits);

	for (size_t i = 0; text && i < condition->count; i++)
		if (strcasecmp(condition->values[i].text, text) == 0)
			return MATCH_YES;
	return MATCH_NO;
}
