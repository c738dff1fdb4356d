#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install.sh [--remove] PREFIX [DESTDIR]: the user-space part of SeedChip under DESTDIR/PREFIX:
# runtime, headers, kernel library, seedchip-cc with what kernels include, tools, pages, manual
# pages. $BUILD is the folder with what was built (build).
#
# Every file that is put in place is a line of PREFIX/share/seedchip/installed; --remove takes
# away those and the folders below bin, lib, include and share that are then empty.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
usage="usage: install.sh [--remove] PREFIX [DESTDIR]"
remove=
if [ "${1:-}" = --remove ]; then
	remove=1
	shift
fi
prefix=${1:?$usage}
root=${2:-}$prefix
list=$root/share/seedchip/installed

case $prefix in
/*)	;;
*)	echo "install.sh: PREFIX is not an absolute path: $prefix" >&2
	exit 1 ;;
esac

if [ "$remove" ]; then
	[ -e "$list" ] || { echo "install.sh: nothing is installed in $root" >&2; exit 1; }
	while read -r file; do
		rm -f "$root/$file"
		folder=$(dirname "$file")
		while [ "$folder" != "${folder#*/}" ] && rmdir "$root/$folder" 2>/dev/null; do
			folder=$(dirname "$folder")
		done
	done <"$list"
	echo "removed from $root"
	exit
fi

[ ! -e "$list" ] || "$0" --remove "$@" >/dev/null	# what an older version had
mkdir -p "$root/share/seedchip"
: >"$list"

# put MODE FOLDER FILE...
put() {
	mode=$1 folder=$2
	shift 2
	install -d "$root/$folder"
	for file; do
		install -m "$mode" "$file" "$root/$folder"
		echo "$folder/${file##*/}" >>"$list"
	done
}

number() {
	sed -n "s/^#define SEEDCHIP_VERSION_$1 //p" "$top/runtime/include/seedchip.h"
}
major=$(number MAJOR)
version=$major.$(number MINOR)

fill_in() {
	install -d "$root/$2"
	sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$1" >"$root/$2/$3"
	echo "$2/$3" >>"$list"
}

put 755 bin "$top/tools/cc/seedchip-cc" "$build/tools/cc/seedchip-isa" \
	"$build/tools/coredump/seedchip-coredump" "$build/tools/objdump/seedchip-objdump" \
	"$build/tools/perf/seedchip-perf" "$build/tools/run-elf/seedchip-run-elf"
put 644 share/seedchip/perf "$top"/tools/perf/configs/*
put 644 share/doc/seedchip "$top"/README.md "$top"/docs/*.md
"$top/tools/docs/man.sh" "$build/man"
put 644 share/man/man3 "$build"/man/*.3

put 644 lib "$build/runtime/libseedchip.so"
mv "$root/lib/libseedchip.so" "$root/lib/libseedchip.so.$version"
ln -sf "libseedchip.so.$version" "$root/lib/libseedchip.so.$major"
ln -sf "libseedchip.so.$major" "$root/lib/libseedchip.so"
printf 'lib/libseedchip.so.%s\n' "$version" "$major" >>"$list"
# the uapi headers name what info and fault records hold
put 644 include "$top/runtime/include/seedchip.h" "$top/uapi/seedchip_isa.h" \
	"$top/uapi/seedchip_status.h"
put 644 include/seedchip "$top"/runtime/include/seedchip/*.h
fill_in "$top/runtime/seedchip.pc.in" lib/pkgconfig seedchip.pc
fill_in "$top/runtime/seedchip-config.cmake.in" lib/cmake/seedchip seedchip-config.cmake

put 644 lib/seedchip "$build"/runtime/kernels/*.elf
put 644 share/seedchip/device "$top"/runtime/device/*.c "$top/uapi/seedchip_isa.h" \
	"$top/uapi/seedchip_kernel_abi.h"
put 644 share/seedchip/device/seedchip "$top"/runtime/device/seedchip/*.h

echo share/seedchip/installed >>"$list"
echo "installed in $root"
