#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The public headers of the kernel library: each stands alone, in strict C, in C++ and on the
# device, and no argument block has padding that the compiler put in.

set -u
number=0 failed=0
headers=(seedchip/ops.h)
for h in runtime/include/seedchip/*.h; do
	headers+=("seedchip/${h##*/}")
done

# check NAME COMPILER...: every header alone, and all of them in one file
check() {
	local name=$1 h said='' all=()
	shift
	number=$((number + 1))
	for h in "${headers[@]}"; do
		all+=(-include "$h")
		said+=$("$@" -include "$h" -fsyntax-only /dev/null 2>&1) || said+="$h"
	done
	said+=$("$@" "${all[@]}" -fsyntax-only /dev/null 2>&1) || said+=all
	if [ -z "$said" ]; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		sed 's/^/# /' <<<"$said"
	fi
}

flags=(-Wall -Wextra -Wpadded -Werror -Iruntime/include -Iuapi)
check c11 gcc -std=c11 -pedantic "${flags[@]}" -x c
if command -v g++ >/dev/null; then
	check c++11 g++ -std=c++11 -pedantic "${flags[@]}" -x c++
else
	number=$((number + 1))
	echo "ok $number - c++11 # SKIP g++ is not installed"
fi
# shellcheck disable=SC2046 # words on purpose
check device clang-19 $(tools/cc/seedchip-cc --print-flags) "${flags[@]}" -x c
echo "1..$number"
exit $failed
