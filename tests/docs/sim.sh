#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The guide's program and the README's hello world on the simulator back end: no VM, no card.

set -eu
build=${BUILD:-build}${SAN:+/san-${SAN//,/-}}
export SEEDCHIP_DEVICE=sim:cores=4,strict=1
[ "$("$build/runtime/examples/hello" "$build/runtime/examples/hello_kernel.elf" | head -n 1)" = \
	"hello from 16 workgroups" ]
"$build/tests/docs/guide" "$build/tests/docs/guide_kernels.elf"
