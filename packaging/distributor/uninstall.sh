#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Removes cordon, and what it has in the kernel. Configuration and state stay, since an update by
# "Uninstall and reinstall" comes this way, too; SSM_CORDON_PURGE=yes removes them.
. ./common.sh

parameters_check
package_find
had=$(installed_version) || had=
if [ -n "$had" ]; then
	package_remove || fail "the package could not be removed"
elif [ "${SSM_CORDON_PURGE-}" = yes ] && [ "$KIND" = deb ]; then
	dpkg --purge cordon || fail "what an earlier removal left could not be removed"
fi
rm -rf "$CACHE"
if [ "${SSM_CORDON_PURGE-}" = yes ]; then
	rm -rf "$ROOT/etc/cordon" "$ROOT/var/lib/cordon" "$ROOT/run/cordon" ||
		fail "configuration and state could not be removed"
fi
say "${had:-no version} was installed; it is removed"
