# SPDX-License-Identifier: MIT
host-tests += tests/runtime/cc.sh
tests/runtime/cc.sh-needs := $O/runtime/libseedchip.so $O/tools/cc/seedchip-isa

device-kernels += tests/runtime/runtime_kernels
runtime-vm-tests := api fault two_cards
vm-tests += $(runtime-vm-tests:%=tests/runtime/%)
$(foreach t,$(runtime-vm-tests),$(eval tests/runtime/$t-uses := runtime/libseedchip.so))
