#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The module removed: refused while a file is open, and work goes on; then unloaded and loaded
# again, several times, and after a removal of the PCI function with a file open.
# vm: timeout=120 alone

number=0
check() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
	fi
}

works() {
	[ "$(hello | head -1)" = "hello from 16 workgroups" ]
}

echo 1..7
node=/dev/accel/accel0
exec 3<>$node
said=$(rmmod seedchip 2>&1)
refused=$?
echo "# $said"
[ $refused != 0 ] && echo "$said" | grep -q 'Resource temporarily unavailable'
check $? "a file is open: EAGAIN"
works
check $? "and the card works on"

# The function goes, the file stays; the module must not go before it.
pci=$(readlink -f /sys/class/accel/accel0/device)
echo 1 >"$pci/remove"
[ ! -e $node ]
check $? "removed with a file open: the node is gone"
! rmmod seedchip 2>/dev/null
check $? "the module stays until the file is closed"
exec 3>&-
rmmod seedchip && [ ! -e /sys/module/seedchip ]
check $? "then it goes"
echo 1 >/sys/bus/pci/rescan
insmod /lib/modules/seedchip.ko && works
check $? "loaded again: the card works"
for _ in 1 2 3 4 5; do
	rmmod seedchip && insmod /lib/modules/seedchip.ko || break
done
works
check $? "five more times"
