/* SPDX-License-Identifier: Apache-2.0
 *
 * What stays open when the host is cut off: rules, names and cgroups of the configuration, written
 * into the programs' maps, and asked by user space, too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/domain_name.h"
#include "base/log.h"
#include "sensor/containment_private.h"

static void texts_free(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static int texts_copy(const char *const *from, size_t count, char ***ret, size_t *ret_count)
{
	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (*ret_count = 0; *ret_count < count; ++*ret_count) {
		(*ret)[*ret_count] = strdup(from[*ret_count]);
		if (!(*ret)[*ret_count])
			return -ENOMEM;
	}
	return 0;
}

void containment_open_free(struct containment *containment)
{
	texts_free(containment->exempt, containment->exempt_count);
	texts_free(containment->resolving, containment->resolving_count);
}

static uint64_t bytes_join(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static struct contain_rule *rule_add(struct contain_rules *rules, const struct address *address,
				     unsigned length, uint8_t kind)
{
	struct address mask, masked = *address;
	struct contain_rule *rule;

	if (rules->count == CONTAIN_RULES_MAX)
		return NULL;
	memset(mask.bytes, 0xff, sizeof(mask.bytes));
	address_mask(&mask, length);
	address_mask(&masked, length);
	rule = &rules->rules[rules->count++];
	*rule = (struct contain_rule){
		.high = bytes_join(masked.bytes),
		.low = bytes_join(masked.bytes + 8),
		.mask_high = bytes_join(mask.bytes),
		.mask_low = bytes_join(mask.bytes + 8),
		.kind = kind,
	};
	return rule;
}

static struct contain_rule *rule_add_text(struct contain_rules *rules, const char *text,
					  uint8_t kind)
{
	struct address address;

	return address_parse(text, &address) == 0 ? rule_add(rules, &address, 128, kind) : NULL;
}

/* What gives away credentials (of the instance, of tasks, of pods), and what carries names out of
 * the VPC. Closed before anything is opened. */
static void rules_close(struct contain_rules *rules, const struct containment_options *options)
{
	static const char *const services[] = { "169.254.169.254", "fd00:ec2::254", "169.254.170.2",
						"169.254.170.23", "fd00:ec2::23" };
	static const char *const resolvers[] = { "169.254.169.253", "fd00:ec2::253" };

	for (size_t i = 0; i < ELEMENTS(services); i++)
		(void)rule_add_text(rules, services[i], CONTAIN_RULE_CLOSED);
	for (size_t i = 0; i < ELEMENTS(resolvers) + options->resolvers_count; i++) {
		const struct address *other =
			i < ELEMENTS(resolvers) ? NULL
						: &options->resolvers[i - ELEMENTS(resolvers)];
		struct contain_rule *rule =
			other ? rule_add(rules, other, 128, CONTAIN_RULE_CLOSED)
			      : rule_add_text(rules, resolvers[i], CONTAIN_RULE_CLOSED);

		if (!rule)
			continue;
		rule->port = 53;
		rule->resolver = 1;
	}
}

static int rules_open(struct contain_rules *rules, const struct containment_options *options)
{
	static const char *const clocks[] = { "169.254.169.123", "fd00:ec2::123" };

	for (size_t i = 0; options->ntp && i < ELEMENTS(clocks); i++) {
		struct contain_rule *rule = rule_add_text(rules, clocks[i], CONTAIN_RULE_OPEN);

		if (!rule)
			return -E2BIG;
		rule->protocol = IPPROTO_UDP;
		rule->port = 123;
	}
	for (size_t i = 0; i < options->open_count; i++) {
		const struct containment_open *open = &options->open[i];
		struct contain_rule *rule =
			rule_add(rules, &open->address, open->length, CONTAIN_RULE_OPEN);

		if (!rule)
			return -E2BIG;
		rule->protocol = open->protocol;
		rule->port = open->port;
	}
	return 0;
}

static int rules_fill(struct containment *containment, const struct containment_options *options)
{
	struct contain_rules rules = { 0 };
	const uint32_t zero = 0;
	int r;

	rules_close(&rules, options);
	r = rules_open(&rules, options);
	if (r < 0)
		return r;
	return bpf_map__update_elem(containment->probes->maps.contain_rules, &zero, sizeof(zero),
				    &rules, sizeof(rules), BPF_ANY);
}

static int name_add(struct containment *containment, const char *text)
{
	struct contain_name key = { 0 };
	const uint32_t one = 1;
	struct domain_name name;
	int r = domain_name_parse(text, &name);

	if (r < 0)
		return r;
	if (name.length > sizeof(key.wire) - 1)
		return -ENAMETOOLONG;
	domain_name_lower(&name);
	memcpy(key.wire, name.wire, name.length);
	return bpf_map__update_elem(containment->probes->maps.contain_names, &key, sizeof(key),
				    &one, sizeof(one), BPF_ANY);
}

static void names_clear(struct containment *containment)
{
	const struct bpf_map *map = containment->probes->maps.contain_names;
	struct contain_name key;

	for (size_t i = 0; i < CONTAIN_NAMES_MAX; i++)
		if (bpf_map__get_next_key(map, NULL, &key, sizeof(key)) < 0 ||
		    bpf_map__delete_elem(map, &key, sizeof(key), 0) < 0)
			return;
}

static int names_fill(struct containment *containment, const struct containment_options *options)
{
	names_clear(containment);
	for (size_t i = 0; i < options->names_count; i++) {
		int r = name_add(containment, options->names[i]);

		if (r < 0)
			(void)log_errno(LOG_WARNING, r, "the name %s stays closed when contained",
					options->names[i]);
	}
	return 0;
}

int containment_configure(struct containment *containment,
			  const struct containment_options *options)
{
	char **exempt = NULL, **resolving = NULL;
	size_t exempt_count = 0, resolving_count = 0;
	int r = texts_copy(options->exempt, options->exempt_count, &exempt, &exempt_count);

	if (r == 0)
		r = texts_copy(options->resolving, options->resolving_count, &resolving,
			       &resolving_count);
	if (r == 0)
		r = rules_fill(containment, options);
	if (r < 0) {
		texts_free(exempt, exempt_count);
		texts_free(resolving, resolving_count);
		return log_errno(LOG_ERR, r, "what stays open when contained");
	}
	texts_free(containment->exempt, containment->exempt_count);
	texts_free(containment->resolving, containment->resolving_count);
	containment->exempt = exempt;
	containment->exempt_count = exempt_count;
	containment->resolving = resolving;
	containment->resolving_count = resolving_count;
	containment_refresh_cgroups(containment);
	return names_fill(containment, options);
}

/* As rule_find() in the kernel. */
bool containment_open_to(const struct containment *containment, const struct address *address,
			 uint8_t protocol, uint16_t port)
{
	uint64_t high = bytes_join(address->bytes), low = bytes_join(address->bytes + 8);
	const uint32_t zero = 0;
	struct contain_rules rules;

	if (address_is_loopback(address))
		return true;
	if (bpf_map__lookup_elem(containment->probes->maps.contain_rules, &zero, sizeof(zero),
				 &rules, sizeof(rules), 0) < 0)
		return false;
	for (size_t i = 0; i < rules.count && i < CONTAIN_RULES_MAX; i++) {
		const struct contain_rule *rule = &rules.rules[i];

		if ((high & rule->mask_high) == rule->high && (low & rule->mask_low) == rule->low &&
		    (!rule->protocol || rule->protocol == protocol) &&
		    (!rule->port || rule->port == port))
			return rule->kind == CONTAIN_RULE_OPEN;
	}
	return false;
}
