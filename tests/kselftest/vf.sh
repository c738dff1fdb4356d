#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The driver's tests once more, on a virtual function: to its users it is a card like any other.
# vm: card=vfs=1 timeout=300 alone

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

tests="query bo bind userptr queue sync event submit fault killed"

# shellcheck disable=SC2086 # a list
set -- $tests
echo "1..$(($# + 1))"
echo 1 >/sys/class/accel/accel0/device/sriov_numvfs
[ "$(cat /sys/class/accel/accel1/device/device)" = 0x5eee ]
result $? "card 1 is a virtual function"
export FIRST_CARD=1 SEEDCHIP_VISIBLE_DEVICES=1
again "$@"
exit $failed
