#!/bin/sh
# SPDX-License-Identifier: MIT
#
# man.sh DIR: manual pages of libseedchip, section 3, from the comments of its headers. Every
# function has a page, and every structure whose name no function has.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
include=$top/runtime/include
version=$(awk '/^#define SEEDCHIP_VERSION_M/ { v = v dot $3; dot = "." } END { print v }' \
	"$include/seedchip.h")

mkdir -p "$out"
rm -f "$out"/*.3
for header in seedchip.h seedchip/launch.h seedchip/graph.h seedchip/notify.h seedchip/pool.h; do
	perl "$(echo /usr/lib/linux-kbuild-*/scripts/kernel-doc | awk '{ print $NF }')" -man "$include/$header" |
		awk -v out="$out" -v version="$version" -v header="$header" '
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
			# launch.h is a part of seedchip.h
			include = header == "seedchip/launch.h" ? "seedchip.h" : header
			printf ".B \"#include <%s>\"\n.sp\n", include >file
			next
		}
		{ print >file }'
done
