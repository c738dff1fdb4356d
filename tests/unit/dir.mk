# SPDX-License-Identifier: MIT
unit-tests += tests/unit/test_hart
tests/unit/test_hart-srcs := tests/unit/test_hart.c qemu-device/flat/flat.c
tests/unit/test_hart-uses := qemu-device/chip/libchip.a

unit-tests += tests/unit/test_vector
tests/unit/test_vector-srcs := tests/unit/test_vector.c qemu-device/flat/flat.c
tests/unit/test_vector-uses := qemu-device/chip/libchip.a
tests/unit/test_vector-libs := -lm

unit-tests += tests/unit/test_vector_lazy
tests/unit/test_vector_lazy-srcs := tests/unit/test_vector_lazy.c qemu-device/flat/flat.c
tests/unit/test_vector_lazy-uses := qemu-device/chip/libchip.a

unit-tests += tests/unit/test_vector_paths
tests/unit/test_vector_paths-uses := qemu-device/chip/libchip.a

# the engines alone, on a bench in place of core and MMU
engine-tests := test_engine test_dma test_matrix test_matrix_store test_ordering
unit-tests += $(engine-tests:%=tests/unit/%)
$(foreach t,$(engine-tests),$(eval \
	tests/unit/$t-srcs := tests/unit/$t.c tests/unit/engine_bench.c))
tests/unit/test_matrix-srcs += tests/unit/matrix_reference.c
tests/unit/test_matrix_store-srcs += tests/unit/matrix_reference.c
$(foreach t,$(engine-tests),$(eval tests/unit/$t-uses := qemu-device/chip/libchip.a))
$(foreach t,$(engine-tests),$(eval tests/unit/$t-libs := -lm))

# the front end of the chip model, with a core that follows a script
chip-tests := test_chip_regs test_chip_queue test_chip_packet test_chip_dispatch test_chip_share \
	test_chip_mmu test_chip_reset test_chip_ras test_chip_threads test_chip_fuzz \
	test_chip_rings
unit-tests += $(chip-tests:%=tests/unit/%)
$(foreach t,$(chip-tests),$(eval \
	tests/unit/$t-srcs := tests/unit/$t.c tests/unit/chip_bench.c tests/unit/fake_core.c))
tests/unit/test_chip_fuzz-srcs += tests/unit/random_packet.c
tests/unit/test_chip_rings-srcs += tests/unit/random_packet.c
$(foreach t,$(chip-tests),$(eval tests/unit/$t-uses := qemu-device/chip/libchip.a))

# the runtime's pure parts
runtime-tests := test_module test_va test_pool test_log test_abi
unit-tests += $(runtime-tests:%=tests/unit/%)
$(foreach t,$(runtime-tests),$(eval tests/unit/$t-uses := runtime/libseedchip.a qemu-device/chip/libchip.a))
$(foreach t,$(runtime-tests),$(eval tests/unit/$t-libs := -lelf -ldrm -lm))
$(foreach t,$(runtime-tests),$(eval tests/unit/$t.c-cflags := -I/usr/include/libdrm))

# launches on the simulator back end, with a look at the queue behind them
unit-tests += tests/unit/test_launch
tests/unit/test_launch-uses := runtime/libseedchip.a qemu-device/chip/libchip.a
tests/unit/test_launch-libs := -lelf -ldrm -lm
tests/unit/test_launch-needs := $O/tests/runtime/short_kernels.elf
tests/unit/test_launch.c-cflags := -I/usr/include/libdrm \
	-DKERNELS='"$O/tests/runtime/short_kernels.elf"'

# chip, cores and engines together
unit-tests += tests/unit/test_chip_core tests/unit/test_chip_hostile
tests/unit/test_chip_core-srcs := tests/unit/test_chip_core.c tests/unit/chip_bench.c
tests/unit/test_chip_core-uses := qemu-device/chip/libchip.a
tests/unit/test_chip_hostile-srcs := tests/unit/test_chip_hostile.c tests/unit/chip_bench.c \
	tests/unit/random_packet.c
tests/unit/test_chip_hostile-uses := qemu-device/chip/libchip.a

unit-tests += tests/unit/test_fp
tests/unit/test_fp-uses := qemu-device/chip/libchip.a
tests/unit/test_fp.c-cflags := -frounding-math -fsignaling-nans -ffp-contract=off

# front end and real cores together
unit-tests += tests/unit/test_chip_kernel
tests/unit/test_chip_kernel-srcs := tests/unit/test_chip_kernel.c tests/unit/chip_bench.c
tests/unit/test_chip_kernel-uses := qemu-device/chip/libchip.a

# the second pass of timing, alone and behind real cores
unit-tests += tests/unit/test_timing_record
tests/unit/test_timing_record-uses := qemu-device/chip/libchip.a
unit-tests += tests/unit/test_timing_sim
tests/unit/test_timing_sim-uses := qemu-device/chip/libchip.a
unit-tests += tests/unit/test_timing
tests/unit/test_timing-srcs := tests/unit/test_timing.c tests/unit/chip_bench.c
tests/unit/test_timing-uses := qemu-device/chip/libchip.a

unit-tests += tests/unit/test_coredump
tests/unit/test_coredump-needs := $O/tools/coredump/seedchip-coredump
tests/unit/test_coredump.c-cflags := -DTOOL='"$O/tools/coredump/seedchip-coredump"'
