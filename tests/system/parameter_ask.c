/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in cordond's place: runs cordon-cloud in its cage, asks it for the parameters that are
 *named on its command line, one after the other, and prints what came of each as a line of JSON.
 *AWS is where the environment says.
 *
 *	parameter_ask CORDON_CLOUD NAME...
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/courier.h"
#include "cloud/parameter.h"
#include "cloud/settings.h"

struct asking {
	sd_event *loop;
	struct courier *courier;
	char **names;
	int count, asked, ended;
	struct parameter parameter; /* the answer; value NULL: none came */
	int answers;
};

static void answered(uint64_t id, unsigned sink, const char *bytes, size_t size, void *userdata)
{
	struct asking *asking = userdata;

	(void)id;
	(void)sink;
	asking->answers++;
	if (parameter_read(bytes, size, &asking->parameter) < 0)
		(void)fprintf(stderr, "an answer that is none\n");
}

static void ended(uint64_t id, unsigned sink, enum message_outcome outcome, uint64_t after,
		  const char *text, void *userdata)
{
	static const char *const outcomes[MESSAGE_OUTCOMES] = {
		[MESSAGE_DELIVERED] = "delivered", [MESSAGE_RETRY] = "retry",
		[MESSAGE_LATER] = "later",	   [MESSAGE_DENIED] = "denied",
		[MESSAGE_POISON] = "poison",
	};
	struct asking *asking = userdata;
	json_t *line = json_pack("{s:s, s:s, s:s?, s:I, s:i}", "outcome", outcomes[outcome], "text",
				 text, "value", asking->parameter.value, "version",
				 (json_int_t)asking->parameter.version, "answers", asking->answers);

	(void)id;
	(void)sink;
	(void)after;
	(void)json_dumpf(line, stdout, JSON_COMPACT);
	(void)putchar('\n');
	(void)fflush(stdout);
	json_decref(line);
	parameter_clear(&asking->parameter);
	asking->answers = 0;
	if (++asking->ended == asking->count)
		(void)sd_event_exit(asking->loop, 0);
}

static void turned(void *userdata)
{
	const struct message_entry entry = { .sink = CLOUD_PARAMETER, .urgent = 1 };
	struct asking *asking = userdata;
	const char *name;

	if (asking->asked > asking->ended || asking->asked == asking->count)
		return;
	name = asking->names[asking->asked];
	if (courier_send(asking->courier, 1, &entry, name, strlen(name)) == 0)
		asking->asked++;
}

static void broken(const char *reason, void *userdata)
{
	struct asking *asking = userdata;

	(void)fprintf(stderr, "cordon-cloud was replaced: %s\n", reason);
	(void)sd_event_exit(asking->loop, -1);
}

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static char *settings_make(void)
{
	const struct settings settings = {
		.region = from_environment("AWS_REGION"),
		.overrides = { { "AWS_ENDPOINT_URL", from_environment("AWS_ENDPOINT_URL") } },
		.override_count = 1,
		.metadata = "off",
		.access_key = from_environment("AWS_ACCESS_KEY_ID"),
		.secret_key = from_environment("AWS_SECRET_ACCESS_KEY"),
		.session_token = from_environment("AWS_SESSION_TOKEN"),
		.hostname = "test",
		.user_agent = "cordon-test",
	};

	return settings_write(&settings);
}

int main(int argc, char **argv)
{
	static const struct courier_handlers handlers = {
		.result = ended, .answer = answered, .turned = turned, .broken = broken
	};
	CLEANUP(free_cleanup) char *settings = settings_make();
	struct asking asking = { .names = argv + 2, .count = argc - 2 };
	struct courier_options options = { .memory = UINT64_C(1) << 30, .settings = settings };
	int r;

	if (argc < 3 || !settings) {
		(void)fprintf(stderr, "usage: parameter_ask CORDON_CLOUD NAME...\n");
		return 2;
	}
	options.program = argv[1];
	r = sd_event_new(&asking.loop);
	if (r >= 0)
		r = courier_new(asking.loop, &options, &handlers, &asking, &asking.courier);
	if (r >= 0)
		r = sd_event_loop(asking.loop);
	if (r < 0)
		(void)fprintf(stderr, "parameter_ask: %s\n", strerror(-r));
	courier_free(asking.courier);
	(void)sd_event_unref(asking.loop);
	return r < 0;
}
