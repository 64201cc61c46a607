/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/rebinding.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/address_scope.h"
#include "base/cleanup.h"
#include "sensor/dns_answers.h"

/* Sets of eight: the name's hash says which, the one seen longest ago in it makes room. */
#define WAYS 8
#define SETS (REBINDING_NAMES_MAX / WAYS)

struct seen {
	uint64_t hash;
	uint64_t time; /* of the last public address, ns since the epoch; 0: free */
};

struct rebinding {
	uint64_t key; /* nobody is to choose names of one set */
	struct seen sets[SETS][WAYS];
	struct rebinding_statistics statistics;
	struct domain_name search[REBINDING_SEARCH_MAX];
	size_t search_count;
};

/* Names that lead inside by their nature; and AWS's own, which do so within a VPC. */
static const char *const inside_names[] = {
	"localhost", "local", "internal", "arpa",     "amazonaws.com", "api.aws", "localdomain",
	"lan",	     "home",  "corp",	  "intranet", "private",       "test",	  "invalid",
};

int rebinding_new(struct rebinding **ret)
{
	struct rebinding *rebinding = calloc(1, sizeof(*rebinding));

	if (!rebinding)
		return -ENOMEM;
	if (getrandom(&rebinding->key, sizeof(rebinding->key), 0) != sizeof(rebinding->key)) {
		free(rebinding);
		return -EIO;
	}
	*ret = rebinding;
	return 0;
}

void rebinding_free(struct rebinding *rebinding)
{
	free(rebinding);
}

void rebinding_search(struct rebinding *rebinding, const struct domain_name *names, size_t count)
{
	rebinding->search_count = 0;
	for (size_t i = 0; i < count && i < REBINDING_SEARCH_MAX; i++)
		rebinding->search[rebinding->search_count++] = names[i];
}

void rebinding_statistics(const struct rebinding *rebinding, struct rebinding_statistics *ret)
{
	*ret = rebinding->statistics;
}

/* ---- names ---- */

static bool label_is_number(const uint8_t *label)
{
	if (label[0] == 0 || label[0] > 3)
		return false;
	for (uint8_t i = 1; i <= label[0]; i++)
		if (!isdigit(label[i]))
			return false;
	return true;
}

/* A mail server's question whether an address is on a list (RFC 5782): the address backwards, then
 * the list. The answer is in 127.0.0.0/8, but never 127.0.0.1. */
static bool name_asks_list(const struct domain_name *name, const uint8_t *labels, size_t count)
{
	bool numbers = count > 4, nibbles = count > 32;

	for (size_t i = 0; numbers && i < 4; i++)
		numbers = label_is_number(name->wire + labels[i]);
	for (size_t i = 0; nibbles && i < 32; i++)
		nibbles = name->wire[labels[i]] == 1 && isxdigit(name->wire[labels[i] + 1]);
	return numbers || nibbles;
}

static bool name_leads_inside(const struct rebinding *rebinding, const struct domain_name *name)
{
	for (size_t i = 0; i < ELEMENTS(inside_names); i++) {
		struct domain_name inside;

		if (domain_name_parse(inside_names[i], &inside) == 0 &&
		    domain_name_within(name, &inside))
			return true;
	}
	for (size_t i = 0; i < rebinding->search_count; i++)
		if (domain_name_within(name, &rebinding->search[i]))
			return true;
	return false;
}

/* ---- names seen outside ---- */

static uint64_t name_hash(const struct rebinding *rebinding, const struct domain_name *name)
{
	struct domain_name lower = *name;
	uint64_t hash = rebinding->key;

	domain_name_lower(&lower);
	for (size_t i = 0; i < lower.length; i++) {
		hash = (hash ^ lower.wire[i]) * (rebinding->key | 1);
		hash ^= hash >> 29;
	}
	return hash;
}

static struct seen *name_seen(struct rebinding *rebinding, uint64_t hash)
{
	struct seen *set = rebinding->sets[hash >> 32 & (SETS - 1)];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].time && set[i].hash == hash)
			return &set[i];
	return NULL;
}

