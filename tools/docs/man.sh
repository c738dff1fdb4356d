#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man.sh DIR: manual pages of libseedchip, section 3, from the comments of seedchip.h. Every
# function has a page, and every structure whose name no function has.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
header=$top/runtime/include/seedchip.h
version=$(awk '/^#define SEEDCHIP_VERSION_M/ { v = v dot $3; dot = "." } END { print v }' "$header")

mkdir -p "$out"
rm -f "$out"/*.3
perl "$(echo /usr/lib/linux-kbuild-*/scripts/kernel-doc | awk '{ print $NF }')" -man "$header" |
	awk -v out="$out" -v version="$version" '
	/^\.TH / {
		split($0, part, "\"")
		name = part[2]
		type = name !~ /^seedchip_/
		if (type) {
			name = part[4]
			sub(/^(struct|enum|typedef) /, "", name)
		}
		file = out "/" name ".3"
		keep = name ~ /^seedchip_/ && (!type || !(name in written))
		written[name] = 1
		if (keep)
			printf ".TH %s 3 \"\" \"libseedchip %s\" \"SeedChip\"\n", name, version >file
		next
	}
	!keep { next }
	/^\.SH SYNOPSIS/ {
		print >file
		print ".B \"#include <seedchip.h>\"\n.sp" >file
		next
	}
	{ print >file }'
