#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make demo: classify 10,000 images on the virtual card and check each of them.
#
# The VM's program prints its predictions after its results; they are taken out of the output
# here and compared, outside the VM, with what plain C code on this machine says.
# $RUN_VM is the launcher of the test VM with the user's options; without it the same program
# runs on the simulator in this process (make demo SIM=1).

set -u

top=$(cd "$(dirname "$0")/../../.." && pwd)
fashion=${BUILD:-$top/build}/runtime/examples/fashion
data=/usr/share/datasets/fashion-mnist
marker=---predictions---
least=87 # percent

tmp=$(mktemp -d "${TMPDIR:-/tmp}/seedchip-demo.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT

# Half blocks in grey where a person looks at a terminal that has them.
blocks=
case ${TERM:-dumb},${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
*256color,*[Uu][Tt][Ff]*8) [ -t 1 ] && blocks=--blocks ;;
esac

in_vm() {
	# The launcher's cards are strict by default, which is for finding faults and takes time.
	local card='--card strict=off' command
	case $RUN_VM in
	*'--card '*) card= ;;
	esac
	echo "Starting the VM with the virtual card ..."
	# shellcheck disable=SC2034 # eval uses it
	command="fashion $blocks -p /tmp/labels && echo $marker && cat /tmp/labels"
	# the launcher's options come quoted
	eval "$RUN_VM $card --timeout 120" '--console "$tmp/console" --run "$command"' |
	while IFS= read -r line; do
		if [ "$line" = "$marker" ]; then
			cat >"$tmp/predictions"
			break
		fi
		printf '%s\n' "$line"
	done
	return "${PIPESTATUS[0]}"
}

in_simulator() {
	# shellcheck disable=SC2086 # an option or nothing
	SEEDCHIP_DEVICE=sim "$fashion/fashion" $blocks -p "$tmp/predictions" -d "$data" \
		-w "$top/tools/train/fashion.sdw" -k "$fashion/fashion_kernel.elf"
}

SECONDS=0
if [ -n "${RUN_VM:-}" ]; then
	in_vm
else
	in_simulator
fi
status=$?

if [ "$status" = 0 ]; then
	echo
	echo "Computing the same on this machine, outside the card, in plain C ..."
	"$fashion/fashion-check" "$tmp/predictions" 10000 "$top/tools/train/fashion.sdw" "$data" $least
	status=$?
elif [ -s "$tmp/console" ]; then
	echo "The last of the VM's console:" >&2
	tail -n 15 "$tmp/console" >&2
fi

echo
if [ "$status" = 0 ]; then
	echo "PASS: every prediction equals the reference ($SECONDS seconds in all)"
else
	echo "FAIL"
	exit 1
fi
