/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/learnt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/address_scope.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "detect/resolver_bypass.h"
#include "sensor/dns_answers.h"

#define BUCKETS 16384 /* a power of two */

struct entry {
	struct entry *next;	     /* of the bucket */
	struct entry *newer, *older; /* of all, by use */
	struct address address;
	uint64_t since, expires; /* ns since the epoch */
	bool shared;		 /* a name that is not listed has it, too */
	struct domain_name name; /* the listed one that has it; lower case */
};

struct learnt {
	struct entry **buckets; /* made when there is something to keep */
	struct entry *newest, *oldest;
	uint64_t key[2]; /* nobody is to choose addresses of one bucket */
	struct learnt_statistics statistics;
	learnt_callback callback;
	void *userdata;
};

int learnt_new(struct learnt **ret)
{
	struct learnt *learnt = calloc(1, sizeof(*learnt));

	if (!learnt)
		return -ENOMEM;
	if (getrandom(learnt->key, sizeof(learnt->key), 0) != sizeof(learnt->key)) {
		free(learnt);
		return -EIO;
	}
	*ret = learnt;
	return 0;
}

void learnt_free(struct learnt *learnt)
{
	if (!learnt)
		return;
	for (struct entry *entry = learnt->newest, *older; entry; entry = older) {
		older = entry->older;
		free(entry);
	}
	free(learnt->buckets);
	free(learnt);
}

void learnt_listen(struct learnt *learnt, learnt_callback callback, void *userdata)
{
	learnt->callback = callback;
	learnt->userdata = userdata;
}

void learnt_statistics(const struct learnt *learnt, struct learnt_statistics *ret)
{
	*ret = learnt->statistics;
}

/* ---- the table ---- */

static struct entry **bucket_of(const struct learnt *learnt, const struct address *address)
{
	uint64_t words[2], hash;

	memcpy(words, address->bytes, sizeof(words));
	hash = (words[0] ^ learnt->key[0]) * (learnt->key[1] | 1);
	hash = (hash ^ hash >> 32 ^ words[1]) * (learnt->key[0] | 1);
	return &learnt->buckets[hash >> 40 & (BUCKETS - 1)];
}

static void order_remove(struct learnt *learnt, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &learnt->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &learnt->oldest) = entry->newer;
}

static void order_first(struct learnt *learnt, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = learnt->newest;
	*(learnt->newest ? &learnt->newest->newer : &learnt->oldest) = entry;
	learnt->newest = entry;
}

static void entry_remove(struct learnt *learnt, struct entry *entry)
{
	struct entry **link = bucket_of(learnt, &entry->address);

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	order_remove(learnt, entry);
	free(entry);
	learnt->statistics.addresses--;
}

static struct entry *entry_find(struct learnt *learnt, const struct address *address)
{
	struct entry *entry = learnt->buckets ? *bucket_of(learnt, address) : NULL;

	while (entry && !address_equal(&entry->address, address))
		entry = entry->next;
	if (entry) {
		order_remove(learnt, entry);
		order_first(learnt, entry);
	}
	return entry;
}

/* NULL: no memory; the connection is then told without the name. */
static struct entry *entry_new(struct learnt *learnt, const struct address *address)
{
	struct entry *entry, **bucket;

	if (!learnt->buckets)
		learnt->buckets = calloc(BUCKETS, sizeof(*learnt->buckets));
	entry = calloc(1, sizeof(*entry));
	if (!learnt->buckets || !entry) {
		free(entry);
		return NULL;
	}
	if (learnt->statistics.addresses == LEARNT_MAX) {
		entry_remove(learnt, learnt->oldest);
		learnt->statistics.evicted++;
	}
	entry->address = *address;
	bucket = bucket_of(learnt, address);
	entry->next = *bucket;
	*bucket = entry;
	order_first(learnt, entry);
	learnt->statistics.addresses++;
	learnt->statistics.learnt++;
	return entry;
}

/* ---- answers ---- */

