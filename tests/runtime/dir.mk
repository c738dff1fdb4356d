# SPDX-License-Identifier: MIT
host-tests += tests/runtime/cc.sh
tests/runtime/cc.sh-needs := $O/runtime/libseedchip.so $O/tools/cc/seedchip-isa
