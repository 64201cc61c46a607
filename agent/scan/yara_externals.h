/* SPDX-License-Identifier: Apache-2.0
 *
 * The variables that public rule sets expect besides the file's bytes; texts, set for each file.
 */
#pragma once

enum yara_external {
	YARA_FILENAME,	/* "evil.php" */
	YARA_FILEPATH,	/* "/var/www/evil.php" */
	YARA_EXTENSION, /* ".php" */
	YARA_FILETYPE,	/* "ELF", by its first bytes */
	YARA_OWNER,	/* "www-data" */
	YARA_EXTERNALS,
};

extern const char *const yara_external_names[YARA_EXTERNALS];
