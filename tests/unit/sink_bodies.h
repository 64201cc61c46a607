/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: the findings that stand in the body of a call to a sink of AWS, read as the service
 * reads them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* For each finding, in its order. uid: of the finding; count: times it was seen. */
typedef void (*body_finding)(const char *uid, uint64_t count, void *userdata);

/* How many there are. Fails the test when the body is not what the service takes. */
size_t body_read(const char *service, const void *body, size_t size, body_finding found,
		 void *userdata);
