#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each operation of the kernel library has a test on the simulator, where its bits on a strict card
# are compared with those on one that is not; a row of `make bench`; and a row of docs/kernels.md.

set -u
n=0 failed=0

result() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

for file in runtime/kernels/*.c; do
	op=$(basename "$file" .c)
	grep -q "kt_run(\"$op\"" tests/kernels/*.c
	result $? "$op: a test"
	grep -Eq "BYTES\($op,|(measure|launch)\(\"$op\"|modelled_run\(&m, \"$op\"" tests/bench/*.c
	result $? "$op: a benchmark"
	grep -Eq "^\|( \`[a-z0-9_]+\`,)* \`$op\`[ ,]" docs/kernels.md
	result $? "$op: a row of the list"
done
grep -q '"sim:strict=1"' tests/kernels/on_sim.c && grep -q '"sim",' tests/kernels/on_sim.c
result $? "tests run on a strict card and on another"
echo "1..$n"
exit $failed
