#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what launches cost in the VM, print the table and write build/bench-launch.json.

    tests/bench/launch.py

The machine is the one that the head of tests/bench/launch.c describes for the test.  Fewer is
better: a row is short when its value is above "must".  The table is Markdown, as it stands in
docs/performance.md, with the events of an operation beside its instructions.
"""

import datetime
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import time

KEYS = ["name", "value", "unit", "peer", "ratio", "must", "aim"]
EVENTS = ["doorbells", "interrupts", "syscalls", "allocations"]
BUILD = os.environ.get("BUILD", "build")
TIMEOUT = 1800


def load_runner():
    loader = importlib.machinery.SourceFileLoader("runner", "tests/run")
    runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    loader.exec_module(runner)
    return runner


def measure():
    """The rows and the notes of the program in the VM."""
    test = load_runner().Test("bench/launch", "vm", "tests/bench/launch.c", "")
    _, card, cards, append, qemu = test.machine()
    command = ["tests/vm/run-vm", "--run", "uname -sr && /tests/bench/launch --rows", "--card",
               card, "--cards", cards, "--append", append, "--qemu", qemu, "--timeout",
               str(TIMEOUT), "--console", os.path.join(BUILD, "bench-launch.console")]
    rows, notes = [], []
    env = dict(os.environ, VM_MEM="2G")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as vm:
        for line in vm.stdout:
            if line.startswith("{"):
                rows.append(json.loads(line))
                print(f"  COUNT   {rows[-1]['name']}", file=sys.stderr, flush=True)
            else:
                notes.append(line.strip().removeprefix("# "))
    if vm.returncode:
        sys.exit(f"bench-launch: the VM's program failed: {'; '.join(notes[-3:])}")
    return rows, notes


def verdict(row):
    if row["must"] is None:
        return ""
    if row["value"] > row["must"]:
        return "short"
    return "aim" if row["aim"] is not None and row["value"] <= row["aim"] else "must"


def cell(value, form):
    return "-" if value is None else format(value, form)


def print_table(rows):
    table = [KEYS + EVENTS + ["verdict"]]
    table.append(["-"] * len(table[0]))
    for row in rows:
        table.append([row["name"], f"{row['value']:.5g}", row["unit"], cell(row["peer"], ".5g"),
                      cell(row["ratio"], ".2f"), cell(row["must"], ".5g"), cell(row["aim"], ".5g"),
                      *(cell(row.get(event), ".3g") for event in EVENTS), verdict(row)])
    for line in table:
        print("| " + " | ".join(line) + " |")


def main():
    start = time.monotonic()
    rows, notes = measure()
    print(f"{datetime.date.today()}, {notes[0]}, {time.monotonic() - start:.0f} s of wall time\n")
    for note in notes[1:]:
        print(note)
    print()
    print_table(rows)
    path = os.path.join(BUILD, "bench-launch.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump([{key: row[key] for key in KEYS} for row in rows], f, indent=1)
        f.write("\n")
    print(f"\nwritten: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
