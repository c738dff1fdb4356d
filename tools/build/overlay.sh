#!/bin/sh
# SPDX-License-Identifier: MIT
#
# overlay.sh LIST OUT: the project's part of the test VM's initramfs.
#
# LIST holds "file:place" lines; a place that ends in "/" is a folder.  The shared libraries
# of every program come along into /lib, and seedchip.ko into the list that init loads.

set -eu

list=$1
out=$2
root=$out.root

rm -rf "$root"
mkdir -p "$root/lib/modules" "$root/lib64"
while IFS=: read -r file place; do
	dest=$root$place
	case $place in
	*/) dest=$dest$(basename "$file") ;;
	esac
	mkdir -p "$(dirname "$dest")"
	cp -L "$file" "$dest"
done <"$list"

# ldd fails on what is not a dynamic host program: scripts, data, device kernels, modules.
find "$root" -type f -exec ldd {} + 2>/dev/null |
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u |
while read -r lib; do
	case $lib in
	*/ld-linux*) cp -L "$lib" "$root/lib64/" ;;
	*) cp -L "$lib" "$root/lib/" ;;
	esac
done

[ ! -e "$root/lib/modules/seedchip.ko" ] ||
	echo /lib/modules/seedchip.ko >"$root/lib/modules/project.list"

(cd "$root" && find . | sort | cpio -o -H newc --quiet -R 0:0) >"$out.tmp"
rm -rf "$root"
mv "$out.tmp" "$out"