static bool name_listed(const struct pack *pack, const struct domain_name *name, uint64_t now,
			struct pack_match *match)
{
	return name->length > 0 &&
	       pack_lookup_domain(pack, name, now / NS_PER_SECOND, match) == 1 && match->blocked;
}

/* The first link that leads to a listed name, or NULL. match is that of the name. */
static const struct dns_answer *link_listed(const struct dns_answers *answers,
					    const struct pack *pack, uint64_t now,
					    struct pack_match *match)
{
	for (size_t i = 0; i < answers->count; i++)
		if (answers->answers[i].chained &&
		    name_listed(pack, &answers->answers[i].name, now, match))
			return &answers->answers[i];
	return NULL;
}

/* Addresses that somebody else needs are not learnt: this host's and its network's own, and what no
 * entry may block. */
static bool address_learnable(const struct address *address, const struct pack *pack, uint64_t now)
{
	struct pack_match match; /* large: only what is read is set */

	if (address_scope(address) != ADDRESS_GLOBAL)
		return false;
	return pack_lookup_address(pack, address, now / NS_PER_SECOND, &match) != 1 ||
	       match.blocked;
}

static uint64_t time_to_live(const struct dns_answer *answer)
{
	uint64_t ttl = answer->ttl * NS_PER_SECOND;

	if (ttl < LEARNT_TTL_MIN)
		return LEARNT_TTL_MIN;
	return ttl > LEARNT_TTL_MAX ? LEARNT_TTL_MAX : ttl;
}

static void address_learn(struct learnt *learnt, const struct dns_answer *answer,
			  const struct domain_name *name, const struct indicator *indicator,
			  uint64_t now)
{
	struct entry *entry = entry_find(learnt, &answer->address);
	uint64_t ttl = time_to_live(answer);

	if (!entry)
		entry = entry_new(learnt, &answer->address);
	if (!entry)
		return;
	if (entry->expires < now || !dns_answers_same_name(&entry->name, name))
		entry->since = now;
	entry->name = *name;
	domain_name_lower(&entry->name);
	if (entry->expires >= now + ttl)
		return;
	entry->expires = now + ttl;
	if (learnt->callback)
		learnt->callback(&answer->address, clock_boottime() + ttl, indicator,
				 learnt->userdata);
}

static void addresses_learn(struct learnt *learnt, const struct event *event,
			    const struct domain_name *name, const struct pack *pack, uint64_t now,
			    const struct indicator *indicator)
{
	const struct dns_answers *answers = event->answers;

	/* Public resolvers have names for others' sakes, and stand in the list with addresses. */
	if (resolver_bypass_entry(indicator))
		return;
	for (size_t i = 0; i < answers->count; i++) {
		const struct dns_answer *answer = &answers->answers[i];

		if (answer->chained && answer->name.length == 0 &&
		    address_learnable(&answer->address, pack, now))
			address_learn(learnt, answer, name, indicator, now);
	}
}

/* Nothing in the answer is listed: addresses that it has in common with what is are shared. */
static void addresses_share(struct learnt *learnt, const struct dns_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++) {
		const struct dns_answer *answer = &answers->answers[i];
		struct entry *entry = NULL;

		if (answer->chained && answer->name.length == 0)
			entry = entry_find(learnt, &answer->address);
		if (entry)
			entry->shared = true;
	}
}

/* ---- findings ---- */

#define NAME_SHOWN 150 /* of each name in a title */

static void name_show(const struct domain_name *name, char out[static DOMAIN_NAME_TEXT_SIZE])
{
	domain_name_format(name, out);
	if (strlen(out) > NAME_SHOWN)
		memcpy(out + NAME_SHOWN - 3, "...", 4);
}

