#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The driver's tests once more, behind a virtual IOMMU: every address that the card uses is
# translated, and one that is not mapped for it is refused.
# vm: qemu=-device qemu=intel-iommu,intremap=off append=intel_iommu=on timeout=400 alone
# vm-dmesg: (context|device|function) reset: |fault: code=\d+ status=\d+ |\d+ callbacks suppressed

# All but those that need another machine (aer, sleep, bounce, two cards, small BAR); the last
# one takes the card away.
tests="query bo bind mappings prime userptr queue sync submit unmap event usage trace negative"
tests="$tests coredump fault killed user_queue spoiled quota reset"
tests="$tests removal"
number=1
failed=0

# shellcheck disable=SC2086 # a list
set -- $tests
echo "1..$(($# + 1))"
group=$(readlink -f /sys/class/accel/accel0/device/iommu_group)
if [ -n "$group" ] && [ "$(cat "$group/type")" != identity ]; then
	echo "ok 1 - the card's addresses are translated ($(cat "$group/type"))"
else
	echo "not ok 1 - the card's addresses are translated"
	failed=1
fi
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
