# SPDX-License-Identifier: MIT
# The kernel library: one operation a file, each a module of its own.
ops := $(basename $(wildcard runtime/kernels/*.c))
device-kernels += $(ops)
ops-isa := rv64imafdv_zicsr_zifencei_zba_zbb_zbs_zfh_zvfh_zfbfmin_zvfbfmin_zvfbfwma
# A load from card memory takes a thousand cycles: no tables of jumps, no constants there.
ops-constants := -fno-jump-tables -mllvm --riscv-lower-fpimm-cost=8
$(foreach k,$(ops),$(eval $k-cflags := -misa=$(ops-isa) $(ops-constants) -Werror -Iruntime/include))
