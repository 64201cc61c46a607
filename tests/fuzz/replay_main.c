/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over its corpus, without a fuzzer: part of `make check`, in every build. The
 * corpus is the folder with the target's name without "fuzz_" below $srcdir/tests/fuzz/corpus, or
 * the files that are named as arguments.
 */
#include <errno.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define PREFIX	  "fuzz_"
#define INPUT_MAX (16u << 20) /* larger than any corpus file has to be */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	CLEANUP(free_cleanup) char *data = NULL;
	size_t size;
	int r = fd_read_file(path, INPUT_MAX, &data, &size);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	/* Should it crash, this line says over what. */
	printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)data, size);
	return 0;
}

static int replay_folder(const char *folder)
{
	DIR *stream = opendir(folder);
	struct dirent *entry;
	int count = 0, r = 0;

	if (!stream) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return -errno;
	}
	while (r == 0 && (entry = readdir(stream))) {
		CLEANUP(free_cleanup) char *path = NULL;

		if (entry->d_name[0] == '.')
			continue;
		r = asprintf(&path, "%s/%s", folder, entry->d_name) < 0 ? -ENOMEM
									: replay_file(path);
		count++;
	}
	(void)closedir(stream);
	if (r == 0 && count == 0) {
		fprintf(stderr, "%s: an empty corpus proves nothing\n", folder);
		return -ENOENT;
	}
	return r;
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir"), *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	CLEANUP(free_cleanup) char *folder = NULL;

	for (int i = 1; i < argc; i++)
		if (replay_file(argv[i]) < 0)
			return EXIT_FAILURE;
	if (argc > 1)
		return EXIT_SUCCESS;
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	if (asprintf(&folder, "%s/tests/fuzz/corpus/%s", source ? source : ".", name) < 0)
		return EXIT_FAILURE;
	return replay_folder(folder) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
