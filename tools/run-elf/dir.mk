# SPDX-License-Identifier: MIT
host-progs += tools/run-elf/seedchip-run-elf
installed-progs += tools/run-elf/seedchip-run-elf
tools/run-elf/seedchip-run-elf-srcs := $(addprefix tools/run-elf/,run-elf.c image.c machine.c) \
	qemu-device/flat/flat.c
tools/run-elf/seedchip-run-elf-uses := qemu-device/chip/libchip.a
tools/run-elf/seedchip-run-elf-libs := -lelf

host-tests += tools/run-elf/test_run_elf.sh
tools/run-elf/test_run_elf.sh-needs := $O/tools/run-elf/seedchip-run-elf
