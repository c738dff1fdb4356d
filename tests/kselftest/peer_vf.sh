#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Peer-to-peer between the functions of one card, which are peers like any others.
# vm: card=vfs=2 timeout=300 alone
# vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=1

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

echo 1..1
echo 2 >/sys/class/accel/accel0/device/sriov_numvfs
again peer
exit $failed
