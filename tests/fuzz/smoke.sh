#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The fuzz targets on fixed series of inputs: nothing crashes, and no two runs differ.

build=${BUILD:-build}
out=$build${SAN:+/san-${SAN//,/-}}
n=0
failed=0

# ok NAME PROGRAM ARG...
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if said=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		tail -n 20 <<<"$said" | sed 's/^/# /'
	fi
}

ok "random instructions" "$out/tests/fuzz/insns"
ok "damaged modules" "$out/tests/fuzz/elf" "$out/runtime/examples/hello_kernel.elf"
ok "random calls" "$out/tests/fuzz/calls"
echo "1..$n"
exit $failed
