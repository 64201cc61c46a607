# SPDX-License-Identifier: Apache-2.0
"""Each way to a listed address is found with the process that went there; enforce mode refuses it,
and no packet of it leaves; an innocent address leads to nothing. Nobody forwards anything: all
addresses are the namespace's own."""

import errno
import json
import subprocess
import sys

import pytest

from agent import BUILD, DISPOSITION_BLOCKED, SOURCE, Agent, Cgroup, Namespace, evidences, need, \
    process, wait_for

CONNECTOR = BUILD / "tests/system/connector"
PORT = 4433
ALLOWED = "203.0.113.2"  # within a listed prefix, with an entry of its own
INNOCENT = {4: "192.0.2.7", 6: "2001:db8:8::7"}
MARKS = [f"192.0.2.{100 + i}" for i in range(50)]
RESOLVER = "192.0.2.53"
WAYS = ["tcp", "tcp-nonblock", "tcp-fastopen", "mptcp", "udp-connect", "sendto", "sendmmsg",
        "uring-connect", "uring-send", "udplite", "sctp", "ping", "raw-icmp", "raw-udp",
        "raw-number", "raw-options", "raw-header"]
WAYS6 = ["tcp", "tcp-nonblock", "mptcp", "udp-connect", "sendto", "sendmmsg", "uring-connect",
         "uring-send", "udplite", "ping", "raw-icmp", "raw-udp"]


def listed():
    """(way, address, entry): each with an entry of its own, so that it has a finding of its own."""
    ways = [("", way) for way in WAYS] + [
        ("::ffff:", way) for way in ("tcp", "sendto", "udp-connect", "uring-send")]
    for i, (head, way) in enumerate(ways):
        yield way, f"{head}198.51.100.{10 + 2 * i}", f"198.51.100.{10 + 2 * i}/31"
    for i, way in enumerate(WAYS6):
        yield way, f"2001:db8:7:{i + 1:x}::7", f"2001:db8:7:{i + 1:x}::/64"


CASES = list(listed())
SCHEMA_LISTED = "203.0.113.77"  # by the prefix
SNIFFER = """
import ipaddress, socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
sock.bind(("lo", 0))
print("ready", flush=True)
while True:
    packet, origin = sock.recvfrom(65535)
    if origin[2] == socket.PACKET_OUTGOING:
        part = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
        print(ipaddress.ip_address(part), flush=True)
"""
LISTENER = f"""
import socket
sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
sock.setsockopt(socket.IPPROTO_TCP, 23, 16)
sock.bind(("::", {PORT}))
sock.listen(64)
open("/proc/sys/net/ipv4/ping_group_range", "w").write("0 0")
open("/proc/sys/net/ipv4/tcp_fastopen", "w").write("3")
print("ready", flush=True)
while True:
    sock.accept()[0].close()
"""


class World:
    """A mode, with an agent in it, a namespace that it watches, and a look at all packets there."""

    def __init__(self, mode, folder, cgroup, namespace):
        self.mode, self.namespace = mode, namespace
        self.agent = Agent(folder, cgroup, [entry for _, _, entry in CASES] +
                           ["203.0.113.0/24"], mode=mode)
        self.marks = 0
        self.allow()

    def allow(self):
        allow = self.agent.folder / "allow.list"
        allow.write_text(ALLOWED + "\n")
        subprocess.run([BUILD / "cordon", "intel", "compile", "-o", self.agent.pack,
                        "--allow", allow, self.agent.folder / "cordon-test.list"], check=True,
                       stdout=subprocess.DEVNULL)

    def prepare(self):
        listed_addresses = [address for _, address, _ in CASES if "ffff" not in address]
        mapped = [address.removeprefix("::ffff:") for _, address, _ in CASES if "ffff" in address]
        for address in [*listed_addresses, *mapped, *INNOCENT.values(), ALLOWED, *MARKS, RESOLVER,
                        SCHEMA_LISTED]:
            subprocess.run([*need("ip"), "-n", self.namespace.name, "addr", "add", address,
                            "dev", "lo", *(["nodad"] if ":" in address else [])], check=True)
        self.namespace.start(sys.executable, "-c", LISTENER, watched=False,
                             stdout=subprocess.PIPE).stdout.readline()
        self.sniffer = self.namespace.start(sys.executable, "-c", SNIFFER, watched=False,
                                            stdout=subprocess.PIPE)
        assert self.sniffer.stdout.readline() == "ready\n"

    def go(self, way, address, port=PORT):
        """Who went, and the errno."""
        done = self.namespace.run(CONNECTOR, way, address, port)
        if done.returncode == 77:
            pytest.skip(f"this kernel has no socket for {way}")
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.splitlines()
        return {**json.loads(first), **json.loads(second)}

    def left(self):
        """Destinations of all packets since the last time. A mark is answered by the kernel, and
        the answer, too, goes to its address: each time another."""
        self.marks += 1
        mark = MARKS[self.marks % len(MARKS)]
        self.go("sendto", mark)
        seen = []
        while (line := self.sniffer.stdout.readline().strip()) != mark:
            seen.append(line)
        return seen

    @property
    def enforces(self):
        return self.mode == "enforce"

    def connections(self, pid):
        """Findings with evidence of a connection by that process."""
        return [finding for finding in self.agent.findings() for evidence in evidences(finding)
                if evidence.get("process", {}).get("pid") == pid and "dst_endpoint" in evidence]


