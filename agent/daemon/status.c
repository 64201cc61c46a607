/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "daemon/config_fixed.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* Setters below return nothing: an object that is missing a key because memory was short is told
 * by this one flag, and then there is no reply at all. */
struct builder {
	bool failed;
};

/* Takes the reference to value. */
static void set(struct builder *builder, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		builder->failed = true;
}

static void append(struct builder *builder, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		builder->failed = true;
}

static json_t *text_json(const char *text)
{
	char shown[STATUS_TEXT_MAX];

	escape_text(text, strlen(text), shown, sizeof(shown));
	return json_string(shown);
}

static json_t *number_json(uint64_t number)
{
	return json_integer((json_int_t)number);
}

static json_t *time_json(uint64_t time)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time, text);
	return json_string(text);
}

/* A member of a struct that is a counter. */
struct counter {
	const char *key;
	size_t offset;
};

static json_t *counters_json(struct builder *builder, const void *base,
			     const struct counter *counters, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		uint64_t value;

		memcpy(&value, (const char *)base + counters[i].offset, sizeof(value));
		set(builder, object, counters[i].key, number_json(value));
	}
	return object;
}

#define COUNTER(type, member)                                                                      \
	{                                                                                          \
#member, offsetof(struct type, member)                                             \
	}

static const struct counter findings_counters[] = {
	COUNTER(journal_statistics, findings), COUNTER(journal_statistics, recorded),
	COUNTER(journal_statistics, fresh),    COUNTER(journal_statistics, repeated),
	COUNTER(journal_statistics, failed),   COUNTER(journal_statistics, held),
	COUNTER(journal_statistics, pruned),   COUNTER(journal_statistics, damaged),
	COUNTER(journal_statistics, bytes),
};

static const struct counter sink_counters[] = {
	COUNTER(sink_statistics, delivered),
	COUNTER(sink_statistics, failed),
	COUNTER(sink_statistics, held),
};

static const struct counter block_counters[] = {
	COUNTER(block_statistics, answered), COUNTER(block_statistics, destroyed),
	COUNTER(block_statistics, gone),     COUNTER(block_statistics, skipped),
	COUNTER(block_statistics, limited),  COUNTER(block_statistics, failed),
};

static const struct counter cut_counters[] = {
	COUNTER(cut_statistics, destroyed),
	COUNTER(cut_statistics, gone),
	COUNTER(cut_statistics, dropped),
	COUNTER(cut_statistics, failed),
};

static const struct counter answer_counters[] = {
	{ "addresses", offsetof(struct detect_statistics, learnt.addresses) },
	{ "learnt", offsetof(struct detect_statistics, learnt.learnt) },
	{ "evicted", offsetof(struct detect_statistics, learnt.evicted) },
	{ "names", offsetof(struct detect_statistics, rebinding.names) },
	{ "names_evicted", offsetof(struct detect_statistics, rebinding.evicted) },
};

static const struct counter control_counters[] = {
	COUNTER(control_statistics, accepted),	COUNTER(control_statistics, requests),
	COUNTER(control_statistics, refused),	COUNTER(control_statistics, garbage),
	COUNTER(control_statistics, denied),	COUNTER(control_statistics, unknown),
	COUNTER(control_statistics, timed_out), COUNTER(control_statistics, failed),
};

static const struct counter worker_counters[] = {
	COUNTER(pool_statistics, workers),  COUNTER(pool_statistics, running),
	COUNTER(pool_statistics, requests), COUNTER(pool_statistics, read),
	COUNTER(pool_statistics, lost),	    COUNTER(pool_statistics, queued),
	COUNTER(pool_statistics, facts),    COUNTER(pool_statistics, dropped),
	COUNTER(pool_statistics, frames),   COUNTER(pool_statistics, broken),
	COUNTER(pool_statistics, flows),    COUNTER(pool_statistics, evicted),
	COUNTER(pool_statistics, failed),
};

static const struct counter flow_counters[] = {
	COUNTER(flow_table_statistics, payloads), COUNTER(flow_table_statistics, flows),
	COUNTER(flow_table_statistics, told),	  COUNTER(flow_table_statistics, nothing),
	COUNTER(flow_table_statistics, unread),	  COUNTER(flow_table_statistics, evicted),
};

