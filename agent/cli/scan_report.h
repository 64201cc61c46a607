/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cordon scan` prints: a line for each match, as text or OCSF, and a summary.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct config;
struct file_hashes;
struct file_scan_statistics;
struct file_subject;
struct file_verdict;
struct scan_report;
struct scan_walk_counters;

/* packs: for hashes; paths of packs and lists, or none for this host's pack. What fails has been
 * told. */
int scan_report_new(const struct config *config, const char *const *packs, size_t packs_count,
		    bool json, struct scan_report **ret);
void scan_report_free(struct scan_report *report);

/* 1: something was found, be it excepted; 0; or negative when it cannot be told. */
int scan_report_file(struct scan_report *report, const struct file_subject *subject,
		     const struct file_verdict *verdict);

/* For file_scan.h: which kinds of hashes are listed, and whether these are. */
unsigned scan_report_hashes(const struct scan_report *report);
bool scan_report_listed(const struct scan_report *report, const struct file_hashes *hashes);

struct scan_summary {
	const struct file_scan_statistics *statistics;
	const struct scan_walk_counters *walk;
	uint64_t too_large, unreadable, known, elapsed; /* elapsed: ns */
	bool interrupted, failed;			/* before all was scanned */
};
void scan_report_summary(const struct scan_report *report, const struct scan_summary *summary,
			 FILE *out);

uint64_t scan_report_matches(const struct scan_report *report);
