/* SPDX-License-Identifier: Apache-2.0
 *
 * policy/doh-resolvers.txt as part of the program, so that there is one wherever the program is.
 */

__asm__(".pushsection .rodata\n"
	".globl resolver_list_builtin\n"
	".globl resolver_list_builtin_end\n"
	"resolver_list_builtin:\n"
	".incbin \"" RESOLVER_LIST_SOURCE "\"\n"
	"resolver_list_builtin_end:\n"
	".byte 0\n"
	".popsection\n");
