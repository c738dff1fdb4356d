#!/bin/bash
# SPDX-License-Identifier: MIT
#
# seedchip-objdump on a file assembled here: every vendor instruction of the table with its
# operands, the CSRs, what is not ours unchanged, the notes, and its errors.

set -u
tool=${O:-build}/tools/objdump/seedchip-objdump
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# is NAME EXPECTED ACTUAL
is() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		failed=1
		echo "not ok $n - $1"
		diff <(echo "$2") <(echo "$3") | sed 's/^/# /'
	fi
}

cat >"$dir/a.S" <<'END'
	.text
	.globl f
f:
	.insn r 0x0b, 0, 0x00, x3, a0, x0
	.insn r 0x0b, 1, 0x00, x15, a0, a1
	.insn r 0x0b, 1, 0x01, x0, s11, t6
	.insn r 0x0b, 2, 0x00, x1, a0, x0
	.insn r 0x0b, 3, 0x00, x2, a0, a1
	.insn r 0x0b, 4, 0x00, x4, a0, x0
	.insn r 0x0b, 4, 0x01, x5, a0, x0
	.insn r 0x2b, 0, 0x00, x3, sp, x0
	.insn r 0x2b, 1, 0x00, x4, t0, t1
	.insn r 0x2b, 2, 0x00, x4, t0, x0
	.insn r 0x2b, 3, 0x00, x0, a0, a1
	.insn r 0x2b, 3, 0x01, a0, a1, x0
	.insn r 0x2b, 4, 0x00, x0, x0, x0
	.insn r 0x2b, 4, 0x01, x0, x0, x0
	.insn r 0x2b, 5, 0x01, x8, x0, x16
	.insn r 0x2b, 5, 0x00, x8, x0, x16
	.insn r 0x2b, 6, 0x00, x8, x0, x16
	.insn r 0x2b, 2, 0x00, x4, t0, x1
	.insn r 0x2b, 3, 0x00, x1, a0, a1
	csrr a0, 0xcc0
	csrw 0xccc, a1
	csrsi 0xccb, 3
	csrr a0, 0xcc
	lui a0, 0xcc0
	ret
	.section .note.seedchip, "a", @note
	.balign 4
	.word 9, 16, 1
	.asciz "SeedChip"
	.balign 4
	.word 1, 0, 0x10003, 0
	.word 9, 80, 2
	.asciz "SeedChip"
	.balign 4
	.word 24, 8, 16384, 1
	.ascii "saxpy"
	.zero 59
END
clang-19 --target=riscv64 -march=rv64imafd_zicsr -mno-relax -c "$dir/a.S" -o "$dir/a.o" || exit 1

text=$($tool "$dir/a.o") || exit 1
is "every instruction" "sdm.cfg 3, a0
sdm.mma 15, a0, a1
sdm.mma.z 0, s11, t6
sdm.ld 1, a0, zero
sdm.st 2, a0, a1
sdm.mul.r 4, a0
sdm.mul.c 5, a0
sdd.go 3, sp
sd.hold 4, t0, t1
sd.post 4, t0
sd.await a0, a1
sd.count a0, a1
sd.arrive
sd.meet
sd.vexp2.v v8, v16
sd.vexp2.v v8, v16, v0.t
<unknown>
<unknown>
<unknown>
csrr a0, sd_wg_x
csrw sd_tag, a1
csrsi sd_log, 0x3
csrr a0, 0xcc
lui a0, 0xcc0
ret" "$(awk -F'\t' '/^ +[0-9a-f]+: / { print $2 ($3 == "" ? "" : " " $3) }' <<<"$text")"

missing=
for mnemonic in $(grep -o '"s[dm]*\.[a-z0-9.]*"' uapi/seedchip_isa.h | tr -d '"'); do
	grep -qP "\t${mnemonic//./\\.}(\t|\$)" <<<"$text" || missing="$missing $mnemonic"
done
is "the table has no instruction that this test lacks" "" "$missing"

is "only our lines differ from llvm-objdump" "$(llvm-objdump-19 -d "$dir/a.o" | cut -d"	" -f1)" \
	"$(cut -d"	" -f1 <<<"$text")"
is "--no-show-raw-insn" "sdm.mma 15, a0, a1" "$($tool --no-show-raw-insn "$dir/a.o" |
	sed -n 's/^ *4: *\t\(sdm.mma\)\t/\1 /p')"
is "options go through" "$(llvm-objdump-19 -d -t "$dir/a.o" | grep -A4 SYMBOL)" \
	"$($tool -t "$dir/a.o" | grep -A4 SYMBOL)"
is "--notes" "$dir/a.o:
module: ABI version 1, needs imafd zba xsdm_int8
kernel saxpy: arguments 24 bytes, aligned to 8; stack 16384 bytes; cooperative" \
	"$($tool --notes "$dir/a.o")"
is "--help" "Usage: seedchip-objdump [OPTION...] FILE..." "$($tool --help | head -1)"

$tool --notes "$dir/none" 2>"$dir/err"
is "no such file" "1 seedchip-objdump: $dir/none: No such file or directory" "$? $(cat "$dir/err")"
$tool --notes "$dir/a.S" 2>"$dir/err"
is "not an ELF file" "1 seedchip-objdump: $dir/a.S: not an ELF file" "$? $(cat "$dir/err")"
SEEDCHIP_LLVM_OBJDUMP=$dir/none $tool "$dir/a.o" 2>"$dir/err"
is "no llvm-objdump" "127 seedchip-objdump: $dir/none: No such file or directory" \
	"$? $(cat "$dir/err")"
$tool 2>"$dir/err"
is "no file" "2" "$?"
$tool "$dir/none" >/dev/null 2>&1
is "llvm-objdump's exit status" "1" "$?"

echo "1..$n"
exit $failed
