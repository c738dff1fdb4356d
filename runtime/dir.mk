# SPDX-License-Identifier: MIT
shared-libs += runtime/libseedchip.so
runtime/libseedchip.so-srcs := $(sort $(wildcard runtime/*.c))
runtime/libseedchip.so-uses := qemu-device/chip/libchip.a # the simulator back end
runtime/libseedchip.so-libs := -lelf -ldrm -lm
runtime/libseedchip.so-soname := libseedchip.so.0
runtime/libseedchip.so-map := runtime/libseedchip.map
runtime-cflags := -I/usr/include/libdrm -fvisibility=hidden

# The same objects for tests of what the shared library does not export.
static-libs += runtime/libseedchip.a
runtime/libseedchip.a-srcs := $(runtime/libseedchip.so-srcs)

# seedchip-cc compiles these into every module.
device-kernel-deps += $(wildcard runtime/device/*.c)
