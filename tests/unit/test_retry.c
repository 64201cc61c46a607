/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that failures are told apart, that waits grow within their bounds, and that the bucket of
 * tokens stops retries and fills again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/retry.h"

static void test_classify(void **state)
{
	static const struct {
		unsigned status;
		const char *code;
		enum failure failure;
	} rows[] = {
		{ 200, "", FAILURE_NONE },
		{ 400, "ThrottlingException", FAILURE_THROTTLED },
		{ 503, "RequestLimitExceeded", FAILURE_THROTTLED },
		{ 503, "SlowDown", FAILURE_THROTTLED },
		{ 429, "", FAILURE_THROTTLED },
		{ 0, "", FAILURE_TRANSIENT },
		{ 500, "", FAILURE_TRANSIENT },
		{ 504, "Unknown", FAILURE_TRANSIENT },
		{ 400, "RequestTimeout", FAILURE_TRANSIENT },
		{ 403, "RequestTimeTooSkewed", FAILURE_SKEW },
		{ 400, "RequestExpired", FAILURE_SKEW },
		{ 400, "ExpiredTokenException", FAILURE_CREDENTIALS },
		{ 401, "AuthFailure", FAILURE_CREDENTIALS },
		{ 403, "UnauthorizedOperation", FAILURE_DENIED },
		{ 403, "", FAILURE_DENIED },
		{ 400, "ValidationException", FAILURE_PERMANENT },
		/* A quota, not a rate: more of the same does not help. */
		{ 400, "LimitExceededException", FAILURE_PERMANENT },
		{ 301, "", FAILURE_PERMANENT },
		{ 412, "DryRunOperation", FAILURE_PERMANENT },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		print_message("%u %s\n", rows[i].status, rows[i].code);
		assert_int_equal(failure_classify(rows[i].status, rows[i].code), rows[i].failure);
	}
}

static void test_delay(void **state)
{
	(void)state;
	for (unsigned attempt = 1; attempt < 40; attempt++) {
		uint64_t most = retry_delay(FAILURE_TRANSIENT, attempt, 20 * NS_PER_SECOND, 0);

		assert_in_range(most, 0, 20 * NS_PER_SECOND);
		for (uint64_t random = 1; random < UINT64_MAX / 3; random *= 3)
			assert_in_range(retry_delay(FAILURE_THROTTLED, attempt, random, 0), 0,
					20 * NS_PER_SECOND);
	}
	assert_in_range(retry_delay(FAILURE_TRANSIENT, 1, UINT64_MAX, 0), 0,
			100 * NS_PER_MILLISECOND);
	assert_int_equal(retry_delay(FAILURE_THROTTLED, 1, 0, 3 * NS_PER_SECOND),
			 3 * NS_PER_SECOND);
	/* A service that says "in a year" is not believed. */
	assert_int_equal(retry_delay(FAILURE_THROTTLED, 1, 0, UINT64_MAX), 20 * NS_PER_SECOND);
	assert_int_equal(retry_delay(FAILURE_SKEW, 5, UINT64_MAX, 0), 0);
}

static void test_bucket(void **state)
{
	struct retry_bucket bucket = { RETRY_BUCKET_FULL };
	unsigned cost = 0, retries = 0;

	(void)state;
	assert_false(retry_acquire(&bucket, FAILURE_PERMANENT, &cost));
	assert_false(retry_acquire(&bucket, FAILURE_DENIED, &cost));
	while (retry_acquire(&bucket, FAILURE_THROTTLED, &cost))
		retries++;
	assert_int_equal(retries, RETRY_BUCKET_FULL / cost);
	retry_release(&bucket, cost);
	assert_true(retry_acquire(&bucket, FAILURE_THROTTLED, &cost));
	assert_false(retry_acquire(&bucket, FAILURE_THROTTLED, &cost));
	for (int i = 0; i < 2 * RETRY_BUCKET_FULL; i++)
		retry_release(&bucket, 0);
	assert_int_equal(bucket.tokens, RETRY_BUCKET_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
