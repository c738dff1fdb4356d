# SPDX-License-Identifier: MIT
# Tests that run in the VM: of the driver through its ioctls, of the whole through the runtime.
tests/kselftest/viommu.sh-with := $(addprefix tests/kselftest/,bo bind prime userptr queue sync submit fault killed)
static-libs += tests/kselftest/libcard.a
tests/kselftest/libcard.a-srcs := tests/kselftest/card.c tests/kselftest/neighbour.c
tests/kselftest-cflags := -I/usr/include/libdrm

device-kernels += tests/kselftest/kernels

kselftest-uapi := query bo prime userptr bind mappings quota queue sync small_bar two_cards event trace
kselftest-uapi += negative prime_cards
kselftest-uapi += removal aer sleep
kselftest-runtime := coredump fault indirect killed reset submit unmap usage user_queue
kselftests := $(kselftest-uapi) $(kselftest-runtime)
vm-tests += $(kselftests:%=tests/kselftest/%) tests/kselftest/reload.sh
vm-tests += tests/kselftest/bounce.sh
vm-tests += tests/kselftest/health.sh tests/kselftest/viommu.sh
vm-tests += $(if $(filter debug-kernel,$(KERNEL)),tests/kselftest/kmemleak.sh)
$(foreach t,$(kselftest-uapi),$(eval tests/kselftest/$t-uses := tests/kselftest/libcard.a))
$(foreach t,$(kselftest-runtime),$(eval tests/kselftest/$t-uses := tests/kselftest/libcard.a runtime/libseedchip.so))
$(foreach t,$(kselftests),$(eval tests/kselftest/$t-libs := -ldrm))