static const struct counter memory_counters[] = {
	COUNTER(status, rss),
	COUNTER(status, maps),
	COUNTER(status, table),
};

static const struct counter cpu_counters[] = {
	{ "user_us", offsetof(struct status, cpu_user_us) },
	{ "system_us", offsetof(struct status, cpu_system_us) },
};

static const struct counter ledger_counters[] = {
	COUNTER(ledger, read),		 COUNTER(ledger, events),
	COUNTER(ledger, rejected),	 COUNTER(ledger, waiting),
	COUNTER(ledger, table_missing),	 COUNTER(ledger, process_notes),
	COUNTER(ledger, process_failed), COUNTER(ledger, unattended_passed),
};

static const struct counter table_counters[] = {
	COUNTER(sensor_table, capacity),
	COUNTER(sensor_table, entries),
	COUNTER(sensor_table, evicted),
};

static const struct counter absence_counters[] = {
	COUNTER(sensor_absence, blocked),
	COUNTER(sensor_absence, passed),
	COUNTER(sensor_absence, lost),
};

static json_t *programs_json(struct builder *builder, const struct status *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->program_count; i++) {
		const struct sensor_program *program = &status->programs[i];
		json_t *object = json_object();

		set(builder, object, "name", text_json(program->name));
		set(builder, object, "hook", text_json(program->hook));
		set(builder, object, "attached", json_boolean(program->attached));
		set(builder, object, "verified_instructions",
		    number_json(program->verified_instructions));
		set(builder, object, "run_time_ns", number_json(program->run_time_ns));
		set(builder, object, "run_count", number_json(program->run_count));
		append(builder, array, object);
	}
	return array;
}

static json_t *tables_json(struct builder *builder, const struct status *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->table_count; i++) {
		const struct sensor_table *table = &status->tables[i];
		json_t *object =
			counters_json(builder, table, table_counters, ELEMENTS(table_counters));

		set(builder, object, "name", text_json(table->name));
		append(builder, array, object);
	}
	return array;
}

static json_t *feeds_json(struct builder *builder, const struct pack *pack, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count && i < STATUS_FEEDS_MAX; i++) {
		struct pack_feed feed;
		json_t *object = json_object();

		pack_feed(pack, i, &feed);
		set(builder, object, "name", text_json(feed.name));
		set(builder, object, "entries", number_json(feed.entries));
		append(builder, array, object);
	}
	return array;
}

static uint64_t seconds_since(const struct status *status, uint64_t time)
{
	return status->now > time ? (status->now - time) / NS_PER_SECOND : 0;
}

static void pack_describe(struct builder *builder, const struct status *status, json_t *object)
{
	static const struct counter counters[] = {
		COUNTER(pack_info, domains), COUNTER(pack_info, addresses),
		COUNTER(pack_info, hashes),  COUNTER(pack_info, allows),
		COUNTER(pack_info, bytes),   COUNTER(pack_info, table_bytes),
	};
	CLEANUP(json_decref_cleanup) json_t *numbers = NULL;
	struct pack_info info;

	pack_info(status->pack, &info);
	numbers = counters_json(builder, &info, counters, ELEMENTS(counters));
	if (json_object_update(object, numbers) < 0)
		builder->failed = true;
	set(builder, object, "created", time_json(info.created * NS_PER_SECOND));
	set(builder, object, "age",
	    number_json(seconds_since(status, info.created * NS_PER_SECOND)));
	set(builder, object, "sha256", json_string(info.sha256));
	set(builder, object, "never_block", json_boolean(info.never_block));
	set(builder, object, "feed_count", number_json(info.feeds));
	set(builder, object, "feeds", feeds_json(builder, status->pack, info.feeds));
}

static json_t *pack_json(struct builder *builder, const struct status *status)
{
	json_t *object = json_object();

	set(builder, object, "path", text_json(status->pack_path));
	set(builder, object, "loaded", json_boolean(status->pack != NULL));
	set(builder, object, "error",
	    status->pack_error ? text_json(status->pack_error) : json_null());
	if (status->pack)
		pack_describe(builder, status, object);
	return object;
}

static json_t *policy_json(struct builder *builder, const struct status *status)
{
	json_t *object = json_object(), *files = json_array();

	for (size_t i = 0; i < status->policy_file_count && i < STATUS_FILES_MAX; i++)
		append(builder, files, text_json(status->policy_files[i]));
	set(builder, object, "rules", number_json(status->policy_rules));
	set(builder, object, "file_count", number_json(status->policy_file_count));
	set(builder, object, "files", files);
	return object;
}

