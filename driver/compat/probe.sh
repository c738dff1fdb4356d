#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh OUTPUT COMPILER PROBE...: define SEEDCHIP_HAVE_X for each probe-x.c that compiles.
out=$1
compiler=$2
shift 2
mkdir -p "$(dirname "$out")"
{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* Made by probe.sh for the kernel that is built against. */"
	for probe; do
		name=$(basename "$probe" .c | sed 's/^probe-//' | tr 'a-z-' 'A-Z_')
		if eval "$compiler -Werror -DMODULE -DKBUILD_MODNAME='\"probe\"' -c" \
			"-o /dev/null '$probe'" >/dev/null 2>&1; then
			echo "#define SEEDCHIP_HAVE_$name 1"
		fi
	done
} >"$out.tmp" && mv "$out.tmp" "$out"
