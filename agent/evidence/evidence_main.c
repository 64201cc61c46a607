/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-evidence: makes one bundle for cordond, which starts it with a channel as descriptor 3,
 * and ends. A process of its own: what it reads may keep it waiting, and it can be killed for that.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "evidence/evidence_order.h"
#include "evidence/evidence_rights.h"

/* As worker_process.h hands it over. */
#define CHANNEL	   3
#define ORDER_TIME (30 * NS_PER_SECOND)

static int order_take(char *frame, size_t *ret_size)
{
	ssize_t n;
	int r = channel_wait(CHANNEL, POLLIN, clock_boottime() + ORDER_TIME);

	n = r < 0 ? r : channel_receive(CHANNEL, frame, EVIDENCE_ORDER_MAX);
	if (n < 0)
		return (int)n;
	*ret_size = (size_t)n;
	return 0;
}

int main(void)
{
	CLEANUP(free_cleanup) char *frame = malloc(EVIDENCE_ORDER_MAX);
	CLEANUP(free_cleanup) char *answer = NULL;
	struct evidence_result result = { 0 };
	struct evidence_options options;
	size_t size = 0;
	void *holder;
	int r;

	log_open(EVIDENCE_PROGRAM, LOG_ERR);
	if (!frame || order_take(frame, &size) < 0 ||
	    evidence_order_read(frame, size, &options, &holder) < 0) {
		(void)fputs("cordon-evidence is started by cordond\n", stderr);
		return 2;
	}
	(void)prctl(PR_SET_NAME, EVIDENCE_PROGRAM, 0, 0, 0);
	/* Its time is bounded; and it goes with cordond, who makes the bundle anew. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)umask(0077);
	r = evidence_rights_drop();
	if (r == 0)
		r = evidence_make(&options, &result);
	answer = evidence_answer_write(r, &result);
	if (answer)
		r = channel_send(CHANNEL, answer, strlen(answer));
	/* Threads that were left behind are not waited for. */
	_exit(answer && r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