static json_t *ledger_json(struct builder *builder, const struct ledger *ledger)
{
	json_t *object = counters_json(builder, ledger, ledger_counters, ELEMENTS(ledger_counters));
	json_t *probes = json_object(), *flows = json_object();

	for (int probe = 0; probe < LEDGER_PROBES; probe++) {
		json_t *counters = json_object();

		set(builder, counters, "seen",
		    number_json(ledger_seen(ledger, (enum ledger_probe)probe)));
		for (int i = 0; i < LEDGER_COUNTERS; i++)
			set(builder, counters, ledger_counter_name((enum ledger_counter)i),
			    number_json(ledger->counters[probe][i]));
		set(builder, probes, ledger_probe_name((enum ledger_probe)probe), counters);
	}
	set(builder, flows, "seen", number_json(ledger_flows_seen(ledger)));
	for (int i = 0; i < LEDGER_FLOWS; i++)
		set(builder, flows, ledger_flow_name((enum ledger_flow)i),
		    number_json(ledger->flows[i]));
	set(builder, object, "flows", flows);
	set(builder, object, "balances", json_boolean(ledger_balances(ledger)));
	set(builder, object, "probes", probes);
	return object;
}

static json_t *absence_json(struct builder *builder, const struct sensor_absence *absence)
{
	json_t *object;

	if (!absence->known)
		return json_null();
	object = counters_json(builder, absence, absence_counters, ELEMENTS(absence_counters));
	set(builder, object, "seconds", number_json(absence->time / NS_PER_SECOND));
	return object;
}

static json_t *pins_json(struct builder *builder, const struct status *status)
{
	const struct sensor_pins *pins = &status->pins;
	json_t *object = json_object();

	set(builder, object, "dir", pins->folder ? text_json(pins->folder) : json_null());
	set(builder, object, "pinned", json_boolean(pins->folder != NULL));
	set(builder, object, "error", pins->error ? text_json(pins->error) : json_null());
	set(builder, object, "taken_over", json_boolean(pins->taken_over));
	set(builder, object, "unattended", absence_json(builder, &pins->absence));
	return object;
}

static json_t *findings_json(struct builder *builder, const struct status *status)
{
	json_t *object = counters_json(builder, &status->findings, findings_counters,
				       ELEMENTS(findings_counters));

	set(builder, object, "excepted", number_json(status->excepted));
	return object;
}

static json_t *sinks_json(struct builder *builder, const struct status *status)
{
	json_t *array = json_array();

	for (size_t i = 0; i < status->sink_count; i++) {
		const struct sink_statistics *sink = &status->sinks[i];
		json_t *object =
			counters_json(builder, sink, sink_counters, ELEMENTS(sink_counters));

		set(builder, object, "name", text_json(sink->name));
		set(builder, object, "error",
		    sink->error < 0 ? text_json(strerror(-sink->error)) : json_null());
		append(builder, array, object);
	}
	return array;
}

static json_t *settings_json(struct builder *builder, const struct status *status)
{
	json_t *object = json_object();
	char text[CONFIG_SHOWN_SIZE];

	for (size_t i = 0; config_fixed_name(i); i++) {
		config_fixed_show(status->config, i, text);
		set(builder, object, config_fixed_name(i), text_json(text));
	}
	return object;
}

static json_t *waiting_json(struct builder *builder, const struct status *status)
{
	json_t *array = json_array();

	for (size_t i = 0; config_fixed_name(i); i++)
		if (status->config_waiting >> i & 1)
			append(builder, array, json_string(config_fixed_name(i)));
	return array;
}

static json_t *cage_json(struct builder *builder, const struct pool_cage *cage)
{
	json_t *array = json_array();

	for (int i = 0; i < CAGE_LAYERS && cage->greeted; i++) {
		enum cage_layer layer = (enum cage_layer)i;
		int error = cage->layers[i];
		json_t *object = json_object();

		set(builder, object, "layer", json_string(cage_layer_name(layer)));
		set(builder, object, "purpose", json_string(cage_layer_purpose(layer)));
		set(builder, object, "on", json_boolean(error == 0));
		set(builder, object, "error", error ? text_json(strerror(error)) : json_null());
		append(builder, array, object);
	}
	return array;
}

