# SPDX-License-Identifier: MIT
unit-tests += tests/unit/test_hart
tests/unit/test_hart-srcs := tests/unit/test_hart.c tests/isa/flat.c
tests/unit/test_hart-uses := qemu-device/chip/libchip.a
