/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's own log on its way to CloudWatch Logs: warnings and errors, as many as there is room
 * for. What becomes of them is told in status only: a line about a line would never end.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct agent;

struct agent_log_line;
TAILQ_HEAD(agent_log_lines, agent_log_line);

#define AGENT_LOG_ERROR_SIZE 512

struct agent_log {
	struct agent *agent; /* NULL: not configured */
	struct agent_log_lines lines;
	size_t count, out;
	uint64_t paused_until; /* boot clock */
	uint64_t delivered, dropped, dropped_told;
	char error[AGENT_LOG_ERROR_SIZE];
};

/* Listens to log lines from here on, when a group is configured for them. */
void agent_log_open(struct agent *agent, struct agent_log *log);
void agent_log_close(struct agent_log *log);
/* Once a second. */
void agent_log_tick(struct agent *agent);
/* NULL: not configured. */
json_t *agent_log_json(const struct agent_log *log);
