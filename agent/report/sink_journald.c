/* SPDX-License-Identifier: Apache-2.0
 *
 * The systemd journal: a finding as one entry with structured fields,
 * `journalctl MESSAGE_ID=2f1e6d0c5c7b4a0f9d1be7a40c1df5a2` or `journalctl CORDON_SEVERITY=high`.
 * What was done about it is an entry of its own, with the same CORDON_FINDING_UID.
 */
#include "report/sink_journald.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "detect/finding.h"
#include "report/screen.h"
#include "report/sink.h"

/* Of a finding, of any kind; and of what was done about one. */
#define JOURNALD_FINDING_ID  "2f1e6d0c5c7b4a0f9d1be7a40c1df5a2"
#define JOURNALD_ACTIVITY_ID "d7dc7bb54df94a7e911ef010fe1aae3f"

/* By severity_id: what journalctl -p shows. */
static const int priorities[] = {
	LOG_NOTICE, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR, LOG_CRIT
};

void journald_fields_free(struct journald_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		free(fields->fields[i].iov_base);
	fields->count = 0;
}

static int add(struct journald_fields *fields, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int add(struct journald_fields *fields, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	if (fields->count == JOURNALD_FIELDS_MAX)
		return -ENOBUFS;
	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (n < 0)
		return -ENOMEM;
	fields->fields[fields->count++] = (struct iovec){ .iov_base = text, .iov_len = (size_t)n };
	return 0;
}

int journald_fields_make(const struct sink_message *message, struct journald_fields *ret)
{
	const struct view *view = &message->view;
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "CORDON_FINDING_UID", view->uid },
		{ "CORDON_DETECTOR", view->detector },
		{ "CORDON_QNAME", view->qname },
		{ "CORDON_KIND", view->kind },
		{ "CORDON_SNI", view->sni },
		{ "CORDON_HOST", view->host },
		{ "CORDON_JA4", view->ja4 },
		{ "CORDON_DESTINATION", view->destination },
		{ "CORDON_INDICATOR", view->indicator },
		{ "CORDON_FEED", view->feed },
		{ "CORDON_EXE", view->exe },
		{ "CORDON_UNIT", view->unit },
		{ "CORDON_CONTAINER", view->container },
		{ "CORDON_RULE", view->rule },
		{ "CORDON_DISPOSITION", view->disposition },
		{ "CORDON_WOULD_HAVE", view->would_have },
	};
	struct journald_fields fields = { .count = 0 };
	size_t id = (size_t)view->severity_id;
	char line[SCREEN_LINE_SIZE];
	int r;

	screen_line(view, message->repeat ? SCREEN_REPEAT : SCREEN_FINDING, false, line);
	r = add(&fields, "MESSAGE=%s", line);
	if (r == 0)
		r = add(&fields, "MESSAGE_ID=%s",
			view->activity ? JOURNALD_ACTIVITY_ID : JOURNALD_FINDING_ID);
	if (r == 0)
		r = add(&fields, "SYSLOG_IDENTIFIER=cordon");
	if (r == 0)
		r = add(&fields, "PRIORITY=%d", priorities[id < ELEMENTS(priorities) ? id : 0]);
	if (r == 0)
		r = add(&fields, "CORDON_SEVERITY=%s", severity_name((enum severity)id));
	for (size_t i = 0; r == 0 && i < ELEMENTS(texts); i++)
		if (*texts[i].value)
			r = add(&fields, "%s=%s", texts[i].key, texts[i].value);
	if (r == 0 && view->pid)
		r = add(&fields, "CORDON_PID=%lld", view->pid);
	if (r == 0 && view->count)
		r = add(&fields, "CORDON_COUNT=%llu", (unsigned long long)view->count);
	if (r == 0)
		r = add(&fields, "CORDON_JSON=%s", message->line);
	if (r < 0)
		journald_fields_free(&fields);
	else
		*ret = fields;
	return r;
}

static int sink_journald_open(const struct sink_options *options, void **ret)
{
	(void)options;
	*ret = NULL;
	return 0;
}

static int sink_journald_deliver(void *state, const struct sink_message *message)
{
	CLEANUP(journald_fields_free) struct journald_fields fields = { .count = 0 };
	int r = journald_fields_make(message, &fields);

	(void)state;
	if (r < 0)
		return r;
	/* 0 when there is no journald at all: a host without it has other sinks. */
	return sd_journal_sendv(fields.fields, (int)fields.count);
}

static void sink_journald_close(void *state)
{
	(void)state;
}

const struct sink_type sink_journald = {
	.name = "journald",
	.open = sink_journald_open,
	.deliver = sink_journald_deliver,
	.close = sink_journald_close,
};
