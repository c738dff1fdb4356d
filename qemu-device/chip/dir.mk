# SPDX-License-Identifier: MIT
static-libs += qemu-device/chip/libchip.a
qemu-device/chip/libchip.a-srcs := $(wildcard qemu-device/chip/*.c)
# The bits of a tile are specified: no other rounding than what is written.
matrix-files := matrix matrix_scalar matrix_avx2 matrix_avx512
$(foreach f,$(matrix-files),$(eval qemu-device/chip/$f.c-cflags := -O3 -ffp-contract=off))
# The interpreter: one jump per handler, no errno, one rounding per instruction.
qemu-device/chip/hart.c-cflags := $(if $(findstring clang,$(CC)),,-fno-gcse -fno-crossjumping) \
	-fno-math-errno -ffp-contract=off
# Rows of some hundred bytes: libc moves them several times as fast as the `rep movs` of GCC.
# Hidden: what its files call of one another they call directly, in a shared library too.
qemu-device/chip-cflags := -fvisibility=hidden $(if $(findstring clang,$(CC)),,$(if \
	$(findstring x86_64,$(shell $(CC) -dumpmachine)),-mstringop-strategy=libcall))
