/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the findings that `cordon watch` shows. They come out of the journal; their texts are an
 * attacker's, and are made safe to show here.
 */
#include "cli/watch_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/screen.h"

/* The place of the finding, or of the one told of longest ago. */
static struct watch_row *row_place(struct watch_rows *rows, const char *uid)
{
	struct watch_row *oldest = &rows->rows[0];

	for (size_t i = 0; i < rows->count; i++) {
		struct watch_row *row = &rows->rows[i];

		if (strcmp(row->uid, uid) == 0)
			return row;
		if (row->told < oldest->told)
			oldest = row;
	}
	return rows->count < WATCH_ROWS ? &rows->rows[rows->count++] : oldest;
}

static const char *name_of(const struct view *view)
{
	const char *const names[] = { view->qname,     view->sni,	  view->host,
				      view->indicator, view->destination, view->title };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (*names[i])
			return names[i];
	return "-";
}

void watch_rows_take(struct watch_rows *rows, const struct view *view, int status)
{
	const char *slash = strrchr(view->exe, '/');
	const char *program = slash && slash[1] ? slash + 1 : view->comm;
	struct watch_row *row = row_place(rows, view->uid);

	*row = (struct watch_row){ .severity = view->severity_id,
				   .status = status,
				   .blocked = view->blocked,
				   .time = view->time,
				   .count = view->count ? view->count : 1,
				   .told = ++rows->told };
	(void)snprintf(row->uid, sizeof(row->uid), "%s", view->uid);
	screen_text(name_of(view), row->what, sizeof(row->what));
	screen_text(*program ? program : "-", row->program, sizeof(row->program));
}

size_t watch_rows_newest(const struct watch_rows *rows, const struct watch_row **ret, size_t most)
{
	uint64_t below = UINT64_MAX;
	size_t count = 0;

	/* Numbers of changes are all different. */
	while (count < most && count < rows->count) {
		const struct watch_row *best = NULL;

		for (size_t i = 0; i < rows->count; i++)
			if (rows->rows[i].told < below &&
			    (!best || rows->rows[i].told > best->told))
				best = &rows->rows[i];
		if (!best)
			break;
		ret[count++] = best;
		below = best->told;
	}
	return count;
}

void watch_rows_severities(const struct watch_rows *rows, uint64_t ret[static 6])
{
	memset(ret, 0, 6 * sizeof(ret[0]));
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].status != 4 && rows->rows[i].severity > 0 &&
		    rows->rows[i].severity < 6)
			ret[rows->rows[i].severity]++;
}

static const char *row_text(const struct watch_row *row, enum watch_by by)
{
	return by == WATCH_BY_PROGRAM ? row->program : row->what;
}

static int top_order(const void *a, const void *b)
{
	const struct watch_top *first = a, *second = b;

	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	return strcmp(first->text, second->text);
}

static int text_order(const void *a, const void *b)
{
	return strcmp(((const struct watch_top *)a)->text, ((const struct watch_top *)b)->text);
}

size_t watch_rows_top(const struct watch_rows *rows, enum watch_by by,
		      struct watch_top ret[static WATCH_TOPS])
{
	struct watch_top tops[WATCH_ROWS];
	size_t count = 0;

	for (size_t i = 0; i < rows->count; i++)
		tops[i] = (struct watch_top){ row_text(&rows->rows[i], by), rows->rows[i].count };
	qsort(tops, rows->count, sizeof(tops[0]), text_order);
	for (size_t i = 0; i < rows->count; i++)
		if (count > 0 && strcmp(tops[count - 1].text, tops[i].text) == 0)
			tops[count - 1].count += tops[i].count;
		else
			tops[count++] = tops[i];
	qsort(tops, count, sizeof(tops[0]), top_order);
	count = count < WATCH_TOPS ? count : WATCH_TOPS;
	memcpy(ret, tops, count * sizeof(tops[0]));
	return count;
}
