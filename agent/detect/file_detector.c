/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that rules match, and files whose hash is listed. Gets the facts from the workers that read
 * them (scan/), through cordond or `cordon scan`.
 */
#include "detect/file_detector.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "detect/detector.h"
#include "sensor/file_facts.h"

/* What scores mean in the public sets that have them. */
static const struct {
	uint64_t score;
	enum severity severity;
} scores[] = {
	{ 90, SEVERITY_CRITICAL },
	{ 75, SEVERITY_HIGH },
	{ 60, SEVERITY_MEDIUM },
	{ 1, SEVERITY_LOW },
};

static enum severity match_severity(const struct file_match *match)
{
	if (match->severity >= SEVERITY_INFORMATIONAL && match->severity <= SEVERITY_CRITICAL)
		return (enum severity)match->severity;
	for (size_t i = 0; i < ELEMENTS(scores); i++)
		if (match->score >= scores[i].score)
			return scores[i].severity;
	return SEVERITY_MEDIUM;
}

/* The end of a long path says more than its beginning. */
static void path_shown(const char *path, char *out, size_t size)
{
	size_t length = strlen(path), most = size - 4;

	if (length > most)
		(void)snprintf(out, size, "...");
	else
		out[0] = '\0';
	(void)escape_text(length > most ? path + length - most : path,
			  length > most ? most : length, out + strlen(out), size - strlen(out));
}

bool yara_look(struct detect *detect, const struct event *event, const struct pack *pack,
	       uint64_t now, struct pack_match *match, struct finding *finding)
{
	const struct file_match *hit =
		event->kind == EVENT_FILE && event->file ? event->file->match : NULL;
	char path[256];

	(void)detect;
	(void)pack;
	(void)now;
	(void)match;
	if (!hit)
		return false;
	finding->default_severity = match_severity(hit);
	path_shown(event->file->path, path, sizeof(path));
	(void)snprintf(finding->title, sizeof(finding->title), "File %s matches YARA rule %.120s",
		       path, hit->rule);
	(void)snprintf(finding->subject, sizeof(finding->subject), "%.120s %.150s", hit->rule,
		       hit->inside);
	(void)snprintf(finding->why, sizeof(finding->why), "rule %.120s of %.200s", hit->rule,
		       hit->namespace_);
	if (hit->inside[0])
		detect_line_add(finding->why, sizeof(finding->why), ", inside: %.200s",
				hit->inside);
	if (hit->description[0])
		detect_line_add(finding->why, sizeof(finding->why), "; %.250s", hit->description);
	if (hit->reference[0])
		detect_line_add(finding->why, sizeof(finding->why), "; %.150s", hit->reference);
	return true;
}

/* The most certain first. */
static const struct {
	unsigned kind;
	size_t offset, size;
} hash_kinds[] = {
	{ FILE_HASH_SHA256, offsetof(struct file_hashes, sha256), SHA256_SIZE },
	{ FILE_HASH_SHA1, offsetof(struct file_hashes, sha1), SHA1_SIZE },
	{ FILE_HASH_MD5, offsetof(struct file_hashes, md5), MD5_SIZE },
};

unsigned file_hashes_wanted(const struct pack *pack)
{
	unsigned wanted = 0;

	for (size_t i = 0; i < ELEMENTS(hash_kinds); i++)
		if (pack_has_hashes(pack, hash_kinds[i].size))
			wanted |= hash_kinds[i].kind;
	return wanted;
}

bool file_hashes_listed(const struct pack *pack, const struct file_hashes *hashes, uint64_t now,
			struct pack_match *ret)
{
	struct pack_match match; /* large: only what is read is set */
	bool listed = false;

	for (size_t i = 0; i < ELEMENTS(hash_kinds); i++) {
		const uint8_t *hash = (const uint8_t *)hashes + hash_kinds[i].offset;

		if (!(hashes->kinds & hash_kinds[i].kind) ||
		    pack_lookup_hash(pack, hash, hash_kinds[i].size, now / NS_PER_SECOND, &match) !=
			    1)
			continue;
		if (!match.blocked)
			return false;
		if (!listed)
			*ret = match;
		listed = true;
	}
	return listed;
}

bool file_hash_look(struct detect *detect, const struct event *event, const struct pack *pack,
		    uint64_t now, struct pack_match *match, struct finding *finding)
{
	const struct file_facts *file = event->kind == EVENT_FILE ? event->file : NULL;
	const char *inside;
	char path[256];

	if (!file || !file->hashes || !pack || !file_hashes_listed(pack, file->hashes, now, match))
		return false;
	inside = file->hashes->inside;
	path_shown(file->path, path, sizeof(path));
	(void)snprintf(finding->title, sizeof(finding->title), "%s %s is listed by its hash",
		       inside[0] ? "What is packed in file" : "File", path);
	detect_explain(detect, match, finding);
	if (inside[0])
		detect_line_add(finding->why, sizeof(finding->why), ", inside: %.200s", inside);
	return true;
}

int detect_file(struct detect *detect, const struct event *event,
		const struct file_reasons *reasons, const struct pack *pack, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	size_t count = reasons->matches_count + reasons->listed_count;
	struct file_facts facts = *event->file;
	struct event each = *event;
	int sum = 0;

	each.file = &facts;
	for (size_t i = 0; i < count; i++) {
		bool rule = i < reasons->matches_count;
		int r;

		facts.match = rule ? &reasons->matches[i] : NULL;
		facts.hashes = rule ? NULL : &reasons->listed[i - reasons->matches_count];
		r = detect_event(detect, &each, pack, now, found, userdata);
		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}
