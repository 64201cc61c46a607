/* SPDX-License-Identifier: Apache-2.0
 *
 * The sensor: loads the probes, attaches them to a cgroup, gives them the table of names and
 * addresses, and turns the records they write into events. Also runs recorded packets through the
 * same probes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/event.h"
#include "sensor/ledger.h"

struct address;
struct indicator;
struct pack;
struct sensor;

#define SENSOR_PORTS_MAX 8

/* Where pins are unless the configuration says otherwise. */
#define SENSOR_PIN_DIR "/sys/fs/bpf/cordon"

struct sensor_options {
	const char
		*cgroup; /* path of the cgroup v2 folder; NULL: the root of the mounted hierarchy */
	bool enforce;	 /* attach the programs that can drop; else ones that cannot */
	uint16_t ports[SENSOR_PORTS_MAX]; /* DNS ports beside 53; 0: unused */
	size_t ring_bytes;		  /* of the ring buffer: a power of two, pages; 0: 1 MiB */
	size_t processes;		  /* processes remembered in the kernel; 0: 4096 */
	unsigned unseen_rate;		  /* names never seen before recorded a second; 0: none */
	bool responses;			  /* match questions repeated in answers, too */
	bool answers;			  /* read answers: EVENT_ANSWER */
	unsigned answers_rate; /* a second at most, of listed names and of others; 0: 1000 */
	bool no_connections;   /* do not match where connections and datagrams go */
	size_t learnt;	       /* addresses of listed names that are remembered; 0: 16384 */
	bool flows;	       /* hand up the first bytes of new flows: EVENT_PAYLOAD */
	bool replay; /* load only, for recorded packets: every question becomes an event */
	/* Called after records were handed over: when it returns, what came of them is safe, and
	 * they are given up. Until then a daemon that is killed and started again gets them once
	 * more. NULL: nothing is waited for. userdata: the callback's. */
	void (*commit)(void *userdata);
	const char *pin_dir; /* where everything is pinned, and taken over from; NULL: nowhere.
			      * Borrowed for the call */
	bool hold;	     /* load only: sensor_attach() is called when indicators are there */
	uint64_t unattended_after; /* ns after which a daemon that is gone is not blocked for any
				    * more; 0: never */
};

/* event and all it points to are borrowed for the call. */
typedef void (*sensor_callback)(const struct event *event, void *userdata);

/* Loads and attaches. Errors are logged, with what to do about them. -EBUSY: another daemon has the
 * pins. When they cannot be had for another reason it goes on without: see sensor_pins(). */
int sensor_open(const struct sensor_options *options, sensor_callback callback, void *userdata,
		struct sensor **ret);
/* What sensor_open() does last unless options.hold is set: programs take the place of those that
 * are pinned, and records that waited are handed to the callback. -ENODATA, with the old ones left
 * in force: they block by a table that these cannot read, and no pack was set. */
int sensor_attach(struct sensor *sensor);
/* Attachments end with it, unless they are pinned. */
void sensor_close(struct sensor *sensor);

/* Whether a lookup or connection that this entry matches is to be seen only, not dropped. */
typedef bool (*sensor_keep)(const struct indicator *indicator, void *userdata);

/* Copies the pack's table into a new map and swaps it in; lookups go on meanwhile. On failure the
 * table before stays in force. keep is asked
 * for each block entry when programs can drop; NULL: none is kept. The pack is not held on to: hits
 * are confirmed by the caller. now: seconds since the epoch; entries past their expiry are left
 * out. *ret_next is when the next one expires and this is to be called again; 0: never. */
int sensor_set_pack(struct sensor *sensor, const struct pack *pack, uint64_t now, sensor_keep keep,
		    void *userdata, uint64_t *ret_next);

/* An address that a listed name resolved to: connections to it are told (EVENT_WATCH_LEARNT), and
 * refused where programs can, unless keep, until the time on the boot clock. The table's own
 * entries go first: one that it allows is allowed. Learning it again replaces what was known; when
 * the map is full, the one not used for longest makes room. */
int sensor_learn(struct sensor *sensor, const struct address *address, uint64_t expires_boot_ns,
		 bool keep);
/* 0 also when it was not known. */
int sensor_unlearn(struct sensor *sensor, const struct address *address);

/* This host's own resolvers, in place of those before: plain DNS to any other address that is not
 * loopback is told from then on (EVENT_WATCH_RESOLVER). None: nothing is told. -E2BIG: too many. */
