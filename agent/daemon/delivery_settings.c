/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordon-cloud is told: keys of the configuration stand over the variables of the unit's
 * environment that the SDKs of AWS have. Both are the administrator's. cordon-cloud itself gets no
 * environment, and reads no configuration.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include <config.h>
#include "cloud/endpoint.h"
#include "cloud/settings.h"
#include "daemon/config.h"
#include "daemon/delivery.h"
#include "daemon/preflight.h"

/* A bundle of all public authorities has 220 KiB. */
#define CA_MAX ((off_t)1024 * 1024)

#define ENDPOINT "AWS_ENDPOINT_URL"

static const char *from(const char *key, const char *variable)
{
	const char *value = key && *key ? key : getenv(variable);

	return value ? value : "";
}

static bool truth(enum config_choice key, const char *variable)
{
	const char *value = getenv(variable);

	if (key != CONFIG_UNSET)
		return key == CONFIG_YES;
	return value && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

/* "": none is given. NULL: it cannot be read. */
static char *bundle_read(const char *path)
{
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(free_cleanup) char *text = NULL;
	struct stat status;
	ssize_t size;

	if (!*path)
		return strdup("");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > CA_MAX)
		return NULL;
	text = calloc(1, (size_t)status.st_size + 1);
	size = text ? read(fd, text, (size_t)status.st_size) : -1;
	return size == status.st_size ? take_ptr(text) : NULL;
}

_Static_assert(SETTINGS_OVERRIDES_MAX >= SERVICES + 1, "each service, and all of them");

static void override_add(struct settings *settings, const char *name, const char *key, bool ignored)
{
	const char *url = ignored ? key : from(key, name);

	if (url && *url)
		settings->overrides[settings->override_count++] =
			(struct settings_override){ name, url };
}

/* What is said of a service stands over what is said of all; keys over the environment. */
static void overrides_add(const struct config *config, struct settings *settings)
{
	static char names[SERVICES][64];
	const char *value = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	bool ignored = value && strcasecmp(value, "true") == 0;

	override_add(settings, ENDPOINT, config->aws.endpoint, ignored);
	for (size_t i = 0; i < SERVICES; i++) {
		(void)snprintf(names[i], sizeof(names[i]), ENDPOINT "_%s",
			       service_table[i].environment);
		override_add(settings, names[i], config->aws.endpoints[i], ignored);
	}
}

static const char *metadata_of(const struct config *config)
{
	const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");

	if (!config->aws.metadata && disabled && strcasecmp(disabled, "true") == 0)
		return "off";
	return from(config->aws.metadata, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

const char *delivery_region(const struct config *config)
{
	const char *region = from(config->aws.region, "AWS_REGION");

	return *region ? region : from(NULL, "AWS_DEFAULT_REGION");
}

char *delivery_settings(const struct config *config, const char *hostname)
{
	CLEANUP(free_cleanup) char *bundle = NULL;
	const char *ca_file = from(config->aws.ca_file, "AWS_CA_BUNDLE");
	const char *key = from(NULL, "AWS_ACCESS_KEY_ID");
	struct settings settings = {
		.region = delivery_region(config),
		.fips = truth(config->aws.fips, "AWS_USE_FIPS_ENDPOINT"),
		.dual_stack = truth(config->aws.dual_stack, "AWS_USE_DUALSTACK_ENDPOINT"),
		.proxy = config->aws.proxy,
		.no_proxy = config->aws.no_proxy,
		.metadata = metadata_of(config),
		.access_key = key,
		.secret_key = *key ? from(NULL, "AWS_SECRET_ACCESS_KEY") : "",
		.session_token = *key ? from(NULL, "AWS_SESSION_TOKEN") : "",
		.hostname = hostname && *hostname ? hostname : "localhost",
		.user_agent = "cordon/" PACKAGE_VERSION,
		.cloudwatch = { .group = config->report.cloudwatch.group,
				.stream = config->report.cloudwatch.stream,
				.agent_group = config->report.cloudwatch.agent_group },
		.event_bus = config->report.eventbridge.bus,
		.topic = config->report.sns.topic,
		.account = config->report.security_hub.account,
		.pointer = preflight_pointer(config),
		.s3 = { .bucket = config->report.s3.bucket,
			.prefix = config->report.s3.prefix ? config->report.s3.prefix : "cordon/",
			.owner = config->report.s3.owner,
			.interval = config->report.s3.interval },
	};
	char *text;

	overrides_add(config, &settings);
	bundle = bundle_read(ca_file);
	if (!bundle) {
		log_error("%s cannot be read, or is no file of at most 1 MiB: nothing goes to AWS",
			  ca_file);
		return NULL;
	}
	settings.ca_bundle = bundle;
	text = settings_write(&settings);
	if (!text)
		log_error("settings for AWS cannot be made: is something in them not UTF-8?");
	return text;
}
