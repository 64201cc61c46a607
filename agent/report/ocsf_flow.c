/* SPDX-License-Identifier: Apache-2.0
 *
 * What a flow's first bytes said, in a finding's evidence: TLS, HTTP, QUIC. From the facts that the
 * sandboxed worker read (sensor/flow_facts.h); all texts in them are the sender's own choice. What
 * OCSF has no home for goes into `unmapped`.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/ocsf_private.h"
#include "sensor/flow_facts.h"

/* ja4_fingerprint.type_id, and tls_extension.type_id. */
#define JA4_CLIENT     1
#define EXTENSION_ALPN 16

/* "1.2" for 0x0303. QUIC has no other than 1.3 (RFC 9001, 4.2). */
static const char *tls_version(const struct flow_facts *flow, char out[static 16])
{
	static const char *const versions[] = { "SSL 3.0", "1.0", "1.1", "1.2", "1.3" };
	unsigned minor = flow->tls_version & 0xff;

	if (flow->protocol == FLOW_QUIC && !flow->tls_version)
		return "1.3";
	if (flow->tls_version >> 8 == 3 && minor < ELEMENTS(versions))
		return versions[minor];
	(void)snprintf(out, 16, "0x%04x", flow->tls_version);
	return out;
}

/* The protocols offered, which are joined by commas. */
static json_t *alpn_list(struct ocsf_builder *builder, const struct flow_facts *flow)
{
	json_t *array = json_array();
	const char *at = flow->alpn;

	while (*at) {
		char name[FLOW_ALPN_MAX + 1];
		size_t length = strcspn(at, ",");

		memcpy(name, at, length);
		name[length] = '\0';
		ocsf_append(builder, array, ocsf_raw(name));
		at += length + (at[length] == ',');
	}
	return array;
}

static json_t *alpn_extension(struct ocsf_builder *builder, const struct flow_facts *flow)
{
	json_t *array = json_array(), *extension = json_object(), *data = json_object();

	ocsf_put_number(builder, extension, "type_id", EXTENSION_ALPN);
	ocsf_put_text(builder, extension, "type", "application_layer_protocol_negotiation");
	ocsf_put(builder, data, "protocols", alpn_list(builder, flow));
	ocsf_put(builder, extension, "data", data);
	ocsf_append(builder, array, extension);
	return array;
}

static json_t *tls(struct ocsf_builder *builder, const struct flow_facts *flow)
{
	json_t *object = json_object();
	char number[16];

	ocsf_put_text(builder, object, "version", tls_version(flow, number));
	ocsf_put_raw(builder, object, "sni", flow->name);
	if (*flow->alpn)
		ocsf_put(builder, object, "tls_extension_list", alpn_extension(builder, flow));
	return object;
}

static json_t *ja4(struct ocsf_builder *builder, const struct flow_facts *flow)
{
	json_t *array = json_array(), *object = json_object();

	ocsf_put_number(builder, object, "type_id", JA4_CLIENT);
	ocsf_put_text(builder, object, "type", "JA4");
	ocsf_put(builder, object, "value", ocsf_raw(flow->ja4));
	ocsf_append(builder, array, object);
	return array;
}

static json_t *url(struct ocsf_builder *builder, const struct event *event)
{
	const struct flow_facts *flow = event->flow;
	unsigned port = flow->http_port ? flow->http_port : event->destination_port;
	bool bare = strchr(flow->name, ':') && flow->name[0] != '[';
	char text[FLOW_NAME_MAX + 32];
	json_t *object = json_object();

	if (!*flow->name)
		return object;
	/* As far as it is known: the path is not looked at. */
	(void)snprintf(text, sizeof(text), "http://%s%s%s:%u", bare ? "[" : "", flow->name,
		       bare ? "]" : "", port);
	ocsf_put_raw(builder, object, "url_string", text);
	ocsf_put_text(builder, object, "scheme", "http");
	ocsf_put_raw(builder, object, "hostname", flow->name);
	ocsf_put_number(builder, object, "port", port);
	return object;
}

/* The methods that OCSF knows; another one is told in unmapped. */
static const char *method_known(const char *method)
{
	static const char *const methods[] = { "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
					       "PATCH",	  "POST",   "PUT", "TRACE" };

	for (size_t i = 0; i < ELEMENTS(methods); i++)
		if (strcmp(methods[i], method) == 0)
			return methods[i];
	return NULL;
}

static json_t *http_request(struct ocsf_builder *builder, const struct event *event)
{
	json_t *object = json_object();

	ocsf_put_text(builder, object, "http_method", method_known(event->flow->method));
	ocsf_put_filled(builder, object, "url", url(builder, event));
	return object;
}

void ocsf_put_flow(struct ocsf_builder *builder, json_t *evidence, const struct event *event)
{
	const struct flow_facts *flow = event->flow;

	if (flow->protocol == FLOW_TLS || flow->protocol == FLOW_QUIC)
		ocsf_put(builder, evidence, "tls", tls(builder, flow));
	if (*flow->ja4)
		ocsf_put(builder, evidence, "ja4_fingerprint_list", ja4(builder, flow));
	if (flow->protocol == FLOW_HTTP) {
		ocsf_put_filled(builder, evidence, "http_request", http_request(builder, event));
		ocsf_put_filled(builder, evidence, "url", url(builder, event));
	}
}

json_t *ocsf_flow_unmapped(struct ocsf_builder *builder, const struct flow_facts *flow)
{
	static const char *const outcomes[FLOW_OUTCOMES] = {
		[FLOW_READ] = "read",
		[FLOW_INCOMPLETE] = "incomplete",
		[FLOW_MALFORMED] = "malformed",
		[FLOW_UNSUPPORTED] = "unsupported",
	};
	json_t *object = json_object();
	char number[16];

	ocsf_put_text(builder, object, "protocol", flow_protocol_name(flow->protocol));
	if ((size_t)flow->outcome < ELEMENTS(outcomes))
		ocsf_put_text(builder, object, "outcome", outcomes[flow->outcome]);
	ocsf_put_true(builder, object, "ech", flow->ech);
	if (flow->quic_version) {
		(void)snprintf(number, sizeof(number), "0x%08x", flow->quic_version);
		ocsf_put_text(builder, object, "quic_version", number);
	}
	if (!method_known(flow->method))
		ocsf_put_raw(builder, object, "method", flow->method);
	ocsf_put_raw(builder, object, "reason", flow->reason);
	return object;
}
