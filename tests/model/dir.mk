# SPDX-License-Identifier: MIT
host-tests += tests/model/queue.sh tests/model/doorbell.sh
tests/model/queue.sh-needs := tests/model/queue.pml tests/model/search.bash
tests/model/doorbell.sh-needs := tests/model/doorbell.pml tests/model/search.bash
