/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads the probes with the settings of one sensor, and attaches them. Every program is a row.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sensor/pins.h"
#include "sensor/probes.h"

#define RING_BYTES_DEFAULT   1048576
#define PROCESSES_DEFAULT    4096
#define LEARNT_DEFAULT	     16384
/* Answers are told one by one when names of CDNs and the like are resolved: hundreds a second are
 * a busy host. */
#define ANSWERS_RATE_DEFAULT 1000
/* An LRU map keeps free entries for each CPU: with too few, live ones are thrown out. */
#define PROCESSES_PER_CPU    256

enum program_when {
	WHEN_AUDIT,	   /* egress that cannot drop; replay, too */
	WHEN_ENFORCE,	   /* egress that can */
	WHEN_LIVE,	   /* not in replay */
	WHEN_LIVE_AUDIT,   /* cannot refuse; not in replay */
	WHEN_LIVE_ENFORCE, /* can */
	WHEN_ANSWERS,	   /* live, and answers are read */
	WHEN_AUDIT_FLOWS,  /* the first two, where first bytes of flows are looked at */
	WHEN_ENFORCE_FLOWS,
};

enum program_attach {
	ATTACH_CGROUP,
	ATTACH_TRACEPOINT,
	ATTACH_EGRESS, /* by tail call */
	ATTACH_INGRESS,
};

struct program_row {
	const char *name;
	enum program_when when;
	enum program_attach attach;
	enum tail tail; /* of ATTACH_EGRESS and ATTACH_INGRESS; else TAILS */
};

/* The process family first: when the first packet is seen, its sender has been noted. */
static const struct program_row program_rows[] = {
	{ "process_exec", WHEN_LIVE, ATTACH_TRACEPOINT, TAILS },
	{ "process_fork", WHEN_LIVE, ATTACH_TRACEPOINT, TAILS },
	{ "process_sock_release", WHEN_LIVE, ATTACH_CGROUP, TAILS },
	{ "process_sock_create", WHEN_LIVE, ATTACH_CGROUP, TAILS },
	{ "connect4_audit", WHEN_LIVE_AUDIT, ATTACH_CGROUP, TAILS },
	{ "connect6_audit", WHEN_LIVE_AUDIT, ATTACH_CGROUP, TAILS },
	{ "sendmsg4_audit", WHEN_LIVE_AUDIT, ATTACH_CGROUP, TAILS },
	{ "sendmsg6_audit", WHEN_LIVE_AUDIT, ATTACH_CGROUP, TAILS },
	{ "connect4_enforce", WHEN_LIVE_ENFORCE, ATTACH_CGROUP, TAILS },
	{ "connect6_enforce", WHEN_LIVE_ENFORCE, ATTACH_CGROUP, TAILS },
	{ "sendmsg4_enforce", WHEN_LIVE_ENFORCE, ATTACH_CGROUP, TAILS },
	{ "sendmsg6_enforce", WHEN_LIVE_ENFORCE, ATTACH_CGROUP, TAILS },
	{ "egress_audit_message", WHEN_AUDIT, ATTACH_EGRESS, TAIL_MESSAGE },
	{ "egress_audit_stream", WHEN_AUDIT, ATTACH_EGRESS, TAIL_STREAM },
	{ "egress_audit_head", WHEN_AUDIT, ATTACH_EGRESS, TAIL_HEAD },
	{ "egress_audit_address", WHEN_LIVE_AUDIT, ATTACH_EGRESS, TAIL_ADDRESS },
	{ "egress_audit_flow", WHEN_AUDIT_FLOWS, ATTACH_EGRESS, TAIL_FLOW },
	{ "egress_audit_name", WHEN_AUDIT_FLOWS, ATTACH_EGRESS, TAIL_NAME },
	{ "egress_audit_packet", WHEN_AUDIT, ATTACH_CGROUP, TAILS },
	{ "egress_enforce_message", WHEN_ENFORCE, ATTACH_EGRESS, TAIL_MESSAGE },
	{ "egress_enforce_stream", WHEN_ENFORCE, ATTACH_EGRESS, TAIL_STREAM },
	{ "egress_enforce_head", WHEN_ENFORCE, ATTACH_EGRESS, TAIL_HEAD },
	{ "egress_enforce_address", WHEN_LIVE_ENFORCE, ATTACH_EGRESS, TAIL_ADDRESS },
	{ "egress_enforce_flow", WHEN_ENFORCE_FLOWS, ATTACH_EGRESS, TAIL_FLOW },
	{ "egress_enforce_name", WHEN_ENFORCE_FLOWS, ATTACH_EGRESS, TAIL_NAME },
	{ "egress_enforce_packet", WHEN_ENFORCE, ATTACH_CGROUP, TAILS },
	{ "ingress_audit_message", WHEN_LIVE, ATTACH_INGRESS, TAIL_MESSAGE },
	{ "ingress_audit_stream", WHEN_LIVE, ATTACH_INGRESS, TAIL_STREAM },
	{ "ingress_audit_head", WHEN_LIVE, ATTACH_INGRESS, TAIL_HEAD },
	{ "ingress_audit_answer", WHEN_ANSWERS, ATTACH_INGRESS, TAIL_ANSWER },
	{ "ingress_audit_packet", WHEN_LIVE, ATTACH_CGROUP, TAILS },
};

