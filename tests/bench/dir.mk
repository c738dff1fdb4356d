# SPDX-License-Identifier: MIT
host-progs += tests/bench/tiles
tests/bench/tiles-uses := qemu-device/chip/libchip.a
tests/bench/tiles-libs := -lm
