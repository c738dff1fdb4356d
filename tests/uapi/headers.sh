#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The headers in uapi/: each stands alone, in strict C and in C++, and no structure has padding
# that the compiler put in: what a process does not fill in would reach the kernel unchecked.

set -u
number=0 failed=0
headers=(uapi/*.h)

# check NAME COMMAND...: the command succeeds
check() {
	local name=$1 said
	shift
	number=$((number + 1))
	if said=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		sed 's/^/# /' <<<"$said"
	fi
}

# compile COMPILER...: every header alone, and all of them in one file
compile() {
	local h
	for h in "${headers[@]}"; do
		"$@" -include "$h" -fsyntax-only /dev/null || return 1
	done
	# shellcheck disable=SC2046 # words on purpose
	"$@" $(printf -- '-include %s ' "${headers[@]}" "${headers[@]}") -fsyntax-only /dev/null
}

# libdrm's own header is not ours to judge
flags=(-Wall -Wextra -Wpadded -Werror -Iuapi -isystem /usr/include/libdrm)

notices_padding() {
	! gcc "${flags[@]}" -x c -fsyntax-only - <<<'struct s { int a; long b; } s;' &&
		! gcc "${flags[@]}" -x c -fsyntax-only - <<<'struct s { long a; int b; } s;'
}

check "padding is noticed" notices_padding
for std in c99 c11 gnu11; do
	check "$std" compile gcc -std=$std -pedantic "${flags[@]}" -x c
done
if command -v g++ >/dev/null; then
	for std in c++11 c++17; do
		check "$std" compile g++ -std=$std "${flags[@]}" -x c++
	done
else
	number=$((number + 1))
	echo "ok $number - C++ # SKIP g++ is not installed"
fi
# the same in the eyes of those who read debug information
holes() {
	local object
	object=$(mktemp) || return 1
	{
		printf '#include "%s"\n' "${headers[@]#uapi/}"
		# what is not used is not described
		sed -n 's/^struct \(drm_seedchip_\w*\) {.*/struct \1 use_\1;/p' uapi/seedchip_accel.h
	} | gcc -g -c -Iuapi -isystem /usr/include/libdrm -x c -o "$object" - &&
		pahole --suppress_aligned_attribute "$object" >"$object.txt" &&
		grep -q 'struct drm_seedchip_submit {' "$object.txt" &&
		! grep -E 'struct (drm_seedchip|sc)_|XXX|padding:|holes:' "$object.txt" |
			grep -B1 -E 'XXX|padding:|holes:'
	local status=$?
	rm -f "$object" "$object.txt"
	return $status
}
check "pahole finds no holes" holes
echo "1..$number"
exit $failed
