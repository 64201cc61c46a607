/* SPDX-License-Identifier: Apache-2.0
 *
 * When to try a failed request again, as the SDKs' standard mode does it: errors told apart, waits
 * that grow with full jitter, and a bucket of tokens that keeps a broken service from being
 * hammered. Telemetry and responses have buckets of their own, so that the one cannot empty the
 * other's. Pure: time and chance come from the caller.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a failure is. */
enum failure {
	FAILURE_NONE,	     /* it succeeded */
	FAILURE_THROTTLED,   /* too fast: later */
	FAILURE_TRANSIENT,   /* it may work the next time: connection, 5xx, timeout */
	FAILURE_SKEW,	     /* the clock is off: sign anew with the service's time */
	FAILURE_CREDENTIALS, /* expired or unknown: fetch new ones */
	FAILURE_DENIED,	     /* a permission is missing */
	FAILURE_PERMANENT,   /* the request itself is wrong, or what it names is not there */
};

const char *failure_name(enum failure failure);

/* status: of HTTP; 0: no reply came at all. code: of the service's error, "" for none. */
enum failure failure_classify(unsigned status, const char *code);
/* Whether trying again makes sense at all. */
bool failure_may_retry(enum failure failure);

#define RETRY_BUCKET_FULL 500
#define RETRY_ATTEMPTS	  3 /* in all, before the caller decides what to do later */

struct retry_bucket {
	unsigned tokens; /* begin with RETRY_BUCKET_FULL */
};

/* Whether there are tokens for another attempt; takes them. *cost is what to give back when that
 * attempt succeeds. */
bool retry_acquire(struct retry_bucket *bucket, enum failure failure, unsigned *ret_cost);
/* After a success: cost of the attempt that succeeded; 0 when it was the first. */
void retry_release(struct retry_bucket *bucket, unsigned cost);

/* Nanoseconds to wait before attempt number attempt (1: the first retry). random: 64 random bits.
 * at_least: as Retry-After said, in ns; 0: nothing. */
uint64_t retry_delay(enum failure failure, unsigned attempt, uint64_t random, uint64_t at_least);
