# SPDX-License-Identifier: MIT
host-tests += tests/uapi/headers.sh
tests/uapi/headers.sh-needs := $(wildcard uapi/*.h)

unit-tests += tests/uapi/layout
tests/uapi-cflags := -I/usr/include/libdrm
