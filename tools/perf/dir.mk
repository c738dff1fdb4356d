# SPDX-License-Identifier: MIT
host-progs += tools/perf/seedchip-perf
installed-progs += tools/perf/seedchip-perf
tools/perf/seedchip-perf-srcs := $(wildcard tools/perf/*.c)
# the static library: reports of the timing model are no part of its public face
tools/perf/seedchip-perf-uses := runtime/libseedchip.a qemu-device/chip/libchip.a
tools/perf/seedchip-perf-libs := -lelf -ldrm -lm
tools/perf-cflags := -I/usr/include/libdrm
