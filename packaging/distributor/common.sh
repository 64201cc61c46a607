# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What install.sh, update.sh, uninstall.sh and validate.sh have in common. SSM runs them as root with
# `sh`, which is dash on Debian, in the folder of the unpacked zip.
#
# Parameters (additionalArguments of AWS-ConfigureAWSPackage):
#   SSM_CORDON_MODE       audit or enforce; else the configuration says so
#   SSM_CORDON_LOG_LEVEL  error, warning, notice, info or debug
#   SSM_CORDON_START      no: enabled and not started, for images; else yes
#   SSM_CORDON_PURGE      yes: uninstall.sh removes configuration and state as well
#
# CORDON_ROOT stands before all paths: for tests.

ROOT=${CORDON_ROOT-}
CACHE=$ROOT/var/cache/cordon
DROP_IN=$ROOT/etc/cordon/cordon.d/50-distributor.yaml
# How long the service may take to be up, and stay up, in seconds.
START_TIME=${CORDON_START_TIME:-30}
STEADY_TIME=${CORDON_STEADY_TIME:-5}

say() {
	echo "cordon: $*"
}

fail() {
	echo "cordon: $*" >&2
	exit 1
}

# one_of NAME VALUE WORD...: VALUE is empty or one of the words.
one_of() {
	name=$1 value=$2
	shift 2
	[ -n "$value" ] || return 0
	for word; do
		[ "$value" != "$word" ] || return 0
	done
	fail "$name: expected one of: $*"
}

parameters_check() {
	one_of SSM_CORDON_MODE "${SSM_CORDON_MODE-}" audit enforce
	one_of SSM_CORDON_LOG_LEVEL "${SSM_CORDON_LOG_LEVEL-}" error warning notice info debug
	one_of SSM_CORDON_START "${SSM_CORDON_START-}" yes no
	one_of SSM_CORDON_PURGE "${SSM_CORDON_PURGE-}" yes no
}

# Which kind of package the zip holds: PACKAGE, its VERSION, and KIND (deb or rpm).
package_find() {
	if [ ! -r VERSION ] || [ ! -r SHA256SUMS ]; then
		fail "this folder is not the unpacked zip"
	fi
	VERSION=$(cat VERSION)
	for PACKAGE in cordon.deb cordon.rpm; do
		[ ! -f "$PACKAGE" ] || break
	done
	[ -f "$PACKAGE" ] || fail "there is no package in the zip"
	KIND=${PACKAGE##*.}
}

package_check() {
	sha256sum -c SHA256SUMS >/dev/null 2>&1 || fail "the zip's files are not what SHA256SUMS says"
}

# Prints the version that is installed; fails when there is none.
installed_version() {
	case $KIND in
	deb)
		# shellcheck disable=SC2016
		status=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}' cordon 2>/dev/null) || return 1
		case $status in
		ii\ *) echo "${status#ii }" ;;
		*) return 1 ;;
		esac
		;;
	rpm)
		# It says on standard output that there is none.
		status=$(rpm -q --qf '%{VERSION}-%{RELEASE}' cordon 2>/dev/null) || return 1
		echo "$status"
		;;
	esac
}

# What the package needs may have to come from the distribution's archive. An edited configuration
# stays as it is.
package_install() {
	file=$1
	case $KIND in
	deb)
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			--allow-downgrades --reinstall -o DPkg::Lock::Timeout=300 \
			-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$file"
		;;
	rpm)
		tool=yum
		! command -v dnf >/dev/null 2>&1 || tool=dnf
		# dnf neither repairs nor goes back, rpm gets nothing from an archive.
		if [ "$(installed_version)" = "$VERSION" ] || ! "$tool" -y install "$file"; then
			rpm -U --oldpackage --replacepkgs "$file"
		fi
		;;
	esac
}

package_remove() {
	case $KIND in
	deb)
		verb=remove
		[ "${SSM_CORDON_PURGE-}" != yes ] || verb=purge
		DEBIAN_FRONTEND=noninteractive apt-get "$verb" -y -o DPkg::Lock::Timeout=300 cordon
		;;
	rpm) rpm -e cordon ;;
	esac
}

# dpkg and rpm mark files of the configuration with a c: those may differ.
package_intact() {
	case $KIND in
	deb) changed=$(dpkg --verify cordon 2>&1) ;;
	rpm) changed=$(rpm -V cordon 2>&1) ;;
	esac
	changed=$(printf '%s\n' "$changed" | grep -v '^[^ ]*  *c /' | grep -v '^$')
	[ -z "$changed" ] && return 0
	printf '%s\n' "$changed" >&2
	return 1
}

# What was asked for by parameters, as a file of its own: whoever edits another one is not undone.
parameters_write() {
	[ -n "${SSM_CORDON_MODE-}${SSM_CORDON_LOG_LEVEL-}" ] || return 0
	mkdir -p "${DROP_IN%/*}" || return 1
	{
		echo "# Written by SSM Distributor: the next installation or update with parameters does so again."
		[ -z "${SSM_CORDON_MODE-}" ] || echo "mode: $SSM_CORDON_MODE"
		[ -z "${SSM_CORDON_LOG_LEVEL-}" ] || echo "log_level: $SSM_CORDON_LOG_LEVEL"
	} >"$DROP_IN.new" && chmod 0644 "$DROP_IN.new" && mv "$DROP_IN.new" "$DROP_IN"
}

# Up within its time, and still the same process after a while.
service_steady() {
	left=$START_TIME
	until systemctl is-active --quiet cordond.service; do
		[ "$left" -gt 0 ] || return 1
		left=$((left - 1))
		sleep 1
	done
	before=$(systemctl show -p MainPID cordond.service)
	sleep "$STEADY_TIME"
	systemctl is-active --quiet cordond.service &&
		[ "$before" = "$(systemctl show -p MainPID cordond.service)" ]
}

# Puts what is asked for in force. The package has restarted the daemon by itself.
service_up() {
	systemctl enable cordond.service >/dev/null 2>&1 || return 1
	if [ "${SSM_CORDON_START-}" = no ]; then
		systemctl stop cordond.service
		return
	fi
	systemctl restart cordond.service && service_steady
}

# The package that runs, for the way back from an update that does not.
package_keep() {
	mkdir -p "$CACHE" && chmod 0700 "$CACHE" && cp "$PACKAGE" "$CACHE/installed.new" &&
		mv "$CACHE/installed.new" "$CACHE/installed.$KIND"
}
