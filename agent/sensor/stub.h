/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolvers on this host that ask for others: a lookup that they send says who asked only by the
 * question that came to them over loopback.
 */
#pragma once

#include <stdbool.h>

struct process;

/* By executable, which must lie where only root installs programs. Anybody can name a program
 * "dnsmasq"; being taken for a stub changes what a finding says, never whether there is one. */
bool stub_known(const struct process *process);
