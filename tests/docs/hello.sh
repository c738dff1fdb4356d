#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's hello world, compiled from the files that it quotes: prints what a person sees.

expected='hello from 16 workgroups
0 1 4 9 16 25 36 49 64 81 100 121 144 169 196 225 '
printed=$(hello) || exit 1
[ "$printed" = "$expected" ] || { echo "$printed"; exit 1; }
! hello /etc/passwd 2>/tmp/hello.err || exit 1
grep -q 'seedchip_module_load_file.*not an ELF file' /tmp/hello.err || { cat /tmp/hello.err; exit 1; }
