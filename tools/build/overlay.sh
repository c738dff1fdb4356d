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
sed "s|^[^:]*:|$root|; s|[^/]*\$||" "$list" | sort -u | xargs mkdir -p "$root/lib/modules" "$root/lib64"
# as few processes as there are folders: this is on the way of every test in the VM
sed -n 's|.*:\(.*/\)$|\1|p' "$list" | sort -u | while read -r dir; do
	sed -n "s|:$dir\$||p" "$list" | xargs cp -L -t "$root$dir"
done
sed '/\/$/d' "$list" | while IFS=: read -r file place; do
	cp -L "$file" "$root$place"
done

# Programs that need the same libraries find them at the same places: ldd looks at one of each kind.
find "$root" -type f -exec readelf -d {} + 2>/dev/null |
	awk '/^File: / { file = $2 } /\(NEEDED\)/ { needs[file] = needs[file] $NF }
		END { for (file in needs) if (!seen[needs[file]]++) print file }' | xargs -r ldd |
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
