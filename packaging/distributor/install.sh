#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs cordon. What is left of a failed installation is removed: nothing runs half.
. ./common.sh

parameters_check
package_find
package_check
had=$(installed_version)

undo() {
	say "$1"
	# What was there before is not ours to remove.
	[ -n "$had" ] || package_remove || say "it could not be removed again"
	[ -z "$wrote" ] || rm -f "$DROP_IN"
	fail "version $VERSION was not installed"
}

wrote=
if [ ! -e "$DROP_IN" ] && [ -n "${SSM_CORDON_MODE-}${SSM_CORDON_LOG_LEVEL-}" ]; then
	wrote=yes
fi
parameters_write || undo "the parameters could not be written"
package_install "./$PACKAGE" || undo "the package could not be installed"
service_up || undo "the service did not come up: journalctl -u cordond"
package_keep || say "no copy of the package could be kept: a failed update cannot be undone"
say "version $VERSION is installed"
