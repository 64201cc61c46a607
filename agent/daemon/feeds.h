/* SPDX-License-Identifier: Apache-2.0
 *
 * Feeds from where they are to the pack in force:
 *
 *   feeds.c	    when each is asked, and downloads (cloud/fetch_job.h)
 *   feed_update.c  lists to a pack, in a worker (scan/compile_job.h), and the pack into force
 *   feed_lists.c   the lists, and whether they changed
 *   feed_inputs.c  what a worker is handed
 *   feed_check.c   whether an update is held back
 *   policy_fetch.c a policy into force
 *   feed_store.c   what is kept on disk
 *
 * Nothing that feeds say is parsed in this process.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cloud/fetch_job.h"
#include "daemon/config.h"
#include "daemon/control.h"
#include "base/digest.h"
#include "daemon/feed_store.h"
#include "scan/compile_job.h"

struct agent;

/* The name under which the pack itself is known, when it is downloaded. */
#define FEEDS_PACK   "(pack)"
/* Likewise the policy. */
#define FEEDS_POLICY "(policy)"

struct feeds {
	struct agent *agent;
	struct feed_store store;
	/* A round of downloads. */
	struct fetch_job *fetch;
	struct config_feed *asked; /* borrowed from the configuration; NULL: none at present */
	char asked_name[256];
	int output;
	char *temporary;
	bool changed; /* something came that is to be put in force */
	/* A compilation. */
	struct compile_job *compile;
	bool wait;	   /* somebody waits for it: not from the loop */
	int result;	   /* of the last one */
	uint64_t retry_at; /* boot clock: what failed is tried again */
	char error[CONTROL_ERROR_SIZE];
	char *pack_temporary; /* where the new pack is written */
	char *description;    /* of the lists that it is made of */
	size_t *numbers;      /* of the configuration's feeds, in the order of the job */
	size_t numbers_count;
	bool accepted; /* the next update is not held back */
	/* Of a policy that was refused: it is told once. */
	uint8_t refused[SHA256_SIZE];
};

int feeds_open(struct agent *agent);
void feeds_close(struct agent *agent);
/* After the configuration changed. */
void feeds_reload(struct agent *agent);
/* Once a second. */
void feeds_tick(struct agent *agent);

/* What control requests ask for. 0, or a negative errno with the reason in error. */
int feeds_ask_now(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);
int feeds_accept(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);
int feeds_rollback(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);

/* The control socket's requests for these. A new reference, or NULL with the reason. */
json_t *feeds_act(struct agent *agent, int request, uid_t uid,
		  char error[static CONTROL_ERROR_SIZE]);

/* {"busy": BOOL, "held": TEXT or null, "held_age", "feeds": [...]}: see status.h. */
json_t *feeds_json(struct agent *agent);

/* feed_update.c */
/* Compiles the lists if they are others than the pack in force was made of, and waits for it. The
 * pack is at its path then. */
int feed_update_now(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);
/* The same in the background. */
void feed_update_start(struct agent *agent);
/* A pack that was downloaded as a whole is beside the one in force. */
void feed_update_pack(struct agent *agent);
/* Verifies the pack's signature, when it is somebody else's and keys are configured. */
struct pack;
int feed_update_verify(struct agent *agent, const struct pack *pack,
		       char error[static CONTROL_ERROR_SIZE]);
/* Of canaries: whether what came may be put in force by now. */
bool feed_update_due(const struct agent *agent, const char *name);

/* policy_fetch.c: puts a policy that came in force, or refuses it. */
void policy_fetch_settle(struct agent *agent);

/* feed_check.c: 1 when the update is to be held back, and why. */
int feed_check(const struct feeds *feeds, const struct compile_result *result,
	       char why[static FEED_ERROR_SIZE]);
