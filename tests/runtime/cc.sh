#!/bin/sh
# SPDX-License-Identifier: MIT
#
# seedchip-cc: what it makes, what it says when something is wrong, and that it, the library,
# the header, pkg-config and CMake files work from where they are installed.

set -u

cd "$(dirname "$0")/../.." || exit 1
cc=tools/cc/seedchip-cc
tmp=$(mktemp -d "${TMPDIR:-/tmp}/seedchip-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
number=0

result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# /' "$tmp/log"
		echo "not ok $number - $2"
	fi
}

# check NAME COMMAND...
check() {
	name=$1
	shift
	"$@" >"$tmp/log" 2>&1
	result $? "$name"
}

# says NAME TEXT COMMAND...: the command fails and its output has the text
says() {
	name=$1 text=$2
	shift 2
	! "$@" >"$tmp/log" 2>&1 && grep -qF -e "$text" "$tmp/log"
	result $? "$name"
}

cat >"$tmp/k.c" <<'EOF'
#include <seedchip/kernel.h>
struct args { __int128 n, d; float f; char *to, *from; };
static const char *const names[] = { "a", "b" };
static const char *volatile name;
static SD_TCM char tile[4096];
SD_KERNEL(k, struct args)
{
	struct sc_dma zero = { 0 };
	name = names[sd_wg_x() & 1];
	sd_dma_1d(0, tile, args->from, sizeof(tile));
	sdd_go(1, &zero);
	memcpy(args->to, args->from, args->n / args->d);
	sd_printf("%s %f\n", name, (double)(__bf16)args->f);
}
EOF

flags_ok() {
	"$cc" -o "$tmp/k.elf" "$tmp/k.c" && llvm-readelf-19 -lrdW "$tmp/k.elf" >"$tmp/elf" || return 1
	cat "$tmp/elf"
	# relocations of one type alone, no writable code, scratchpad without initial data
	grep -q R_RISCV_RELATIVE "$tmp/elf" && ! grep 'R_RISCV_' "$tmp/elf" | grep -v RELATIVE &&
		! grep 'LOAD.*RWE' "$tmp/elf" && ! grep 'NEEDED' "$tmp/elf" &&
		grep -q 'TLS .* 0x000000 0x001000 ' "$tmp/elf" &&
		[ "$(grep -c '^  LOAD' "$tmp/elf")" = 3 ]
}

exports_ok() {
	llvm-readelf-19 --dyn-syms "$tmp/k.elf"
	[ "$(llvm-readelf-19 --dyn-syms "$tmp/k.elf" | awk '$4 == "FUNC" { print $8 }')" = k ]
}

deps_ok() {
	"$cc" -MMD -MP -MF "$tmp/k.d" -MT out.elf -o "$tmp/k.elf" "$tmp/k.c" tests/unit/module_kernel.c &&
		cat "$tmp/k.d" && grep -q '^out.elf: .*k.c' "$tmp/k.d" && grep -q module_kernel.c "$tmp/k.d" &&
		grep -q seedchip_isa.h "$tmp/k.d"
}

objects_ok() {
	mkdir -p "$tmp/a b" && cp "$tmp/k.c" "$tmp/a b/k k.c" &&
		"$cc" -O0 -g -c -o "$tmp/a b/k.o" "$tmp/a b/k k.c" -DX="1 2" &&
		"$cc" -o "$tmp/a b/k.elf" "$tmp/a b/k.o" && [ -s "$tmp/a b/k.elf" ]
}

install_ok() {
	mkdir -p "$tmp/usr/lib" && : >"$tmp/usr/lib/other.so" &&
		tools/build/install.sh "$tmp/usr" && tools/build/install.sh "$tmp/usr" && [ -e "$tmp/usr/lib/seedchip/gemm.elf" ] &&
		 "$tmp/usr/bin/seedchip-cc" -o "$tmp/i.elf" "$tmp/k.c" &&
		"$cc" -o "$tmp/k.elf" "$tmp/k.c" && llvm-objdump-19 -d "$tmp/i.elf" >"$tmp/i.s" &&
		llvm-objdump-19 -d "$tmp/k.elf" >"$tmp/k.s" && tail -n +3 "$tmp/i.s" >"$tmp/i.t" &&
		tail -n +3 "$tmp/k.s" | cmp - "$tmp/i.t"
}

