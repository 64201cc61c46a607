/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocols that begin in the clear and turn to TLS in the same stream (STARTTLS: SMTP, LMTP, POP3,
 * IMAP, FTP, XMPP, PostgreSQL): finds where. Nothing else of them is read. The client controls
 * every byte.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Whether a stream that starts like this may turn to TLS: 1 yes, 0 no, -ENODATA: too short. */
int upgrade_look(const uint8_t *bytes, size_t size);

/* Where the ClientHello's record begins: 1 with *ret, or 0 when there is none yet. *searched is
 * what was looked at before; 0 at first. */
int upgrade_find(const uint8_t *bytes, size_t size, size_t *searched, size_t *ret);
