# SPDX-License-Identifier: MIT
host-tests += tests/model/queue.sh
tests/model/queue.sh-needs := tests/model/queue.pml
