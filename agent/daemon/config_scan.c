/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of lists of paths about scanning files. Called by the table in config_keys.c.
 */
#include "daemon/config_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include "daemon/config.h"

void config_paths_clear(struct config_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->paths[i]);
	free(paths->paths);
	*paths = (struct config_paths){ 0 };
}

static int path_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct config_paths *paths = field;
	char *path = NULL, **grown;
	int r = mapping_path(document, value, key, &path);

	if (r < 0)
		return r;
	if (paths->count >= CONFIG_FILES_MAX) {
		free(path);
		return document_fail(document, value, "more than %d paths", CONFIG_FILES_MAX);
	}
	grown = reallocarray(paths->paths, paths->count + 1, sizeof(*grown));
	if (!grown) {
		free(path);
		(void)document_fail(document, NULL, "out of memory");
		return -ENOMEM;
	}
	paths->paths = grown;
	grown[paths->count++] = path;
	return 0;
}

int config_scan_paths(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	config_paths_clear(field);
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, path_read, key, field);
}

/* Where files come to be that nobody's package manager put there. */
static const char *const watched[] = { "/tmp", "/var/tmp", "/dev/shm",	 "/home",   "/root",
				       "/srv", "/opt",	   "/usr/local", "/var/www" };

int config_scan_defaults(struct config *config)
{
	struct config_paths *paths = &config->scan.watch;

	paths->paths = calloc(ELEMENTS(watched), sizeof(*paths->paths));
	for (size_t i = 0; paths->paths && i < ELEMENTS(watched); i++) {
		paths->paths[i] = strdup(watched[i]);
		if (!paths->paths[i])
			return -ENOMEM;
		paths->count++;
	}
	return paths->paths ? 0 : -ENOMEM;
}

int config_scan_rules(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct config *config = field;

	config_paths_clear(&config->scan.rules);
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, path_read, key, &config->scan.rules);
}
