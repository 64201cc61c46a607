/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of a finding in the systemd journal, apart from sending them.
 */
#pragma once

#include <stddef.h>
#include <sys/uio.h>

struct sink_message;

#define JOURNALD_FIELDS_MAX 28

struct journald_fields {
	struct iovec
		fields[JOURNALD_FIELDS_MAX]; /* "KEY=value", as sd_journal_sendv() wants them */
	size_t count;
};

/* 0 or -ENOMEM. */
int journald_fields_make(const struct sink_message *message, struct journald_fields *ret);
void journald_fields_free(struct journald_fields *fields);
