#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many small files written at once: what their writer gets done with the agent over without.

storm.py [--pairs N] [--files N] [--flat N] [--seconds N] [--disk FOLDER]

Twice: so many files in so many seconds, and as fast as one process can, in memory and on a disk.
Runs with an agent that watches and without any, in the order AB, BA, AB...; shown are medians of
the ratios within pairs. After each run with it: every file was scanned or counted, or it fails.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from agent import BUILD, Agent, Cgroup, need, run, wait_for  # noqa: E402

WRITER = BUILD / "tests/bench/storm"
# In two parts, so that this file is not one itself.
BAD = "cordon-test-" + "bad-content"
RULE = 'rule cordon_test_bad { strings: $bad = "%s" condition: $bad }\n' % BAD
POLICY = "name: storm\nversion: 1\nrules: []\n"


@contextmanager
def memory_folder(folder):
    run("mount", "-t", "tmpfs", "-o", "size=2g,mode=755", "tmpfs", folder)
    try:
        yield folder
    finally:
        run("umount", "-l", folder)


def kibibytes(pid):
    """Memory of a process and all its descendants; what they share counts once."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            total += int(line.split()[1])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        total += kibibytes(child)
    return total


class Watching:
    """An agent that is there for a run, and what it says of it."""

    def __init__(self, folder, cgroup, watched):
        rules = folder / "rules.yar"
        rules.write_text(RULE)
        self.agent = Agent(folder, cgroup, ["storm.cordon-test.invalid"], policy=POLICY, scan={
            "rules": [str(rules)], "watch": [str(watched)], "containers": False})
        self.bad = 0
        self.forget()

    def forget(self):
        self.grown, self.took, self.scanned, self.dropped = [], [], 0, 0

    def kibibytes(self):
        return kibibytes(self.agent.process.pid)

    def files(self):
        return self.agent.status()["files"]

    def __enter__(self):
        self.agent.start()
        wait_for(lambda: (self.files() or {}).get("engine", {}).get("rules"), "rules in force")
        return self

    def __exit__(self, *_):
        self.agent.stop()

    def found(self, folder):
        self.bad += 1
        path = folder / f"bad-{self.bad}"
        began = time.monotonic()
        path.write_text(BAD)
        wait_for(lambda: any(evidence.get("file", {}).get("path") == str(path)
                             for finding in self.agent.findings()
                             for evidence in finding.get("evidences", [])), "it is found")
        return time.monotonic() - began

    def account(self, files, before):
        """Every file of a run was scanned, or is counted as not."""
        wait_for(lambda: self.files()["waiting"] == 0, "nothing waits", 600)
        counts = self.files()
        assert counts["balances"], counts
        new = {name: counts[name] - before[name] for name in ("clean", "dropped")}
        lost = counts["watch"]["overflows"] - before["watch"]["overflows"]
        assert lost or new["clean"] + new["dropped"] >= files, (files, counts)
        self.scanned += new["clean"]
        self.dropped += new["dropped"]


class Place:
    """Where files are written. On a disk they stay until the end: ext4 looks past each inode that
    was freed in the last seconds, and whoever writes next would pay for that."""

    def __init__(self, name, folder, keep):
        self.name, self.folder, self.keep = name, folder, keep
        self.written = []

    def write(self, files, rate):
        """Seconds that it took, and seconds of CPU."""
        self.written.append(Path(tempfile.mkdtemp(dir=self.folder)))
        done = run(WRITER, self.written[-1], files, rate)
        return [float(word) for word in done.stdout.split()]

    def clear(self):
        while self.written and not self.keep:
            shutil.rmtree(self.written.pop())


def measure(place, files, rate, watching):
    if not watching:
        spent = place.write(files, rate)
    else:
        with watching:
            watching.found(place.folder)  # the workers are warm, as after a while
            before, memory = watching.files(), watching.kibibytes()
            spent = place.write(files, rate)
            watching.account(files, before)
            watching.grown.append(watching.kibibytes() - memory)
            watching.took.append(watching.found(place.folder))
    place.clear()
    return spent


def ratio(values):
    return f"{statistics.median(values):.3f} ({min(values):.2f}..{max(values):.2f})"


def storm(text, place, files, rate, pairs, watching):
    throughput, cpu, with_it = [], [], []
    watching.forget()
    for pair in range(pairs):
        order = [watching, None] if pair % 2 == 0 else [None, watching]
        spent = {bool(one): measure(place, files, rate, one) for one in order}
        throughput.append(spent[False][0] / spent[True][0])
        cpu.append(spent[False][1] / spent[True][1])
        with_it.append(files / spent[True][0])
    print(f"{place.name}, {text}, {files} files, {pairs} pairs: files a second with the agent over without "
          f"{ratio(throughput)}; {statistics.median(with_it):.0f} with it; the writer's own CPU "
          f"time, without over with {ratio(cpu)}")
    print(f"    {watching.scanned} scanned, {watching.dropped} counted as dropped (a walk looks for "
          f"them); memory of agent and workers +{statistics.median(watching.grown):.0f} KiB; a bad "
          f"file after it found within {statistics.median(watching.took):.2f} s", flush=True)


def again(place, files, watching):
    """One agent, several storms: the memory that the first one took is enough for the others."""
    after = []
    with watching:
        for _ in range(4):
            before = watching.files()
            place.write(files, 0)
            watching.account(files, before)
            place.clear()
            after.append(watching.kibibytes())
    print(f"{place.name}, one agent after each of {len(after)} storms of {files} files: "
          f"{', '.join(str(memory) for memory in after)} KiB", flush=True)


def bench(options, stack, folder):
    cgroup = stack.enter_context(Cgroup())
    disk = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.disk)))
    memory = stack.enter_context(memory_folder(stack.enter_context(tempfile.TemporaryDirectory())))
    for place in Place("in memory", Path(memory), False), Place("on disk", disk, True):
        home = folder / place.name.replace(" ", "-")
        home.mkdir()
        watching = Watching(home, cgroup, place.folder)
        if options.seconds:
            storm(f"within {options.seconds} s", place, options.files,
                  options.files // options.seconds, max(options.pairs // 4, 1), watching)
        storm("as fast as it goes", place, options.flat, 0, options.pairs, watching)
        again(place, options.flat, watching)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--flat", type=int, default=20000)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--disk", default="/var/tmp", help="a folder on a disk")
    options = parser.parse_args()
    need(WRITER, "mount")
    with ExitStack() as stack:
        bench(options, stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))


if __name__ == "__main__":
    main()
