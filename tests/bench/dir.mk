# SPDX-License-Identifier: MIT
static-libs += tests/bench/libbench.a
tests/bench/libbench.a-srcs := tests/bench/bench.c

host-tests += tests/bench/frame.sh
tests/bench/frame.sh-needs := tests/bench/run

benches += tests/bench/tiles
tests/bench/tiles-uses := tests/bench/libbench.a qemu-device/chip/libchip.a
