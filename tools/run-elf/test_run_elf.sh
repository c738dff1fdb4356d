#!/bin/bash
# SPDX-License-Identifier: MIT
#
# seedchip-run-elf with a program of our own: machine mode, tohost, signatures, and what it says
# of files that it cannot run.

build=${BUILD:-build}
run=$build${SAN:+/san-${SAN//,/-}}/tools/run-elf/seedchip-run-elf
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		sed 's/^/# /' "$dir/out" "$dir/err"
	fi
}

# elf NAME FLAG...: the program, at 0x80000000
elf() {
	local name=$1
	shift
	clang-19 --target=riscv64-unknown-elf -march=rv64imafdv_zicsr_zifencei -mabi=lp64d -mno-relax \
		-nostdlib -static -fuse-ld=lld -Wl,--image-base=0x80000000 -Wl,-z,max-page-size=4096 \
		-Wl,-z,norelro "$@" tools/run-elf/test_program.S -o "$dir/$name"
}

# exits STATUS ARG...
exits() {
	local status=$1
	shift
	"$run" "$@" >"$dir/out" 2>"$dir/err"
	[ $? = "$status" ]
}

says() {
	grep -qF -- "$1" "$dir/err"
}

# refused WORDS ARG...: status 125, with these words
refused() {
	local words=$1
	shift
	exits 125 "$@" && says "$words"
}

limited() (
	ulimit -v 60000
	refused 'no memory' "$@"
)

elf good -DRESULT=0 && elf bad -DRESULT=9 && elf large -DRESULT=1000 && elf loops -DLOOP -DRESULT=0 &&
	elf nowhere -DNOWHERE -DRESULT=0 || exit 1

ok "a program that passes" exits 0 --signature "$dir/sig" "$dir/good"
ok "its console" test "$(cat "$dir/out")" = ABC
ok "its signature" diff - "$dir/sig" <<-END
	00000200
	11223344
	55667788
	99aabbcc
	000000dd
END
ok "lines of 16 bytes" exits 0 --signature "$dir/sig" --signature-granularity 16 "$dir/good"
ok "are whole" diff - "$dir/sig" <<-END
	99aabbcc556677881122334400000200
	000000000000000000000000000000dd
END
ok "VLEN 128" exits 0 --vlen 128 --signature "$dir/sig" "$dir/good"
ok "is 16 bytes" test "$(head -n1 "$dir/sig")" = 00000010
ok "no vectors" exits 0 --vlen 0 --signature "$dir/sig" "$dir/good"
ok "no vlenb" test "$(head -n1 "$dir/sig")" = 00000000
ok "in blocks" exits 0 --trace "$dir/good"
ok "traps are traced" says 'cause 11 at'
ok "totals" exits 0 --stats "$dir/good"
ok "are counted" says 'traps 11'
ok "a program that fails" exits 9 "$dir/bad"
ok "by its number" says 'failed: 9'
ok "a large number" exits 123 "$dir/large"
ok "a program that never ends" exits 124 --max-insns 100000 --signature "$dir/sig" "$dir/loops"
ok "has a signature" test "$(wc -l <"$dir/sig")" = 5
ok "no trap handler" refused 'no memory at the handler' "$dir/nowhere"

cp "$dir/good" "$dir/rvc"
printf '\x05' | dd of="$dir/rvc" bs=1 seek=48 conv=notrunc status=none # e_flags: RVC, double
ok "a program with a few compressed instructions" exits 0 "$dir/rvc"
ok "is warned of" says 'compressed instructions'

llvm-objcopy-19 --strip-symbol=tohost "$dir/good" "$dir/no-tohost"
llvm-objcopy-19 --strip-symbol=end_signature "$dir/good" "$dir/no-end"
head -c 1200 "$dir/good" >"$dir/short"
echo text >"$dir/text"
clang-19 --target=riscv64-unknown-elf -c -x assembler /dev/null -o "$dir/object"
address=$(llvm-nm-19 "$dir/good" | sed -n 's/ . tohost$//p')
ok "no tohost" refused 'no symbol tohost' "$dir/no-tohost"
ok "but an address" exits 0 --tohost "0x$address" "$dir/no-tohost"
ok "no end_signature" refused 'begin_signature' --signature "$dir/sig" "$dir/no-end"
ok "no file" refused 'No such file' "$dir/none"
ok "not an ELF" refused 'not an ELF' "$dir/text"
: >"$dir/empty"
ok "an empty file" refused 'not an ELF' "$dir/empty"
ok "a folder" refused 'not a file' "$dir"
mkfifo "$dir/pipe"
ok "a pipe" refused 'not a file' "$dir/pipe"
ok "another machine" refused 'not for 64-bit RISC-V' /bin/true
ok "a truncated file" refused 'truncated' "$dir/short"
ok "an object file" refused 'not an executable' "$dir/object"
ok "a bad VLEN" refused '--vlen' --vlen 100 "$dir/good"
ok "a bad granularity" refused '--signature-granularity' --signature-granularity 3 "$dir/good"
ok "no number" refused 'not a number' --max-insns x "$dir/good"
ok "no program" refused usage
ok "a signature that cannot be written" refused '/sig' --signature "$dir/none/sig" "$dir/good"
# the sanitizers need more than any limit
[ -n "$SAN" ] || ok "no memory" limited "$dir/good"
echo "1..$n"
exit $failed
