# SPDX-License-Identifier: MIT
# Fuzz targets: each is linked with smoke.c for the tests, and with libFuzzer for make fuzz.
fuzz-targets := tests/fuzz/insns tests/fuzz/elf tests/fuzz/calls
host-progs += $(fuzz-targets)
$(foreach t,$(fuzz-targets),$(eval $t-srcs := $t.c tests/fuzz/smoke.c))
tests/fuzz/insns-srcs += qemu-device/flat/flat.c
tests/fuzz/insns-uses := qemu-device/chip/libchip.a
tests/fuzz/elf-uses := runtime/libseedchip.a qemu-device/chip/libchip.a
tests/fuzz/elf-libs := -lelf -ldrm
tests/fuzz/calls-uses := $(tests/fuzz/elf-uses)
tests/fuzz/calls-libs := $(tests/fuzz/elf-libs)
tests/fuzz/calls-needs := $O/tests/fuzz/calls_kernels.elf
tests/fuzz/calls.c-cflags := -DKERNELS='"$(tests/fuzz/calls-needs)"'
device-kernels += tests/fuzz/calls_kernels
tests/fuzz-cflags := -I/usr/include/libdrm

host-tests += tests/fuzz/smoke.sh
tests/fuzz/smoke.sh-needs := $(fuzz-targets:%=$O/%) $O/runtime/examples/hello_kernel.elf $(tests/fuzz/calls-needs)
