/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates of authorities from memory, for a TLS library that takes them from files only.
 */
#pragma once

#include <stddef.h>

/* Adds each certificate in pem to those that context (an SSL_CTX of OpenSSL) trusts; what follows
 * one that cannot be read is left out. -ENOMEM; -EINVAL: one is not to be had. */
int tls_bundle_add(void *context, const void *pem, size_t size);
