/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/retry.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct code {
	const char *code;
	enum failure failure;
};

/* Error codes of all services that are called; what is not here is told by its status. */
static const struct code codes[] = {
	{ "BandwidthLimitExceeded", FAILURE_THROTTLED },
	{ "EC2ThrottledException", FAILURE_THROTTLED },
	{ "PriorRequestNotComplete", FAILURE_THROTTLED },
	{ "ProvisionedThroughputExceededException", FAILURE_THROTTLED },
	{ "RequestLimitExceeded", FAILURE_THROTTLED },
	{ "RequestThrottled", FAILURE_THROTTLED },
	{ "RequestThrottledException", FAILURE_THROTTLED },
	{ "SlowDown", FAILURE_THROTTLED },
	{ "Throttled", FAILURE_THROTTLED },
	{ "ThrottledException", FAILURE_THROTTLED },
	{ "Throttling", FAILURE_THROTTLED },
	{ "ThrottlingException", FAILURE_THROTTLED },
	{ "TooManyRequestsException", FAILURE_THROTTLED },
	{ "TransactionInProgressException", FAILURE_THROTTLED },
	{ "InternalFailure", FAILURE_TRANSIENT },
	{ "InternalError", FAILURE_TRANSIENT },
	{ "InternalServerError", FAILURE_TRANSIENT },
	{ "InternalException", FAILURE_TRANSIENT },
	{ "RequestTimeout", FAILURE_TRANSIENT },
	{ "RequestTimeoutException", FAILURE_TRANSIENT },
	{ "ServiceUnavailable", FAILURE_TRANSIENT },
	{ "ServiceUnavailableException", FAILURE_TRANSIENT },
	{ "RequestExpired", FAILURE_SKEW },
	{ "RequestInTheFuture", FAILURE_SKEW },
	{ "RequestTimeTooSkewed", FAILURE_SKEW },
	{ "InvalidSignatureException", FAILURE_SKEW },
	{ "SignatureDoesNotMatch", FAILURE_SKEW },
	{ "ExpiredToken", FAILURE_CREDENTIALS },
	{ "ExpiredTokenException", FAILURE_CREDENTIALS },
	{ "InvalidAccessKeyId", FAILURE_CREDENTIALS },
	{ "InvalidClientTokenId", FAILURE_CREDENTIALS },
	{ "UnrecognizedClientException", FAILURE_CREDENTIALS },
	{ "AuthFailure", FAILURE_CREDENTIALS },
	{ "AccessDenied", FAILURE_DENIED },
	{ "AccessDeniedException", FAILURE_DENIED },
	{ "AuthorizationError", FAILURE_DENIED },
	{ "OpsItemAccessDeniedException", FAILURE_DENIED },
	{ "InvalidAccessException", FAILURE_DENIED },
	{ "UnauthorizedOperation", FAILURE_DENIED },
};

const char *failure_name(enum failure failure)
{
	static const char *const names[] = {
		[FAILURE_NONE] = "none",
		[FAILURE_THROTTLED] = "throttled",
		[FAILURE_TRANSIENT] = "transient",
		[FAILURE_SKEW] = "clock skew",
		[FAILURE_CREDENTIALS] = "credentials",
		[FAILURE_DENIED] = "denied",
		[FAILURE_PERMANENT] = "permanent",
	};

	return (size_t)failure < ELEMENTS(names) ? names[failure] : "unknown";
}

enum failure failure_classify(unsigned status, const char *code)
{
	if (status >= 200 && status < 300)
		return FAILURE_NONE;
	for (size_t i = 0; i < ELEMENTS(codes); i++)
		if (strcmp(codes[i].code, code) == 0)
			return codes[i].failure;
	if (status == 429)
		return FAILURE_THROTTLED;
	if (status == 0 || status == 408 || status >= 500)
		return FAILURE_TRANSIENT;
	return status == 403 ? FAILURE_DENIED : FAILURE_PERMANENT;
}

bool failure_may_retry(enum failure failure)
{
	return failure == FAILURE_THROTTLED || failure == FAILURE_TRANSIENT ||
	       failure == FAILURE_SKEW || failure == FAILURE_CREDENTIALS;
}

/* A retry costs more when nobody answered: then the next one is likely to wait as long. */
#define COST_RETRY   5
#define COST_TIMEOUT 10
#define REFUND	     1 /* for each request that succeeds at once */

bool retry_acquire(struct retry_bucket *bucket, enum failure failure, unsigned *ret_cost)
{
	unsigned cost = failure == FAILURE_TRANSIENT ? COST_TIMEOUT : COST_RETRY;

	if (!failure_may_retry(failure) || bucket->tokens < cost)
		return false;
	bucket->tokens -= cost;
	*ret_cost = cost;
	return true;
}

void retry_release(struct retry_bucket *bucket, unsigned cost)
{
	bucket->tokens += cost ? cost : REFUND;
	if (bucket->tokens > RETRY_BUCKET_FULL)
		bucket->tokens = RETRY_BUCKET_FULL;
}

#define DELAY_BASE	(100 * NS_PER_MILLISECOND)
#define DELAY_THROTTLED NS_PER_SECOND
#define DELAY_MAX	(20 * NS_PER_SECOND)

uint64_t retry_delay(enum failure failure, unsigned attempt, uint64_t random, uint64_t at_least)
{
	uint64_t most = failure == FAILURE_THROTTLED ? DELAY_THROTTLED : DELAY_BASE, delay;

	/* Nothing to wait for: the next one is signed anew. */
	if (failure == FAILURE_SKEW || failure == FAILURE_CREDENTIALS)
		return 0;
	for (unsigned i = 1; i < attempt && most < DELAY_MAX; i++)
		most *= 2;
	if (most > DELAY_MAX)
		most = DELAY_MAX;
	delay = random % (most + 1);
	if (at_least > DELAY_MAX)
		at_least = DELAY_MAX;
	return delay < at_least ? at_least : delay;
}
