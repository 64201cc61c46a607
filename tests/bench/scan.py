#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`cordon scan` beside the `yara` tool: the same rules over the same files.

scan.py [--rules PATH] [--count N] [--pairs N] [TREE...]

Rules are those in PATH, and made ones up to N. Shown are memory (that of a process counts what it
shares in part, PSS; two workers and what else is there for them, over one yara with the same
compiled rules), the time over that of `yara -r -p 2`, medians of ratios within pairs in the order
AB, BA, AB..., and what a second run takes that knows the files.
"""

import argparse
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from agent import CORDON, need, run  # noqa: E402

EXTERNALS = ("filename", "filepath", "extension", "filetype", "owner")
DEFINED = [word for name in EXTERNALS for word in ("-d", f"{name}=")]
SAMPLE = 0.02  # seconds between two looks at memory


def rule_make(dice, number):
    """As in public sets: some strings of each kind, half of them about PE files."""
    lines = []
    for each in range(dice.randrange(3, 12)):
        if dice.random() < 0.6:
            text = "".join(dice.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHI0123456789 ./\\:_-%")
                           for _ in range(dice.randrange(8, 40))).replace("\\", "\\\\")
            lines.append(f'$s{each} = "{text}" {dice.choice(["ascii", "wide ascii", "fullword"])}')
        else:
            code = [f"{dice.randrange(256):02x}" for _ in range(dice.randrange(8, 48))]
            code[dice.randrange(5, len(code))] = dice.choice(["??", "[2-6]"])
            code += [f"{dice.randrange(256):02x}"]
            lines.append(f"$s{each} = {{ {' '.join(code)} }}")
    start = dice.choice(["uint16(0) == 0x5A4D and ", "uint32(0) == 0x464C457F and ", ""])
    return (f"rule made_{number} {{ meta: score = {dice.randrange(100)} strings: "
            f"{' '.join(lines)} condition: {start}filesize < 5MB and 2 of them }}\n")


def rules_write(folder, given, count):
    """A folder of rule files; how many rules, about."""
    folder.mkdir()
    rules, dice = 0, random.Random(1)
    for number, path in enumerate(sorted(given.rglob("*.yar*")) if given else []):
        text = path.read_text(errors="replace")
        rules += sum(line.lstrip().startswith(("rule ", "private rule ")) for line in
                     text.splitlines())
        (folder / f"given-{number}.yar").write_text(text)
    made = (rule_make(dice, number) for number in range(max(count - rules, 0)))
    (folder / "made.yar").write_text("".join(made))
    return max(count, rules)


def pss(pid, inside=True):
    """KiB of the process, if inside, and of all below it."""
    total = 0
    try:
        if inside:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total = sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += pss(child)
    except (OSError, ProcessLookupError):
        pass  # it has ended
    return total


def sampled(command, inside):
    """KiB at most, and usually, while it runs."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    seen = []
    while process.poll() is None:
        seen.append(pss(process.pid, inside))
        time.sleep(SAMPLE)
    assert process.returncode in (0, 1), command
    return max(seen), statistics.median(seen)


def cpu():
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def timed(command):
    began = time.monotonic()
    done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False)
    assert done.returncode in (0, 1), command
    return time.monotonic() - began


class Bench:
    def __init__(self, folder, trees):
        self.folder, self.trees = folder, trees
        self.sources = sorted((folder / "rules").iterdir())
        self.compiled = folder / "compiled"
        run("yarac", "-w", *DEFINED, *self.named(), self.compiled)

    def named(self):
        return [f"n{number}:{path}" for number, path in enumerate(self.sources)]

    def ours(self, *more):
        return [CORDON, "scan", "--threads", 2, "--rules", self.folder / "rules", *more]

    def yara(self, *words):
        return ["yara", "-w", "-N", "-r", *DEFINED, *words]

    def memory(self):
        """The compiler's is not among it: the set was kept by a run before, over nothing."""
        yara, ours = [], []
        for number, tree in enumerate(self.trees):
            cache, nothing = self.folder / f"cache-{number}", self.folder / f"nothing-{number}"
            nothing.mkdir()
            timed(self.ours("--cache", cache, nothing))
            ours.append(sampled(self.ours("--cache", cache, tree), False))
            yara.append(sampled(self.yara("-p", 1, "-C", self.compiled, tree), True))
        for kind, what in enumerate(("at most", "usually")):
            mine, theirs = (int(max(one[kind] for one in each)) for each in (ours, yara))
            print(f"memory {what}, two workers over one yara with compiled rules: "
                  f"{mine / theirs:.2f} ({mine >> 10} MiB over {theirs >> 10} MiB)", flush=True)

    def throughput(self, pairs):
        """Tree by tree, so that both compile the rules as often."""
        ratios, spent_ratios = [], []
        for pair in range(pairs):
            took, spent = {}, {}
            for mine in (True, False) if pair % 2 == 0 else (False, True):
                before = cpu()
                took[mine] = sum(timed(self.ours("--no-cache", tree) if mine else
                                       self.yara("-p", 2, *self.named(), tree))
                                 for tree in self.trees)
                spent[mine] = cpu() - before
            ratios.append(took[False] / took[True])
            spent_ratios.append(spent[False] / spent[True])
        print(f"throughput over yara -r -p 2: {statistics.median(ratios):.2f} ({min(ratios):.2f}.."
              f"{max(ratios):.2f}, {pairs} pairs; {took[True]:.1f} s); by CPU time "
              f"{statistics.median(spent_ratios):.2f} ({min(spent_ratios):.2f}.."
              f"{max(spent_ratios):.2f})", flush=True)

    def again(self):
        """Second runs know all that is clean."""
        command = self.ours("--cache", self.folder / "cache", *self.trees)
        first = timed(command)
        second = statistics.median(timed(command) for _ in range(5))
        print(f"second run over the first: {first / second:.0f} times as fast ({second:.2f} s)",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("trees", nargs="*", default=["/usr/bin", "/usr/share/doc"], metavar="TREE")
    options = parser.parse_args()
    need("yara", "yarac")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = rules_write(folder / "rules", options.rules, options.count)
        size = sum(file.stat().st_size for tree in options.trees for file in Path(tree).rglob("*")
                   if file.is_file() and not file.is_symlink())
        print(f"{count} rules, {size >> 20} MiB in {' '.join(options.trees)}")
        bench = Bench(folder, options.trees)
        bench.memory()
        if options.pairs:
            bench.throughput(options.pairs)
        bench.again()


if __name__ == "__main__":
    main()
