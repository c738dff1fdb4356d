# SPDX-License-Identifier: MIT
host-tests += tests/build/runner.sh tests/build/deps.sh tests/build/no_accel.sh
tests/build/runner.sh-needs := tests/run
tests/build/deps.sh-needs := tools/build/deps
tests/build/no_accel.sh-needs := $B/kernel.path
