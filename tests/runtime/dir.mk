# SPDX-License-Identifier: MIT
host-tests += tests/runtime/cc.sh
tests/runtime/cc.sh-needs = $O/runtime/libseedchip.so $(installed-progs:%=$O/%) $(ops:%=$O/%.elf)

device-kernels += tests/runtime/runtime_kernels tests/runtime/short_kernels
runtime-vm-tests := api launch user_launch share fault two_cards small_bar removed graph notify interrupts \
	user_api user_fault user_graph user_two_cards user_notify
runtime-vm-tests += child user_child differential
vm-tests += $(runtime-vm-tests:%=tests/runtime/%)
$(foreach t,$(runtime-vm-tests),$(eval tests/runtime/$t-uses := runtime/libseedchip.so))

# looks behind what the library exports
vm-tests += tests/runtime/scribble
tests/runtime/scribble-uses := runtime/libseedchip.a qemu-device/chip/libchip.a
tests/runtime/scribble-libs := -lelf -ldrm -lm
tests/runtime/scribble.c-cflags := -I/usr/include/libdrm
host-tests += tests/runtime/sim_scribble
tests/runtime/sim_scribble-uses := $(tests/runtime/scribble-uses)
tests/runtime/sim_scribble-libs := $(tests/runtime/scribble-libs)
tests/runtime/sim_scribble-needs := $O/tests/runtime/runtime_kernels.elf
tests/runtime/sim_scribble.c-cflags := -I/usr/include/libdrm -DKERNELS='"$O/tests/runtime/runtime_kernels.elf"'

# the same on the simulator back end, without a VM
runtime-sim-tests := sim_api sim_launch sim_user_launch sim_share sim_fault sim_two_cards sim_small_bar sim_graph \
	sim_notify sim_user_api sim_user_share sim_user_fault sim_user_two_cards sim_user_graph \
	sim_user_notify
runtime-sim-tests += sim_child sim_user_child sim_differential
host-tests += $(runtime-sim-tests:%=tests/runtime/%)
$(foreach t,$(runtime-sim-tests),$(eval tests/runtime/$t-uses := runtime/libseedchip.so))
runtime-kernels-of = $O/tests/runtime/$(if $(findstring launch,$1),short,runtime)_kernels.elf
$(foreach t,$(runtime-sim-tests),$(eval tests/runtime/$t-needs := $(call runtime-kernels-of,$t)))
$(foreach t,$(runtime-sim-tests),$(eval \
	tests/runtime/$t.c-cflags := -DKERNELS='"$(call runtime-kernels-of,$t)"'))
