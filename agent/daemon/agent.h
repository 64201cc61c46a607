/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent: everything that one cordond owns, and how its parts are wired. A packet's way through
 * it is pipeline.c; what is loaded and reloaded is indicators.c; start and end are agent.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <systemd/sd-event.h>

#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/delivery.h"
#include "daemon/feeds.h"
#include "daemon/file_guard.h"
#include "daemon/isolation.h"
#include "daemon/policy_endings.h"
#include "daemon/policy_host.h"
#include "detect/detect.h"
#include "intel/pack.h"
#include "journal/journal.h"
#include "policy/policy.h"
#include "policy/threshold.h"
#include "report/ocsf.h"
#include "report/sink.h"
#include "response/block.h"
#include "response/contain.h"
#include "response/cut.h"
#include "sensor/resolvers.h"
#include "scan/flow_table.h"
#include "scan/pool.h"
#include "sensor/file_facts.h"
#include "sensor/sensor.h"

/* New findings that are committed together. Each waits with what sinks are to be told, some 20
 * KiB. */
#define AGENT_BATCH_MAX 128

/* Folders that are watched for changes of the policy; those of further files are not. */
#define AGENT_POLICY_FOLDERS 8

struct batched {
	json_t *object, *activity; /* the finding; what was done about it, or NULL */
	char *line, *activity_line;
	uint32_t sinks;		   /* who is told (routes.h) */
	struct isolation_ask *ask; /* the policy asks for an isolation; NULL: it does not */
};

struct agent {
	const char *config_path; /* NULL: the default one */
	bool foreground;
	struct config config;
	struct policy *policy;
	struct threshold_table *thresholds; /* what the policy's rules have counted */
	struct policy_host policy_host;	    /* what they may ask of the host; borrows from host */
	struct host_tags tags;
	struct pack *pack;
	struct stat pack_file; /* the file that the pack in force was read from */
	char pack_error[512];  /* why the last one was refused; "": it was not */
	struct detect *detect;
	struct journal *journal;
	struct sink *sinks[SINK_TYPES_MAX];
	uint32_t sink_bits[SINK_TYPES_MAX]; /* of routes.h */
	size_t sinks_count;
	uint32_t routes[POLICY_SINKS_MAX]; /* of the sinks that the policy names */
	uint64_t life_swept;		   /* boot clock */
	int64_t life_at;		   /* id of the finding that was looked at last */
	struct sink *names;		   /* names never seen before; NULL: not asked for */
	struct batched batch[AGENT_BATCH_MAX];
	size_t batch_count;
	uint64_t batch_began; /* boot clock */
	struct sensor *sensor;
	struct pool *pool;	       /* of workers; NULL: there is none, payload is not read */
	struct flow_table *flows;      /* that they are reading; NULL with pool */
	sd_event_source *payload_told; /* commits what they said in one turn; NULL with pool */
	struct block *block;	       /* NULL: not in enforce mode, or it cannot be had */
	struct cut *cut;	       /* likewise */
	struct freezer *freezer;       /* NULL: not asked for yet (freeze.h) */
	struct {
		uint64_t minute, killed, stopped, frozen, limited;
		unsigned in_minute;
	} acts;			 /* on files and processes (guard_act.c) */
	struct contain *contain; /* likewise */
	uint64_t contain_pause;	 /* boot clock: after a failure, not before */
	bool contain_asked;	 /* by a finding that waits for its commit */
	char contain_uid[CONTAIN_FINDING_SIZE], contain_title[512];
	struct isolation_ask *contain_held; /* NULL: nothing keeps it from that */
	uint64_t contain_held_at;	    /* boot clock: of the last one that was kept */
	struct resolvers *resolvers;
	struct file_guard *guard;  /* NULL: files are not scanned */
	struct delivery *delivery; /* NULL: nothing of AWS is configured */
	struct isolation *isolation;
	struct feeds *feeds;
	uint64_t found[6]; /* findings that were new, by severity */
	struct delivery_counted counted;
	struct control *control;
	struct ocsf_host host;
	sd_event *loop;
	sd_event_source *pack_watch;
	sd_event_source *policy_watches[AGENT_POLICY_FOLDERS]; /* folders of its files */
	size_t policy_watches_count;
	sd_event_source *policy_settle; /* reads them when they have been quiet for a moment */
	sd_event_source *poll;		/* reads records that did not wake us; see sensor_poll() */
	uint64_t config_waiting;	/* keys that are others in the file (config_fixed.h) */
	char *cgroup;			/* that the probes are attached to */
	uint64_t started;		/* ns since the epoch */
	uint64_t excepted;		/* sightings that an exception of the policy kept back */
	uint64_t endings_told; /* ns since the epoch: when ends of exceptions were told last */
	uint64_t next_change;  /* when an exception ends or an entry expires, ns since the epoch */
	uint64_t ring_full;    /* of the ledger, as last told of */
	uint64_t ring_full_before; /* of it: under daemons before, while they ran */
};

