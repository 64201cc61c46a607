/* SPDX-License-Identifier: Apache-2.0
 *
 * A client for test_block.py, built with musl: looks a name up and prints what getaddrinfo says.
 */
#include <netdb.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC }, *found;
	int r;

	if (argc != 2)
		return 2;
	r = getaddrinfo(argv[1], NULL, &hints, &found);
	if (r == 0)
		freeaddrinfo(found);
	(void)puts(r == EAI_NONAME ? "no such name" : gai_strerror(r));
	return 0;
}
