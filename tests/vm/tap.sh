#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What test scripts in the VM share; they read it from /lib. The script prints the plan, and ends
# with "exit $failed".
# shellcheck disable=SC2034 # failed is for the script

number=0
failed=0

# result STATUS NAME
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

# check NAME COMMAND...: a result, which is the command's
check() {
	name=$1
	shift
	"$@"
	result $? "$name"
}

# soon COMMAND...: within 10 seconds
soon() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		usleep 50000
	done
}

# is FILE TEXT: the file says this
is() {
	[ "$(cat "$1" 2>/dev/null)" = "$2" ]
}
