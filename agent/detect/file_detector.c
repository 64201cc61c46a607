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

bool file_hash_look(struct detect *detect, const struct event *event, const struct pack *pack,
		    uint64_t now, struct pack_match *match, struct finding *finding)
{
	const struct file_facts *file = event->kind == EVENT_FILE ? event->file : NULL;
	char path[256];

	/* A file is told with each rule that matches it; its hash once. */
	if (!file || file->match || !file->hashed || !pack ||
	    pack_lookup_hash(pack, file->sha256, sizeof(file->sha256), now / NS_PER_SECOND,
			     match) != 1 ||
	    !match->blocked)
		return false;
	path_shown(file->path, path, sizeof(path));
	(void)snprintf(finding->title, sizeof(finding->title), "File %s is listed by its hash",
		       path);
	detect_explain(detect, match, finding);
	return true;
}

int detect_file(struct detect *detect, const struct event *event, const struct file_match *matches,
		size_t count, const struct pack *pack, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata)
{
	struct file_facts facts = *event->file;
	struct event each = *event;
	int sum = 0;

	each.file = &facts;
	for (size_t i = 0; i <= count; i++) {
		int r;

		facts.match = i < count ? &matches[i] : NULL;
		r = detect_event(detect, &each, pack, now, found, userdata);
		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}
