/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what a finding says of a scanned file: the evidence, and what OCSF has no home for.
 */
#include <stdio.h>
#include <string.h>

#include "report/ocsf_private.h"
#include "sensor/file_facts.h"

static void hash_add(struct ocsf_builder *builder, json_t *hashes, int algorithm, const char *name,
		     const uint8_t *bytes, size_t size)
{
	json_t *hash = json_object();
	char digits[SHA256_TEXT_SIZE];

	digest_text(bytes, size, digits);
	ocsf_put_number(builder, hash, "algorithm_id", (uint64_t)algorithm);
	ocsf_put_text(builder, hash, "algorithm", name);
	ocsf_put_text(builder, hash, "value", digits);
	ocsf_append(builder, hashes, hash);
}

/* Of the file itself: what is packed in it has others. */
static void hashes_add(struct ocsf_builder *builder, json_t *hashes, const struct file_facts *file)
{
	const struct file_hashes *more = file->hashes;

	if (file->hashed)
		hash_add(builder, hashes, 3, "SHA-256", file->sha256, sizeof(file->sha256));
	if (!more || more->inside[0])
		return;
	if (more->kinds & FILE_HASH_SHA1)
		hash_add(builder, hashes, 2, "SHA-1", more->sha1, sizeof(more->sha1));
	if (more->kinds & FILE_HASH_MD5)
		hash_add(builder, hashes, 1, "MD5", more->md5, sizeof(more->md5));
}

json_t *ocsf_file(struct ocsf_builder *builder, const struct file_facts *file)
{
	json_t *object = json_object(), *hashes = json_array();
	const char *slash = strrchr(file->path, '/');
	const char *name = slash && slash[1] ? slash + 1 : file->path;

	ocsf_put_raw(builder, object, "name", name);
	ocsf_put_number(builder, object, "type_id", 1);
	ocsf_put_text(builder, object, "type", "Regular File");
	ocsf_put_raw(builder, object, "path", file->path);
	ocsf_put_number(builder, object, "size", file->size);
	hashes_add(builder, hashes, file);
	ocsf_put_filled(builder, object, "hashes", hashes);
	return object;
}

json_t *ocsf_file_unmapped(struct ocsf_builder *builder, const struct file_match *match)
{
	json_t *object = json_object();

	ocsf_put_raw(builder, object, "rule", match->rule);
	ocsf_put_raw(builder, object, "namespace", match->namespace_);
	ocsf_put_raw(builder, object, "description", match->description);
	ocsf_put_raw(builder, object, "reference", match->reference);
	ocsf_put_raw(builder, object, "inside", match->inside);
	if (match->score)
		ocsf_put_number(builder, object, "score", match->score);
	return object;
}
