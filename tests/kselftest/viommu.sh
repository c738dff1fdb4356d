#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The driver's tests once more, behind a virtual IOMMU: every address that the card uses is
# translated, and one that is not mapped for it is refused.
# vm: qemu=-device qemu=intel-iommu,intremap=off append=intel_iommu=on timeout=400 alone
# vm-dmesg: (context|device|function) reset: |fault: code=\d+ status=\d+ |\d+ callbacks suppressed

# shellcheck source=tests/kselftest/again.sh
. /tests/kselftest/again.sh

# All but those that need another machine (aer, sleep, bounce, two cards, small BAR); the last
# one takes the card away.
tests="query bo bind mappings prime userptr queue sync submit unmap event usage trace negative"
tests="$tests coredump fault killed user_queue spoiled quota reset"
tests="$tests removal"

# shellcheck disable=SC2086 # a list
set -- $tests
echo "1..$(($# + 1))"
group=$(readlink -f /sys/class/accel/accel0/device/iommu_group)
[ -n "$group" ] && [ "$(cat "$group/type")" != identity ]
result $? "the card's addresses are translated ($(cat "$group/type"))"
again "$@"
exit $failed
