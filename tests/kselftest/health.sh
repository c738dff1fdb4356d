#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The card's health as an operator sees it: hwmon, sysfs, one line in the kernel's log for each
# occurrence, retired pages and failed cores that work goes around, draining, and a sleep of the
# idle card that no reader of telemetry ends.
# vm: timeout=120 alone
# vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=0
# vm-dmesg: health: code=\d+ name=[A-Z_]+ core=-?\d+ address=0x[0-9a-f]+ value=-?\d+

D=$(readlink -f /sys/class/accel/accel0/device)
H=$(echo "$D"/hwmon/hwmon*)
DEBUG=/sys/kernel/debug/accel/0000:01:00.0
# shellcheck source=tests/vm/tap.sh
. /lib/tap.sh

inject() {
	qmp qom-set "{\"path\":\"/machine/peripheral/card0\",\"property\":\"inject-$1\",\"value\":$2}" \
		>/dev/null
}

works() {
	[ "$(hello | head -1)" = "hello from 16 workgroups" ]
}

# Every input lies within its limits, and the units are hwmon's
inputs() {
	[ "$(cat "$H/name")" = seedchip ] || return 1
	for label in temp1:die temp2:memory power1:card in0:core; do
		is "$H/${label%:*}_label" "${label#*:}" || return 1
		[ "$(cat "$H/${label%:*}_input")" -le "$(cat "$H/${label%:*}_max")" ] || return 1
	done
	[ "$(cat "$H/temp1_input")" -gt 20000 ] && [ "$(cat "$H/temp1_crit")" = 105000 ] &&
		[ "$(cat "$H/power1_input")" -gt 1000000 ] &&
		[ "$(cat "$H/in0_input")" -ge "$(cat "$H/in0_min")" ]
}

identity() {
	[ "$(cat "$D/unique_id")" = "$(cat "$D/serial")-0" ] &&
		grep -qE '^[0-9a-f]{16}$' "$D/serial" && is "$D/hardware_version" 1.0.0 &&
		is "$D/firmware_version" 1.0.0 && is "$D/state" active
}

logged() {
	dmesg | grep -qE "seedchip 0000:01:00.0: health: $1\$"
}

drained() {
	echo draining >"$D/state" && is "$D/state" draining || return 1
	! (exec 3<>/dev/accel/accel0) 2>/dev/null || return 1
	! echo broken >"$D/state" 2>/dev/null || return 1
	echo active >"$D/state" && works
}

asleep() {
	is "$D/power/runtime_status" suspended
}

# Inputs have no value, limits and identity do, and the card sleeps on
quiet() {
	! cat "$H/temp1_input" 2>/dev/null && is "$H/temp1_max" 95000 && ! cat "$D/ras/fault_log" 2>/dev/null &&
		is "$D/state" active && cat "$D/ras/retired_pages" >/dev/null &&
		cat /sys/kernel/debug/accel/*/registers >/dev/null && asleep
}

echo 1..17
check "hwmon: labels, units, limits" inputs
check "identity" identity
inject temperature 96000
check "a temperature at its limit is one line" \
	soon logged 'code=131 name=TEMPERATURE core=-1 address=0x0 value=96000'
check "hwmon shows it" is "$H/temp1_input" 96000
check "the card throttles" is "$D/ras/throttle" 0x1
inject temperature 0
inject ecc-corrected 2097160
inject ecc-uncorrected 4198400
check "an uncorrectable error is one line" \
	soon logged 'code=128 name=MEMORY_ECC core=-1 address=0x401000 value=0'
check "it is counted" is "$D/ras/ecc_uncorrected" 1
check "so is the corrected one" is "$D/ras/ecc_corrected" 1
check "its page is retired" soon is "$D/ras/retired_pages" "0x401000 retired"
check "the fault log tells all" [ "$(cut -d ' ' -f 3 "$D/ras/fault_log" | tr '\n' ' ')" = \
	"name=TEMPERATURE name=THROTTLED name=THROTTLED name=ECC_CORRECTED name=MEMORY_ECC " ]
inject core-failure 2
check "a failed core is out of use at once" soon grep -q ' CORE_MASK 0xfb$' "$DEBUG/registers"
check "the card was reset for it" [ "$(cat "$D/ras/cores_disabled") $(grep '^device_resets' "$DEBUG/counters")" = \
	"0x4 device_resets: 1" ]
check "work goes on without page and core" works
check "draining refuses new opens" drained
echo 0000:01:00.0 >/sys/bus/pci/drivers/seedchip/unbind
echo 0000:01:00.0 >/sys/bus/pci/drivers/seedchip/bind
H=$(echo "$D"/hwmon/hwmon*)
check "all of it is known after a rebind" [ "$(cat "$D/ras/retired_pages") $(cat "$D/ras/cores_disabled")" = \
	"0x401000 retired 0x4" ]
echo auto >"$D/power/control"
check "the idle card goes to sleep, and telemetry lets it" eval 'soon asleep && quiet'
check "it wakes up for work, and sleeps again" eval 'works && soon asleep'
exit $failed
