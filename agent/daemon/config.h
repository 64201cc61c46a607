/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration: /etc/cordon/cordon.yaml, then the files of /etc/cordon/cordon.d in the order
 * of their names; what comes later overrides what came before, key by key. Lists are replaced as a
 * whole, but feeds are kept by name: a later file adds feeds, or replaces those of the same name.
 * Relative paths start at the folder of the file they stand in. packaging/cordon.yaml shows every
 * key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/signature.h"
#include "cloud/endpoint.h"
#include "daemon/config_contain.h"
#include "daemon/config_isolation.h"
#include "detect/finding.h"
#include "intel/list.h"
#include "policy/document.h"

#define CONFIG_PORTS_MAX     8	 /* as many as the probes compare with */
#define CONFIG_FEEDS_MAX     256 /* names of feeds are in every finding: nobody oversees more */
#define CONFIG_FILES_MAX     256 /* drop-ins, and policies */
#define CONFIG_RESOLVERS_MAX 16	 /* the kernel side compares with twice as many */

/* Once a file has set it, no later one can take it back. */
enum config_mode_lock {
	CONFIG_MODE_FREE,
	CONFIG_MODE_LOCKED, /* audit, whatever mode says */
};

enum config_mode {
	CONFIG_AUDIT, /* nothing is changed anywhere */
	CONFIG_ENFORCE,
};

/* What the programs do when the daemon has been gone for too long. */
enum config_unattended {
	CONFIG_UNATTENDED_ENFORCE, /* go on as if it were there */
	CONFIG_UNATTENDED_OBSERVE, /* count, and let pass */
};

/* How CloudWatch gets metrics. */
enum config_metrics {
	CONFIG_METRICS_OFF,
	CONFIG_METRICS_LINE, /* from lines in the log group */
	CONFIG_METRICS_CALL, /* PutMetricData */
};

/* How SSM hears of the inventory. */
enum config_inventory {
	CONFIG_INVENTORY_OFF,
	CONFIG_INVENTORY_CALL, /* PutInventory */
	CONFIG_INVENTORY_FILE, /* SSM's agent reads a file */
};

/* When what is executed is scanned. */
enum config_exec {
	CONFIG_EXEC_AFTER,  /* it runs by then */
	CONFIG_EXEC_BEFORE, /* it waits, up to a limit; in enforce mode */
	CONFIG_EXEC_OFF,
};

/* A truth that the environment may have as well. */
enum config_choice {
	CONFIG_UNSET,
	CONFIG_NO,
	CONFIG_YES,
};

#define CONFIG_URL_MAX	   2048
#define CONFIG_SIGNERS_MAX 16 /* old and new ones while they are rotated */

/* A list of indicators: in a local file, or from elsewhere. */
#define FEED_PROBATION_DEFAULT UINT64_MAX
struct config_feed {
	char *name;
	char *path;			      /* NULL: url */
	char *url;			      /* NULL: path */
	enum list_format format;	      /* LIST_FORMAT_AUTO: not given */
	uint64_t interval, timeout, max_size; /* ns, ns, bytes: of downloads */
	uint64_t expires;		      /* ns after it came; 0: never */
	/* ns for which none of its entries isolates; FEED_PROBATION_DEFAULT: not given */
	uint64_t probation;
	char *tags;		/* joined by commas, "" for none */
	enum severity severity; /* of entries that do not say; SEVERITY_NONE: not given */
	int action;		/* enum indicator_action */
};

/* Who may sign. */
struct config_signers {
	struct signature_key keys[CONFIG_SIGNERS_MAX];
	size_t count;
};

/* The administrator's. */
#define CONFIG_FOLDER CORDON_SYSCONFDIR "/cordon"

/* A list of paths. */
struct config_paths {
	char **paths;
	size_t count;
};