/* Starts everything; errors are logged. The agent is zeroed but for what main() sets. */
int agent_start(struct agent *agent);
/* Until SIGTERM or SIGINT. */
int agent_run(struct agent *agent);
void agent_stop(struct agent *agent);

/* A new configuration's policy and indicators. What is broken is refused and the old one stays in
 * force; error says why. Keys that cannot change while it runs (config_fixed.h) are named in
 * a warning, and keep their values. */
int agent_reload(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);
json_t *agent_status(struct agent *agent);

/* reload.c */
void reload_errors_log(const char *text);
int reload_policy_open(const struct config *config, struct policy **ret,
		       struct policy_error *ret_error);
/* At the start, when the policy has been read. */
void reload_policy_first(struct agent *agent);
/* The policy's files are others by now: what is wrong with them is logged, and the policy in force
 * stays. */
int reload_policy(struct agent *agent);
/* Watches the pack and the policy's files. */
void reload_watch(struct agent *agent);
void reload_unwatch(struct agent *agent);

/* life.c */
/* What is to be watched of a finding (journal_input); free it, or NULL. */
char *life_watched(const struct agent *agent, const struct finding *finding);
int life_close(struct agent *agent, const char *uid, const char *comment,
	       char error[static CONTROL_ERROR_SIZE]);
/* Once a second, after pipeline_flush(). */
/* The process behind the finding was scanned, which says how severe it is. */
void life_scanned(struct agent *agent, const char *uid, int severity, const char *why);
void life_tick(struct agent *agent);

/* indicators.c */
/* Compiles the configuration's feeds into the pack if one of them is newer, opens the pack, checks
 * it against the never-block list, and puts its table into the kernel. */
int indicators_load(struct agent *agent, char error[static CONTROL_ERROR_SIZE]);
/* Whether another file stands at the pack's path than the one in force was read from. */
bool indicators_changed(const struct agent *agent);
/* sensor_keep: whether policy may let pass what this entry matches. userdata: the agent. */
bool entry_kept(const struct indicator *indicator, void *userdata);

/* responses.c: once the sensor is open. */
void responses_open(struct agent *agent);
void responses_close(struct agent *agent);

/* teach.c: after the sensor is open, and each second. */
int teach_start(struct agent *agent);
void teach_tick(struct agent *agent);
/* Looks at the connections that are open, once a pack is in force. */
void teach_sweep(struct agent *agent);

/* payload.c */
/* Starts the workers. Without them the agent still runs: why is logged. */
void payload_open(struct agent *agent);
void payload_take(struct agent *agent, const struct event *event);
/* Once a second: flows that nothing came from any more. */
void payload_tick(struct agent *agent);
/* What the workers have not read by now is waited for, a moment. */
void payload_finish(struct agent *agent);
void payload_close(struct agent *agent);

/* pipeline.c */
struct pipeline_isolation {
	const char *subject, *title, *why; /* safe to show */
	enum severity severity;
	bool again; /* each time is a sighting */
};
/* Whoever hands over events has pipeline_commit() called at the end of its turn: new findings are
 * on disk then, and told. */
void pipeline_event(const struct event *event, void *userdata);
void pipeline_commit(struct agent *agent);
/* What payload turned out to say: EVENT_FLOW, without a process yet. */
void pipeline_flow(const struct event *event, void *userdata);
/* A file was scanned (detect/file_detector.h). */
void pipeline_file(struct agent *agent, const struct event *event,
		   const struct file_reasons *reasons);
/* What is done about a finding, to be told by pipeline_tell() when it has ended. */
json_t *pipeline_activity(struct agent *agent, const struct finding *finding,
			  const struct verdict *verdict, enum ocsf_remedy remedy);
void pipeline_tell(struct agent *agent, const json_t *object);
/* A sandboxed worker died or broke its rules; reason: safe to show. */
void pipeline_worker_broken(struct agent *agent, const char *reason);
/* Likewise cordon-cloud. */
void pipeline_cloud_broken(struct agent *agent, const char *reason);
/* records: found the ring full since the last time. unattended: ns for which nobody read it; 0: it
 * was read. */
void pipeline_loss(struct agent *agent, uint64_t records, uint64_t unattended);
/* An isolation has come somewhere, or was refused: told as a finding of its own, once for each
 * subject, and with it what was done (may be NULL). Takes activity. */
void pipeline_isolation(struct agent *agent, const struct pipeline_isolation *told,
			json_t *activity);
/* An update of the indicators was held back or refused. why: safe to show. */
void pipeline_update(struct agent *agent, bool held, const char *why);
/* So many findings will not reach sinks that were out of reach for too long. */
void pipeline_dropped(struct agent *agent, uint64_t count);
/* An exception of the policy has ended, or will. */
void pipeline_exception(struct agent *agent, const struct policy_ending *ending, const char *why);
/* Once a second: repeats to disk, and what sinks held back. */
void pipeline_flush(struct agent *agent);
/* For journal_listen(). */
void pipeline_changed(const struct journal_entry *entry, void *userdata);
