# SPDX-License-Identifier: Apache-2.0
"""Connections that were open before the agent, or before their address was listed, are found with
the process that holds them, and cut in enforce mode; those that came in, those of innocents and
those of other cgroups are left alone.
"""

import subprocess
import sys

import pytest

from agent import Agent, Cgroup, Namespace, evidences, need, wait_for

PORT = 4435
LISTED = {"tcp": "198.51.100.7", "tcp6": "2001:db8:7::7", "udp": "198.51.100.8",
          "later": "198.51.100.9"}
INNOCENT = "192.0.2.7"
ENTRIES = ["198.51.100.7", "198.51.100.8", "2001:db8:7::/64"]
DISPOSITION_BLOCKED = 2
ATTRIBUTION = "the process holds the socket"
LISTENER = f"""
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sock.bind(("::", {PORT}))
sock.listen(64)
print("ready", flush=True)
held = []
while True:
    held.append(sock.accept()[0])
"""
# Tells when it is connected, and the errno that it reads when it is asked to.
HOLDER = f"""
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
sock = socket.socket(family, kind)
sock.connect((sys.argv[2], {PORT}))
print("connected", flush=True)
for line in sys.stdin:
    try:
        sock.send(b"x")
        print(0, flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


class Holder:
    """A process that holds a connection."""

    def __init__(self, namespace, protocol, address, watched=True):
        self.process = namespace.start(
            sys.executable, "-c", HOLDER, protocol, address, watched=watched,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "connected\n"
        self.pid = self.process.pid

    def sends(self):
        """The errno; 0: it went."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def findings(self, agent):
        return [finding for finding in agent.findings() for evidence in evidences(finding)
                if evidence.get("process", {}).get("pid") == self.pid]


@pytest.fixture(name="host")
def host_with_listener(cgroup):
    del cgroup  # it has checked that everything is there
    with Cgroup() as cgroup, Namespace(cgroup) as namespace:
        for address in [*LISTED.values(), INNOCENT]:
            subprocess.run([*need("ip"), "-n", namespace.name, "addr", "add", address, "dev", "lo",
                            *(["nodad"] if ":" in address else [])], check=True)
        namespace.start(sys.executable, "-c", LISTENER, watched=False,
                        stdout=subprocess.PIPE).stdout.readline()
        yield cgroup, namespace


@pytest.mark.parametrize("mode", ["audit", "enforce"])
def test_open_before(host, tmp_path, mode):
    """What is open when the agent starts, in a namespace that is not its own."""
    cgroup, namespace = host
    holders = {way: Holder(namespace, way, LISTED[way]) for way in ("tcp", "tcp6", "udp")}
    innocent = Holder(namespace, "tcp", INNOCENT)
    outside = Holder(namespace, "tcp", LISTED["tcp"], watched=False)
    with Agent(tmp_path, cgroup, ENTRIES, mode=mode) as agent:
        for way, holder in holders.items():
            finding = wait_for(lambda holder=holder: holder.findings(agent), f"{way}'s finding")[-1]
            assert finding["finding_info"]["title"].startswith("Open connection to listed address")
            assert ATTRIBUTION in str(finding), finding
            assert any(evidence["dst_endpoint"]["ip"] == LISTED[way]
                       for evidence in evidences(finding))
            blocked = finding["disposition_id"] == DISPOSITION_BLOCKED
            assert blocked == (mode == "enforce")
            assert (holder.sends() != 0) == (mode == "enforce")
        for holder in (innocent, outside):
            assert not holder.findings(agent)
            assert holder.sends() == 0


def test_listed_later(host, tmp_path):
    """A connection that was innocent when it was begun."""
    cgroup, namespace = host
    with Agent(tmp_path, cgroup, ENTRIES, mode="enforce") as agent:
        holder = Holder(namespace, "tcp", LISTED["later"])
        assert holder.sends() == 0
        agent.compile([*ENTRIES, LISTED["later"]])
        finding = wait_for(lambda: holder.findings(agent), "the finding")[-1]
        assert finding["disposition_id"] == DISPOSITION_BLOCKED
        assert holder.sends() != 0


def test_came_in(host, tmp_path):
    """A listed address that connects to a server here is the server's peer, not where it went."""
    cgroup, namespace = host
    server = namespace.start(sys.executable, "-c", LISTENER.replace(str(PORT), "4436"),
                             stdout=subprocess.PIPE)
    server.stdout.readline()
    client = namespace.start(sys.executable, "-c", f"""
import socket, time
sock = socket.create_connection(("{INNOCENT}", 4436), source_address=("{LISTED['tcp']}", 0))
print("connected", flush=True)
time.sleep(600)
""", watched=False, stdout=subprocess.PIPE)
    assert client.stdout.readline() == "connected\n"
    known = Holder(namespace, "udp", LISTED["udp"])
    with Agent(tmp_path, cgroup, ENTRIES) as agent:
        wait_for(lambda: known.findings(agent), "the finding of the other one")
        assert not [finding for finding in agent.findings() for evidence in evidences(finding)
                    if evidence.get("process", {}).get("pid") == server.pid]