/* Owns all its strings; none is NULL unless said here. */
struct config {
	enum config_mode mode;
	enum config_mode_lock mode_lock;
	char *state_dir, *runtime_dir;
	int log_level; /* LOG_ERR ... LOG_DEBUG */
	struct {
		char *cgroup;			  /* NULL: the root of the mounted hierarchy */
		uint16_t ports[CONFIG_PORTS_MAX]; /* DNS ports beside 53 */
		size_t ports_count;
		uint64_t ring_size;   /* bytes, a power of two */
		uint64_t processes;   /* remembered in the kernel */
		uint64_t unseen_rate; /* names never seen before, a second; 0: none */
		bool responses;	      /* match the questions in answers, too */
		bool pin;	      /* stay in force while the daemon is down */
		char *pin_dir;
		uint64_t unattended_after; /* seconds without a daemon; 0: never */
		enum config_unattended unattended;
		bool answers;	       /* read what comes in answers */
		uint64_t answers_rate; /* read a second, of listed names and of others */
		struct address
			resolvers[CONFIG_RESOLVERS_MAX]; /* this host's, beside those found */
		size_t resolvers_count;
		bool connections; /* match where connections and datagrams go */
		bool flows;	  /* look at the first bytes of TLS, HTTP and QUIC */
	} sensor;
	struct config_contain contain;
	struct {
		char *pack;
		char *never_block; /* NULL: the list that is compiled in or shipped */
		struct config_feed *feeds;
		size_t feeds_count;
		bool builtin_resolvers;	   /* public resolvers are a feed */
		uint64_t memory;	   /* bytes of address space of the worker that compiles */
		struct config_feed source; /* the pack itself, by its url; NULL: it is made here */
		struct config_signers signers; /* none: packs need not be signed */
		uint64_t max_change;   /* percent of a feed's entries that an update may change */
		char *popular;	       /* list of names not to be blocked newly; NULL: built in */
		uint64_t canary;       /* percent of hosts that take an update at once */
		uint64_t canary_delay; /* ns that the others wait */
	} intel;
	struct {
		char *worker;	  /* program; NULL: beside our own, else where it is installed */
		uint64_t workers; /* processes that read payload */
		uint64_t memory;  /* bytes of address space of each */
		struct config_paths rules; /* YARA; none: those that come with cordon */
		struct config_paths watch, exclude;
		enum config_exec on_exec;
		uint64_t exec_limit;	/* ms that an execution may wait */
		uint64_t settle;	/* ms that a file is left alone before it is scanned */
		uint64_t file_workers;	/* processes that scan files */
		bool containers;	/* file systems of containers, wherever they are mounted */
		bool on_finding;	/* what the process behind a finding runs */
		uint64_t full_every;	/* hours; 0: never */
		uint64_t changed_every; /* hours; 0: never */
	} scan;
	struct config_policy {
		char **files;
		size_t count;
		struct config_signers signers; /* none: policies need not be signed */
		struct config_feed source;     /* one from elsewhere, by its url; NULL: none */
		char *fetched; /* the file that it is kept in; NULL: there is no url */
	} policy;
	struct {
		uint64_t max_findings;
		uint64_t sightings; /* kept of each finding */
	} journal;
	struct config_isolation isolation;
	struct {
		char *region;		   /* NULL: of the environment, else the instance's */
		char *endpoint;		   /* NULL: AWS's own */
		char *endpoints[SERVICES]; /* NULL: that one */
		enum config_choice fips, dual_stack;
		char *proxy, *no_proxy;
		char *ca_file;	/* NULL: the system's authorities */
		char *metadata; /* URL, or "off" */
	} aws;
	struct {
		struct {
			char *path; /* "": no file */
			uint64_t max_size;
			uint64_t keep; /* rotated files beside the current one */
		} file;
		bool journald;
		bool screen;
		struct {
			char *group;  /* NULL: no such sink */
			char *stream; /* NULL: the instance's id */
			enum config_metrics metrics;
			char *agent_group;	/* of the agent's own log; NULL: none */
			enum severity severity; /* of at least this; likewise below */
		} cloudwatch;
		struct {
			char *bus; /* name or ARN; NULL: no such sink */
			enum severity severity;
		} eventbridge;
		struct {
			bool on;
			char *account; /* NULL: the instance's */
			enum severity severity;
		} security_hub;
		struct {
			char *topic; /* ARN; NULL: no such sink */
			enum severity severity;
		} sns;
		struct {
			char *bucket;	   /* NULL: no such sink */
			char *prefix;	   /* before each key */
			char *owner;	   /* account that the bucket must be of; NULL: any */
			uint64_t interval; /* seconds for which lines are gathered */
			enum severity severity;
		} s3;
		struct {
			enum config_inventory inventory;
			char *folder; /* of SSM's agent */
			bool compliance;
			enum severity opsitems; /* from here on; SEVERITY_NONE: none */
			uint64_t interval;	/* seconds between two looks for changes */
			uint64_t pack_age;	/* days; an older pack is not fresh */
		} ssm;
		struct {
			uint64_t max_entries, max_size;
			uint64_t max_age; /* days */
		} outbox;
	} report;
};

/* Reads the file at path (NULL: the default one, which need not exist) and its drop-ins: those of
 * cordon.d beside the default file; for another file, FILE.d without ".yaml" ("test.yaml" has
 * "test.d"). 0, or -EINVAL (or -ENOMEM) with all errors in ret_error. */
int config_load(const char *path, struct config *ret, struct document_error *ret_error);

/* The same with every place named. */
struct config_places {
	const char *file;
	bool required;	      /* file must exist */
	const char *drop_ins; /* folder */
	const char *policies; /* folder of policies, when the configuration names none */
	const char *policy;   /* the policy when that folder has none, either */
};
int config_load_places(const struct config_places *places, struct config *ret,
		       struct document_error *ret_error);

/* From memory, without drop-ins; name stands in errors for the file's. */
int config_from_text(const char *name, const char *text, size_t size, struct config *ret,
		     struct document_error *ret_error);
/* Each gets the other's list of policy files. */
void config_swap_policy(struct config *a, struct config *b);
void config_free(struct config *config);