static json_t *workers_json(struct builder *builder, const struct status *status)
{
	json_t *object, *processes;

	if (!status->worker_user)
		return json_null();
	object = counters_json(builder, &status->pool, worker_counters, ELEMENTS(worker_counters));
	processes = json_array();
	for (size_t i = 0; i < status->cage_count; i++) {
		const struct pool_cage *cage = &status->cages[i];
		json_t *process;

		if (!cage->greeted)
			continue;
		process = json_object();
		set(builder, process, "pid", number_json((uint64_t)cage->pid));
		set(builder, process, "uid", number_json(cage->uid));
		append(builder, processes, process);
	}
	set(builder, object, "processes", processes);
	set(builder, object, "user", text_json(status->worker_user));
	set(builder, object, "reason",
	    *status->worker_reason ? text_json(status->worker_reason) : json_null());
	set(builder, object, "table",
	    counters_json(builder, &status->flows, flow_counters, ELEMENTS(flow_counters)));
	set(builder, object, "cage", cage_json(builder, &status->cages[0]));
	return object;
}

json_t *status_json(const struct status *status)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_object();
	struct builder builder = { .failed = !object };

	set(&builder, object, "version", json_string(status->version));
	set(&builder, object, "mode", json_string(status->enforce ? "enforce" : "audit"));
	set(&builder, object, "mode_lock",
	    !status->enforce && status->config->mode_lock ? json_string("audit") : json_null());
	set(&builder, object, "pid", number_json((uint64_t)status->pid));
	set(&builder, object, "started", time_json(status->started));
	set(&builder, object, "uptime", number_json(seconds_since(status, status->started)));
	set(&builder, object, "cgroup", text_json(status->cgroup));
	set(&builder, object, "programs", programs_json(&builder, status));
	set(&builder, object, "pack", pack_json(&builder, status));
	set(&builder, object, "policy", policy_json(&builder, status));
	set(&builder, object, "settings", settings_json(&builder, status));
	set(&builder, object, "settings_waiting", waiting_json(&builder, status));
	set(&builder, object, "pins", pins_json(&builder, status));
	set(&builder, object, "ledger", ledger_json(&builder, &status->ledger));
	set(&builder, object, "findings", findings_json(&builder, status));
	set(&builder, object, "sinks", sinks_json(&builder, status));
	set(&builder, object, "block",
	    counters_json(&builder, &status->block, block_counters, ELEMENTS(block_counters)));
	set(&builder, object, "cut",
	    counters_json(&builder, &status->cut, cut_counters, ELEMENTS(cut_counters)));
	set(&builder, object, "contain",
	    status->contain ? json_incref(status->contain) : json_null());
	set(&builder, object, "workers", workers_json(&builder, status));
	set(&builder, object, "answers",
	    counters_json(&builder, &status->detect, answer_counters, ELEMENTS(answer_counters)));
	set(&builder, object, "feeds", status->feeds ? json_incref(status->feeds) : json_null());
	set(&builder, object, "deliveries",
	    status->deliveries ? json_incref(status->deliveries) : json_null());
	set(&builder, object, "isolation",
	    status->isolation ? json_incref(status->isolation) : json_null());
	set(&builder, object, "control",
	    counters_json(&builder, &status->control, control_counters,
			  ELEMENTS(control_counters)));
	set(&builder, object, "tables", tables_json(&builder, status));
	set(&builder, object, "memory",
	    counters_json(&builder, status, memory_counters, ELEMENTS(memory_counters)));
	set(&builder, object, "cpu",
	    counters_json(&builder, status, cpu_counters, ELEMENTS(cpu_counters)));
	set(&builder, object, "problems", status_problems(status));
	return builder.failed ? NULL : take_ptr(object);
}

void status_workers(struct status *status, const struct pool *pool, const struct flow_table *flows)
{
	pool_statistics(pool, &status->pool);
	flow_table_statistics(flows, &status->flows);
	for (unsigned i = 0; i < status->pool.workers; i++)
		pool_cage(pool, i, &status->cages[i]);
	status->cage_count = status->pool.workers;
	status->worker_user = pool_user(pool);
	status->worker_reason = pool_reason(pool);
}
