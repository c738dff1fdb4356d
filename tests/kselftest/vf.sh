#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The driver's tests once more, on a virtual function: to its users it is a card like any other.
# vm: card=vfs=1 timeout=300 alone

tests="query bo bind userptr queue sync event submit fault killed"
number=1
failed=0

# shellcheck disable=SC2086 # a list
set -- $tests
echo "1..$(($# + 1))"
echo 1 >/sys/class/accel/accel0/device/sriov_numvfs
if [ "$(cat /sys/class/accel/accel1/device/device)" = 0x5eee ]; then
	echo "ok 1 - card 1 is a virtual function"
else
	echo "not ok 1 - card 1 is a virtual function"
	failed=1
fi
export FIRST_CARD=1 SEEDCHIP_VISIBLE_DEVICES=1
for name; do
	number=$((number + 1))
	if out=$("/tests/kselftest/$name" 2>&1); then
		echo "ok $number - $name: $(echo "$out" | grep -c '^ok ') results"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $number - $name"
		failed=1
	fi
done
exit $failed
