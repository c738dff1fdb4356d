#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A kernel without DRM_ACCEL: the build of the driver says so in one line, and cleaning works.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
headers=/usr/src/linux-headers-$(cat "$(cat "${BUILD:-build}/kernel.path")/release")
tools/build/kbuild-mirror.sh "$dir/tree"

echo 1..2
make -C "$headers" M="$dir/tree" CONFIG_DRM_ACCEL= modules >"$dir/log" 2>&1
if [ $? != 0 ] && [ "$(grep -c 'no CONFIG_DRM_ACCEL' "$dir/log")" = 1 ]; then
	echo "ok 1 - the build says what is missing"
else
	sed 's/^/# /' "$dir/log"
	echo "not ok 1 - the build says what is missing"
fi
if make -C "$headers" M="$dir/tree" CONFIG_DRM_ACCEL= clean >"$dir/log" 2>&1; then
	echo "ok 2 - clean works"
else
	sed 's/^/# /' "$dir/log"
	echo "not ok 2 - clean works"
fi
