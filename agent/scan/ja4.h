/* SPDX-License-Identifier: Apache-2.0
 *
 * JA4, the fingerprint of TLS clients as FoxIO publishes it: transport, version, whether a server
 * is named, how many cipher suites and extensions, the first ALPN protocol; a hash of the cipher
 * suites in order of their numbers; a hash of the extensions in order of their numbers, followed by
 * the signature algorithms as sent. The client controls all of it.
 */
#pragma once

#include "scan/tls_hello.h"
#include "sensor/flow_facts.h"

/* "t13d1516h2_8daaf6152771_e5627efa2ab1"; "" when hashing fails. hello was read to its end. */
void ja4_format(const struct tls_hello *hello, enum tls_transport transport,
		char out[static FLOW_JA4_SIZE]);
