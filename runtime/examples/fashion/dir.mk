# SPDX-License-Identifier: MIT
# The demo: Fashion-MNIST on the card.  `make demo` runs demo.sh.

fashion := runtime/examples/fashion
device-kernels += $(fashion)/fashion_kernel

vm-progs += $(fashion)/fashion $(fashion)/fashion-check
$(fashion)/fashion-srcs := $(fashion)/fashion.c $(fashion)/picture.c
$(fashion)/fashion-uses := runtime/libseedchip.so tools/train/libfashion.a
$(fashion)/fashion-libs := -lz
$(fashion)/fashion-check-uses := tools/train/libfashion.a
$(fashion)/fashion-check-libs := -lz

vm-files += tools/train/fashion.sdw:/usr/share/seedchip/
vm-files += $(addsuffix :/usr/share/datasets/fashion-mnist/, \
	$(addprefix /usr/share/datasets/fashion-mnist/, \
	t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz))

unit-tests += tests/unit/test_fashion_kernel
tests/unit/test_fashion_kernel-srcs := tests/unit/test_fashion_kernel.c qemu-device/flat/flat.c
tests/unit/test_fashion_kernel-uses := tools/train/libfashion.a qemu-device/chip/libchip.a
tests/unit/test_fashion_kernel-needs := $O/$(fashion)/fashion_kernel.elf
vm-tests += tests/kselftest/fashion.sh tests/kselftest/fashion_all.sh
