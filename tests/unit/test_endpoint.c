/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that services are found where they are in each partition, and that an override cannot lead
 * credentials over plain http to anything but loopback. (test_botocore.py compares with botocore.)
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cloud/endpoint.h"

static void assert_url(const struct endpoint_options *options, const char *service,
		       const char *expected)
{
	char url[ENDPOINT_URL_SIZE];

	assert_int_equal(endpoint_url(options, service_find(service), url), 0);
	assert_string_equal(url, expected);
}

static void test_hosts(void **state)
{
	struct endpoint_options options = { .region = "eu-west-1" };

	(void)state;
	assert_url(&options, "logs", "https://logs.eu-west-1.amazonaws.com");
	options.fips = true;
	assert_url(&options, "ssm", "https://ssm-fips.eu-west-1.amazonaws.com");
	options.dual_stack = true;
	assert_url(&options, "s3", "https://s3-fips.dualstack.eu-west-1.amazonaws.com");
	assert_url(&options, "ec2", "https://ec2-fips.eu-west-1.api.aws");
	options.region = "us-gov-west-1";
	options.dual_stack = false;
	assert_url(&options, "ec2", "https://ec2.us-gov-west-1.amazonaws.com");
	assert_url(&options, "s3", "https://s3-fips.us-gov-west-1.amazonaws.com");
}

/* What the metadata service says stands over what a name looks like. */
static void test_partition_given(void **state)
{
	struct endpoint_options options = {
		.region = "xx-new-1",
		.partition = "aws-new",
		.domain = "aws.example",
	};

	(void)state;
	assert_url(&options, "ec2", "https://ec2.xx-new-1.aws.example");
	assert_string_equal(endpoint_partition("cn-north-1"), "aws-cn");
	assert_string_equal(endpoint_partition("us-gov-east-1"), "aws-us-gov");
	assert_string_equal(endpoint_partition("eu-west-1"), "aws");
}

static const char * override(const char *name, void *userdata)
{
	const char *const *pair = userdata;

	return strcmp(name, pair[0]) == 0 ? pair[1] : NULL;
}

static int overridden(const char *name, const char *value, char out[static ENDPOINT_URL_SIZE])
{
	const char *pair[] = { name, value };
	struct endpoint_options options = {
		.region = "eu-west-1",
		.override = override,
		.userdata = pair,
	};

	return endpoint_url(&options, service_find("logs"), out);
}

static void test_overrides(void **state)
{
	static const struct {
		const char *url;
		int result;
	} rows[] = {
		{ "http://127.0.0.1:4566", ENDPOINT_OVERRIDDEN },
		{ "http://127.9.9.9/base", ENDPOINT_OVERRIDDEN },
		{ "http://[::1]:4566", ENDPOINT_OVERRIDDEN },
		{ "http://localhost:80", ENDPOINT_OVERRIDDEN },
		{ "https://vpce-1.logs.eu-west-1.vpce.amazonaws.com", ENDPOINT_OVERRIDDEN },
		{ "http://10.0.0.1:4566", -EPERM },
		{ "http://127.0.0.1.evil.example", -EPERM },
		{ "http://localhost.evil.example", -EPERM },
		{ "http://127.0.0.1@evil.example", -EBADMSG },
		{ "http://evil.example#@127.0.0.1", -EBADMSG },
		{ "https://user:password@evil.example", -EBADMSG },
		{ "https://a.example/?x=1", -EBADMSG },
		{ "https://", -EBADMSG },
		{ "ftp://127.0.0.1", -EBADMSG },
		{ "127.0.0.1:4566", -EBADMSG },
		{ "http://[::1", ENDPOINT_OVERRIDDEN },
		{ "http://[::2]:80", -EPERM },
	};
	char url[ENDPOINT_URL_SIZE], long_url[ENDPOINT_URL_SIZE + 8] = "https://";

	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		print_message("%s\n", rows[i].url);
		assert_int_equal(overridden("AWS_ENDPOINT_URL", rows[i].url, url), rows[i].result);
		if (rows[i].result >= 0)
			assert_string_equal(url, rows[i].url);
	}
	assert_int_equal(overridden("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "https://a.example//", url),
			 ENDPOINT_OVERRIDDEN);
	assert_string_equal(url, "https://a.example");
	assert_int_equal(overridden("AWS_ENDPOINT_URL_SSM", "https://a.example", url), 0);
	assert_string_equal(url, "https://logs.eu-west-1.amazonaws.com");
	memset(long_url + 8, 'a', ENDPOINT_URL_SIZE - 1);
	assert_int_equal(overridden("AWS_ENDPOINT_URL", long_url, url), -ENAMETOOLONG);
}

static void test_refused(void **state)
{
	static const char *const regions[] = { "", "eu-west-1.evil.example", "eu_west", "EU-WEST-1",
					       "eu-west-1/x" };
	char url[ENDPOINT_URL_SIZE];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(regions); i++) {
		struct endpoint_options options = { .region = regions[i] };

		assert_int_equal(endpoint_url(&options, service_find("logs"), url), -EINVAL);
	}
	assert_int_equal(endpoint_url(&(struct endpoint_options){ .region = "us-iso-east-1",
								  .dual_stack = true },
				      service_find("logs"), url),
			 -EOPNOTSUPP);
	assert_null(service_find("lambda"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_partition_given),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
