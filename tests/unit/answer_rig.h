/* SPDX-License-Identifier: Apache-2.0
 *
 * Detectors with a pack, answers made by hand, and what was found. Asserts inside: for cmocka tests
 * only.
 */
#pragma once

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "intel_folder.h"
#include "sensor/dns_answers.h"

#define RIG_NOW	  (1800000000 * NS_PER_SECOND)
#define RIG_BOOT  (1000 * NS_PER_SECOND)
#define RIG_MAX	  8
#define RIG_LEARN 64

struct rig_learnt {
	char address[ADDRESS_TEXT_SIZE];
	uint64_t expires;
	char entry[64];
};

struct rig {
	struct intel_folder *folder;
	struct pack *pack;
	struct detect *detect;
	struct process process;
	struct dns_answers answers;
	uint64_t now;
	size_t found;
	struct finding findings[RIG_MAX]; /* indicators are not to be followed */
	size_t learnt;
	struct rig_learnt learns[RIG_LEARN];
};

static int rig_found(const struct finding *finding, void *userdata)
{
	struct rig *rig = userdata;

	assert_true(rig->found < RIG_MAX);
	rig->findings[rig->found++] = *finding;
	return 0;
}

static void rig_learns(const struct address *address, uint64_t expires,
		       const struct indicator *indicator, void *userdata)
{
	struct rig *rig = userdata;
	struct rig_learnt *learnt = &rig->learns[rig->learnt++ % RIG_LEARN];

	address_format(address, learnt->address);
	learnt->expires = expires;
	(void)snprintf(learnt->entry, sizeof(learnt->entry), "%.60s", indicator->text);
}

static inline int rig_open(void **state, const char *list, const char *never)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct compile_report report;
	const char *why = NULL;
	void *folder;

	if (!rig || intel_folder_make(&folder) < 0)
		return -1;
	rig->folder = folder;
	assert_int_equal(intel_folder_compile(rig->folder, list, NULL, never, &report), 0);
	assert_int_equal(pack_open(rig->folder->pack, &rig->pack, &why), 0);
	assert_int_equal(detect_new("i-1", &rig->detect), 0);
	detect_learn(rig->detect, rig_learns, rig);
	rig->process = (struct process){ .pid = 42, .comm = "curl", .exe = "/usr/bin/curl" };
	rig->now = RIG_NOW;
	clock_hold(RIG_NOW, RIG_BOOT);
	*state = rig;
	return 0;
}

static inline int rig_close(void **state)
{
	struct rig *rig = *state;
	void *folder = rig->folder;

	clock_release();
	detect_free(rig->detect);
	pack_close(rig->pack);
	free(rig);
	return intel_folder_remove(&folder);
}

static inline int rig_show(struct rig *rig, const struct event *event)
{
	rig->found = rig->learnt = 0;
	return detect_event(rig->detect, event, rig->pack, rig->now, rig_found, rig);
}

static inline struct event rig_event(struct rig *rig, enum event_kind kind)
{
	return (struct event){ .kind = kind,
			       .time = rig->now,
			       .direction = kind == EVENT_ANSWER ? EVENT_DIRECTION_IN
								 : EVENT_DIRECTION_OUT,
			       .response = kind == EVENT_ANSWER,
			       .protocol = IPPROTO_TCP,
			       .attribution = EVENT_ATTRIBUTION_CONNECT,
			       .process = &rig->process };
}

static inline struct dns_answer *rig_put(struct rig *rig, const char *owner, unsigned type)
{
	struct dns_answer *answer = &rig->answers.answers[rig->answers.count++];

	*answer = (struct dns_answer){ .type = (uint16_t)type, .ttl = 300, .chained = true };
	assert_int_equal(domain_name_parse(owner, &answer->owner), 0);
	return answer;
}

static inline struct dns_answer *rig_address(struct rig *rig, const char *owner, const char *text)
{
	struct dns_answer *answer = rig_put(rig, owner, DNS_ANSWER_A);

	assert_int_equal(address_parse(text, &answer->address), 0);
	if (!address_is_ipv4(&answer->address))
		answer->type = DNS_ANSWER_AAAA;
	return answer;
}

static inline void rig_link(struct rig *rig, const char *owner, unsigned type, const char *target)
{
	assert_int_equal(domain_name_parse(target, &rig_put(rig, owner, type)->name), 0);
}

/* Shows the answer that was put together, and begins the next one. */
static inline int rig_answer(struct rig *rig, const char *qname)
{
	struct event event = rig_event(rig, EVENT_ANSWER);
	int r;

	assert_int_equal(domain_name_parse(qname, &event.name), 0);
	event.answers = &rig->answers;
	r = rig_show(rig, &event);
	rig->answers.count = 0;
	return r;
}

/* The same with one address. */
static inline int rig_answer_address(struct rig *rig, const char *qname, const char *address)
{
	(void)rig_address(rig, qname, address);
	return rig_answer(rig, qname);
}

static inline struct event rig_connection(struct rig *rig, enum event_watch watch,
					  const char *address, uint16_t port)
{
	struct event event = rig_event(rig, EVENT_CONNECTION);

	event.watch = watch;
	event.destination_port = port;
	assert_int_equal(address_parse(address, &event.destination), 0);
	return event;
}

static inline void rig_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}
