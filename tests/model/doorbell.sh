#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The model of doorbell pages that are taken away and given back, as queue.sh.
set -u
cd "$(dirname "$0")" || exit 1
. ./search.bash

# doorbell STATUS NAME RESETS SLEEPS [RULE]
doorbell() {
	expect "$1" "$2" doorbell.pml JOBS=3 RESETS="$3" SLEEPS="$4" "${@:5}"
}

echo 1..8
doorbell 0 "a queue without trouble" 0 0
doorbell 0 "two resets of the link" 2 0
doorbell 0 "the system sleeps" 0 1
doorbell 0 "both" 1 1
doorbell 1 "found: the page is not taken away when the card sleeps" 0 1 BROKEN_SLEEP
doorbell 1 "found: a page is given while the card sleeps" 0 1 BROKEN_FAULT
doorbell 1 "found: a queue that is recovered keeps the page that stood in" 1 0 BROKEN_RECOVER
doorbell 1 "found: a queue that is destroyed keeps its page" 0 0 BROKEN_DESTROY
