# SPDX-License-Identifier: Apache-2.0
"""A host to be contained: a tree of cgroups and three network namespaces of the test's own, the
host's (where cordond runs), the world's behind it, and one of a container that the host forwards
for. Nothing of it touches the machine's own network or its root cgroup."""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from agent import CLONE_NEWNET, CORDON, CORDOND, LIBC, Agent, Cgroup, cgroup_root, run, wait_for

PEER = Path(__file__).with_name("contain_peer.py")

HOST, WORLD, POD, OPEN = "10.99.0.1", "10.99.0.2", "10.98.0.2", "198.51.100.9"
HOST6, WORLD6 = "fd99::1", "fd99::2"
METADATA, METADATA6 = "169.254.169.254", "fd00:ec2::254"
RESOLVER, RESOLVER6 = "169.254.169.253", "fd00:ec2::253"
CLOCK = "169.254.169.123"
PORT = 8080  # where the world answers

SETUP = """
ip -n {world} link add in0 type veth peer name out0 netns {host}
ip -n {host} link add pod0 type veth peer name eth0 netns {pod}
ip -n {host} addr add {HOST}/24 dev out0
ip -n {host} addr add {HOST6}/64 dev out0 nodad
ip -n {host} addr add 10.98.0.1/24 dev pod0
ip -n {world} addr add {WORLD}/24 dev in0
ip -n {world} addr add {WORLD6}/64 dev in0 nodad
ip -n {world} addr add {METADATA}/32 dev in0
ip -n {world} addr add {RESOLVER}/32 dev in0
ip -n {world} addr add {CLOCK}/32 dev in0
ip -n {world} addr add {OPEN}/32 dev in0
ip -n {world} addr add {METADATA6}/128 dev in0 nodad
ip -n {world} addr add {RESOLVER6}/128 dev in0 nodad
ip -n {pod} addr add {POD}/24 dev eth0
ip -n {host} link set out0 up
ip -n {host} link set pod0 up
ip -n {world} link set in0 up
ip -n {pod} link set eth0 up
ip -n {host} route add default via {WORLD}
ip -n {host} route add default via {WORLD6}
ip -n {world} route add 10.98.0.0/24 via {HOST}
ip -n {pod} route add default via 10.98.0.1
"""


class Tree(Cgroup):
    """A cgroup with one below it for each kind of process."""

    PARTS = ("apps", "agent", "ssm", "resolver")

    def __enter__(self):
        super().__enter__()
        self.parts = {}
        for part in self.PARTS:
            self.parts[part] = Part(self.path / part)
        return self

    def unit(self, part):
        """As the configuration names it."""
        return "/" + str((self.path / part).relative_to(cgroup_root()))

    def __exit__(self, *arguments):
        for part in self.parts.values():
            Cgroup.__exit__(part)
        super().__exit__(*arguments)


class Part(Cgroup):
    def __init__(self, path):
        self.path = path
        path.mkdir()


class Peer:
    """A process that does on the network what it is told."""

    def __init__(self, namespace, cgroup=None):
        def enter():
            if cgroup:
                cgroup.join()
            if LIBC.setns(namespace, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        self.process = subprocess.Popen([sys.executable, str(PEER)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=enter)
        assert json.loads(self.process.stdout.readline()) == "ready"

    def __getattr__(self, name):
        def call(*arguments):
            self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            assert line, f"the peer ended at {name}{arguments}"
            return json.loads(line)
        return call

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class HostAgent(Agent):
    """cordond in the host's namespace and a cgroup of its own."""

    def __init__(self, folder, host, entries=("listed.cordon-test.invalid",), **options):
        self.host = host
        super().__init__(folder, host.tree, entries, **options)

    def configure(self, mode="enforce", policy=None, contain=None, **sections):
        tree = self.host.tree
        contain = {"interfaces": "yes", "units": [tree.unit("ssm")],
                   "resolvers": [tree.unit("resolver")], "names": ["ssm.example.com"],
                   "open": [{"address": OPEN, "port": PORT}], **(contain or {})}
        super().configure(mode, policy, contain=contain, **sections)

    def launch(self, output=None, **environment):
        def enter():
            self.host.tree.parts["agent"].join()
            if LIBC.setns(self.host.namespaces["host"], CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [CORDOND, "--foreground", "--config", self.config], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=enter,
                env={**os.environ, **self.environment, **environment})

    def command(self, *arguments):
        return subprocess.run([CORDON, *arguments, "--json", "--socket", self.runtime / "control"],
                              capture_output=True, text=True)

    def contain(self, *arguments):
        done = self.command("contain", *arguments)
        assert done.returncode == 0, done.stderr + done.stdout + self.log.read_text()
        return json.loads(done.stdout)

    def uncontain(self, *arguments):
        done = self.command("uncontain", *arguments)
        assert done.returncode == 0, done.stderr + done.stdout + self.log.read_text()
        return json.loads(done.stdout)

    def containment(self):
        return self.status()["contain"]


class Host:
    """All of it. Peers are started in it, and end with it."""

    def __init__(self):
        self.tree = Tree()
        self.names = {part: f"cordon-{os.getpid()}-{id(self):x}-{part}"
                      for part in ("host", "world", "pod")}
        self.namespaces, self.peers = {}, []

    def __enter__(self):
        self.tree.__enter__()
        for part, name in self.names.items():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            self.namespaces[part] = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        for line in SETUP.format(**self.names, **globals()).strip().splitlines():
            run(*line.split())
        for part in ("host", "pod"):
            self.inside(part, "echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; "
                        "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.world = self.peer("world")
        self.world.listen_all("in0")
        for address in (WORLD, WORLD6, METADATA, METADATA6, OPEN):
            self.world.serve_tcp(address, PORT)
            self.world.serve_udp(address, PORT)
        for address in (RESOLVER, RESOLVER6, CLOCK):
            self.world.serve_udp(address, 53)
        self.world.serve_udp(CLOCK, 123)
        return self

    def inside(self, part, script):
        run("ip", "netns", "exec", self.names[part], "sh", "-c", script)

    def peer(self, namespace, cgroup=None):
        made = Peer(self.namespaces[namespace], self.tree.parts[cgroup] if cgroup else None)
        self.peers.append(made)
        return made

    def __exit__(self, *arguments):
        for peer in self.peers:
            peer.end()
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        for name in self.names.values():
            run("ip", "netns", "del", name)
        self.tree.__exit__(*arguments)


def programs(agent):
    """Names of the BPF programs that the daemon has loaded, from its descriptors."""
    ids = {match for path in agent.process_folder("fdinfo").iterdir()
           for match in re.findall(r"^prog_id:\s*(\d+)", path.read_text(), re.M)}
    listed = json.loads(run("bpftool", "--json", "prog", "list").stdout)
    return {entry["name"] for entry in listed if str(entry["id"]) in ids}


def gone(peer, name, mark):
    """Whether a session that was open is destroyed, not only silent."""
    return wait_for(lambda: peer.say(name, mark) in ("ECONNABORTED", "EPIPE", "ECONNRESET",
                                                      "ENOTCONN"), "the session is destroyed", 5)