static void name_note(struct rebinding *rebinding, uint64_t hash, uint64_t time)
{
	struct seen *set = rebinding->sets[hash >> 32 & (SETS - 1)], *place = &set[0];
	struct seen *known = name_seen(rebinding, hash);

	for (size_t i = 1; i < WAYS && !known; i++)
		if (set[i].time < place->time)
			place = &set[i];
	if (!known && place->time)
		rebinding->statistics.evicted++;
	else if (!known)
		rebinding->statistics.names++;
	*(known ? known : place) = (struct seen){ .hash = hash, .time = time };
}

/* ---- findings ---- */

struct place {
	const char *text;
	enum severity severity;
};

static const struct place places[] = {
	[ADDRESS_LOOPBACK] = { "this host itself", SEVERITY_LOW },
	[ADDRESS_METADATA] = { "the instance's metadata or credentials", SEVERITY_MEDIUM },
	[ADDRESS_LINK_LOCAL] = { "a link-local address", SEVERITY_LOW },
	[ADDRESS_PRIVATE] = { "a private address, after a public one", SEVERITY_LOW },
};

/* The worst of the answer's own addresses: 0, or the place that it leads to. */
static const struct dns_answer *worst_find(const struct dns_answers *answers, bool seen_outside,
					   bool list, enum address_scope *ret)
{
	const struct dns_answer *worst = NULL;
	struct address home = { { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };

	for (size_t i = 0; i < answers->count; i++) {
		const struct dns_answer *answer = &answers->answers[i];
		enum address_scope scope = address_scope(&answer->address);

		if (!answer->chained || answer->name.length > 0 || scope == ADDRESS_GLOBAL ||
		    scope == ADDRESS_NOWHERE || (scope == ADDRESS_PRIVATE && !seen_outside) ||
		    (list && scope == ADDRESS_LOOPBACK && !address_equal(&answer->address, &home)))
			continue;
		if (!worst || places[scope].severity > places[*ret].severity) {
			worst = answer;
			*ret = scope;
		}
	}
	return worst;
}

static bool answers_outside(const struct dns_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++)
		if (answers->answers[i].chained && answers->answers[i].name.length == 0 &&
		    address_scope(&answers->answers[i].address) == ADDRESS_GLOBAL)
			return true;
	return false;
}

#define NAME_SHOWN 300

bool rebinding_answer(struct rebinding *rebinding, const struct event *event,
		      struct finding *finding)
{
	char name[DOMAIN_NAME_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	uint8_t labels[DOMAIN_NAME_LABELS];
	enum address_scope scope = ADDRESS_GLOBAL;
	const struct dns_answer *worst;
	const struct seen *seen;
	uint64_t hash;
	size_t count;

	if (event->kind != EVENT_ANSWER || !event->answers)
		return false;
	count = domain_name_labels(&event->name, labels);
	/* A name of one label is this network's own. */
	if (count < 2 || name_leads_inside(rebinding, &event->name))
		return false;
	hash = name_hash(rebinding, &event->name);
	if (answers_outside(event->answers))
		name_note(rebinding, hash, event->time);
	seen = name_seen(rebinding, hash);
	worst = worst_find(event->answers, seen && seen->time + REBINDING_TIME >= event->time,
			   name_asks_list(&event->name, labels, count), &scope);
	if (!worst)
		return false;
	finding->default_severity = places[scope].severity;
	domain_name_format(&event->name, name);
	if (strlen(name) > NAME_SHOWN)
		memcpy(name + NAME_SHOWN - 3, "...", 4);
	address_format(&worst->address, address);
	(void)snprintf(finding->subject, sizeof(finding->subject), "%s", name);
	(void)snprintf(finding->title, sizeof(finding->title), "Answer for %s leads to %s", name,
		       address);
	(void)snprintf(finding->why, sizeof(finding->why), "a name from outside leads to %s",
		       places[scope].text);
	return true;
}
