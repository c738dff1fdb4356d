#!/bin/sh
# SPDX-License-Identifier: MIT
# vm: card=vram=256M,bar=64M timeout=60 alone
#
# The virtual card as Linux sees it: what it enumerates, the resets that it offers, a card that is
# pulled out and another one that takes the slot.

D=/sys/bus/pci/devices/0000:01:00.0
card=/machine/peripheral/card0
# shellcheck source=tests/vm/tap.sh
. /lib/tap.sh

# bar N BYTES: size of a BAR
bar() {
	size=$(awk -v n="$1" 'NR == n + 1 { print $2 " " $1 }' $D/resource)
	[ $((${size% *} - ${size#* } + 1)) = "$2" ]
}

gone() {
	[ ! -e "$1" ]
}

# reset METHOD: with the driver away, as a reset of a card in use is the driver's affair
reset() {
	echo 0000:01:00.0 >/sys/bus/pci/drivers/seedchip/unbind &&
		echo "$1" >$D/reset_method && echo 1 >$D/reset &&
		echo 0000:01:00.0 >/sys/bus/pci/drivers/seedchip/bind && soon test -e /dev/accel/accel0
}

echo 1..13
check "class 12h, vendor 1234, device 5eed" is $D/class 0x120000
check "control BAR" bar 0 $((512 * 1024))
check "doorbell BAR" bar 2 $((256 * 4096))
check "card memory BAR" bar 4 $((64 << 20))
check "FLR and bus reset, in this order" is $D/reset_method "flr bus"
check "MSI-X in use" test -d $D/msi_irqs
check "AER" test -e $D/aer_dev_fatal
check "the driver is there again after FLR" reset flr
check "the driver is there again after a bus reset" reset bus

qmp qom-set "{\"path\":\"$card\",\"property\":\"surprise-remove\",\"value\":true}" >/dev/null
check "a card that was pulled out is gone" soon gone $D
check "and so is its device file" soon gone /dev/accel/accel0
# pciehp leaves the slot alone for a second after it has switched it off
sleep 2
qmp device_add '{"driver":"seedchip","id":"card0","bus":"port0","vram":"256M","strict":true}' \
	>/dev/null
check "another card in the slot is found" soon test -e $D
check "and gets its driver" soon test -e /dev/accel/accel0
exit $failed
