# SPDX-License-Identifier: MIT
# These need the virtual card that the VM tests need too, and the QEMU that is installed.
static-libs += tests/qtest/libmachine.a
tests/qtest/libmachine.a-srcs := tests/qtest/machine.c tests/qtest/queue.c
qtests := health pci properties removal rings snapshot sriov
unit-tests += $(qtests:%=tests/qtest/%)
$(foreach t,$(qtests),$(eval tests/qtest/$(t)-uses := tests/qtest/libmachine.a))
host-tests += tests/qtest/load.sh
vm-tests += tests/qtest/linux.sh
