# SPDX-License-Identifier: MIT
static-libs += tests/bench/libbench.a
tests/bench/libbench.a-srcs := tests/bench/bench.c tests/bench/peak.c

host-tests += tests/bench/frame.sh
tests/bench/frame.sh-needs := tests/bench/run

benches += tests/bench/tiles
tests/bench/tiles-uses := tests/bench/libbench.a qemu-device/chip/libchip.a

benches += tests/bench/vector
tests/bench/vector-srcs := $(addprefix tests/bench/,vector.c vector_host.c) qemu-device/flat/flat.c
tests/bench/vector-uses := tests/bench/libbench.a qemu-device/chip/libchip.a
tests/bench/vector-needs := $O/tests/bench/vector_card.elf
tests/bench/vector_host.c-cflags := -O3 -march=native

$O/tests/bench/vector_card.elf: tests/bench/vector_card.c tests/bench/vector_kernels.h
	$(call say,RISCV,$@)
	@mkdir -p $(@D)
	$(Q)clang-19 --target=riscv64-unknown-elf -mabi=lp64d -mcmodel=medany -O3 $(WARN) \
		-march=rv64imafdv_zba_zbb_zbs_zfh_zvfh -ffreestanding -fno-math-errno \
		-fuse-ld=lld -nostdlib -static -Wl,--image-base=0x100000 -Wl,-e,saxpy -o $@ $<

benches += tests/bench/scalar
tests/bench/scalar-srcs := tests/bench/scalar.c qemu-device/flat/flat.c
tests/bench/scalar-uses := tests/bench/libbench.a qemu-device/chip/libchip.a
tests/bench/scalar-needs := $O/tests/isa/mixed.elf

benches += tests/bench/ops_nn
tests/bench/ops_nn-uses := tests/bench/libbench.a runtime/libseedchip.so
tests/bench/ops_nn-needs := $(ops:%=$O/%.elf) tools/perf/configs/paper.conf
tests/bench/ops_nn.c-cflags := -DKERNELS='"$O/runtime/kernels"'

# kernels in modelled time
static-libs += tests/bench/libmodelled.a
tests/bench/libmodelled.a-srcs := tests/bench/modelled.c
tests/bench/modelled.c-cflags := -I/usr/include/libdrm -DKERNELS='"$O/runtime/kernels"'

benches += tests/bench/gemm_card
tests/bench/gemm_card-uses := tests/bench/libbench.a tests/bench/libmodelled.a runtime/libseedchip.a \
	qemu-device/chip/libchip.a
tests/bench/gemm_card-libs := -lelf -ldrm
tests/bench/gemm_card-needs := $O/runtime/kernels/gemm.elf

# the same kernel as work of the host
benches += tests/bench/gemm_job
tests/bench/gemm_job-uses := tests/bench/libbench.a runtime/libseedchip.so
tests/bench/gemm_job-needs := $O/runtime/kernels/gemm.elf
tests/bench/gemm_job.c-cflags := -DKERNELS='"$O/runtime/kernels"'

benches += tests/bench/ops_data
tests/bench/ops_data-uses := tests/bench/libbench.a runtime/libseedchip.so
tests/bench/ops_data-needs := $(ops:%=$O/%.elf)
tests/bench/ops_data.c-cflags := -DKERNELS='"$O/runtime/kernels"'

# launches in guest instructions: a program of the VM, and a test of its own counts
vm-tests += tests/bench/launch
device-kernels += tests/bench/launch_kernel
tests/bench/launch-srcs := $(addprefix tests/bench/,launch.c launch_paths.c launch_runtime.c launch_peers.c)
tests/bench/launch-uses := tests/kselftest/libcard.a runtime/libseedchip.so
tests/bench/launch-libs := -ldrm
tests/bench/launch_paths.c-cflags := -I/usr/include/libdrm
tests/bench/launch_runtime.c-cflags := -I/usr/include/libdrm
tests/bench/launch.c-cflags := -I/usr/include/libdrm
tests/bench/launch_peers.c-cflags := -I/usr/include/libdrm
vm-files += docs/performance.md:/usr/share/doc/seedchip/
