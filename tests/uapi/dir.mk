# SPDX-License-Identifier: MIT
host-tests += tests/uapi/headers.sh
tests/uapi/headers.sh-needs := $(wildcard uapi/*.h)
