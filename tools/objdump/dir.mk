# SPDX-License-Identifier: MIT
host-progs += tools/objdump/seedchip-objdump
installed-progs += tools/objdump/seedchip-objdump
tools/objdump/seedchip-objdump-libs := -lelf

host-tests += tools/objdump/test_objdump.sh
