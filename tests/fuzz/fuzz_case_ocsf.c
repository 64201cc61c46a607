/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a finding read back from its OCSF object. Whatever the object holds, it is refused
 * or makes a finding that a policy can judge.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/case_ocsf.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW UINT64_C(1780272000000000000)

static const char rules[] = "rules:\n"
			    "- { name: a, match: { ancestor: [/bin/sh, '*/x'], args: { regex: "
			    "'a.*b' } }, severity: +1, "
			    "continue: yes }\n"
			    "- { name: b, match: { domain: { suffix: .example }, source: "
			    "10.0.0.0/8 }, severity: low }\n"
			    "- { name: c, match: { any: [{ tag: x }, { alpn: h2 }, { uid: 0-10 }] "
			    "}, severity: high }\n";

CLEANUP_DEFINE(json_t *, json_decref)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_loadb((const char *)data, size, 0, NULL);
	struct document_error error = { .count = 0 };
	static struct policy *policy;
	struct policy_error policy_error;
	struct case_event event;
	struct case_finding made;
	struct verdict verdict;

	if (!policy)
		assert(policy_parse("p.yaml", rules, strlen(rules), &policy, &policy_error) == 0);
	if (!object || case_ocsf_read(object, &event) < 0)
		return 0;
	if (case_ocsf_make(&event, &made, &error) == 0) {
		policy_evaluate(policy, &made.finding, NOW, &verdict);
		assert(verdict.severity >= SEVERITY_INFORMATIONAL &&
		       verdict.severity <= SEVERITY_CRITICAL);
	} else {
		assert(error.count > 0);
	}
	case_ocsf_clear(&event);
	return 0;
}
