/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the match keys about processes. Paths, names and arguments are an attacker's to choose.
 */
#include "policy/match_process.h"

#include <stdio.h>
#include <string.h>

/* A path that was cut is not the path: nothing may be granted or excused by it. */
static const char *exe_of(const struct process *process)
{
	return process && !process->exe_truncated ? process->exe : NULL;
}

const char *match_text_exe(const struct match_subject *subject)
{
	return exe_of(subject->process);
}

const char *match_text_comm(const struct match_subject *subject)
{
	return subject->process ? subject->process->comm : NULL;
}

const char *match_text_args(const struct match_subject *subject)
{
	return subject->process ? subject->process->arguments : NULL;
}

const char *match_text_unit(const struct match_subject *subject)
{
	return subject->process ? subject->process->unit : NULL;
}

const char *match_text_container(const struct match_subject *subject)
{
	return subject->process ? subject->process->container : NULL;
}

const char *match_text_cgroup(const struct match_subject *subject)
{
	/* As with an executable's path: what was cut does not begin with a slash. */
	if (!subject->process || subject->process->cgroup[0] != '/')
		return NULL;
	return subject->process->cgroup;
}

const char *match_text_parent(const struct match_subject *subject)
{
	return subject->process ? exe_of(subject->process->parent) : NULL;
}

const char *match_text_attribution(const struct match_subject *subject)
{
	if (!subject->event || subject->event->attribution == EVENT_ATTRIBUTION_NONE)
		return NULL;
	return event_attribution_name(subject->event->attribution);
}

/* Ancestor number i, the parent first; NULL beyond those that are known. */
static const struct process *ancestor(const struct match_subject *subject, size_t i)
{
	const struct process *process = subject->process;

	for (size_t step = 0; process && step <= i; step++)
		process = step < PROCESS_ANCESTORS_MAX ? process->parent : NULL;
	return process;
}

const char *match_texts_ancestor(struct match_subject *subject, size_t i, char *buffer)
{
	const struct process *process = ancestor(subject, i);
	const char *exe = exe_of(process);

	(void)buffer;
	/* One whose path is not known does not end the line. */
	return process ? (exe ? exe : "") : NULL;
}

const char *match_texts_ancestor_comm(struct match_subject *subject, size_t i, char *buffer)
{
	const struct process *process = ancestor(subject, i);

	(void)buffer;
	return process ? process->comm : NULL;
}

enum match_answer match_ask_ancestor(const struct match_condition *condition,
				     struct match_subject *subject)
{
	char buffer[MATCH_TEXT_SIZE];
	const char *text;

	for (size_t i = 0; (text = condition->key->texts(subject, i, buffer)); i++) {
		size_t length = strlen(text);

		for (size_t j = 0; length > 0 && j < condition->count; j++)
			if (match_glob_covers(&condition->values[j], text, length))
				return MATCH_YES;
	}
	return MATCH_NO;
}

enum match_answer match_ask_stub(const struct match_condition *condition,
				 struct match_subject *subject)
{
	if (!subject->process)
		return MATCH_NO;
	return match_mask(condition, subject->process->role == PROCESS_ROLE_STUB);
}

/* Without a process the socket's owner is known; a recorded packet has neither. */
bool match_process_uid(const struct match_subject *subject, uid_t *ret)
{
	const struct event *event = subject->event;

	if (subject->process)
		*ret = subject->process->uid;
	else if (event && event->attribution != EVENT_ATTRIBUTION_NONE)
		*ret = event->uid;
	else
		return false;
	return true;
}

enum match_answer match_ask_user(const struct match_condition *condition,
				 struct match_subject *subject)
{
	const char *name = subject->process ? subject->process->user : "";
	uid_t uid;

	if (!match_process_uid(subject, &uid))
		return MATCH_NO;
	for (size_t i = 0; i < condition->count; i++) {
		const struct match_value *value = &condition->values[i];

		if (value->numeric ? uid >= value->number && uid <= value->last
				   : strcmp(value->text, name) == 0)
			return MATCH_YES;
	}
	return MATCH_NO;
}

const char *match_texts_uid(struct match_subject *subject, size_t i, char *buffer)
{
	uid_t uid;

	if (i > 0 || !match_process_uid(subject, &uid))
		return NULL;
	(void)snprintf(buffer, MATCH_TEXT_SIZE, "%u", uid);
	return buffer;
}

/* The name, and the number. */
const char *match_texts_user(struct match_subject *subject, size_t i, char *buffer)
{
	if (i == 0)
		return subject->process ? subject->process->user
					: match_texts_uid(subject, 0, buffer);
	return subject->process ? match_texts_uid(subject, i - 1, buffer) : NULL;
}
