#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lint.sh [FILE...]: what the machine can say about the style and the safety of the sources, or
# of these files alone.  All findings are shown, then the exit status says whether there were any.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tools/build/apt.sh
. tools/build/apt.sh

build=${BUILD:-build}
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# check NAME COMMAND...: the command must succeed and print nothing
check() {
	local name=$1
	shift
	say LINT "$name"
	if ! "$@" >"$log" 2>&1 || [ -s "$log" ]; then
		cat "$log"
		echo "lint: $name: see above" >&2
		failed=1
	fi
}

# The kernel's checkpatch.pl is in no small package; it is taken out of the source package once.
checkpatch_dir() {
	local version dir work
	version=$(dpkg-query -W -f '${Version}' linux-headers-6.12-amd64)
	dir=$cache/checkpatch/$version
	if [ ! -e "$dir/checkpatch.pl" ]; then
		lock
		work=$cache/checkpatch/new.$$
		mkdir -p "$work" && (
			cd "$work" || exit 1
			say FETCH "linux-source-6.12 $version (checkpatch)"
			apt_fetch download "linux-source-6.12=$version" || exit 1
			dpkg-deb --fsys-tarfile linux-source-*.deb |
				tar -xO ./usr/src/linux-source-6.12.tar.xz |
				tar -xJ --strip-components=2 linux-source-6.12/scripts/checkpatch.pl \
					linux-source-6.12/scripts/spelling.txt \
					linux-source-6.12/scripts/const_structs.checkpatch
			rm -f linux-source-*.deb
		) && mv "$work" "$dir"
	fi
	echo "$dir"
}

mapfile -t tracked < <(git ls-files --cached --others --exclude-standard "$@")
files=()
for f in "${tracked[@]}"; do
	[ -f "$f" ] && files+=("$f")
done
pick() {
	printf '%s\n' "${files[@]}" | grep -E "$1" | grep -vE "${2:-^$}"
}
mapfile -t driver_c < <(pick '^driver/.*\.[ch]$')
mapfile -t uapi_h < <(pick '^uapi/.*\.h$')
mapfile -t public_h < <(pick '^runtime/(include|device)/.*\.h$')
mapfile -t user_c < <(pick '\.[ch]$' '^(driver|uapi)/|^qemu-device/[^/]*$')
mapfile -t qemu_c < <(pick '^qemu-device/[^/]*\.[ch]$')
mapfile -t all_c < <(pick '\.[ch]$')
mapfile -t source < <(pick '(\.(c|h|S|sh|py|mk|ld|map)|Makefile|Kbuild|/run|/run-vm)$')
mapfile -t scripts < <(pick '' '\.(c|h|md|patch|png|bin)$' |
	xargs -d '\n' grep -lE -m1 '^#!/bin/(ba)?sh$' /dev/null)

# It takes hexadecimal floats (0x1p-3) for differences and designators for subscripts; white space
# in user space is clang-format's. Tables as X-macros break the rules for macros that act as functions; rules that speak of the
# kernel's own helpers mean nothing in user space.
user_ignore=PREFER_KERNEL_TYPES,CAMELCASE,NEW_TYPEDEFS,SSCANF_TO_KSTRTO,CONSIDER_KSTRTO,\
PREFER_DEFINED_ATTRIBUTE_MACRO,ARRAY_SIZE,STRCPY,STRNCPY,STRLCPY,VOLATILE,AVOID_EXTERNS,\
PRINTK_WITHOUT_KERN_LEVEL,ENOSYS,USLEEP_RANGE,MSLEEP,YIELD,PREFER_FALLTHROUGH,\
MACRO_WITH_FLOW_CONTROL,PREFER_PR_LEVEL,BIT_MACRO,MEMORY_BARRIER,\
CONST_STRUCT,IF_0,WEAK_DECLARATION,PREFER_ASM_WEAK,SPACING,BRACKET_SPACE
common_ignore=FILE_PATH_CHANGES,SPDX_LICENSE_TAG,EMBEDDED_FILENAME,MACRO_ARG_REUSE,\
MACRO_ARG_PRECEDENCE,MACRO_ARG_UNUSED,TRAILING_SEMICOLON,COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,SPLIT_STRING

# checkpatch takes the sign in 0x1p-20 and 1e-5 for a subtraction.
without_exponents() {
	while IFS= read -r text; do
		if [[ $text == *"spaces preferred around that '"[-+]"'"* ]]; then
			IFS=: read -r file line _ <<<"$text"
			sed -n "${line}p" "$file" | grep -qE '[0-9a-f.][ep][-+][0-9]' && continue
		fi
		printf '%s\n' "$text"
	done
}

