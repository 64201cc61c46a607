/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of report.ssm, and what CloudWatch's metrics may be. The text is the
 * administrator's.
 */
#include "daemon/config_ssm.h"

#include <stddef.h>

#include "base/cleanup.h"
#include "daemon/config.h"

static const struct mapping_word inventory_words[] = {
	{ "off", CONFIG_INVENTORY_OFF },   { "no", CONFIG_INVENTORY_OFF },
	{ "call", CONFIG_INVENTORY_CALL }, { "yes", CONFIG_INVENTORY_CALL },
	{ "file", CONFIG_INVENTORY_FILE },
};
static const struct mapping_words inventories = { inventory_words, ELEMENTS(inventory_words) };

static const struct mapping_word metrics_words[] = {
	{ "no", CONFIG_METRICS_OFF },	 { "off", CONFIG_METRICS_OFF },
	{ "false", CONFIG_METRICS_OFF }, { "yes", CONFIG_METRICS_LINE },
	{ "true", CONFIG_METRICS_LINE }, { "line", CONFIG_METRICS_LINE },
	{ "call", CONFIG_METRICS_CALL },
};
const struct mapping_words config_metrics_words = { metrics_words, ELEMENTS(metrics_words) };

static const struct mapping_word severity_words[] = {
	{ "off", SEVERITY_NONE },
	{ "no", SEVERITY_NONE },
	{ "informational", SEVERITY_INFORMATIONAL },
	{ "low", SEVERITY_LOW },
	{ "medium", SEVERITY_MEDIUM },
	{ "high", SEVERITY_HIGH },
	{ "critical", SEVERITY_CRITICAL },
};
static const struct mapping_words severities = { severity_words, ELEMENTS(severity_words) };

/* At a second each change is a call; what is looked at once a day is not what SSM is asked for. */
static const struct mapping_range interval_range = { 1, 86400 };
static const struct mapping_range age_range = { 1, 3650 };

#define FIELD(name) offsetof(struct config, report.ssm.name)
static const struct mapping_key keys[] = {
	{ "inventory", mapping_choice, .offset = FIELD(inventory), .detail = &inventories },
	{ "folder", mapping_path, .offset = FIELD(folder) },
	{ "compliance", mapping_boolean, .offset = FIELD(compliance) },
	{ "opsitems", mapping_choice, .offset = FIELD(opsitems), .detail = &severities },
	{ "interval", mapping_number, .offset = FIELD(interval), .detail = &interval_range },
	{ "pack_age", mapping_number, .offset = FIELD(pack_age), .detail = &age_range },
};
const struct mapping_table config_ssm_table = { "report.ssm", keys, ELEMENTS(keys) };
