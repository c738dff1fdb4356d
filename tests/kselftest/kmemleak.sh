#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Memory that the tests of this boot have leaked in the driver; on the debug kernel only.

leaks=/sys/kernel/debug/kmemleak

# What changes between two scans, or is younger than five seconds, is not reported.
read -r begin _ </proc/uptime
echo scan >$leaks || exit 1
read -r end _ </proc/uptime
rest=$((6 - ${end%.*} + ${begin%.*}))
[ $rest -le 0 ] || sleep $rest
echo scan >$leaks || exit 1
grep '\[seedchip\]' $leaks >/dev/null || exit 0
cat $leaks
exit 1
