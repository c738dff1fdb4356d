# SPDX-License-Identifier: MIT
# Tests that run in the VM: of the driver through its ioctls, of the whole through the runtime.
viommu-tests := query bo bind mappings prime userptr queue sync submit unmap event usage trace
viommu-tests += negative coredump fault killed user_queue spoiled quota reset removal
tests/kselftest/viommu.sh-with := $(viommu-tests:%=tests/kselftest/%)
tests/kselftest/vf.sh-with := $(addprefix tests/kselftest/,query bo bind userptr queue sync event submit fault killed)
tests/kselftest/viommu.sh-with += tests/kselftest/again.sh
tests/kselftest/vf.sh-with += tests/kselftest/again.sh
tests/kselftest/peer_viommu.sh-with := $(addprefix tests/kselftest/,again.sh peer)
tests/kselftest/peer_vf.sh-with := $(addprefix tests/kselftest/,again.sh peer)
tests/kselftest/vf_most.sh-with := tests/kselftest/again.sh
tests/kselftest/vf_viommu.sh-with := $(tests/kselftest/vf.sh-with) $(addprefix tests/kselftest/,vf.sh sriov peer)
static-libs += tests/kselftest/libcard.a
tests/kselftest/libcard.a-srcs := tests/kselftest/card.c tests/kselftest/neighbour.c tests/kselftest/load.c \
	tests/kselftest/sharing.c
tests/kselftest-cflags := -I/usr/include/libdrm

device-kernels += tests/kselftest/kernels

vm-progs += tests/kselftest/next_kernel
tests/kselftest/next_kernel-uses := tests/kselftest/libcard.a
tests/kselftest/next_kernel-libs := -ldrm
host-tests += tests/kselftest/kexec.sh
tests/kselftest/kexec.sh-needs = $(if $(SAN),,$(vm-ready))

kselftest-uapi := query bo prime userptr bind mappings quota queue sync small_bar two_cards event trace
kselftest-uapi += negative limits prime_cards spoiled random
kselftest-uapi += removal aer sleep coalesce rings slots submit_wait timeout_scale
kselftest-runtime := coredump fault indirect killed reset submit unmap usage user_queue
kselftest-runtime += sriov sriov_sleep peer
# The last of its boot: a checker of the kernel switches itself off.
kselftest-last := failing
kselftests := $(kselftest-uapi) $(kselftest-runtime) $(kselftest-last)
vm-tests += $(kselftests:%=tests/kselftest/%) tests/kselftest/reload.sh
vm-tests += tests/kselftest/bounce.sh
vm-tests += tests/kselftest/health.sh tests/kselftest/viommu.sh tests/kselftest/vf.sh
vm-tests += tests/kselftest/vf_viommu.sh tests/kselftest/vf_most.sh
vm-tests += tests/kselftest/peer_viommu.sh tests/kselftest/peer_vf.sh
vm-last-tests += $(if $(filter debug-kernel,$(KERNEL)),tests/kselftest/kmemleak.sh)
$(foreach t,$(kselftest-uapi) $(kselftest-last),$(eval tests/kselftest/$t-uses := tests/kselftest/libcard.a))
$(foreach t,$(kselftest-runtime),$(eval tests/kselftest/$t-uses := tests/kselftest/libcard.a runtime/libseedchip.so))
$(foreach t,$(kselftests),$(eval tests/kselftest/$t-libs := -ldrm))
