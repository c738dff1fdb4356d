#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The model of the queue protocol, searched to the end; and once more with each of its rules
# broken, which the search must notice.
set -u
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
model=$PWD/queue.pml
number=0

# search NAME JOBS RESETS SLEEPS [RULE]: 0 if there are no errors, 1 if there is one
search() {
	(
		cd "$work" || exit 2
		spin -a -DJOBS="$1" -DRESETS="$2" -DSLEEPS="$3" ${4:+"-DBROKEN_$4"} "$model" &&
			gcc -w -O2 -DSAFETY -DMEMLIM=2000 -o pan pan.c && ./pan -m10000 >log 2>&1 || exit 2
		cat log
		grep -q 'max search depth too small\|out of memory' log && exit 2
		grep -q 'errors: 0$' log && exit 0
		grep -q 'errors: 1$' log && exit 1
		exit 2
	) >"$work/out" 2>&1
}

# expect STATUS NAME ARGUMENTS...
expect() {
	local want=$1 name=$2
	shift 2
	number=$((number + 1))
	search "$@"
	if [ $? = "$want" ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/out"
	fi
}

echo 1..9
expect 0 "five jobs through a ring of two slots" 5 0 0
expect 0 "three jobs and a reset" 3 1 0
expect 0 "three jobs, suspend and resume" 3 0 1
expect 1 "found: ARM is not looked at when it is written" 3 0 0 ARM
expect 1 "found: a doorbell during the look at the ring is forgotten" 3 0 0 RUNG
expect 1 "found: a doorbell is measured against RETIRED" 3 0 0 DOORBELL
expect 1 "found: START does not look at the ring" 3 0 1 START
expect 1 "found: the header is stored before the rest" 3 0 0 PHASE
expect 1 "found: a job that is refused late stays in the ring" 3 1 0 BLANK
