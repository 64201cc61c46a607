#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Updates in place: what is pinned in the kernel stays in force, and the new daemon takes it over. If
# it does not come up, the version before is put back, with its configuration, and the update failed.
. ./common.sh

parameters_check
package_find
package_check
had=$(installed_version) || had=
previous=$CACHE/installed.$KIND
saved=

drop_in_save() {
	[ ! -e "$DROP_IN" ] || saved=$(cat "$DROP_IN")
}

drop_in_restore() {
	if [ -n "$saved" ]; then
		printf '%s\n' "$saved" >"$DROP_IN"
	else
		rm -f "$DROP_IN"
	fi
}

undo() {
	say "$1"
	drop_in_restore
	[ -n "$had" ] || fail "version $VERSION was not installed"
	[ "$(installed_version)" != "$had" ] || ! service_up ||
		fail "version $VERSION was not taken; version $had goes on"
	[ -f "$previous" ] || fail "there is no copy of version $had to go back to"
	if ! package_install "$previous" || ! service_up; then
		fail "version $had could not be put back: journalctl -u cordond"
	fi
	fail "version $VERSION was not taken; version $had runs again"
}

drop_in_save
parameters_write || undo "the parameters could not be written"
package_install "./$PACKAGE" || undo "the package could not be installed"
service_up || undo "the service did not come up: journalctl -u cordond"
package_keep || say "no copy of the package could be kept: a failed update cannot be undone"
say "version ${had:-none} was updated to $VERSION"
