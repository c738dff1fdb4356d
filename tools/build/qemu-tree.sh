#!/bin/sh
# SPDX-License-Identifier: MIT
#
# qemu-tree.sh DIR: put the virtual card into the QEMU source tree DIR, as hw/misc/seedchip/.
#
# The same files as in the shared object; a QEMU built from that tree has the device built in.
# Running it again brings the copy up to date.

set -eu

die() {
	echo "qemu-tree: $*" >&2
	exit 1
}

tree=${1:-}
[ -n "$tree" ] || die "say where: make qemu-tree QEMU=/path/to/qemu"
[ -f "$tree/hw/misc/meson.build" ] && [ -f "$tree/hw/misc/Kconfig" ] ||
	die "$tree is no QEMU source tree: hw/misc/meson.build is missing"

cd "$(dirname "$0")/../.."
to=$tree/hw/misc/seedchip
rm -rf "$to"
mkdir -p "$to/qemu-device/chip" "$to/uapi"
cp qemu-device/*.[ch] "$to/qemu-device/"
rm "$to/qemu-device/seedchip-plugin.c" # loading into a stock QEMU
cp qemu-device/trace-events "$to/"
cp qemu-device/chip/*.[ch] "$to/qemu-device/chip/"
cp uapi/*.h "$to/uapi/"

# list PATTERN: the files as meson writes them
list() {
	# shellcheck disable=SC2086 # a pattern
	(cd "$to" && printf "'%s', " $1 | sed 's/, $//')
}

# The chip model is a library of its own: it includes none of QEMU's headers, and what the
# compiler flags of the two differ in (-std, warnings) must not meet.
cat >"$to/meson.build" <<EOF
# SPDX-License-Identifier: GPL-2.0-or-later
seedchip_inc = include_directories('.', 'uapi', 'qemu-device')
seedchip_chip = static_library('seedchip-chip',
  files($(list 'qemu-device/chip/*.c')),
  include_directories: seedchip_inc, implicit_include_directories: false,
  c_args: ['-D_GNU_SOURCE', '-ffp-contract=off'], pic: true, build_by_default: false)
seedchip_dep = declare_dependency(include_directories: seedchip_inc, link_whole: seedchip_chip,
  compile_args: '-DSEEDCHIP_IN_TREE')
softmmu_ss.add(when: ['CONFIG_SEEDCHIP', seedchip_dep],
  if_true: files($(list 'qemu-device/*.c')))
EOF
cat >"$to/Kconfig" <<EOF
# SPDX-License-Identifier: GPL-2.0-or-later
config SEEDCHIP
    bool
    default y if PCI_DEVICES
    depends on PCI && MSI_NONBROKEN
EOF
# QEMU 8.1 renamed softmmu_ss
grep -q 'system_ss' "$tree/hw/misc/meson.build" && sed -i 's/softmmu_ss/system_ss/' "$to/meson.build"

grep -q "^subdir('seedchip')" "$tree/hw/misc/meson.build" ||
	echo "subdir('seedchip')" >>"$tree/hw/misc/meson.build"
grep -q "^source seedchip/Kconfig" "$tree/hw/misc/Kconfig" ||
	echo "source seedchip/Kconfig" >>"$tree/hw/misc/Kconfig"
grep -q "'hw/misc/seedchip'" "$tree/meson.build" ||
	sed -i "s,^\( *\)'hw/misc'\,$,&\n\1'hw/misc/seedchip'\,," "$tree/meson.build"
echo "qemu-tree: $to is in place; configure and build that tree as usual"
