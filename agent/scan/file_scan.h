/* SPDX-License-Identifier: Apache-2.0
 *
 * Scanning of files by sandboxed workers, as their parent sees it (cordond and `cordon scan`). The
 * parent opens rules and files and hands descriptors over; it never reads a byte of either. Nothing
 * here waits, all is driven by the loop.
 *
 * Each job that was taken is answered once: submitted = clean + matched + unscannable + queued.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "sensor/file_facts.h"

struct file_scan; /* the pool with its rule set */

#define FILE_SCAN_WORKERS_MAX 64

struct file_scan_options {
	const char *program; /* cordon-scan; NULL: beside our own, else where it is installed */
	unsigned workers;
	unsigned queue;		  /* jobs that wait or are being scanned; 0: a default */
	int nice;		  /* added to that of the workers; for root only */
	uint64_t memory;	  /* bytes of address space of each worker; 0: a default */
	uint64_t size_max;	  /* larger files are unscannable; 0: a default */
	uint64_t time_max;	  /* ns for one file; 0: a default */
	unsigned archive_depth;	  /* archives in archives; 0: archives are not opened */
	uint64_t unpacked_max;	  /* bytes taken out of one file, all in all; 0: a default */
	const char *const *rules; /* files and folders; read at file_scan_new() and _reload() */
	size_t rules_count;
	const char *store; /* where compiled rules are kept (rule_store.h); NULL: nowhere */
	bool idle;	   /* with kept rules: nothing is started before there is a job */
};

/* What is wrong without stopping anything; text: one line, safe to show, borrowed. */
enum file_scan_trouble {
	FILE_SCAN_RULE_LEFT_OUT, /* "file:line: why"; the other rules stand */
	FILE_SCAN_RULE_SLOW,
	FILE_SCAN_WORKER, /* one crashed, hung or broke the rules, and was replaced */
};

struct file_scan_listener {
	/* A rule set came into force, or could not (error < 0: the one before stays, if any). */
	void (*loaded)(int error, void *userdata);
	void (*trouble)(enum file_scan_trouble trouble, const char *text, void *userdata);
	/* Whether one of these hashes, of a file or of what is packed in it, is listed: then the
	 * file counts as matched, and they are in its verdict. NULL: none is. */
	bool (*listed)(const struct file_hashes *hashes, void *userdata);
	/* There is room in the queue again after -ENOBUFS. May be NULL. */
	void (*room)(void *userdata);
	void *userdata;
};

/* What is known of a file besides its bytes: for rules' externals, and to name it. Copied. */
struct file_subject {
	const char *path;  /* as it is to be shown; filename and extension come from it */
	const char *owner; /* name or number of its user; NULL: not known */
};

enum file_outcome {
	FILE_CLEAN,
	FILE_MATCHED,
	FILE_UNSCANNABLE,
};

struct file_verdict {
	enum file_outcome outcome;
	const char *reason; /* why it is unscannable, or what parts of it were not scanned; "" */
	bool partial;	    /* parts were not scanned */
	bool hashed; /* sha256 is of the whole file; where it matched, or hashes are listed */
	uint8_t sha256[32];
	uint64_t size;		     /* bytes that were read */
	int fd;			     /* of the file, still open; borrowed */
	struct file_reasons reasons; /* borrowed */
};

/* subject, verdict: borrowed for the call. May call into the pool, but not free it. */
typedef void (*file_scanned)(const struct file_subject *subject, const struct file_verdict *verdict,
			     void *userdata);

/* Rules are compiled and workers started in the background; jobs may be submitted at once. With
 * idle and kept rules, file_scan_rules_id() tells at once what they will be scanned by.
 * -ENOENT, -EPERM: of the program, see worker_process.h. */
int file_scan_new(sd_event *loop, const struct file_scan_options *options,
		  const struct file_scan_listener *listener, struct file_scan **ret);
/* Kills the workers. What was not answered yet is not. */
void file_scan_free(struct file_scan *scan);

/* Takes fd (O_RDONLY, of a regular file or memfd) when it returns 0; done is called once, from the
 * loop. -ENOBUFS: the queue is full, the caller counts. */
int file_scan_submit(struct file_scan *scan, int fd, const struct file_subject *subject,
		     file_scanned done, void *userdata);

/* The same for the memory of a process: mem and maps are of /proc/PID, opened by who may. */
int file_scan_process_memory(struct file_scan *scan, int mem, int maps,
			     const struct file_subject *subject, file_scanned done, void *userdata);

/* FILE_HASH_*: the kinds of hashes that are listed, and so are computed and asked about. */
void file_scan_hashes(struct file_scan *scan, unsigned kinds);
/* Whether the workers yield to nearly everybody, rather than being as nice as in the options. Those
 * that are not nice at all never do. */
void file_scan_yield(struct file_scan *scan, bool yields);

/* 32 bytes (SHA-256) that identify the rule set in force and the limits, for caches of verdicts;
 * NULL: none is yet. */
const uint8_t *file_scan_rules_id(const struct file_scan *scan);

/* Reads the rules again, in the background; what is in force stays until the new set is ready. */
int file_scan_reload(struct file_scan *scan, const char *const *rules, size_t count);

struct file_scan_statistics {
	uint64_t rules;	   /* in force */
	uint64_t left_out; /* of the set in force: those that did not compile */
	uint64_t workers, running;
	uint64_t submitted; /* = clean + matched + unscannable + queued */
	uint64_t clean, matched, unscannable, queued;
	uint64_t partial; /* of clean and matched */
	uint64_t refused; /* -ENOBUFS */
	uint64_t retried;
	uint64_t bytes;	 /* read by the workers */
	uint64_t broken; /* workers that were replaced */
};
void file_scan_statistics(const struct file_scan *scan, struct file_scan_statistics *ret);
