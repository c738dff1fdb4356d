# SPDX-License-Identifier: MIT
# Programs that run on the model and under qemu-riscv64, and the test that compares.
host-tests += tests/isa/compare
tests/isa/compare-srcs := tests/isa/compare.c qemu-device/flat/flat.c
tests/isa/compare-uses := qemu-device/chip/libchip.a

isa-programs := insns mixed vector
check-needs += $(isa-programs:%=$O/tests/isa/%.elf)

$(isa-programs:%=$O/tests/isa/%.elf): $O/tests/isa/%.elf: tests/isa/%.c tests/isa/start.S
	$(call say,RISCV,$@)
	@mkdir -p $(@D)
	$(Q)clang-19 --target=riscv64-unknown-elf -mabi=lp64d -mcmodel=medany -O2 $(WARN) \
		-march=rv64imafd_zicsr_zifencei_zba_zbb_zbs_zfh -ffreestanding -fno-builtin \
		-fuse-ld=lld -nostdlib -static -Wl,--image-base=0x100000 -o $@ $^
