#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A kernel without DRM_ACCEL, or for another kind of CPU: the build of the driver says so in one
# line, and cleaning works.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
headers=/usr/src/linux-headers-$(cat "$(cat "${BUILD:-build}/kernel.path")/release")
tools/build/kbuild-mirror.sh "$dir/tree"

# says NUMBER OPTION TEXT
says() {
	make -C "$headers" M="$dir/tree" "$2" modules >"$dir/log" 2>&1
	if [ $? != 0 ] && [ "$(grep -c "$3" "$dir/log")" = 1 ]; then
		echo "ok $1 - the build says what is missing ($2)"
	else
		sed 's/^/# /' "$dir/log"
		echo "not ok $1 - the build says what is missing ($2)"
	fi
}

echo 1..4
says 1 CONFIG_DRM_ACCEL= 'no CONFIG_DRM_ACCEL'
says 2 CONFIG_64BIT= 'little-endian one of 64 bits'
says 3 CONFIG_CPU_BIG_ENDIAN=y 'little-endian one of 64 bits'
if make -C "$headers" M="$dir/tree" CONFIG_DRM_ACCEL= clean >"$dir/log" 2>&1; then
	echo "ok 4 - clean works"
else
	sed 's/^/# /' "$dir/log"
	echo "not ok 4 - clean works"
fi