static bool program_wanted(const struct sensor *sensor, const struct program_row *row)
{
	switch (row->when) {
	case WHEN_AUDIT:
		return !sensor->options.enforce;
	case WHEN_ENFORCE:
		return sensor->options.enforce;
	case WHEN_LIVE:
		return !sensor->options.replay;
	case WHEN_ANSWERS:
		return !sensor->options.replay && sensor->options.answers;
	case WHEN_LIVE_AUDIT:
		return !sensor->options.replay && !sensor->options.enforce;
	case WHEN_LIVE_ENFORCE:
		return !sensor->options.replay && sensor->options.enforce;
	case WHEN_AUDIT_FLOWS:
		return !sensor->options.enforce && sensor->options.flows;
	case WHEN_ENFORCE_FLOWS:
		return sensor->options.enforce && sensor->options.flows;
	}
	return false;
}

/* Whether packets' programs may have the current task with its type: where they may not, they read
 * it field by field. */
static bool task_typed(void)
{
	static const struct bpf_insn instructions[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_task_btf },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	CLEANUP(close_cleanup)
	int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, NULL, "GPL", instructions,
			       ELEMENTS(instructions), NULL);

	return fd >= 0;
}

static int settings_fill(struct settings *settings, const struct sensor_options *options)
{
	for (size_t i = 0; i < SENSOR_PORTS_MAX; i++)
		if (options->ports[i])
			settings->ports[settings->port_count++] = options->ports[i];
	settings->responses = options->responses || options->replay;
	settings->observe_all = options->replay;
	settings->replay = options->replay;
	settings->task_typed = task_typed();
	settings->unseen_rate = options->unseen_rate;
	settings->unattended_after = options->unattended_after;
	settings->answers = options->answers;
	settings->answers_rate =
		options->answers_rate ? options->answers_rate : ANSWERS_RATE_DEFAULT;
	settings->connections = !options->replay && !options->no_connections;
	settings->flows = options->flows;
	if (getrandom(settings->seen_key, sizeof(settings->seen_key), 0) !=
	    (ssize_t)sizeof(settings->seen_key))
		return log_errno(LOG_ERR, -errno, "no random bytes are to be had");
	return 0;
}

/* Maps of what connections ask for. */
static int connection_maps_size(struct sensor *sensor)
{
	const struct sensor_options *options = &sensor->options;
	size_t size = options->learnt ? options->learnt : LEARNT_DEFAULT;
	int r = 0;

	if (options->replay || options->no_connections) {
		size = 1;
		r = bpf_map__set_max_entries(sensor->probes->maps.told, 1);
	}
	return r < 0 ? r : bpf_map__set_max_entries(sensor->probes->maps.learnt, (uint32_t)size);
}

