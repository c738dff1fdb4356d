# SPDX-License-Identifier: MIT
vm-progs += tools/cc/seedchip-isa
tools/cc/seedchip-isa-uses := runtime/libseedchip.so
