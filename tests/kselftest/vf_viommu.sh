#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Virtual functions behind a virtual IOMMU, which translates for each by itself: the tests of one,
# then those of card and functions together. None reaches another's memory: the root port sends
# what a function has for another one up to the host bridge, which the kernel does not trust.
# vm: card=vfs=2,timing=on qemu=-device qemu=intel-iommu,intremap=off append=intel_iommu=on timeout=600 alone
# vm-dmesg: AER|PCIe Bus Error|error status/mask|\[ ?\d+\] *\w+|TLP Header
# vm-dmesg: seedchip .*: (device|function) reset: generation=\d+ wedged=1|reset by the PCI core: generation=\d+ wedged=1
# vm-dmesg: PM: suspend debug|VFs already enabled|Host bridge not in P2PDMA whitelist

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

numvfs=/sys/class/accel/accel0/device/sriov_numvfs

echo 1..4
again vf.sh
group=$(readlink -f /sys/class/accel/accel1/device/iommu_group)
[ -n "$group" ] && [ "$(cat "$group/type")" != identity ]
result $? "the addresses of a function are translated ($(cat "$group/type"))"
echo 0 >$numvfs
echo 2 >$numvfs
again "peer apart"
echo 0 >$numvfs
again sriov
exit $failed
