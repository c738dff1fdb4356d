#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The model of the queue protocol, searched to the end; and once more with each of its rules
# broken, which the search must notice.
set -u
cd "$(dirname "$0")" || exit 1
. ./search.bash

# queue STATUS NAME JOBS RESETS SLEEPS [DEFINITION...]
queue() {
	expect "$1" "$2" queue.pml JOBS="$3" RESETS="$4" SLEEPS="$5" "${@:6}"
}

echo 1..13
queue 0 "five jobs through a ring of two slots" 5 0 0
queue 0 "three jobs and a reset" 3 1 0
queue 0 "three jobs, suspend and resume" 3 0 1
queue 0 "five jobs, interrupts are held back" 5 0 0 COALESCE
queue 0 "a reset, interrupts are held back" 2 1 0 COALESCE
queue 0 "suspend and resume, interrupts are held back" 3 0 1 COALESCE
queue 1 "found: ARM is not looked at when it is written" 3 0 0 BROKEN_ARM
queue 1 "found: a doorbell during the look at the ring is forgotten" 3 0 0 BROKEN_RUNG
queue 1 "found: a doorbell is measured against RETIRED" 3 0 0 BROKEN_DOORBELL
queue 1 "found: START does not look at the ring" 3 0 1 BROKEN_START
queue 1 "found: the header is stored before the rest" 3 0 0 BROKEN_PHASE
queue 1 "found: a job that is refused late stays in the ring" 3 1 0 BROKEN_BLANK
queue 1 "found: an idle queue holds its interrupt back" 3 0 0 COALESCE BROKEN_RELEASE
