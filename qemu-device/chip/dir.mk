# SPDX-License-Identifier: MIT
static-libs += qemu-device/chip/libchip.a
qemu-device/chip/libchip.a-srcs := $(wildcard qemu-device/chip/*.c)
# The tile kernels are plain loops that the compiler vectorises; their bits are specified.
qemu-device/chip/matrix.c-cflags := -O3 -ffp-contract=off
# The interpreter: one jump per handler, no errno, one rounding per instruction.
qemu-device/chip/hart.c-cflags := -fno-gcse -fno-crossjumping -fno-math-errno -ffp-contract=off