@pytest.fixture(scope="module", params=["enforce", "audit"])
def world(request, tmp_path_factory, cgroup):
    del cgroup  # it has checked that everything is there
    need(CONNECTOR)
    with Cgroup() as cgroup, Namespace(cgroup) as namespace:
        made = World(request.param, tmp_path_factory.mktemp(request.param), cgroup, namespace)
        made.prepare()
        with made.agent:
            yield made


@pytest.mark.parametrize("way,address", [(way, address) for way, address, _ in CASES])
def test_listed(world, way, address):
    """It is found, with the right process; and refused where that is the mode."""
    if way == "sctp" and world.enforces:
        pytest.skip("SCTP's first packet is refused, and it tries again for a minute")
    world.left()
    went = world.go(way, address)
    plain = address.removeprefix("::ffff:")
    finding = wait_for(lambda: world.connections(went["pid"]), f"a finding of {way}", 15)[-1]
    evidence = [evidence for evidence in evidences(finding)
                if evidence.get("process", {}).get("pid") == went["pid"]][-1]
    assert evidence["dst_endpoint"]["ip"] == plain
    assert evidence["process"]["file"]["path"] == str(CONNECTOR)
    assert finding["finding_info"]["title"].startswith("Connection to listed address")
    if world.enforces:
        # The kernel does not tell a ping socket of IPv6 what became of its packet.
        assert went["errno"] == (0 if way == "ping" and ":" in address else errno.EPERM)
        assert finding["disposition_id"] == DISPOSITION_BLOCKED
        assert plain not in world.left()
    else:
        assert went["errno"] == 0
        assert finding["disposition_id"] != DISPOSITION_BLOCKED
        if way != "udp-connect":
            assert plain in world.left()


@pytest.mark.parametrize("way,address", [
    *((way, INNOCENT[4]) for way in WAYS if way != "sctp"), *((way, INNOCENT[6]) for way in WAYS6),
    *((way, ALLOWED) for way in ("tcp", "sendto", "ping", "raw-udp")),
    ("tcp", f"::ffff:{INNOCENT[4]}")])
def test_innocent(world, way, address):
    """Everything goes its way, and nothing is said of it."""
    before = world.agent.ledger()
    went = world.go(way, address)
    assert went["errno"] == 0
    added = world.agent.ledger().since(before)
    assert not any(key.split(".")[1] in ("matched", "watched", "submitted", "blocked")
                   for key in added), added
    outcome = "allowed" if address == ALLOWED else "clean"
    assert added.get(f"connect.{outcome}", 0) + added.get(f"send.{outcome}", 0) > 0
    assert not world.connections(went["pid"])


def test_encrypted_resolver(world):
    """DNS over TLS is told once a minute for a process and a place, and never refused."""
    before = world.agent.ledger()
    assert world.go("sendto", RESOLVER, 853)["errno"] == 0
    assert world.go("sendmmsg", RESOLVER, 853)["errno"] == 0
    added = world.agent.ledger().since(before)
    assert added["send.watched"] == 3  # the second sends two
    assert added["send.submitted"] == 2 and added["send.limited"] == 1
    assert "send.blocked" not in added


def test_schema(world):
    """The finding is a valid OCSF object."""
    schema = SOURCE / "tests/system/ocsf_validate.py"
    went = world.go("tcp", SCHEMA_LISTED)
    finding = wait_for(lambda: world.connections(went["pid"]), "a finding")[-1]
    lines = world.agent.folder / "connection.jsonl"
    lines.write_text(json.dumps(finding) + "\n")
    done = subprocess.run([sys.executable, schema, lines], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ledger_balances(world):
    """After all that, everything is accounted for."""
    ledger = world.agent.ledger()
    assert ledger["ring_full"] == 0
    assert (ledger["blocked"] > 0) == world.enforces
