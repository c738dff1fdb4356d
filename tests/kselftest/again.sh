#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Read by the scripts that run tests once more, on a machine of their own kind. They end with
# "exit $failed".

# shellcheck source=tests/vm/tap.sh
. /lib/tap.sh

# again "NAME ARGUMENT..."...: each of these tests is a result; one that fails shows what it printed
again() {
	for name; do
		# shellcheck disable=SC2086 # its arguments
		out=$(/tests/kselftest/$name 2>&1)
		status=$?
		[ $status = 0 ] || echo "$out" | sed 's/^/# /'
		result $status "$name: $(echo "$out" | grep -c '^ok ') results"
	done
}
