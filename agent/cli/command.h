/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of `cordon`: one file and one row a command.
 */
#pragma once

/* Exit statuses, like clamscan's. */
enum command_status {
	COMMAND_FINE = 0,
	COMMAND_FOUND = 1,  /* findings, matches */
	COMMAND_FAILED = 2, /* usage, or an error */
};

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *usage;		   /* "[--json] NAME..." */
	const char *summary;
};

int command_contain(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_evidence(int argc, char **argv);
int command_findings(int argc, char **argv);
int command_intel(int argc, char **argv);
int command_isolate(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_quarantine(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_release(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_scan(int argc, char **argv);
int command_status(int argc, char **argv);
int command_uncontain(int argc, char **argv);
int command_watch(int argc, char **argv);
