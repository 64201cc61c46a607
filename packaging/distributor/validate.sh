#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether cordon is there, as it was packed, and runs. SSM installs again where this fails.
. ./common.sh

parameters_check
package_find
had=$(installed_version) || fail "it is not installed"
[ "$had" = "$VERSION" ] || fail "version $had is installed, and not $VERSION"
package_intact || fail "files of the package were changed or removed"
systemctl is-enabled --quiet cordond.service || fail "the service is not enabled"
[ "${SSM_CORDON_START-}" = no ] || systemctl is-active --quiet cordond.service ||
	fail "the service does not run"
say "version $VERSION is as it was packed, and runs"
