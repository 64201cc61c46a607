#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Short connections and bulk throughput with the agent on the client's cgroup over without.

connections.py [--entries N] [--prefixes N] [--pairs N] [--seconds N]

A server on CPU 0, clients on CPU 1, in a network namespace of their own. Three cgroups stand side
by side: nothing attached, empty programs on the same hooks, and the agent with a million domains
and half a million prefixes in audit mode. Runs of a second in pairs (pairs.py); shown are medians
of the ratios within pairs.
"""

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from agent import BUILD, Agent, Cgroup, Namespace, need, run  # noqa: E402
from pairs import attach_empty, compare  # noqa: E402

CLIENT = BUILD / "tests/bench/connections"
PORT = 8080
KINDS = {"short connections, HTTP": ["rate", PORT, "{seconds}"],
         "short connections, TLS hello": ["rate", PORT, "{seconds}", "hello"],
         "bulk": ["bulk", PORT, "{seconds}"]}


def prefixes(count):
    """Hosts and networks of both families, none of them on loopback."""
    dice = random.Random(1)
    for number in range(count):
        if number % 4 == 3:
            yield f"2a0{dice.randrange(10)}:{dice.getrandbits(16):x}:{dice.getrandbits(16):x}::/48"
        else:
            octets = [dice.randrange(1, 120), dice.randrange(256), dice.randrange(256)]
            text = ".".join(str(octet) for octet in octets)
            yield f"{text}.{dice.randrange(1, 255)}" if number % 4 else f"{text}.0/24"


def measure(namespace, cgroup, command, seconds):
    namespace.cgroup = cgroup
    done = namespace.run("taskset", "-c", "1", CLIENT,
                         *[str(word).format(seconds=seconds) for word in command])
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def bench(options, stack, folder):
    bare, empty, watched = (stack.enter_context(Cgroup()) for _ in range(3))
    namespace = stack.enter_context(Namespace(bare))
    server = namespace.start("taskset", "-c", "0", CLIENT, "serve", PORT, watched=False,
                             stdout=-1)
    assert server.stdout.readline() == "ready\n"
    attach_empty(stack, empty)
    names = run(HERE / "generate_names.py", options.entries).stdout.split()
    agent = stack.enter_context(Agent(folder, watched,
                                      names + list(prefixes(options.prefixes))))
    for kind, command in KINDS.items():
        for text, one in (("agent", watched), ("empty programs", empty)):
            told = compare(lambda cgroup: measure(namespace, cgroup, command, options.seconds),
                           one, bare, options.pairs, options.seconds)
            print(f"{kind}, {options.entries} domains, {options.prefixes} prefixes, {text} over "
                  f"nothing attached: {told}", flush=True)
    agent.ledger()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1000000)
    parser.add_argument("--prefixes", type=int, default=500000)
    parser.add_argument("--pairs", type=int, default=14)
    parser.add_argument("--seconds", type=int, default=1)
    options = parser.parse_args()
    need(CLIENT, "bpftool", "taskset", "ip")
    with ExitStack() as stack:
        bench(options, stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))


if __name__ == "__main__":
    main()
