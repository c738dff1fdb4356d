# SPDX-License-Identifier: MIT
vm-progs += tools/coredump/seedchip-coredump
installed-progs += tools/coredump/seedchip-coredump
tools/coredump/seedchip-coredump-libs := -lelf
