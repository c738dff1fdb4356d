#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Read by the scripts that run tests once more, on a machine of their own kind.

number=0
failed=0

# result STATUS NAME: a line of TAP
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

finish() {
	exit $failed
}

# again NAME...: each of these tests is a result; one that fails shows what it has printed
again() {
	for name; do
		out=$("/tests/kselftest/$name" 2>&1)
		status=$?
		[ $status = 0 ] || echo "$out" | sed 's/^/# /'
		result $status "$name: $(echo "$out" | grep -c '^ok ') results"
	done
}
