/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/never-block.list as part of the program, so that there is one wherever the program is.
 */

__asm__(".pushsection .rodata\n"
	".globl never_block_builtin\n"
	".globl never_block_builtin_end\n"
	"never_block_builtin:\n"
	".incbin \"" NEVER_BLOCK_SOURCE "\"\n"
	"never_block_builtin_end:\n"
	".byte 0\n"
	".popsection\n");
