/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance metadata service, version 2 only: a session token first, then what is asked for.
 * Version 1 is never used. Replies come from the hypervisor, or from whoever stands in its place.
 */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>

#include "cloud/http.h"

struct imds;

/* How asking ended. */
enum imds_outcome {
	IMDS_OK,
	IMDS_NOT_FOUND, /* 404: this instance has no such thing */
	IMDS_DISABLED,	/* 403: the service is turned off for this instance */
	IMDS_SILENT,	/* nobody answered: not EC2, or (in a container) a hop limit of 1 */
	IMDS_FAILED,	/* anything else: 5xx, tokens refused, a reply that is none */
};

const char *imds_outcome_text(enum imds_outcome outcome);

/* body: NUL-terminated, borrowed for the call; "" unless the outcome is IMDS_OK. */
typedef void (*imds_done)(enum imds_outcome outcome, const char *body, size_t size, void *userdata);

/* endpoint: "http://169.254.169.254" where it is NULL; as AWS_EC2_METADATA_SERVICE_ENDPOINT has it.
 * -EPERM, -EBADMSG: one that is neither link-local nor loopback, or no URL. */
int imds_new(sd_event *loop, struct http *http, const char *endpoint, struct imds **ret);
/* Drops what is under way; done is not called for it. Not from within done. */
void imds_free(struct imds *imds);

/* Asks for a path below /latest/: "meta-data/instance-id". done is called from the loop, once. */
int imds_get(struct imds *imds, const char *path, imds_done done, void *userdata);