static void entry_why(const struct indicator *indicator, char *why, size_t size)
{
	char feed[128], entry[300];

	escape_text(indicator->feed, strlen(indicator->feed), feed, sizeof(feed));
	escape_text(indicator->text, strlen(indicator->text), entry, sizeof(entry));
	(void)snprintf(why, size, "entry %s of feed %s", entry, feed[0] ? feed : "without a name");
	if (indicator->line)
		(void)snprintf(why + strlen(why), size - strlen(why), ", line %u", indicator->line);
}

bool learnt_answer(struct learnt *learnt, const struct event *event, const struct pack *pack,
		   uint64_t now, struct pack_match *match, struct finding *finding)
{
	char asked[DOMAIN_NAME_TEXT_SIZE], target[DOMAIN_NAME_TEXT_SIZE];
	const struct indicator *indicator = &match->matches[0];
	const struct dns_answer *link;

	if (!pack || event->kind != EVENT_ANSWER || !event->answers)
		return false;
	if (name_listed(pack, &event->name, now, match)) {
		addresses_learn(learnt, event, &event->name, pack, now, indicator);
		return false;
	}
	link = link_listed(event->answers, pack, now, match);
	if (!link) {
		match->blocked = false;
		addresses_share(learnt, event->answers);
		return false;
	}
	addresses_learn(learnt, event, &link->name, pack, now, indicator);
	finding->indicator = indicator;
	finding->default_severity = (enum severity)indicator->severity;
	name_show(&event->name, asked);
	name_show(&link->name, target);
	(void)snprintf(finding->title, sizeof(finding->title),
		       "Answer for %s leads to listed domain %s (%s)", asked, target,
		       dns_answer_type_name(link->type));
	entry_why(indicator, finding->why, sizeof(finding->why));
	return true;
}

/* What a feed leaves unsaid is medium in a policy that says nothing else. */
static enum severity severity_lower(uint8_t severity)
{
	if (severity == SEVERITY_NONE)
		return SEVERITY_LOW;
	return severity > SEVERITY_INFORMATIONAL ? (enum severity)(severity - 1)
						 : SEVERITY_INFORMATIONAL;
}

/* The kernel knows an address that was learnt before the agent was started anew. */
static bool connection_unnamed(const struct event *event, const char *address,
			       struct finding *finding)
{
	finding->default_severity = SEVERITY_LOW;
	(void)snprintf(finding->subject, sizeof(finding->subject), "%s", address);
	(void)snprintf(finding->title, sizeof(finding->title),
		       "Connection to %s port %u, an address of a listed domain", address,
		       event->destination_port);
	(void)snprintf(finding->why, sizeof(finding->why),
		       "learnt from an answer; which name it was is not known any more");
	return true;
}

bool learnt_connection(struct learnt *learnt, const struct event *event, const struct pack *pack,
		       uint64_t now, struct pack_match *match, struct finding *finding)
{
	char name[DOMAIN_NAME_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	const struct indicator *indicator = &match->matches[0];
	const struct entry *entry;
	size_t used;

	if (!pack || event->kind != EVENT_CONNECTION || event->watch != EVENT_WATCH_LEARNT)
		return false;
	address_format(&event->destination, address);
	entry = entry_find(learnt, &event->destination);
	if (!entry)
		return connection_unnamed(event, address, finding);
	/* The list is another one by now. */
	if (!name_listed(pack, &entry->name, now, match)) {
		match->blocked = false;
		return false;
	}
	finding->indicator = indicator;
	finding->default_severity = severity_lower(indicator->severity);
	name_show(&entry->name, name);
	(void)snprintf(finding->title, sizeof(finding->title),
		       "Connection to %s port %u, an address of listed domain %s", address,
		       event->destination_port, name);
	entry_why(indicator, finding->why, sizeof(finding->why));
	used = strlen(finding->why);
	(void)snprintf(
		finding->why + used, sizeof(finding->why) - used,
		"; learnt from an answer %llu s before%s",
		(unsigned long long)(now > entry->since ? (now - entry->since) / NS_PER_SECOND : 0),
		entry->shared ? "; names that are not listed have this address, too" : "");
	return true;
}
