#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seedchip-perf from outside: reports that add up, traces that load, errors that name their cause.

The example of docs/perf.md is run, and must print what the page says.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

SAN = os.environ.get("SAN")
BUILD = os.environ.get("BUILD", "build") + ("/san-" + SAN.replace(",", "-") if SAN else "")
PERF = BUILD + "/tools/perf/seedchip-perf"
KERNELS = BUILD + "/tests/docs/guide_kernels.elf"
CONFIGS = "tools/perf/configs/"
STREAM = ["-k", "stream", "-g", "8", KERNELS, "buf:256K:random", "buf:256K", "u32:64"]
tests = []


def test(function):
    tests.append(function)
    return function


def perf(*args, fails=0):
    done = subprocess.run([PERF, *args], capture_output=True, text=True, check=False)
    assert done.returncode == fails, f"{args}: status {done.returncode}: {done.stderr}"
    return done.stderr if fails else done.stdout


def report(*args):
    return json.loads(perf("run", "--json", *args))


@test
def states_add_up():
    r = report(*STREAM)
    assert len(r["cores"]) == 8 and r["workgroups"] == 8
    for core in r["cores"]:
        assert len(core) == 6
        for engine, states in core.items():
            assert sum(states.values()) == r["cycles"], engine
    assert r["bytes"]["dma"] == 2 * 256 << 10
    assert r["limiter"] == "issue"


@test
def threads_change_nothing():
    first = report(*STREAM)
    for n in "124":
        assert report("--threads", n, *STREAM) == first


@test
def a_second_launch_finds_the_cache():
    r = report("--repeat", "3", *STREAM)
    assert len(r["launches"]) == 3 and r["launches"][0] > r["launches"][1]
    assert r["launches"][1] == r["launches"][2] and r["bytes"]["dram_read"] == 0


@test
def default_file_is_the_default():
    assert report("-c", CONFIGS + "default.conf", *STREAM) == report(*STREAM)
    assert perf("config") == perf("config", CONFIGS + "default.conf")


@test
def paper_has_equal_ratios():
    big = ["-k", "stream", "-g", "64", KERNELS, "buf:2M:random", "buf:2M", "u32:512"]
    assert report("-c", CONFIGS + "paper.conf", *big)["cycles"] == report(*STREAM)["cycles"]


@test
def another_machine():
    matmul = ["-k", "matmul", KERNELS, "buf:4K:random", "buf:4K:random", "buf:16K"]
    r = report("-c", CONFIGS + "example-ws.conf", *matmul)
    # one fold of k = 64: 2 * 128 to fill, 64 rows, 128 to empty
    assert r["need"]["matrix"] == 2 * 128 + 128 + 64 - 2
    assert len(r["cores"]) == 1
    assert report(*matmul)["cores"][0]["matrix"]["active"] == 64


@test
def trace_loads():
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/trace.json"
        cycles = report("-t", path, *STREAM)["cycles"]
        with open(path, encoding="utf-8") as file:
            events = json.load(file)
    spans = [e for e in events if e["ph"] == "X"]
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {"queues of card 0"} | {f"core {i}" for i in range(8)}
    whole = [e for e in spans if e["name"] == "DISPATCH"]
    assert len(whole) == 1 and whole[0]["args"]["cycles"] == cycles
    moved = sum(e["args"].get("bytes", 0) for e in spans if e["name"] == "transfer")
    assert moved == 2 * 256 << 10
    lanes = {}
    for e in spans:
        lanes.setdefault((e["pid"], e["tid"]), []).append((e["ts"], e["ts"] + e["dur"]))
    for lane in lanes.values():
        lane.sort()
        assert all(a[1] <= b[0] + 1e-3 for a, b in zip(lane, lane[1:]))