checkpatch() {
	local ignore=$1
	shift
	[ $# -gt 0 ] || return 0
	perl "$checkpatch/checkpatch.pl" --no-tree --strict --quiet --terse --show-types --no-summary \
		--max-line-length=100 --ignore "$ignore" -f "$@" | without_exponents
	rm -f .checkpatch-camelcase.*
}

# QEMU has a checkpatch.pl of its own.
qemu_checkpatch() {
	[ $# -gt 0 ] || return 0
	perl "$(cat "$build/qemu-headers.path")/checkpatch.pl" --no-tree --quiet --terse --no-summary \
		--no-signoff -f "$@"
}

sparse_build() {
	local kernel release out status
	kernel=$(cat "$build/kernel.path")
	release=$(cat "$kernel/release")
	rm -rf "$build/lint-kbuild"
	tools/build/kbuild-mirror.sh "$build/lint-kbuild"
	out=$(env -u MAKEFLAGS -u MAKELEVEL make -s -C "${KDIR:-/usr/src/linux-headers-$release}" \
		M="$(realpath "$build/lint-kbuild")" C=2 W=1 CHECK=sparse -j"$(nproc)" modules 2>&1)
	status=$?
	# Findings in the kernel's own headers are not ours to mend.
	echo "$out" | grep -E "(warning|error):" |
		grep -vE '^/usr/src/|^[^:]*/linux-headers-' | sed "s|$(realpath "$build")/lint-kbuild/||"
	[ $status -eq 0 ] || echo "$out" | tail -n 20
	return $status
}

no_spdx() {
	local f
	for f in "${source[@]}"; do
		[ -s "$f" ] || continue
		head -n 3 "$f" | grep -q SPDX-License-Identifier || echo "$f: no SPDX line"
	done
}

wrong_licence() {
	[ ${#driver_c[@]} -eq 0 ] || grep -L 'SPDX-License-Identifier: GPL-2.0-only' "${driver_c[@]}"
	return 0
}

too_long() {
	[ ${#source[@]} -gt 0 ] || return 0
	wc -l "${source[@]}" | awk '$2 != "total" && $1 > 900 { print $2 ": " $1 " lines" }'
}

whitespace() {
	[ ${#source[@]} -gt 0 ] || return 0
	grep -nE '[ 	]+$' "${source[@]}" && return 1
	grep -nE '/(work|root)/[.a-z]' "${source[@]}" | grep -v '^tools/build/lint.sh' && return 1
	return 0
}

shell_syntax() {
	local f
	[ ${#scripts[@]} -gt 0 ] || return 0
	for f in "${scripts[@]}"; do
		"$(sed -n '1s/^#!\(.*\)/\1/p' "$f")" -n "$f"
	done
	shellcheck -x -S warning "${scripts[@]}"
}

kernel_doc() {
	[ $# -gt 0 ] || return 0
	perl "$(echo /usr/lib/linux-kbuild-*/scripts/kernel-doc | awk '{ print $NF }')" -none -Werror "$@"
}

# Suppressed: what gcc defines (arithmetic on void *, shifts of negative numbers), syntax that
# only the macros behind it make clear (the compiler judges that), and in the driver what
# cppcheck misreads in loops whose heads are the kernel's macros.
cppcheck_run() {
	[ $# -gt 0 ] || return 0
	cppcheck --quiet --enable=warning,performance,portability --inline-suppr --std=c11 \
		--suppress=missingInclude --suppress=unknownMacro --suppress=preprocessorErrorDirective --suppress=syntaxError \
		--suppress=arithOperationsOnVoidPointer --suppress=shiftNegativeLHS \
		--suppress=uninitvar:driver/* --suppress=identicalConditionAfterEarlyExit:driver/* \
		-j "$(nproc)" -Iuapi -Iruntime/include -I. --error-exitcode=1 "$@"
}

checkpatch=$(checkpatch_dir)
check "SPDX lines" no_spdx
check "driver files that are not GPL-2.0-only" wrong_licence
check "file sizes" too_long
check "white space, paths" whitespace
check "shell scripts" shell_syntax
check "kernel-doc of uapi/, public headers" kernel_doc "${uapi_h[@]}" "${public_h[@]}"
check "checkpatch, driver" checkpatch "$common_ignore" "${driver_c[@]}"
check "checkpatch, uapi" checkpatch "$common_ignore,PREFER_KERNEL_TYPES,LINE_SPACING,SPACING" "${uapi_h[@]}"
check "checkpatch, user space" checkpatch "$common_ignore,$user_ignore" "${user_c[@]}"
check "checkpatch, QEMU's" qemu_checkpatch "${qemu_c[@]}"
check "cppcheck" cppcheck_run "${all_c[@]}"
if [ ${#driver_c[@]} -gt 0 ]; then
	check "driver with sparse, W=1" sparse_build
fi
[ $failed = 0 ] && say LINT "clean"
exit $failed
