/* SPDX-License-Identifier: Apache-2.0
 *
 * What the metadata service says of this instance, asked again until it has said it.
 */
#pragma once

#include "cloud/imds.h"
#include "cloud/message.h"

struct instance;

/* Called when a round of questions has ended, and after each later one until all is known: outcome
 * IMDS_OK when what is needed is. found: borrowed; what is not known is "". */
typedef void (*instance_told)(const struct message_instance *found, enum imds_outcome outcome,
			      void *userdata);

int instance_new(sd_event *loop, struct imds *imds, instance_told told, void *userdata,
		 struct instance **ret);
void instance_free(struct instance *instance);
