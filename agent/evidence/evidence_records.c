/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent and the kernel have written down.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <systemd/sd-journal.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "evidence/evidence_rows.h"
#include "journal/journal.h"

/* syslog(2), SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER: glibc names none of them. */
#define KLOG_READ_ALL 3
#define KLOG_SIZE     10
#define KLOG_MAX      (16 * MIB)
/* Older findings are in S3 or CloudWatch, and in the journal itself. */
#define FINDINGS_AGE  (UINT64_C(30) * 86400 * NS_PER_SECOND)
#define LINES_MAX     20000

CLEANUP_DEFINE(struct journal *, journal_close)
CLEANUP_DEFINE(sd_journal *, sd_journal_close)

static int finding_add(const struct journal_entry *entry, void *userdata)
{
	struct evidence_item *item = userdata;
	int r = entry->document ? evidence_item_add(item, entry->document, strlen(entry->document))
				: 0;

	return r < 0 ? r : evidence_item_add(item, "\n", 1);
}

int evidence_findings(const struct evidence_options *options, const struct evidence_row *row,
		      struct evidence_item *item)
{
	CLEANUP(journal_close_cleanup) struct journal *journal = NULL;
	uint64_t now = clock_realtime();
	const struct journal_query query = { .since = now > FINDINGS_AGE ? now - FINDINGS_AGE : 0 };
	int r = *options->journal ? journal_open_reader(options->journal, &journal) : -ENOENT;

	(void)row;
	if (r < 0)
		return r;
	return journal_read(journal, &query, finding_add, item);
}

static int ring_read(struct evidence_item *item)
{
	int size = klogctl(KLOG_SIZE, NULL, 0);
	CLEANUP(free_cleanup) char *text = NULL;
	int n;

	if (size <= 0 || (size_t)size > KLOG_MAX)
		return size < 0 ? -errno : -ENODATA;
	text = malloc((size_t)size);
	n = text ? klogctl(KLOG_READ_ALL, text, size) : -1;
	if (n < 0)
		return text ? -errno : -ENOMEM;
	return evidence_item_add(item, text, (size_t)n);
}

static int journald_line(sd_journal *journal, struct evidence_item *item)
{
	CLEANUP(free_cleanup) char *shown = NULL;
	char time[CLOCK_TEXT_SIZE];
	uint64_t at = 0;
	const void *data;
	size_t size;

	if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0 || size < 8)
		return 0;
	(void)sd_journal_get_realtime_usec(journal, &at);
	clock_format(at * 1000, time);
	shown = escape_text_dup((const char *)data + 8, size - 8);
	if (!shown)
		return -ENOMEM;
	return evidence_item_print(item, "%s %s\n", time, shown);
}

/* The last lines, oldest first. */
static int journald_read(const struct evidence_options *options, struct evidence_item *item)
{
	CLEANUP(sd_journal_close_cleanup) sd_journal *journal = NULL;
	int r = *options->root ? -ENOENT : sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);

	if (r >= 0)
		r = sd_journal_add_match(journal, "_TRANSPORT=kernel", 0);
	if (r >= 0)
		r = sd_journal_seek_tail(journal);
	if (r >= 0)
		r = sd_journal_previous_skip(journal, LINES_MAX);
	for (; r > 0; r = r < 0 ? r : sd_journal_next(journal))
		r = journald_line(journal, item) < 0 ? -ENOSPC : 1;
	if (r >= 0 && item->size == 0)
		return -ENODATA;
	return r;
}

/* The unit of the daemon may not ask the kernel (ProtectKernelLogs); journald keeps a copy. */
int evidence_kernel_log(const struct evidence_options *options, const struct evidence_row *row,
			struct evidence_item *item)
{
	int r = ring_read(item);

	(void)row;
	if (r >= 0 || r == -ENOSPC || r == -ECANCELED)
		return r;
	evidence_item_say(item, "the kernel does not give it (%s): as journald has it",
			  strerror(-r));
	return journald_read(options, item);
}