@test
def results_are_the_same():
    for options in ("timing=1", "timing=1,strict=1,threads=1"):
        env = dict(os.environ, SEEDCHIP_DEVICE="sim:cores=4," + options)
        subprocess.run([BUILD + "/tests/docs/guide", KERNELS], env=env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@test
def help_says_it():
    for args in (["--help"], ["run", "-h"], ["config", "--help"]):
        assert "usage: seedchip-perf run" in perf(*args)


@test
def arguments_that_are_wrong():
    for args, text in [
        ([], "which module?"),
        (["/nowhere.elf"], "/nowhere.elf"),
        ([KERNELS], "choose with --kernel"),
        (["-k", "none", KERNELS], "has no kernel none"),
        (["-g", "1,2,3,4", KERNELS], "--grid 1,2,3,4"),
        (["-g", "0", KERNELS], "--grid 0"),
        (["-n", "0", KERNELS], "--repeat 0"),
        (["--threads", "x", KERNELS], "--threads x"),
        (["-c", "/nowhere.conf", KERNELS], "/nowhere.conf: No such file"),
        (["-t", "/nowhere/trace", "-k", "stream", KERNELS], "trace=/nowhere/trace"),
        (["-k", "stream", KERNELS, "buf:4K"], "the arguments make 8 bytes, those of stream"),
        (["-k", "stream", KERNELS, "4096"], "argument 4096: not of the form TYPE:VALUE"),
        (["-k", "stream", KERNELS, "u8:256"], "argument u8:256: not a number that fits u8"),
        (["-k", "stream", KERNELS, "i8:-129"], "argument i8:-129"),
        (["-k", "stream", KERNELS, "f32:one"], "argument f32:one: not a number"),
        (["-k", "stream", KERNELS, "word:1"], "unknown type word"),
        (["-k", "stream", KERNELS, "buf:many"], "argument buf:many: not a size"),
        (["-k", "stream", KERNELS, "buf:4K:ones"], "content is zero, random"),
        (["-k", "stream", KERNELS, "buf:4K:file=/nowhere"], "cannot open /nowhere"),
        (["-k", "stream", KERNELS, "ref:0"], "0 buffers stand before it"),
        (["-k", "stream", KERNELS, "u64:0", "u64:0", "u32:1"], "the kernel failed: FAULT"),
    ]:
        message = perf("run", *args, fails=1)
        assert text in message, f"{args}: {message}"
    assert "unknown command walk" in perf("walk", fails=2)


@test
def files_that_are_wrong():
    for text, message in [
        ("cores = 8\ncolour = blue\n", ":2: unknown key: colour"),
        ("cores = 0\n", ':1: cores: is a number from 1 to 64, not "0"'),
        ("# comment\n\ncores = many\n", ':3: cores: is a number from 1 to 64, not "many"'),
        ("cores 8\n", ":1: not of the form key = value: cores 8"),
        ("cores = 8\ncores = 8\n", ":2: cores: a second time"),
        ("dataflow = circular\n", ':1: dataflow: is tile, ws or os, not "circular"'),
        ("cores = 8\nvlen = 100\n", ":2: vlen: is 0 or a power of two"),
        ("tcm-kib = 65\n", ":1: tcm-kib: is a power of two"),
        ("x" * 300, ":1: longer than"),
    ]:
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text)
            file.flush()
            said = perf("config", file.name, fails=1)
            assert file.name + message in said, f"{text!r}: {said}"
            assert file.name + message in perf("run", "-c", file.name, *STREAM, fails=1)


@test
def the_page_is_right():
    with open("docs/perf.md", encoding="utf-8") as file:
        page = file.read()
    blocks = re.findall(r"^    \$ build/tools/perf/seedchip-perf (.*)\n((?:    .*\n|\n)*)", page, re.M)
    assert blocks
    for command, shown in blocks:
        shown = [line[4:] for line in shown.rstrip("\n").split("\n")]
        args = command.replace("build/", BUILD + "/").split()
        said = perf(*args).rstrip("\n").split("\n")
        for line in shown:
            assert line == "..." or line in said, f"{command}: the page says {line!r}"


def main():
    failed = False
    print(f"1..{len(tests)}")
    for i, function in enumerate(tests, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {i} - {name}")
        except Exception as error:  # pylint: disable=broad-except
            failed = True
            print(f"not ok {i} - {name}")
            print("# " + str(error).replace("\n", "\n# "))
    return failed


if __name__ == "__main__":
    sys.exit(main())