#define SENSOR_RESOLVERS_MAX 32
int sensor_set_resolvers(struct sensor *sensor, const struct address *addresses, size_t count);

/* Hands each connection that is open by now, and whose peer is listed, to the callback
 * (EVENT_WATCH_OPEN): of all network namespaces, but only of processes in the watched cgroup. Does
 * nothing before sensor_attach(). Reads /proc and waits for nobody. */
typedef bool (*sensor_listed)(const struct address *address, void *userdata);
int sensor_sweep(struct sensor *sensor, sensor_listed listed, void *userdata);

/* Descriptor to poll for reading, and the call to make when it is readable: hands each record that
 * waits to the callback, at most budget of them and for at most 50 ms, so that the loop gets its
 * turn. Returns how many. */
int sensor_fd(const struct sensor *sensor);
int sensor_dispatch(struct sensor *sensor, int budget);

/* While flows come, their records do not wake the reader: that takes several microseconds of the
 * sender's time each. To be called after each dispatch: 0, or the time on the boot clock, at most
 * 2.25 ms from now, when sensor_dispatch() is to be called again whether or not the descriptor says
 * so.
 */
uint64_t sensor_poll(struct sensor *sensor);

/* Finds the process of an event whose process was not looked up (EVENT_PAYLOAD), by pid and start
 * time; borrowed until the next dispatch. Does nothing where neither is known. */
void sensor_event_process(struct sensor *sensor, struct event *event);

/* Refuses everything that the socket with this cookie sends from now on, but for a TCP reset: until
 * it is closed, or sensor_uncut() (for when it is destroyed: cookies are not used again). At most
 * 4,096 sockets at a time; the least recently seen one that is not TCP makes room. -EOPNOTSUPP: the
 * sensor only watches. */
int sensor_cut(struct sensor *sensor, uint64_t cookie);
int sensor_uncut(struct sensor *sensor, uint64_t cookie);

/* The counters of all probes as of now, and what user space made of the records. */
int sensor_ledger(struct sensor *sensor, struct ledger *ret);

/* What is loaded and attached, for status: name, hook, and kernel memory. */
struct sensor_program {
	char name[32];
	char hook[32]; /* "cgroup_skb/egress" */
	bool attached;
	uint64_t verified_instructions;	 /* 0: this kernel does not say */
	uint64_t run_time_ns, run_count; /* 0 unless kernel.bpf_stats_enabled */
};
/* Pins, and what happened while nobody attended: from the last turn of the daemon before to
 * sensor_attach(). */
struct sensor_absence {
	bool known;	  /* there was one */
	uint64_t time;	  /* ns */
	uint64_t blocked; /* packets dropped */
	uint64_t passed;  /* would have been, but unattended_after was over */
	uint64_t lost;	  /* records that found no room in the ring */
};
struct sensor_pins {
	const char *folder; /* NULL: nothing is pinned */
	const char *error;  /* why not, though it was asked for; NULL: nothing is wrong */
	bool taken_over;    /* there was something in force before */
	struct sensor_absence absence;
};
void sensor_pins(const struct sensor *sensor, struct sensor_pins *ret);

#define SENSOR_PROGRAMS_MAX 32
size_t sensor_programs(struct sensor *sensor,
		       struct sensor_program ret[static SENSOR_PROGRAMS_MAX]);
/* A table of the kernel side whose least recently used entries make room. */
struct sensor_table {
	const char *name; /* the map's */
	uint64_t capacity, entries;
	uint64_t evicted; /* made room, since the pins were made; what two CPUs put in at once, or
			   * what is put in meanwhile, may make it one or two too many or few */
};
/* Lists every entry: some milliseconds. */
size_t sensor_tables(struct sensor *sensor, struct sensor_table ret[static LEDGER_TABLES]);
/* Bytes of kernel memory in maps; table: the share of the table in force. */
int sensor_memory(struct sensor *sensor, uint64_t *ret_maps, uint64_t *ret_table);

/* Replay: runs one IP packet (from its IP header on) through the probe with BPF_PROG_TEST_RUN, and
 * calls back for every event before it returns. time: ns since the epoch. The event carries frame
 * and time. */
int sensor_replay(struct sensor *sensor, const void *packet, size_t size, uint64_t frame,
		  uint64_t time);

/* Folder of the mounted cgroup v2 hierarchy, from the mount table (unified or hybrid): the caller's
 * to free. -ENOENT when there is none. */
int sensor_cgroup_root(char **ret_path);
