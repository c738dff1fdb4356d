#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of riscv-vector-tests on the model and under qemu-riscv64: what differs?

    tools/run-elf/vector_tests.py VLEN FOLDER [TESTS]

FOLDER holds what the generator of that suite wrote with -VLEN and -stage1output: programs whose
tests, TESTS of each (12), are rewritten here to leave their registers, fcsr, vcsr and vl in memory.
Two things are beyond that emulator: bf16, which is left out, and vf*cvt.rtz, at which it crashes
and which it does by the rounding mode instead. Programs of vset* check themselves and are left out.
"""

import os
import re
import subprocess
import sys
import tempfile

PER_PROGRAM = 40
MARK = 0x5EED << 32
RUN_ELF = os.environ.get("BUILD", "build") + "/tools/run-elf/seedchip-run-elf"
CLANG = ["clang-19", "--target=riscv64-unknown-elf", "-mabi=lp64d", "-mno-relax", "-nostdlib",
         "-static", "-fuse-ld=lld", "-march=rv64imafdv_zicsr_zfh_zvfh", "-Wl,--no-relax"]
START = f"""
#ifdef MODEL
#define CONVERT(a, ...) a.rtz.__VA_ARGS__
#else
#define CONVERT(a, ...) csrrwi s10, frm, 1; a.__VA_ARGS__; csrw frm, s10
#endif
	.globl _start
_start:
#ifdef MODEL
	li t0, 0x6600; csrw mstatus, t0; la t0, trap; csrw mtvec, t0
#endif
	la s11, begin_signature
	call tests
#ifdef MODEL
	li t1, 1
1:	la t0, tohost; sd t1, (t0)
2:	j 2b
	.align 2
trap:	csrr t1, mcause; slli t1, t1, 1; ori t1, t1, 33; j 1b
#else
	la a1, begin_signature; sub a2, s11, a1; li a0, 1; li a7, 64; ecall
	li a0, 0; li a7, 93; ecall
#endif
	.section .sig, "aw", @nobits
	.align 12
	.globl begin_signature
begin_signature: .zero 16 << 20
	.globl end_signature
end_signature:
	.data
	.align 6
	.globl tohost
tohost:	.quad 0, 0
	.align 12
resultdata: .zero 1 << 20
	.text
tests:
"""
STATE = """csrr t0, fcsr; sd t0, (s11); csrr t0, vcsr; sd t0, 8(s11)
csrr t0, vl; sd t0, 16(s11); addi s11, s11, 24; fsflags x0
"""


def tests_of(text):
    """What goes before all tests, and each test: pieces of it that end with registers to keep."""
    body = text.split("RVTEST_CODE_BEGIN", 1)[1].split("RVTEST_CODE_END", 1)[0]
    parts = re.split(r"^\.word (0x[0-9a-f]+0b)$", body, flags=re.M)
    before, _, parts[0] = parts[0].partition("# Generating tests")
    tests = []
    for piece, word in zip(parts[::2], parts[1::2]):
        if "TEST BEGIN" in piece or not tests:
            tests.append([])
        tests[-1].append(("# " + piece, int(word, 16)))
    return before, tests


def rewrite(path, number, most):
    """Assembly of the tests of a file, without its data; how many."""
    with open(path, encoding="ascii") as f:
        text = f.read()
    before, tests = tests_of(text)
    chosen = [tests[i * len(tests) // most] for i in range(most)] if len(tests) > most else tests
    out = [before]
    for i, test in enumerate(chosen):
        # what suits all tests of a file is set by its first one
        out.append(f"la a4, data{number}\n")
        for piece, word in test:
            piece = re.sub(r"^(vf\w+)\.rtz\.(.*)$", r"CONVERT(\1, \2)", piece, flags=re.M)
            out.append(f"li t0, {MARK | number << 16 | i}; sd t0, (s11); addi s11, s11, 8\n")
            out.append(piece.replace("testdata", f"data{number}"))
            for reg in range(word >> 15 & 31, (word >> 15 & 31) + (word >> 21 & 15)):
                out.append(f"vs1r.v v{reg}, (s11); csrr t0, vlenb; add s11, s11, t0\n")
            out.append(STATE)
    words = re.findall(r"\.quad (0x[0-9a-f]+)", text.split("testdata:", 1)[1])
    data = b"".join(int(w, 16).to_bytes(8, "little") for w in words)
    return "".join(out), data, len(chosen)


def by_file(memory):
    """The pieces of a signature, by the number of their file."""
    pieces = {}
    number = None
    for at in range(0, len(memory) - 7, 8):
        word = int.from_bytes(memory[at:at + 8], "little")
        if word >> 32 == MARK >> 32:
            number = word >> 16 & 0xffff
        if number is not None:
            pieces.setdefault(number, []).append(word)
    return pieces


def run(folder, vlen):
    """What the model and the emulator leave in memory."""
    common = [*CLANG, f"{folder}/all.S", "-o"]
    subprocess.run([*common, f"{folder}/model", "-DMODEL", "-Wl,--image-base=0x80000000"],
                   check=True)
    subprocess.run([*common, f"{folder}/user"], check=True)
    subprocess.run([RUN_ELF, "--vlen", str(vlen), "--max-insns", "1000000000",
                    "--signature-granularity", "8", "--signature", f"{folder}/signature",
                    f"{folder}/model"], check=True)
    cpu = f"rv64,Zfh=true,v=true,vext_spec=v1.0,elen=64,vlen={vlen}"
    user = subprocess.run(["qemu-riscv64", "-cpu", cpu, f"{folder}/user"], stdout=subprocess.PIPE,
                          check=True).stdout
    with open(f"{folder}/signature", encoding="ascii") as f:
        model = b"".join(bytes.fromhex(line)[::-1] for line in f)
    return by_file(model[:len(user)]), by_file(user)


def compare(paths, vlen, most):
    """How many of the files give the same, and how many tests that were."""
    text = [START]
    equal = tests = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            code, data, count = rewrite(path, number, most)
            with open(f"{folder}/{number}", "wb") as f:
                f.write(data)
            tests += count
            text += [code, f".data\n.align 6\ndata{number}: .incbin \"{folder}/{number}\"\n",
                     ".zero 8192\n.text\n"]
        with open(f"{folder}/all.S", "w", encoding="ascii") as f:
            f.write("".join([*text, "ret\n"]))
        model, user = run(folder, vlen)
    for number, path in enumerate(paths):
        if number in user and model.get(number) == user[number]:
            equal += 1
        else:
            print("differs:", os.path.basename(path), flush=True)
    return equal, tests


def main():
    vlen, folder = int(sys.argv[1]), sys.argv[2]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    paths = [f"{folder}/{name}" for name in sorted(os.listdir(folder))
             if re.search(r"-0\.S$", name) and not re.search(r"bf16|^vset", name)]
    equal = tests = 0
    for i in range(0, len(paths), PER_PROGRAM):
        e, t = compare(paths[i:i + PER_PROGRAM], vlen, most)
        equal, tests = equal + e, tests + t
        print(f"# {i + len(paths[i:i + PER_PROGRAM])} of {len(paths)}", flush=True)
    print(f"VLEN {vlen}: {equal} of {len(paths)} instructions give the same in {tests} tests")
    return equal != len(paths)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main())
