/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding as an OpsItem of SSM: requests made of its line, and what replies say. Pure. The line
 * is cordond's, with names in it that strangers chose; replies are a stranger's.
 *
 * One OpsItem a finding and host. CreateOpsItem refuses a second one while the first is open
 * (/aws/dedup), and names it then; one that was resolved is found by its operational data.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* "oi-0123456789ab" */
#define OPSITEM_ID_SIZE 16

/* Whose it is; "" for what is not known. */
struct opsitem_host {
	const char *name; /* the instance's id, else the host's name */
	const char *instance, *region, *account, *partition;
};

struct opsitem_finding {
	json_t *object;	 /* borrowed */
	const char *uid; /* borrowed from it */
	bool closed;	 /* what it tells of is over */
	bool first;	 /* nobody can have heard of it before */
};

/* -EBADMSG: it is no finding. */
int opsitem_read(json_t *object, struct opsitem_finding *ret);

/* Bodies: new references, or NULL when memory is short. */
json_t *opsitem_create(const struct opsitem_finding *finding, const struct opsitem_host *host);
/* status: NULL: it stays as it is. */
json_t *opsitem_update(const struct opsitem_finding *finding, const struct opsitem_host *host,
		       const char *id, const char *status);
/* The request that looks for it. */
json_t *opsitem_find(const struct opsitem_finding *finding, const struct opsitem_host *host);

/* The id in the reply of CreateOpsItem, or in its refusal. -EBADMSG: there is none in form. */
int opsitem_reply_id(const char *body, size_t size, char ret_id[static OPSITEM_ID_SIZE]);
/* Of opsitem_find()'s reply: the open one, else the newest. 1: *ret_ended says whether it was
 * resolved or closed; 0: there is none; -EBADMSG. */
int opsitem_reply_found(const char *body, size_t size, char ret_id[static OPSITEM_ID_SIZE],
			bool *ret_ended);
