/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/flow_facts.h"

#include "base/cleanup.h"

const char *flow_protocol_name(enum flow_protocol protocol)
{
	static const char *const names[FLOW_PROTOCOLS] = {
		[FLOW_NONE] = "none",
		[FLOW_TLS] = "tls",
		[FLOW_HTTP] = "http",
		[FLOW_QUIC] = "quic",
	};

	return (size_t)protocol < ELEMENTS(names) ? names[protocol] : "none";
}
