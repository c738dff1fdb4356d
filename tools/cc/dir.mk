# SPDX-License-Identifier: MIT
vm-progs += tools/cc/seedchip-isa
installed-progs += tools/cc/seedchip-isa
tools/cc/seedchip-isa-uses := runtime/libseedchip.a qemu-device/chip/libchip.a
tools/cc/seedchip-isa-libs := -lelf -ldrm
