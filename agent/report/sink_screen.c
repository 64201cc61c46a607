/* SPDX-License-Identifier: Apache-2.0
 *
 * The screen of `cordond --foreground`: one line a finding, and a line with the count when it goes
 * on, at most one a second.
 */
#include "report/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "report/screen.h"

struct screen {
	int fd;
	bool colour;
};

static int sink_screen_open(const struct sink_options *options, void **ret)
{
	struct screen *screen = calloc(1, sizeof(*screen));

	if (!screen)
		return -ENOMEM;
	screen->fd = options->screen.fd;
	screen->colour = screen_colour(screen->fd);
	*ret = screen;
	return 0;
}

static int sink_screen_deliver(void *state, const struct sink_message *message)
{
	const struct screen *screen = state;
	char line[SCREEN_LINE_SIZE + 1];
	size_t length;

	screen_line(&message->view, message->repeat ? SCREEN_REPEAT : SCREEN_FINDING,
		    screen->colour, line);
	length = strlen(line);
	line[length++] = '\n';
	return fd_write_all(screen->fd, line, length);
}

static void sink_screen_close(void *state)
{
	free(state);
}

const struct sink_type sink_screen = {
	.name = "screen",
	.open = sink_screen_open,
	.deliver = sink_screen_deliver,
	.close = sink_screen_close,
	.repeat_interval = NS_PER_SECOND,
	.findings_only = true,
};
