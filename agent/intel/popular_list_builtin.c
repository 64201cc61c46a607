/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/popular-names.list as part of the program, so that there is one wherever the program is.
 */

__asm__(".pushsection .rodata\n"
	".globl popular_list_builtin\n"
	".globl popular_list_builtin_end\n"
	"popular_list_builtin:\n"
	".incbin \"" POPULAR_LIST_SOURCE "\"\n"
	"popular_list_builtin_end:\n"
	".byte 0\n"
	".popsection\n");
