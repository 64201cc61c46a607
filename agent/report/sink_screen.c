/* SPDX-License-Identifier: Apache-2.0
 *
 * The screen of `cordond --foreground`: one line a finding, and a line with the count when it goes
 * on, at most one a second. A screen that is held, or a pipe that nobody reads, holds nothing up.
 */
#include "report/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/outlet.h"
#include "report/screen.h"

struct screen {
	struct outlet *outlet;
	bool colour;
};

static int sink_screen_open(const struct sink_options *options, void **ret)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	int r;

	if (!screen)
		return -ENOMEM;
	r = outlet_open(options->screen.fd, &screen->outlet);
	if (r < 0) {
		free(screen);
		return r;
	}
	screen->colour = screen_colour(options->screen.fd);
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
	return outlet_write(screen->outlet, line, length);
}

static int sink_screen_flush(void *state)
{
	const struct screen *screen = state;

	return outlet_flush(screen->outlet);
}

static void sink_screen_close(void *state)
{
	struct screen *screen = state;

	outlet_close(screen->outlet);
	free(screen);
}

const struct sink_type sink_screen = {
	.name = "screen",
	.open = sink_screen_open,
	.deliver = sink_screen_deliver,
	.flush = sink_screen_flush,
	.close = sink_screen_close,
	.repeat_interval = NS_PER_SECOND,
	.findings_only = true,
};
