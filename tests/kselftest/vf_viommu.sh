#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Virtual functions behind a virtual IOMMU, which translates for each by itself: the tests of one,
# then those of card and functions together.
# vm: card=vfs=2,timing=on qemu=-device qemu=intel-iommu,intremap=off append=intel_iommu=on timeout=600 alone
# vm-dmesg: AER|PCIe Bus Error|error status/mask|\[ ?\d+\] *\w+|TLP Header
# vm-dmesg: seedchip .*: (device|function) reset: generation=\d+ wedged=1|reset by the PCI core: generation=\d+ wedged=1
# vm-dmesg: PM: suspend debug|VFs already enabled

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

echo 1..3
again vf.sh
group=$(readlink -f /sys/class/accel/accel1/device/iommu_group)
[ -n "$group" ] && [ "$(cat "$group/type")" != identity ]
result $? "the addresses of a function are translated ($(cat "$group/type"))"
echo 0 >/sys/class/accel/accel0/device/sriov_numvfs
again sriov
exit $failed
