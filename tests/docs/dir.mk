# SPDX-License-Identifier: MIT
host-tests += tests/docs/pages.sh tests/docs/constants.py tests/docs/sim.sh
tests/docs/pages.sh-needs := $O/tools/docs/docgen
tests/docs/constants.py-needs := $(wildcard uapi/*.h)

# The programs that docs/runtime.md and the README quote, run in the VM.
vm-tests += tests/docs/guide tests/docs/hello.sh
tests/docs/guide-uses := runtime/libseedchip.so
device-kernels += tests/docs/guide_kernels
tests/docs/guide_kernels-cflags := -g
tests/docs/sim.sh-needs := $O/tests/docs/guide $O/tests/docs/guide_kernels.elf \
	$O/runtime/examples/hello $O/runtime/examples/hello_kernel.elf
