/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands about findings share.
 */
#pragma once

/* findings_close.c: argv[0] is "close". */
int findings_close(int argc, char **argv);
/* findings.c: a line for each finding as it comes, with the options of `cordon findings`. */
int findings_follow_lines(int argc, char **argv);
