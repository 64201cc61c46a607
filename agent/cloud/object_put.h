/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole file as one object of S3. One PutObject takes up to 5 GiB, far more than a bundle may
 * have, and either is there whole or not at all: no parts are left behind in a bucket. The file is
 * mapped, not copied: its descriptor came from cordond, who alone may write it.
 */
#pragma once

#include <stdint.h>

#include "cloud/client.h"

struct object_put {
	const char *path;	    /* "/BUCKET/KEY", percent-encoded */
	const char *owner;	    /* account that the bucket must be of; "": any */
	uint64_t size_max, timeout; /* bytes; ns for each attempt */
	int file;		    /* borrowed for the call */
};

/* done is called once, from the loop. -EFBIG: larger than it may be; -ENODATA: it is empty. */
int object_put(struct client *client, const struct object_put *put, client_done done,
	       void *userdata);
