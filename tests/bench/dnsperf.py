#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Queries per second of a local DNS server, with and without the agent on the client's cgroup.

dnsperf.py [--entries N] [--pairs N] [--seconds N]

A server that answers every name (knotd, a wildcard in the root zone) runs on CPU 0 and dnsperf on
CPU 1, in a network namespace of their own. Three cgroups stand side by side: nothing attached,
empty programs on the same hooks, and the agent with a list of a million domains in audit mode.
dnsperf runs in one of them for a second, then in another one (pairs.py). Shown are medians of the
ratios within pairs.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from agent import CORDON, Agent, Cgroup, Namespace, need, run, wait_for  # noqa: E402
from pairs import attach_empty, compare, timed  # noqa: E402

QUERIES = 300000
ZONE = """\
. 3600 SOA a. a. 1 3600 900 604800 86400
. 3600 NS a.
a. 3600 A 127.0.0.1
* 3600 A 192.0.2.80
"""


def generate(path, *arguments):
    with open(path, "w") as output:
        subprocess.run([HERE / "generate_names.py", *arguments], stdout=output, check=True)
    return path


def start_server(namespace, folder):
    (folder / "root.zone").write_text(ZONE)
    (folder / "knot.conf").write_text(f"""
server:
    listen: 127.0.0.1@53
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
log:
  - target: stderr
    any: error
zone:
  - domain: .
    file: {folder}/root.zone
    zonefile-sync: -1
    journal-content: none
""")
    namespace.start("taskset", "-c", "0", *need("knotd"), "-c", folder / "knot.conf",
                    watched=False)
    wait_for(lambda: "NOERROR" in namespace.run("dig", "+time=1", "+tries=1", "@127.0.0.1",
                                                "ready.example").stdout, "knotd answers")


def measure(namespace, cgroup, queries, seconds):
    """Queries per second of one run in the cgroup."""
    namespace.cgroup = cgroup
    done = namespace.run("taskset", "-c", "1", *need("dnsperf"), "-s", "127.0.0.1", "-d", queries,
                         "-l", seconds, "-c", 4, "-q", 100)
    found = re.search(r"Queries per second:\s+([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


def bench(options, stack, folder):
    bare, empty, watched = (stack.enter_context(Cgroup()) for _ in range(3))
    namespace = stack.enter_context(Namespace(bare))
    start_server(namespace, folder)
    attach_empty(stack, empty)
    entries = generate(folder / "list", str(options.entries)).read_text().split()
    stack.enter_context(Agent(folder / "agent", watched, entries))
    for kind in ("random", "mix"):
        queries = generate(folder / kind, str(QUERIES), "--queries", kind)
        for text, one, other in (("agent over empty programs", watched, empty),
                                 ("agent over nothing attached", watched, bare),
                                 ("empty programs over nothing attached", empty, bare)):
            told = compare(lambda cgroup: timed(lambda side: measure(namespace, side, queries,
                                                                     options.seconds),
                                                cgroup, options.seconds),
                           one, other, options.pairs)
            print(f"dnsperf, {kind} names, {options.entries} domains, {text}: {told}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1000000)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    need(CORDON, "knotd", "dnsperf", "bpftool", "taskset", "dig")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench(options, stack, folder)


if __name__ == "__main__":
    main()
