/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text must have in it for a compiled expression to be found there (glance.h).
 */
#include "policy/glance.h"
#include "policy/pattern_step.h"

/* The byte that the step takes, whatever its case; -1: several. */
static int step_byte(const struct pattern *pattern, const struct pattern_step *step)
{
	const struct byte_set *set = &pattern->sets[step->set];
	int found = -1;

	for (unsigned byte = 0; byte < 256; byte++) {
		if (!byte_set_has(set, (uint8_t)byte))
			continue;
		if (found >= 0 && found != glance_fold((uint8_t)byte))
			return -1;
		found = glance_fold((uint8_t)byte);
	}
	return found;
}

/* Where the ways that part at this step meet again. What can be repeated stands before its split,
 * and was gone through; what can be left out, or done in another way, ends at the split's second
 * way, or where the jump before that goes to. */
static size_t split_end(const struct pattern *pattern, size_t at)
{
	const struct pattern_step *split = &pattern->steps[at], *jump;
	size_t second = at + (size_t)split->second;

	if (split->first < 0)
		return at + 1;
	jump = &pattern->steps[second - 1];
	if (jump->kind == STEP_JUMP && jump->first > 0)
		return second - 1 + (size_t)jump->first;
	return second;
}

void pattern_glance(const struct pattern *pattern, struct glance *ret)
{
	const struct pattern_step *step;
	int before = -1, byte;

	*ret = (struct glance){ 0 };
	for (size_t at = 0; (step = &pattern->steps[at])->kind != STEP_FOUND;) {
		switch (step->kind) {
		case STEP_BYTE:
			byte = step_byte(pattern, step);
			if (before >= 0 && byte >= 0)
				glance_add_pair(ret, (uint8_t)before, (uint8_t)byte);
			before = byte;
			at++;
			break;
		case STEP_SPLIT:
			before = -1;
			at = split_end(pattern, at);
			break;
		case STEP_JUMP:
			before = -1;
			at += (size_t)step->first;
			break;
		default:
			/* They take no byte. */
			at++;
		}
	}
}
