# SPDX-License-Identifier: MIT
# The demo: Fashion-MNIST on the card.  `make demo` runs demo.sh.

fashion := runtime/examples/fashion
device-kernels += $(fashion)/fashion_kernel

unit-tests += tests/unit/test_fashion_kernel
tests/unit/test_fashion_kernel-srcs := tests/unit/test_fashion_kernel.c tests/isa/flat.c
tests/unit/test_fashion_kernel-uses := tools/train/libfashion.a qemu-device/chip/libchip.a
