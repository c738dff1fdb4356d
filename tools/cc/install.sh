#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh PREFIX [DESTDIR]: install the runtime, its headers, the kernel library in
# PREFIX/lib/seedchip, seedchip-cc and what kernels
# include.  $BUILD is the folder with what was built (build).

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
prefix=$1
root=${2:-}$prefix

number() {
	sed -n "s/^#define SEEDCHIP_VERSION_$1 //p" "$top/runtime/include/seedchip.h"
}
version=$(number MAJOR).$(number MINOR)

fill_in() {
	mkdir -p "$(dirname "$2")"
	sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$1" >"$2"
}

mkdir -p "$root/bin" "$root/lib/seedchip" "$root/include/seedchip" \
	"$root/share/seedchip/device/seedchip"
install -m 755 "$top/tools/cc/seedchip-cc" "$build/tools/cc/seedchip-isa" "$root/bin"
install -m 644 "$build/runtime/libseedchip.so" "$root/lib/libseedchip.so.$version"
ln -sf "libseedchip.so.$version" "$root/lib/libseedchip.so.$(number MAJOR)"
ln -sf "libseedchip.so.$(number MAJOR)" "$root/lib/libseedchip.so"
# the uapi headers name what info and fault records hold
install -m 644 "$top/runtime/include/seedchip.h" "$top/uapi/seedchip_isa.h" \
	"$top/uapi/seedchip_status.h" "$root/include"
install -m 644 "$top"/runtime/include/seedchip/*.h "$root/include/seedchip"
install -m 644 "$build"/runtime/kernels/*.elf "$root/lib/seedchip"
install -m 644 "$top"/runtime/device/*.c "$top/uapi/seedchip_isa.h" \
	"$top/uapi/seedchip_kernel_abi.h" "$root/share/seedchip/device"
install -m 644 "$top"/runtime/device/seedchip/*.h "$root/share/seedchip/device/seedchip"
fill_in "$top/runtime/seedchip.pc.in" "$root/lib/pkgconfig/seedchip.pc"
fill_in "$top/runtime/seedchip-config.cmake.in" "$root/lib/cmake/seedchip/seedchip-config.cmake"
