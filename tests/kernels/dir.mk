# SPDX-License-Identifier: MIT
# Tests of the kernel library: one file an operation, built twice. OP runs on the simulator back
# end, card_OP a selection of the same cases on the card in the VM.
static-libs += tests/kernels/libharness.a
tests/kernels/libharness.a-srcs := $(addprefix tests/kernels/,harness.c data.c ref_matmul.c)

op-tests := $(filter-out harness data ref_% on_%,$(basename $(notdir $(wildcard tests/kernels/*.c))))
host-tests += $(op-tests:%=tests/kernels/%)
vm-tests += $(op-tests:%=tests/kernels/card_%)

define op-test
tests/kernels/$(1)-srcs := tests/kernels/$(1).c tests/kernels/on_sim.c
tests/kernels/card_$(1)-srcs := tests/kernels/$(1).c tests/kernels/on_card.c
tests/kernels/$(1)-uses := tests/kernels/libharness.a runtime/libseedchip.so
tests/kernels/card_$(1)-uses := tests/kernels/libharness.a runtime/libseedchip.so
tests/kernels/$(1)-needs := $(ops:%=$O/%.elf)
endef
$(foreach t,$(op-tests),$(eval $(call op-test,$t)))
host-tests += tests/kernels/headers.sh
tests/kernels/headers.sh-needs := $(wildcard runtime/include/seedchip/*.h)

tests/kernels/on_sim.c-cflags := -DKERNELS='"$O/runtime/kernels"'
