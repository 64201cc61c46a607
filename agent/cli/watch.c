/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "cli/findings.h"

int command_watch(int argc, char **argv)
{
	return findings_follow_lines(argc, argv);
}
