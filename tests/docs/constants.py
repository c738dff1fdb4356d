#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The constants of the hardware are defined in uapi/ and nowhere else.

Takes every name and every distinctive number that the headers define, after preprocessing, and
looks for a second definition or for the bare number in all other sources.
"""

import re
import subprocess
import sys

HEADERS = ["seedchip_hw.h", "seedchip_isa.h", "seedchip_kernel_abi.h", "seedchip_status.h",
           "seedchip_accel.h", "seedchip_coredump.h"]
SOURCES = re.compile(r"\.(c|h|S|py|sh|mk)$")
CODE = re.compile(r"^(driver|runtime|qemu-device|tools)/.*\.(c|h|S)$")
STRING = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/|//[^\n]*', re.S)
NUMBER = re.compile(r"\b(0x[0-9a-fA-F]+|[0-9]+)(?:[uUlL]*)\b")


def preprocess(*args):
    source = "".join(f'#include "{h}"\n' for h in HEADERS)
    command = ["gcc", "-E", "-Iuapi", "-I/usr/include/libdrm", *args, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout


def definitions():
    """Names, and numbers that are not likely to mean anything else, with their names."""
    macros = re.findall(r"^#define (S[CD]_\w+|SEEDCHIP_\w+|DRM_SEEDCHIP_\w+)(?:\(.*?\))? ?(.*)$",
                        preprocess("-dM"), re.M)
    enums = []
    for body in re.findall(r"\benum \w+ \{([^}]*)\}", preprocess("-P")):
        enums += re.findall(r"\b((?:SC|DRM|DRM_IOCTL)_\w+)(?: = ([^,]*))?", body)
    names = {name for name, _ in macros + enums}
    numbers = {}
    for name, value in macros + enums:
        match = re.fullmatch(r"\(?(0x[0-9a-fA-F]+|[0-9]+)[uUlL]*\)?", value.strip())
        if not match:
            continue
        number = int(match[1], 0)
        if number == 0xffffffff00000000:        # also what boxes a NaN
            continue
        if number > 0xffff and number & (number - 1) and number & (number + 1) or number == 0x5eed:
            numbers[number] = name
    return names, numbers


def check(path, text, names, numbers):
    found = []
    for match in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)|\b(\w+)[ \t]*=[ \t]*[0-9]", text, re.M):
        name = match[1] or match[2]
        if name in names:
            found.append((match.start(), f"{name} is defined a second time"))
    if CODE.match(path):
        code = STRING.sub(lambda m: " " * len(m[0]) if "\n" not in m[0] else
                          re.sub(r"[^\n]", " ", m[0]), text)
        for match in NUMBER.finditer(code):
            digits = match[1]
            number = int(digits, 0) if digits[:2] == "0x" or digits[0] != "0" else 0
            if number in numbers:
                found.append((match.start(), f"{digits} is {numbers[number]}"))
        for match in re.finditer(r"\b(?:read|write)[bwlq]\(.*(?:regs|doorbells) \+ [0-9]", code):
            found.append((match.start(), "a register by its bare offset"))
    return [f"{path}:{text.count(chr(10), 0, at) + 1}: {what}" for at, what in found]


def main():
    names, numbers = definitions()
    for probe in ("SC_REG_MAGIC", "SC_RESET_KEY", "SC_OP_DISPATCH", "SC_PTE_HUGE", "SC_STATUS_TRAP",
                  "SC_CODE_UNMAPPED", "SC_CSR_WG_X", "SC_INSN_SDM_MMA", "DRM_SEEDCHIP_SUBMIT"):
        if probe not in names:
            sys.exit(f"{probe} was not found in uapi/")
    for probe in (0x20314353, 0x5eed0ff0, 0x5eed, 0x00007ffffffff000, 0x0000fffffffff000):
        if probe not in numbers:
            sys.exit(f"{probe:#x} was not found in uapi/")
    # a definition of each kind of mistake is seen
    bad = "#define SC_RESET_KEY 1\nenum { SC_OP_COPY = 3 };\nint k = 0x5eed0ff0;\nreadl(d->regs + 0x104);\n"
    if len(check("driver/x.c", bad, names, numbers)) != 4:
        sys.exit("the check does not see what it should")
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True,
                           check=True).stdout.split("\n")
    found = []
    for path in files:
        if SOURCES.search(path) and not path.startswith("uapi/") and path != "tests/docs/constants.py":
            try:
                with open(path) as source:
                    found += check(path, source.read(), names, numbers)
            except FileNotFoundError:
                pass
    print("\n".join(found) or f"{len(names)} names, {len(numbers)} numbers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