pkgconfig_ok() {
	flags=$(PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig pkg-config --cflags --libs seedchip) || return 1
	# shellcheck disable=SC2086 # a list
	gcc -Wall -Wextra -Werror runtime/examples/hello.c -o "$tmp/hello" $flags \
		-Wl,-rpath,"$tmp/usr/lib" && LD_LIBRARY_PATH='' ldd "$tmp/hello" &&
		ldd "$tmp/hello" | grep -q "libseedchip.so.0 => $tmp/usr/lib/" || return 1
	grep -q 'EAGAIN' "$tmp/usr/share/man/man3/seedchip_launch.3" &&
		grep -q 'include <seedchip.h>' "$tmp/usr/share/man/man3/seedchip_launch.3" &&
		grep -q 'include <seedchip/graph.h>' "$tmp/usr/share/man/man3/seedchip_graph_set.3" &&
		"$tmp/usr/bin/seedchip-perf" --help && "$tmp/usr/bin/seedchip-run-elf" --help || return 1
	# without a card it says so
	SEEDCHIP_VISIBLE_DEVICES='' "$tmp/hello" 2>&1 | grep 'no SeedChip card 0'
}

# C++ and strict C programs can include the headers.
header_ok() {
	for std in c11 c99; do
		gcc -std=$std -pedantic -Wall -Wextra -Werror -fsyntax-only -Iruntime/include \
			-x c runtime/include/seedchip/graph.h || return 1
	done
	! command -v g++ >/dev/null ||
		g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -Iruntime/include \
			-x c++ -include runtime/include/seedchip/graph.h /dev/null
}

cmake_ok() {
	mkdir -p "$tmp/cmake" && cp runtime/examples/hello.c "$tmp/cmake" &&
		cat >"$tmp/cmake/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.18)
project(hello C)
find_package(seedchip REQUIRED)
add_executable(hello hello.c)
target_link_libraries(hello seedchip::seedchip)
EOF
	cmake -S "$tmp/cmake" -B "$tmp/cmake/build" -DCMAKE_PREFIX_PATH="$tmp/usr" &&
		cmake --build "$tmp/cmake/build"
}

# Nothing is left but what was there before; another prefix is not touched.
uninstall_ok() {
	tools/build/install.sh --remove "$tmp/usr" &&
		[ "$(cd "$tmp/usr" && find . -type f -o -type l)" = ./lib/other.so ] &&
		[ ! -e "$tmp/usr/share/doc" ] && ! tools/build/install.sh --remove "$tmp/usr"
}

check "segments, relocations and scratchpad are what the loader wants" flags_ok
check "kernels are exported and nothing else" exports_ok
check "dependencies of all sources are written" deps_ok
check "objects, debug builds, blanks in names" objects_ok
printf '#include <seedchip/kernel.h>\nvoid missing(void);\nSD_KERNEL0(k) { missing(); }\n' >"$tmp/u.c"
says "an undefined function is named" "undefined symbol: missing" "$cc" -o "$tmp/x.elf" "$tmp/u.c"
printf '#include <seedchip/kernel.h>\nSD_KERNEL0(k) { sd_printf("%%s", 1); }\n' >"$tmp/w.c"
says "sd_printf arguments are checked" "-Wformat" "$cc" -Werror -o "$tmp/x.elf" "$tmp/w.c"
says "a missing file" "no such file: nowhere.c" "$cc" nowhere.c
says "no input" "no input files; see --help" "$cc" -O3
says "a missing compiler" "apt-get install clang-19 lld-19" \
	env SEEDCHIP_CLANG=no-such-clang "$cc" -o "$tmp/x.elf" "$tmp/k.c"
says "an unknown instruction set" "rv64imafd_zfoo" "$cc" -misa=rv64imafd_zfoo -o "$tmp/x.elf" "$tmp/k.c"
check "--help" sh -c "$cc --help | grep -q -e -misa="
check "--version" sh -c "$cc --version | grep -q clang"
check "the public header in C and C++" header_ok
check "installed: seedchip-cc" install_ok
check "installed: pkg-config builds hello, which runs" pkgconfig_ok
if command -v cmake >/dev/null; then
	check "installed: CMake builds hello" cmake_ok
else
	number=$((number + 1))
	echo "ok $number - installed: CMake builds hello # SKIP cmake is not installed"
fi
check "uninstalled: nothing of it is left" uninstall_ok
echo "1..$number"
