#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The card built for another QEMU is refused in one line that says what to do: another version,
# and a structure of another size under the same version.

set -eu
[ "${BUILD:-build}" = build ] || { echo "needs the plain build"; exit 4; }
headers=$(cat build/qemu-headers.path)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# build NAME: the card with the headers in $tmp/NAME in front of the right ones
build() {
	for source in qemu-device/*.c; do
		# shellcheck disable=SC2046 # a list of flags
		gcc -std=gnu11 -O0 -fPIC -D_GNU_SOURCE "-I$tmp/$1" "-I$headers/generated" \
			"-I$headers/generated/qapi" "-I$headers/include" -Iqemu-device -Iuapi -I. \
			$(pkg-config --cflags glib-2.0) \
			-c -o "$tmp/$(basename "$source" .c).o" "$source"
	done
	gcc -shared -pthread -Wl,--version-script=qemu-device/seedchip.map -o "$tmp/$1.so" \
		"$tmp"/*.o build/qemu-device/chip/libchip.a -lm
}

number=0
failed=0
# refused NAME PATTERN: QEMU ends with status 1, and our one line is there
refused() {
	number=$((number + 1))
	status=0
	timeout 20 qemu-system-x86_64 -M none -display none -plugin "$tmp/$1.so" \
		>"$tmp/out" 2>&1 </dev/null || status=$?
	if [ $status = 1 ] && [ "$(grep -c "$2" "$tmp/out")" = 1 ] &&
	   [ "$(grep -c 'seedchip: built for' "$tmp/out")" = 1 ]; then
		echo "ok $number - $1: $(grep "$2" "$tmp/out")"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $number - $1: status $status"
		failed=1
	fi
}

echo 1..2
mkdir -p "$tmp/version" "$tmp/layout/hw"
sed 's/\(QEMU_VERSION_MINOR\).*/\1 99/' "$headers/generated/config-host.h" \
	>"$tmp/version/config-host.h"
build version
refused version 'built for QEMU [0-9]*\.99, but this is [0-9.]*: run make to rebuild the card'

sed 's/^struct DeviceState {/&\n    void *added[3];/' "$headers/include/hw/qdev-core.h" \
	>"$tmp/layout/hw/qdev-core.h"
build layout
refused layout 'built for a QEMU whose .* has [0-9]* bytes, but here it has [0-9]*: run make'
exit $failed
