/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/event.h"

#include <netinet/in.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "sensor/process.h"

static const char *const attribution_names[] = {
	[EVENT_ATTRIBUTION_NONE] = "none",	 [EVENT_ATTRIBUTION_SEND] = "send",
	[EVENT_ATTRIBUTION_CURRENT] = "current", [EVENT_ATTRIBUTION_CONNECT] = "connect",
	[EVENT_ATTRIBUTION_CREATE] = "create",	 [EVENT_ATTRIBUTION_OWNER] = "owner",
};

static const char *const source_names[] = {
	[PROCESS_SOURCE_EXEC] = "exec",	    [PROCESS_SOURCE_FORK] = "fork",
	[PROCESS_SOURCE_SOCKET] = "socket", [PROCESS_SOURCE_PROC] = "proc",
	[PROCESS_SOURCE_NONE] = "none",
};

struct qtype {
	uint16_t number;
	const char *name;
};

/* IANA, DNS parameters, resource record types: those that are asked for. */
static const struct qtype qtypes[] = {
	{ 1, "A" },	  { 2, "NS" },		{ 5, "CNAME" },	 { 6, "SOA" },	  { 12, "PTR" },
	{ 13, "HINFO" },  { 15, "MX" },		{ 16, "TXT" },	 { 24, "SIG" },	  { 25, "KEY" },
	{ 28, "AAAA" },	  { 33, "SRV" },	{ 35, "NAPTR" }, { 37, "CERT" },  { 39, "DNAME" },
	{ 43, "DS" },	  { 44, "SSHFP" },	{ 46, "RRSIG" }, { 47, "NSEC" },  { 48, "DNSKEY" },
	{ 50, "NSEC3" },  { 51, "NSEC3PARAM" }, { 52, "TLSA" },	 { 59, "CDS" },	  { 60, "CDNSKEY" },
	{ 64, "SVCB" },	  { 65, "HTTPS" },	{ 99, "SPF" },	 { 249, "TKEY" }, { 250, "TSIG" },
	{ 251, "IXFR" },  { 252, "AXFR" },	{ 255, "ANY" },	 { 256, "URI" },  { 257, "CAA" },
	{ 32769, "DLV" },
};

const char *event_kind_name(enum event_kind kind)
{
	static const char *const names[] = {
		[EVENT_QUESTION] = "question",
		[EVENT_ANSWER] = "answer",
		[EVENT_CONNECTION] = "connection",
		[EVENT_PAYLOAD] = "payload",
		[EVENT_FLOW] = "flow",
		[EVENT_FILE] = "file",
	};

	return (size_t)kind < ELEMENTS(names) ? names[kind] : "unknown";
}

const char *event_watch_name(enum event_watch watch)
{
	static const char *const names[] = {
		[EVENT_WATCH_NONE] = "none",	       [EVENT_WATCH_ADDRESS] = "address",
		[EVENT_WATCH_LEARNT] = "learnt",       [EVENT_WATCH_RESOLVER] = "resolver",
		[EVENT_WATCH_ENCRYPTED] = "encrypted", [EVENT_WATCH_OPEN] = "open",
	};

	return (size_t)watch < ELEMENTS(names) ? names[watch] : "none";
}

const char *event_attribution_name(enum event_attribution attribution)
{
	return (size_t)attribution < ELEMENTS(attribution_names) ? attribution_names[attribution]
								 : "unknown";
}

const char *event_qtype_name(uint16_t qtype, char out[static 16])
{
	for (size_t i = 0; i < ELEMENTS(qtypes); i++)
		if (qtypes[i].number == qtype)
			return qtypes[i].name;
	(void)snprintf(out, 16, "TYPE%u", (unsigned)qtype);
	return out;
}

const char *event_protocol_name(uint8_t protocol, char out[static 16])
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
		{ IPPROTO_ICMP, "icmp" },	{ IPPROTO_TCP, "tcp" },
		{ IPPROTO_UDP, "udp" },		{ IPPROTO_GRE, "gre" },
		{ IPPROTO_ICMPV6, "icmpv6" },	{ IPPROTO_SCTP, "sctp" },
		{ IPPROTO_UDPLITE, "udplite" },
	};

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (names[i].number == protocol)
			return names[i].name;
	(void)snprintf(out, 16, "protocol %u", protocol);
	return out;
}

const char *process_source_name(enum process_source source)
{
	return (size_t)source < ELEMENTS(source_names) ? source_names[source] : "unknown";
}

const char *process_role_name(enum process_role role)
{
	return role == PROCESS_ROLE_STUB ? "stub" : "none";
}
