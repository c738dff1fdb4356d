#!/bin/sh
# SPDX-License-Identifier: MIT
#
# kexec while the card computes: the next kernel (next_kernel.c) finds a card that is switched off,
# does not master the bus, and writes nothing. It speaks on the serial port alone, hence from here.

[ -e "$BUILD/vm/overlay.cpio" ] || { echo "a build without the virtual machine"; exit 4; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tests/vm/run-vm --timeout 800 --console "$dir/console" --run next_kernel >"$dir/out" 2>&1
status=$?
if [ $status = 4 ]; then
	tail -n 1 "$dir/out"
	exit 4
fi
tr -d '\r' <"$dir/console" | grep -a '^next kernel: bus master 0, enabled 0, writes 0$' && exit 0
cat "$dir/out"
tail -n 20 "$dir/console"
exit 1
