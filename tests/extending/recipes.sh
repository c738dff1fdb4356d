#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The recipes of docs/extending.md, on a copy of the working tree in build/extending, one after
# the other and each on top of the last.  Of each recipe this shows that it touches at most four
# files, applies without fuzz, that its test alone does not pass, that the documentation is
# noticed to be out of date and follows with `make docs`, and that its test passes then.  The
# copy takes over the objects of the build, so that only what a recipe changes is compiled.

set -u
[ -z "${SAN:-}" ] || { echo "needs the plain build"; exit 4; }
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
from=${BUILD:-build}
cd "$top" || exit 1
work=$(realpath -m "$from")/extending
tree=$work/tree
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES MAKE_TERMOUT MAKE_TERMERR BUILD O T SAN
export GIT_CEILING_DIRECTORIES=$work	# the copy is no repository
n=0
failed=0

# check NAME COMMAND...: one result; the output is shown when it is not what it should be
check() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/log" 2>&1 </dev/null; then
		echo "ok $n - $name"
	else
		failed=$((failed + 1))
		echo "not ok $n - $name"
		tail -n 25 "$work/log" | sed 's/^/# /'
	fi
}

fails() {
	! "$@"
}

copy_tree() {
	local part
	git ls-files -zco --exclude-standard | while IFS= read -r -d '' part; do
		[ ! -e "$part" ] || printf '%s\0' "$part"
	done | tar -c --null -T - | tar -x -C "$tree"
	for part in "$from"/*; do
		case ${part##*/} in
		extending | kbuild | san-* | test-logs) ;;
		*) cp -a "$part" "$tree/build/" ;;
		esac
	done
	# dependency files name their targets by the folder they were built in
	[ "$from" = build ] || find "$tree/build" -name '*.d' -exec sed -i "s#$from/#build/#g" {} +
}

in_tree() {
	(cd "$tree" && make CFLAGS=-O1 WERROR=1 "$@")
}

files() {
	[ "$(grep -c '^diff ' "$1")" -le 4 ]
}

apply() {
	(cd "$tree" && git apply "$@")
}

docs_current() {
	in_tree build/tools/docs/docgen && (cd "$tree" && build/tools/docs/docgen --check docs/*.md)
}

# passes CASE TEST: TEST passes as a whole, and CASE is part of it
passes() {
	in_tree test T="$2" | tee "$work/out"
	[ "${PIPESTATUS[0]}" = 0 ] && grep -q "ok.*$1" "$work/out"
}

# alone TEST: does it pass?  One for the VM is only built.
alone() {
	case $1 in
	unit/*) in_tree test T="$1" ;;
	*) in_tree "build/tests/$1" ;;
	esac
}

# recipe NAME DOCS CASE TEST...: CASE is the result, in the first TEST, that the patch adds
recipe() {
	local name=$1 docs=$2 case=$3 patch=$here/$1.patch
	shift 3
	check "$name: at most four files" files "$patch"
	apply --include='tests/*' "$patch"
	check "$name: the test alone does not pass" fails alone "$1"
	apply -R --include='tests/*' "$patch"
	check "$name: the patch applies" apply "$patch"
	if [ "$docs" = docs ]; then
		check "$name: the documentation is out of date" fails docs_current
		check "$name: make docs" in_tree docs
	fi
	check "$name: the documentation is current" docs_current
	check "$name: make test T=$1" passes "$case" "$1"
	shift
	while [ $# -gt 0 ]; do
		check "$name: make test T=$1" in_tree test T="$1"
		shift
	done
}

# What the instruction's table row alone gives: an intrinsic and a mnemonic.
tools_follow() {
	printf '#include <seedchip/kernel.h>\nstruct a { long *v; };\n%s\n' \
		'SD_KERNEL(k, struct a) { *args->v = sd_insn_SD_BITREV(*args->v); }' >"$work/k.c"
	(cd "$tree" && tools/cc/seedchip-cc -o "$work/k.elf" "$work/k.c") &&
		in_tree build/tools/objdump/seedchip-objdump &&
		"$tree/build/tools/objdump/seedchip-objdump" "$work/k.elf" | tee "$work/out" &&
		grep 'sd.bitrev' "$work/out"
}

rm -rf "$work"
mkdir -p "$tree/build"
check "a copy of the tree" copy_tree
check "the documentation is current" docs_current
recipe register docs test_queues_in_use unit/test_chip_regs
recipe packet docs test_store32 unit/test_chip_packet
recipe instruction docs test_bitrev unit/test_hart
check "instruction: intrinsic and disassembler know it" tools_follow
recipe status docs test_environment unit/test_hart unit/test_abi
recipe ioctl docs "two clocks go forward" kselftest/query
recipe kernel no-docs axpy kselftest/axpy
echo "1..$n"
[ $failed = 0 ] && rm -rf "$work"
exit $((failed > 0))
