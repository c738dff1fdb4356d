#!/bin/sh
# SPDX-License-Identifier: MIT
#
# As many virtual functions as a card can have, of the largest card in everything but memory: all
# of them work, one more is refused.
# vm: card=vfs=63,cores=64,queues=512,slots=64,contexts=256,vectors=64,tcm=64K,threads=1,timeout-scale=8 timeout=300 alone
# vm-dmesg: not enough MMIO resources

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

numvfs=/sys/class/accel/accel0/device/sriov_numvfs

cards() {
	[ "$(find /sys/class/accel -name 'accel[0-9]*' | wc -l)" = "$1" ]
}

echo 1..5
! echo 64 2>/dev/null >$numvfs && cards 1
result $? "64 virtual functions are refused"
if echo 63 >$numvfs; then enabled=0; else enabled=1; fi
result $enabled "63 are not"
cards 64
result $? "each is a card"
status=0
card=0
while [ $card -lt 64 ]; do
	SEEDCHIP_VISIBLE_DEVICES=$card hello >/tmp/hello || status=1
	card=$((card + 1))
done
[ $status = 0 ] || cat /tmp/hello
result $status "all of them compute"
echo 0 >$numvfs
cards 1
result $? "and go again"
exit $failed
