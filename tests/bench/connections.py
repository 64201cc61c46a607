#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Short connections and bulk throughput with the agent on the client's cgroup over without.

connections.py [--entries N] [--prefixes N] [--pairs N] [--seconds N]

A server on CPU 0, clients on CPU 1, first on one host's loopback and then on two hosts (network
namespaces) with a link (veth) between. Three cgroups stand side by side: nothing attached, empty
programs on the same hooks, and the agent with a million domains and half a million prefixes in
audit mode. A client waits in each, and works for a moment in its turn, many times (pairs.py);
shown are medians of the ratios within pairs.
"""

import argparse
import random
import sys
import tempfile
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from subprocess import PIPE

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from agent import BUILD, Agent, Cgroup, Namespace, need, run  # noqa: E402
from pairs import attach_empty, compare  # noqa: E402

CLIENT = BUILD / "tests/bench/connections"
PORT = 8080
KINDS = {"short connections, HTTP": "http", "short connections, TLS hello": "hello",
         "bulk": "bulk"}


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


class Client:
    """A client in the cgroup that works when it is told to."""

    def __init__(self, namespace, cgroup, kind, server):
        namespace.cgroup = cgroup
        self.process = namespace.start("taskset", "-c", "1", CLIENT, kind, server, PORT,
                                       stdin=PIPE, stdout=PIPE)

    def work(self, seconds):
        """How much it did in a second, and the CPU time of one."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        done, cpu = map(float, self.process.stdout.readline().split())
        return done / seconds, cpu / done

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def link(client, server):
    """A link between the two hosts; the server's address on it."""
    run("ip", "-n", client.name, "link", "add", "link0", "type", "veth", "peer", "name", "link0",
        "netns", server.name)
    for namespace, address in ((client, "192.0.2.1/30"), (server, "192.0.2.2/30")):
        run("ip", "-n", namespace.name, "address", "add", address, "dev", "link0")
        run("ip", "-n", namespace.name, "link", "set", "link0", "up")
    return "192.0.2.2"


def serve(namespace, address):
    server = namespace.start("taskset", "-c", "0", CLIENT, "serve", address, PORT, watched=False,
                             stdout=PIPE)
    assert server.stdout.readline() == "ready\n"


def bench(options, stack, folder):
    bare, empty, watched = (stack.enter_context(Cgroup()) for _ in range(3))
    host, other = (stack.enter_context(Namespace(bare)) for _ in range(2))
    servers = {"on loopback": "127.0.0.1", "over a link": link(host, other)}
    serve(host, servers["on loopback"])
    serve(other, servers["over a link"])
    attach_empty(stack, empty)
    names = run(HERE / "generate_names.py", options.entries).stdout.split()
    agent = stack.enter_context(Agent(folder, watched,
                                      names + list(prefixes(options.prefixes))))
    print(f"{options.entries} domains, {options.prefixes} prefixes, over nothing attached:")
    for (where, server), (text, kind) in product(servers.items(), KINDS.items()):
        clients = {cgroup: Client(host, cgroup, kind, server) for cgroup in (bare, empty, watched)}
        for client in clients.values():
            client.work(1)
        for side, one in (("agent", watched), ("empty programs", empty)):
            told = compare(lambda cgroup: clients[cgroup].work(options.seconds), one, bare,
                           options.pairs)
            print(f"{text} {where}, {side}: {told}", flush=True)
        for client in clients.values():
            client.end()
    agent.ledger()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1000000)
    parser.add_argument("--prefixes", type=int, default=500000)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=0.05)
    options = parser.parse_args()
    need(CLIENT, "bpftool", "taskset", "ip")
    with ExitStack() as stack:
        bench(options, stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))


if __name__ == "__main__":
    main()
