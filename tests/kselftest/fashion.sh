#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The demo's program on a strict card, the default of tests: predictions, counters and refusals.
# vm: timeout=120

net=/usr/share/seedchip/fashion.sdw
data=/usr/share/datasets/fashion-mnist
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0

# result STATUS NAME: one TAP line; the last command's output goes before it when it failed
result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# /' "$tmp/out"
		echo "not ok $number - $2"
	fi
}

# says WORD...: the last command's output has a line with all of this
says() {
	tr -s ' ' <"$tmp/out" | grep -q -- "$*"
}

# refuses STATUS TEXT COMMAND...: ends with that exit status and this text
refuses() {
	status=$1 text=$2
	shift 2
	"$@" >"$tmp/out" 2>&1
	[ $? = "$status" ] && says "$text"
}

# check COUNT [LEAST]: the labels equal the reference
check() {
	fashion-check "$tmp/labels" "$1" $net $data "${2:-0}" >"$tmp/out" 2>&1
}

echo 1..14

# 250 + 250 + 140 images are 4 + 4 + 3 workgroups, of which the last of each is part-filled
fashion -n 640 -b 250 -p "$tmp/labels" >"$tmp/out" 2>&1
result $? "640 images in dispatches of 250"
says "workgroups 11 "
result $? "workgroups are counted"
says "multiply-accumulates 69,877,760 109,184 for an image"
result $? "multiply-accumulates are counted"
says "bytes to the card 612,648" && says "bytes copied 613,288"
result $? "bytes copied are counted"
says "packets 10"
result $? "packets are counted"
check 640
result $? "they equal the reference"

# the last batch is smaller than what was recorded
fashion -n 640 -b 250 -s 0 --graph -p "$tmp/labels" >"$tmp/out" 2>&1 && says "workgroups 11 " &&
	says "bytes copied 613,288" && check 640
result $? "recorded and replayed as a graph they equal it, too"

fashion -n 1000 -s 0 -p "$tmp/labels" >"$tmp/out" 2>&1 && check 1000 87
result $? "1000 images in one dispatch equal the reference"

sed -i '1s/^./7/' "$tmp/labels" && ! check 1000 && says "image 0: the card says 7"
result $? "a wrong prediction is found"
! check 999 && says "1000 predictions, not 999"
result $? "predictions too many are found"

fashion -n 100 -s 0 -p "$tmp/labels" >"$tmp/out" 2>&1 && ! check 100 99 && says "less than 99"
result $? "an accuracy that is not reached is a failure"

refuses 2 "a number from 1 to" fashion --images 0
result $? "no images are refused"
refuses 1 "there are 10000" fashion --images 10001
result $? "more images than there are are refused"
refuses 1 "not an ELF file" fashion --kernel $net
result $? "a file that is no kernel is refused"
