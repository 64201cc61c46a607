/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/resolver_text.h"

#include <string.h>

/* One line: what it begins with, and how the rest is taken. */
struct line {
	const char *word;
	void (*take)(struct resolver_text *found, char *rest);
};

static void addresses_take(struct resolver_text *found, char *rest);
static void search_take(struct resolver_text *found, char *rest);

static const struct line resolv_lines[] = {
	{ "nameserver", addresses_take },
	{ "search", search_take },
	{ "domain", search_take },
	{ NULL, NULL },
};
static const struct line netif_lines[] = {
	{ "DNS=", addresses_take },
	{ "SERVERS=", addresses_take },
	{ "DOMAINNAME=", search_take },
	{ "DOMAINS=", search_take },
	{ "DOMAIN_SEARCH_LIST=", search_take },
	{ NULL, NULL },
};
static const struct line dhclient_lines[] = {
	{ "option domain-name-servers", addresses_take },
	{ "option dhcp6.name-servers", addresses_take },
	{ "option domain-name", search_take },
	{ "option domain-search", search_take },
	{ NULL, NULL },
};

static const struct line *const kinds[RESOLVER_FILES] = {
	[RESOLVER_RESOLV_CONF] = resolv_lines,
	[RESOLVER_NETIF] = netif_lines,
	[RESOLVER_DHCLIENT] = dhclient_lines,
};

void resolver_text_address(struct resolver_text *found, const struct address *address)
{
	for (size_t i = 0; i < found->addresses_count; i++)
		if (address_equal(&found->addresses[i], address))
			return;
	if (found->addresses_count < RESOLVERS_MAX)
		found->addresses[found->addresses_count++] = *address;
}

#define BLANKS " \t\r,;\""

/* An address; a zone (fe80::1%eth0), a port and a name behind it (systemd's 192.0.2.1:53#name and
 * [2001:db8::1]:53) are taken off. */
static int word_read(char *word, struct address *ret)
{
	char *colon;

	word[strcspn(word, "%#")] = '\0';
	if (*word == '[') {
		word++;
		word[strcspn(word, "]")] = '\0';
	}
	colon = strchr(word, ':');
	if (colon && !strchr(colon + 1, ':'))
		*colon = '\0';
	return address_parse(word, ret);
}

static void addresses_take(struct resolver_text *found, char *rest)
{
	for (char *word; (word = strsep(&rest, BLANKS));) {
		struct address address;

		if (*word && word_read(word, &address) == 0)
			resolver_text_address(found, &address);
	}
}

static void search_take(struct resolver_text *found, char *rest)
{
	for (char *word; (word = strsep(&rest, BLANKS));) {
		struct domain_name name;

		/* systemd marks domains that are only routed, not searched. */
		if (*word == '~')
			word++;
		/* The root would be every name there is. */
		if (!*word || found->search_count == RESOLVERS_SEARCH_MAX ||
		    domain_name_parse(word, &name) < 0 || name.length <= 1)
			continue;
		found->search[found->search_count++] = name;
	}
}

void resolver_text_take(struct resolver_text *found, enum resolver_file kind, char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		line += strspn(line, " \t");
		for (const struct line *known = kinds[kind]; known->word; known++) {
			size_t length = strlen(known->word);

			if (strncmp(line, known->word, length) != 0)
				continue;
			/* A word of its own, unless it ends in "=". */
			if (known->word[length - 1] != '=' && !strchr(BLANKS, line[length]))
				continue;
			known->take(found, line + length);
			break;
		}
	}
}