static int maps_size(struct sensor *sensor)
{
	const struct sensor_options *options = &sensor->options;
	size_t ring = options->ring_bytes ? options->ring_bytes : RING_BYTES_DEFAULT;
	size_t processes = options->processes ? options->processes : PROCESSES_DEFAULT;
	const struct {
		struct bpf_map *map;
		bool really;
	} unused[] = {
		{ sensor->probes->maps.names_seen, !options->unseen_rate },
		{ sensor->probes->maps.young_notes, options->replay },
		{ sensor->probes->maps.recorded_streams, !options->replay },
		{ sensor->probes->maps.recorded_flows, !options->replay || !options->flows },
		{ sensor->probes->maps.flow_datagrams, !options->flows },
	};
	int cpus = libbpf_num_possible_cpus();
	int r;

	if (cpus > 0 && processes < (size_t)cpus * PROCESSES_PER_CPU)
		processes = (size_t)cpus * PROCESSES_PER_CPU;
	if (options->replay)
		processes = 1;
	r = bpf_map__set_max_entries(sensor->probes->maps.records, (uint32_t)ring);
	if (r >= 0)
		r = connection_maps_size(sensor);
	if (r >= 0)
		r = bpf_map__set_max_entries(sensor->probes->maps.processes, (uint32_t)processes);
	for (size_t i = 0; i < ELEMENTS(unused) && r >= 0; i++)
		if (unused[i].really)
			r = bpf_map__set_max_entries(unused[i].map, 1);
	/* Programs that cannot drop do not know it. */
	if (r >= 0)
		r = bpf_map__set_autocreate(sensor->probes->maps.flow_cuts, options->enforce);
	return r;
}

/* The end of what libbpf last warned of: when the kernel refuses a program, that is the verifier's
 * reason. Its whole log may be megabytes. */
#define LIBBPF_TAIL 1000
static char libbpf_tail[LIBBPF_TAIL + 1];

static int __attribute__((format(printf, 2, 0)))
libbpf_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	CLEANUP(free_cleanup) char *text = NULL;
	int length;

	if (level == LIBBPF_DEBUG)
		return 0;
	length = vasprintf(&text, format, arguments);
	if (length < 0) {
		text = NULL;
		return 0;
	}
	log_debug("%s", text);
	if (strstr(text, "PROG LOAD LOG"))
		(void)snprintf(libbpf_tail, sizeof(libbpf_tail), "%s",
			       length > LIBBPF_TAIL ? text + length - LIBBPF_TAIL : text);
	return 0;
}

static int load_refused(int error)
{
	char *line, *rest = libbpf_tail;

	if (error == -EPERM)
		return log_errno(LOG_ERR, error,
				 "the kernel does not let this process load BPF programs: run as "
				 "root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_error("verifier: %s", line);
	return log_errno(LOG_ERR, error,
			 "the kernel refuses the probes: `cordon doctor` says what it lacks");
}

int probes_load(struct sensor *sensor)
{
	int r;

	(void)libbpf_set_print(libbpf_log);
	sensor->probes = probes__open();
	if (!sensor->probes)
		return log_errno(LOG_ERR, -errno, "the probes' object cannot be opened");
	r = settings_fill(&sensor->probes->rodata->settings, &sensor->options);
	if (r < 0)
		return r;
	r = maps_size(sensor);
	if (r < 0)
		return log_errno(LOG_ERR, r, "map sizes are refused");
	for (size_t i = 0; i < ELEMENTS(program_rows); i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(sensor->probes->obj, program_rows[i].name);

		if (!program)
			return log_errno(LOG_ERR, -ENOENT, "no program %s", program_rows[i].name);
		(void)bpf_program__set_autoload(program, program_wanted(sensor, &program_rows[i]));
	}
	if (sensor->pins) {
		r = pins_reuse(sensor->pins, sensor->probes->obj);
		if (r < 0)
			return r;
	}
	r = probes__load(sensor->probes);
	if (r < 0)
		return load_refused(r);
	return 0;
}

static int tail_set(struct bpf_map *tails, uint32_t index, const struct bpf_program *program)
{
	int fd = bpf_program__fd(program);

	return bpf_map__update_elem(tails, &index, sizeof(index), &fd, sizeof(fd), BPF_ANY);
}

static bool row_is_tail(const struct program_row *row)
{
	return row->attach != ATTACH_CGROUP && row->attach != ATTACH_TRACEPOINT;
}

static int program_tail(struct sensor *sensor, const struct program_row *row)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(sensor->probes->obj, row->name);

	return tail_set(row->attach == ATTACH_INGRESS ? sensor->probes->maps.ingress_tails
						      : sensor->probes->maps.egress_tails,
			row->tail, program);
}

