#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Peer-to-peer once more, behind a virtual IOMMU: a peer uses addresses that are translated to those
# of the maker's BAR.
# vm: card=bar=64M,vram=256M timeout=300 alone qemu=-cpu qemu=max,cx16=off,family=6
# vm: qemu=-device qemu=intel-iommu,intremap=off append=intel_iommu=on
# vm: qemu=-device qemu=pcie-root-port,id=above,chassis=8,slot=8
# vm: qemu=-device qemu=x3130-upstream,id=switch,bus=above
# vm: qemu=-device qemu=xio3130-downstream,id=down0,bus=switch,chassis=9,slot=9
# vm: qemu=-device qemu=xio3130-downstream,id=down1,bus=switch,chassis=10,slot=10
# vm: qemu=-device qemu=seedchip,id=near0,bus=down0,strict=on,bar=64M,vram=256M
# vm: qemu=-device qemu=seedchip,id=near1,bus=down1,strict=on,bar=64M,vram=256M
# vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=1

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

echo 1..2
group=$(readlink -f /sys/class/accel/accel1/device/iommu_group)
[ -n "$group" ] && [ "$(cat "$group/type")" != identity ]
result $? "a peer's addresses are translated ($(cat "$group/type"))"
again peer
exit $failed
