# SPDX-License-Identifier: MIT
# Tests of the kernel library: one file an operation, built three times. OP runs on the simulator
# back end, small_OP a selection of the same cases on cards of other shapes, card_OP on the card in
# the VM.
static-libs += tests/kernels/libharness.a
tests/kernels/libharness.a-srcs := $(addprefix tests/kernels/,harness.c data.c ref_matmul.c)

op-tests := $(filter-out harness data ref_% on_%,$(basename $(notdir $(wildcard tests/kernels/*.c))))
host-tests += $(op-tests:%=tests/kernels/%) $(op-tests:%=tests/kernels/small_%)
vm-tests += $(op-tests:%=tests/kernels/card_%)

# $(1): test, $(2): file of the back ends
define op-test
tests/kernels/$(1)-srcs := tests/kernels/$(patsubst card_%,%,$(patsubst small_%,%,$(1))).c \
	tests/kernels/$(2).c
tests/kernels/$(1)-uses := tests/kernels/libharness.a runtime/libseedchip.so
endef
$(foreach t,$(op-tests),$(eval $(call op-test,$t,on_sim)))
$(foreach t,$(op-tests),$(eval $(call op-test,small_$t,on_small)))
$(foreach t,$(op-tests),$(eval $(call op-test,card_$t,on_card)))
$(foreach t,$(op-tests) $(op-tests:%=small_%),$(eval tests/kernels/$t-needs := $(ops:%=$O/%.elf)))
host-tests += tests/kernels/headers.sh tests/kernels/complete.sh
tests/kernels/headers.sh-needs := $(wildcard runtime/include/seedchip/*.h)

tests/kernels/on_sim.c-cflags := -DKERNELS='"$O/runtime/kernels"'
tests/kernels/on_small.c-cflags := -DKERNELS='"$O/runtime/kernels"'
