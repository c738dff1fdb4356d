#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Memory that card and CPU share cannot go through bounce buffers: on a machine that would do so
# the card is refused, in one line that says why.
# vm: append=swiotlb=force alone
# vm-dmesg: seedchip .*bounce buffers

echo 1..3
[ ! -e /dev/accel/accel0 ]
echo "$([ $? = 0 ] && echo ok || echo not ok) 1 - no device"
said=$(dmesg | grep 'seedchip 0000' | grep -v 'enabling device')
echo "$said" | sed 's/^/# /'
[ "$(echo "$said" | wc -l)" = 1 ]
echo "$([ $? = 0 ] && echo ok || echo not ok) 2 - one line"
echo "$said" | grep -q 'bounce buffers'
echo "$([ $? = 0 ] && echo ok || echo not ok) 3 - that says why"
