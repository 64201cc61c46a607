/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that this host's resolvers are found in each file that names them, that a change of any is
 * taken up once, and that nonsense in them harms nobody.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "sensor/resolvers.h"

struct rig {
	char root[64];
	struct resolvers *resolvers;
	unsigned changes;
	char addresses[2048], search[1024]; /* of the last change, each behind a blank */
};

static const char *const files[] = {
	"/etc/resolv.conf",
	"/run/systemd/resolve/resolv.conf",
	"/run/NetworkManager/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf",
	"/run/systemd/resolve/netif/2",
	"/run/systemd/netif/leases/2",
	"/var/lib/dhcp/dhclient.eth0.leases",
	"/var/lib/dhclient/dhclient.leases",
};

static void changed(const struct resolvers *resolvers, void *userdata)
{
	struct rig *rig = userdata;
	const struct domain_name *search;
	const struct address *addresses;
	char text[DOMAIN_NAME_TEXT_SIZE];
	size_t count;

	rig->changes++;
	rig->addresses[0] = rig->search[0] = '\0';
	addresses = resolvers_addresses(resolvers, &count);
	assert_true(count <= RESOLVERS_MAX);
	for (size_t i = 0; i < count; i++) {
		address_format(&addresses[i], text);
		(void)strcat(strcat(rig->addresses, " "), text);
	}
	search = resolvers_search(resolvers, &count);
	assert_true(count <= RESOLVERS_SEARCH_MAX);
	for (size_t i = 0; i < count; i++) {
		domain_name_format(&search[i], text);
		(void)strcat(strcat(rig->search, " "), text);
	}
}

static void file_write(const struct rig *rig, const char *name, const char *text)
{
	char path[256], *slash;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s%s", rig->root, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(fd_make_folders(path, 0755), 0);
	*slash = '/';
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int rig_make(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct resolvers_options options = { 0 };
	struct address configured;

	assert_non_null(rig);
	(void)strcpy(rig->root, "/tmp/cordon-resolvers-XXXXXX");
	assert_non_null(mkdtemp(rig->root));
	assert_int_equal(address_parse("192.0.2.99", &configured), 0);
	options.configured = &configured;
	options.configured_count = 1;
	options.root = rig->root;
	assert_int_equal(resolvers_new(&options, changed, rig, &rig->resolvers), 0);
	*state = rig;
	return 0;
}

static int rig_free(void **state)
{
	static const char *const folders[] = {
		"/etc",
		"/run/systemd/resolve/netif",
		"/run/systemd/resolve",
		"/run/systemd/netif/leases",
		"/run/systemd/netif",
		"/run/systemd",
		"/run/NetworkManager",
		"/run",
		"/var/lib/dhcp",
		"/var/lib/dhclient",
		"/var/lib",
		"/var",
		"",
	};
	struct rig *rig = *state;
	char path[256];

	for (size_t i = 0; i < ELEMENTS(files); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", rig->root, files[i]);
		(void)unlink(path);
	}
	for (size_t i = 0; i < ELEMENTS(folders); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", rig->root, folders[i]);
		(void)rmdir(path);
	}
	assert_int_equal(access(rig->root, F_OK), -1);
	resolvers_free(rig->resolvers);
	free(rig);
	return 0;
}

#define ALWAYS " 192.0.2.99 169.254.169.253 fd00:ec2::253"

static void test_sources(void **state)
{
	static const struct {
		const char *text, *addresses, *search;
	} cases[ELEMENTS(files)] = {
		{ "# nameserver 192.0.2.200\nsearch a.example b.example.\n"
		  "nameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserverx 192.0.2.201\n",
		  " 192.0.2.1 2001:db8::1", " a.example b.example" },
		{ "nameserver 192.0.2.1\nnameserver 192.0.2.2\ndomain c.example\nsearch .\n",
		  " 192.0.2.2", " c.example" },
		{ "nameserver 192.0.2.3", " 192.0.2.3", "" },
		{ "nameserver fe80::1%eth0\r\noptions edns0\n", " fe80::1", "" },
		{ "LLMNR=yes\nSERVERS=192.0.2.5:5353 "
		  "192.0.2.6:853#dns.example\nDOMAINS=~d.example\n",
		  " 192.0.2.5 192.0.2.6", " d.example" },
		{ "ADDRESS=192.0.2.77\nDNS=192.0.2.7 192.0.2.8\nDOMAINNAME=e.example\n",
		  " 192.0.2.7 192.0.2.8", " e.example" },
		{ "lease {\n  fixed-address 192.0.2.77;\n"
		  "  option domain-name-servers 192.0.2.9,192.0.2.10;\n"
		  "  option domain-name \"f.example\";\n}\n",
		  " 192.0.2.9 192.0.2.10", " f.example" },
		{ "option domain-name-servers 192.0.2.11;\n", " 192.0.2.11", "" },
	};
	char addresses[2048] = ALWAYS, search[1024] = "";
	struct rig *rig = *state;

	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	assert_string_equal(rig->addresses, ALWAYS);
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		file_write(rig, files[i], cases[i].text);
		(void)strcat(addresses, cases[i].addresses);
		(void)strcat(search, cases[i].search);
		assert_int_equal(resolvers_refresh(rig->resolvers), 1);
		assert_string_equal(rig->addresses, addresses);
		assert_string_equal(rig->search, search);
		assert_int_equal(resolvers_refresh(rig->resolvers), 0);
		assert_int_equal(rig->changes, i + 2);
	}
}

static void test_changes(void **state)
{
	struct rig *rig = *state;
	char path[256];

	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	file_write(rig, files[0], "nameserver 192.0.2.1\n");
	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	/* Another text that says the same is no change. */
	file_write(rig, files[0], "# the same\nnameserver 192.0.2.1\n");
	assert_int_equal(resolvers_refresh(rig->resolvers), 0);
	(void)snprintf(path, sizeof(path), "%s%s", rig->root, files[0]);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	assert_string_equal(rig->addresses, ALWAYS);
}

static void test_bounds(void **state)
{
	struct rig *rig = *state;
	char text[8192] = "search . .. -\n";

	for (int i = 0; i < 100; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "nameserver 10.0.0.%d\nsearch s%d.example\nnameserver nonsense\n", i,
			       i);
	file_write(rig, files[0], text);
	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	/* What is configured, and what every VPC has, is not pushed out. */
	assert_memory_equal(rig->addresses, ALWAYS " 10.0.0.0 ", strlen(ALWAYS " 10.0.0.0 "));
	rig->changes = 0;
	file_write(rig, files[0], "nameserver 192.0.2.1\n");
	assert_int_equal(resolvers_refresh(rig->resolvers), 1);
	assert_string_equal(rig->addresses, ALWAYS " 192.0.2.1");
}

/* This machine's own: whatever they are, none is nobody's. */
static void test_interfaces(void **state)
{
	struct resolvers_options options = { .interfaces = true };
	struct rig rig = { 0 };

	(void)state;
	assert_int_equal(resolvers_new(&options, changed, &rig, &rig.resolvers), 0);
	assert_int_equal(resolvers_refresh(rig.resolvers), 1);
	assert_null(strstr(rig.addresses, " 127.0.0.2 "));
	assert_non_null(strstr(rig.addresses, " 169.254.169.253"));
	resolvers_free(rig.resolvers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sources, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_changes, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_bounds, rig_make, rig_free),
		cmocka_unit_test(test_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
