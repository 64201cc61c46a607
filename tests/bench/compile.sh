#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compiles a generated hosts file of so many names (a million) and prints time, peak memory and
# the pack's size: tests/bench/compile.sh [NAMES]. CORDON: the program, build/cordon or ./cordon.
set -eu

names=${1:-1000000}
cordon=${CORDON:-${CORDON_BUILD:-.}/cordon}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

# Names as lists have them: three quarters of two labels, the rest below one of those. The same
# ones each time.
awk -v names="$names" 'BEGIN {
	srand(7)
	letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	tops = split("com net org info ru xyz top co.uk online de", top, " ")
	for (i = 0; i < names; i++) {
		name = ""
		for (k = 6 + int(rand() * 10); k > 0; k--)
			name = name substr(letters, 1 + int(rand() * 36), 1)
		if (i % 4 == 3)
			name = name "." base[int(rand() * i / 4)]
		else
			name = base[bases++] = name i "." top[1 + int(rand() * tops)]
		print "0.0.0.0 " name
	}
}' > "$folder/list"

/usr/bin/time -f 'compile: %e s, peak memory %M KiB' \
	"$cordon" intel compile --json -o "$folder/pack" "$folder/list" > "$folder/report"
cat "$folder/report"
/usr/bin/time -f 'open and look up: %e s, peak memory %M KiB' \
	"$cordon" intel lookup --pack "$folder/pack" example.com www.example.org