static int program_attach(struct sensor *sensor, const struct program_row *row)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(sensor->probes->obj, row->name);
	int cgroup_fd = row->attach == ATTACH_CGROUP ? sensor->cgroup_fd : -1;
	struct bpf_link *link = NULL;
	int r = 0;

	if (sensor->pins)
		r = pins_attach(sensor->pins, program, cgroup_fd, &link);
	else if (row->attach == ATTACH_CGROUP)
		link = bpf_program__attach_cgroup(program, cgroup_fd);
	else
		link = bpf_program__attach(program);
	if (!link)
		return r < 0 ? r : -errno;
	sensor->link_programs[sensor->links_count] = row->name;
	sensor->links[sensor->links_count++] = link;
	return 0;
}

static int rows_each(struct sensor *sensor, bool tails,
		     int (*each)(struct sensor *sensor, const struct program_row *row))
{
	for (size_t i = 0; i < ELEMENTS(program_rows); i++) {
		const struct program_row *row = &program_rows[i];
		int r;

		if (!program_wanted(sensor, row) || row_is_tail(row) != tails)
			continue;
		r = each(sensor, row);
		if (r < 0)
			return log_errno(LOG_ERR, r, "%s cannot be attached", row->name);
	}
	return 0;
}

/* Tail calls first: a program that is attached finds what it goes on with. */
int probes_attach(struct sensor *sensor)
{
	int r = rows_each(sensor, true, program_tail);

	if (r < 0 || sensor->options.replay)
		return r;
	if (sensor->pins) {
		r = pins_publish(sensor->pins, sensor->probes->obj);
		if (r < 0)
			return log_errno(LOG_ERR, r, "the pins cannot be made");
	}
	return rows_each(sensor, false, program_attach);
}

/* A link to a cgroup ends when that is removed, or when somebody detaches it. */
static bool link_holds(const struct bpf_link *link)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &size) < 0 ||
	       info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.cgroup_id;
}

static bool program_attached(const struct sensor *sensor, const struct program_row *row)
{
	if (row_is_tail(row))
		return sensor->attached && !sensor->options.replay;
	for (size_t i = 0; i < sensor->links_count; i++)
		if (strcmp(sensor->link_programs[i], row->name) == 0)
			return link_holds(sensor->links[i]);
	return false;
}

/* Instructions that the verifier went through; kernels tell since 5.16 (aba64c7da983). */
static void program_describe(const struct sensor *sensor, const struct program_row *row,
			     struct sensor_program *ret)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(sensor->probes->obj, row->name);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", row->name);
	(void)snprintf(ret->hook, sizeof(ret->hook), "%s", bpf_program__section_name(program));
	ret->attached = program_attached(sensor, row);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0)
		return;
	ret->run_time_ns = info.run_time_ns;
	ret->run_count = info.run_cnt;
#ifdef HAVE_BPF_VERIFIED_INSNS
	ret->verified_instructions = info.verified_insns;
#endif
}

size_t sensor_programs(struct sensor *sensor, struct sensor_program ret[static SENSOR_PROGRAMS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ELEMENTS(program_rows) && count < SENSOR_PROGRAMS_MAX; i++)
		if (program_wanted(sensor, &program_rows[i]))
			program_describe(sensor, &program_rows[i], &ret[count++]);
	return count;
}
