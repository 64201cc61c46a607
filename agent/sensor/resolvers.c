/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/resolvers.h"

#include <errno.h>
#include <glob.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fnv.h"
#include "sensor/resolver_text.h"

/* A file of leases grows until dhclient begins it anew; a larger one is left out. */
#define FILE_MAX (1u << 20)

/* Leases read: one an interface. */
#define FILES_MAX 64

/* Networks that a VPC has (from /16 to /28), as lengths of the 128 bits. */
#define NETWORK_MIN (96 + 16)
#define NETWORK_MAX (96 + 28)

struct resolvers {
	struct address configured[RESOLVERS_MAX];
	size_t configured_count;
	bool interfaces;
	char *root;
	void (*changed)(const struct resolvers *resolvers, void *userdata);
	void *userdata;
	bool told;
	uint64_t seen; /* of the files as they were read last */
	struct resolver_text found;
};

struct source {
	const char *pattern;
	enum resolver_file kind;
};

static const struct source sources[] = {
	{ "/etc/resolv.conf", RESOLVER_RESOLV_CONF },
	{ "/run/systemd/resolve/resolv.conf", RESOLVER_RESOLV_CONF },
	{ "/run/NetworkManager/resolv.conf", RESOLVER_RESOLV_CONF },
	{ "/run/NetworkManager/no-stub-resolv.conf", RESOLVER_RESOLV_CONF },
	{ "/run/systemd/resolve/netif/*", RESOLVER_NETIF },
	{ "/run/systemd/netif/leases/*", RESOLVER_NETIF },
	{ "/var/lib/dhcp/*.leases", RESOLVER_DHCLIENT },
	{ "/var/lib/dhclient/*.leases", RESOLVER_DHCLIENT },
};

/* The VPC's resolver at its link-local addresses, where every instance reaches it. */
static const char *const always[] = { "169.254.169.253", "fd00:ec2::253" };

/* Mixes what tells one state of a file from another into seen. */
static void file_seen(uint64_t *seen, const char *path)
{
	struct stat file;

	if (stat(path, &file) < 0)
		return;
	*seen = fnv_step(*seen, file.st_ino);
	*seen = fnv_step(*seen, (uint64_t)file.st_size);
	*seen = fnv_step(*seen, (uint64_t)file.st_mtim.tv_sec);
	*seen = fnv_step(*seen, (uint64_t)file.st_mtim.tv_nsec);
}

static void file_take(struct resolver_text *found, const char *path, enum resolver_file kind)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;

	if (fd_read_file(path, FILE_MAX, &text, &size) == 0)
		resolver_text_take(found, kind, text);
}

/* Goes through all files: what they say into found, or (NULL) only whether they are others. */
static uint64_t files_walk(const struct resolvers *resolvers, struct resolver_text *found)
{
	uint64_t seen = FNV_START;

	for (size_t i = 0; i < ELEMENTS(sources); i++) {
		char pattern[PATH_MAX];
		glob_t paths = { 0 };

		(void)snprintf(pattern, sizeof(pattern), "%s%s", resolvers->root,
			       sources[i].pattern);
		if (glob(pattern, 0, NULL, &paths) == 0)
			for (size_t k = 0; k < paths.gl_pathc && k < FILES_MAX; k++) {
				file_seen(&seen, paths.gl_pathv[k]);
				if (found)
					file_take(found, paths.gl_pathv[k], sources[i].kind);
			}
		globfree(&paths);
		seen = fnv_step(seen, i);
	}
	return seen;
}

static unsigned network_length(const struct sockaddr_in *mask)
{
	return 96 + (unsigned)__builtin_popcount(mask->sin_addr.s_addr);
}

/* A VPC's resolver is at the third address of its network. Of the network only the subnet is known
 * without asking the metadata service; the third address of each subnet is reserved for the
 * resolver, too. */
static void interfaces_take(struct resolver_text *found)
{
	struct ifaddrs *interfaces;

	if (getifaddrs(&interfaces) < 0)
		return;
	for (const struct ifaddrs *one = interfaces; one; one = one->ifa_next) {
		const struct sockaddr_in *own = (const void *)one->ifa_addr;
		struct address address;
		unsigned length;

		if (!own || own->sin_family != AF_INET || !one->ifa_netmask ||
		    one->ifa_flags & IFF_LOOPBACK)
			continue;
		length = network_length((const void *)one->ifa_netmask);
		if (length < NETWORK_MIN || length > NETWORK_MAX)
			continue;
		address = address_from_ipv4((const uint8_t *)&own->sin_addr);
		address_mask(&address, length);
		address.bytes[15] = (uint8_t)(address.bytes[15] + 2);
		resolver_text_address(found, &address);
	}
	freeifaddrs(interfaces);
}

static void resolvers_find(const struct resolvers *resolvers, struct resolver_text *found)
{
	memset(found, 0, sizeof(*found));
	for (size_t i = 0; i < resolvers->configured_count; i++)
		resolver_text_address(found, &resolvers->configured[i]);
	for (size_t i = 0; i < ELEMENTS(always); i++) {
		struct address address;

		if (address_parse(always[i], &address) == 0)
			resolver_text_address(found, &address);
	}
	(void)files_walk(resolvers, found);
	if (resolvers->interfaces)
		interfaces_take(found);
}

int resolvers_new(const struct resolvers_options *options,
		  void (*changed)(const struct resolvers *resolvers, void *userdata),
		  void *userdata, struct resolvers **ret)
{
	struct resolvers *resolvers = calloc(1, sizeof(*resolvers));

	if (!resolvers)
		return -ENOMEM;
	resolvers->root = strdup(options->root ? options->root : "");
	if (!resolvers->root) {
		free(resolvers);
		return -ENOMEM;
	}
	for (size_t i = 0; i < options->configured_count && i < RESOLVERS_MAX; i++)
		resolvers->configured[resolvers->configured_count++] = options->configured[i];
	resolvers->interfaces = options->interfaces;
	resolvers->changed = changed;
	resolvers->userdata = userdata;
	*ret = resolvers;
	return 0;
}

void resolvers_free(struct resolvers *resolvers)
{
	if (!resolvers)
		return;
	free(resolvers->root);
	free(resolvers);
}

/* Both are cleared before they are filled, so that bytes compare. */
static bool found_equal(const struct resolver_text *a, const struct resolver_text *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int resolvers_refresh(struct resolvers *resolvers)
{
	struct resolver_text found;
	uint64_t seen = files_walk(resolvers, NULL);

	if (resolvers->told && seen == resolvers->seen)
		return 0;
	/* Taken before the files are read: a change meanwhile is one the next time. */
	resolvers->seen = seen;
	resolvers_find(resolvers, &found);
	if (resolvers->told && found_equal(&found, &resolvers->found))
		return 0;
	resolvers->told = true;
	resolvers->found = found;
	resolvers->changed(resolvers, resolvers->userdata);
	return 1;
}

const struct address *resolvers_addresses(const struct resolvers *resolvers, size_t *ret_count)
{
	*ret_count = resolvers->found.addresses_count;
	return resolvers->found.addresses;
}

const struct domain_name *resolvers_search(const struct resolvers *resolvers, size_t *ret_count)
{
	*ret_count = resolvers->found.search_count;
	return resolvers->found.search;
}
