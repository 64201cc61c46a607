# SPDX-License-Identifier: Apache-2.0
"""A program whose lookup was blocked is told at once.

The resolver is an address behind a veth that answers nothing, so a client that is not told waits
for its timeout (musl and glibc 5 s, dig as asked: 10 s). Everything happens in a network namespace
made here, with rp_filter on.
"""

import ctypes
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("CORDON_BUILD", HERE.parent.parent))
FAIL_FAST = BUILD / "tests/system/fail_fast"

RESOLVER4, CLIENT4 = "192.0.2.53", "192.0.2.1"
RESOLVER6, CLIENT6 = "2001:db8::53", "2001:db8::1"
NAME = "bad.example.invalid"
ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
DEADLINE = 5.0
AT_ONCE = 1.0  # against timeouts of 5 s and more


def missing(reason):
    """Skips on a user's machine, fails where everything must be there."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


class Network:
    """A namespace with a black hole behind v0."""

    def __init__(self, name):
        self.name = name
        self.children = []
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for key in ("all", "v0", "lo"):
            self.inside("sysctl", "-q", "-w", f"net.ipv4.conf.{key}.rp_filter=1")
        self.ip("addr", "add", f"{CLIENT4}/24", "dev", "v0")
        self.ip("addr", "add", f"{CLIENT6}/64", "dev", "v0", "nodad")
        self.ip("link", "set", "v0", "up")
        self.ip("link", "set", "v1", "up")
        for resolver in (RESOLVER4, RESOLVER6):
            self.ip("neigh", "add", resolver, "lladdr", "02:00:00:00:00:53", "dev", "v0",
                    "nud", "permanent")
        self.capture = self.packet_socket()

    def ip(self, *arguments):
        run("ip", "-n", self.name, *arguments)

    def inside(self, *command):
        run("ip", "netns", "exec", self.name, *command)

    def start(self, *command):
        """ip replaces itself by the command: the pid is the command's own."""
        child = subprocess.Popen(["ip", "netns", "exec", self.name, *command], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        self.children.append(child)
        return child

    def packet_socket(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net") as own, open(f"/run/netns/{self.name}") as other:
            assert libc.setns(other.fileno(), CLONE_NEWNET) == 0
            try:
                capture = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                        socket.htons(ETH_P_ALL))
                capture.bind(("v0", ETH_P_ALL))
            finally:
                assert libc.setns(own.fileno(), CLONE_NEWNET) == 0
        return capture

    def queries(self, deadline):
        """DNS questions that left through v0."""
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.capture], [], [], left)[0]:
                continue
            packet, origin = self.capture.recvfrom(65536)
            if origin[2] == socket.PACKET_OUTGOING and (query := read_query(packet)):
                yield query

    def close(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.capture.close()
        run("ip", "netns", "del", self.name)


def read_query(packet):
    if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
        family, payload = socket.AF_INET, packet[4 * (packet[0] & 15):]
        source, destination = packet[12:16], packet[16:20]
    elif packet[0] >> 4 == 6 and packet[6] == socket.IPPROTO_UDP:
        family, payload = socket.AF_INET6, packet[40:]
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    sport, dport = struct.unpack("!HH", payload[:4])
    dns = payload[8:]
    if dport != 53:
        return None
    labels, at = [], 12
    while dns[at]:
        labels.append(dns[at + 1:at + 1 + dns[at]].decode())
        at += 1 + dns[at]
    return {
        "client": socket.inet_ntop(family, source), "client_port": sport,
        "server": socket.inet_ntop(family, destination), "server_port": dport,
        "id": struct.unpack("!H", dns[:2])[0], "name": ".".join(labels),
        "type": struct.unpack("!H", dns[at + 1:at + 3])[0],
    }


@pytest.fixture(scope="module")
def network():
    if os.geteuid() != 0:
        missing("network namespaces need root")
    if not FAIL_FAST.exists():
        missing(f"{FAIL_FAST} is not built")
    made = Network(f"cordon-block-{os.getpid()}")
    yield made
    made.close()


def tell(pid, query, within=()):
    """Tells the asker of query; within: a command that runs it in another namespace."""
    result = subprocess.run(
        [*within, FAIL_FAST, str(pid), "udp", query["client"], str(query["client_port"]),
         query["server"], str(query["server_port"]), str(query["id"]), query["name"],
         str(query["type"])], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


def lookup(network, command, questions=1, pid_known=True, within=()):
    """Runs a client, tells it of each of its questions, returns its output and how long it took
    from the first."""
    child = network.start(*command)
    deadline = time.monotonic() + DEADLINE
    asked = None
    for query in network.queries(deadline):
        asked = asked or time.monotonic()
        assert query["name"].lower() == NAME
        assert tell(child.pid if pid_known else 0, query, within)["answered"] == 1
        questions -= 1
        if questions == 0:
            break
    assert questions == 0, "the client did not ask"
    output = child.communicate(timeout=20)[0]
    return output, time.monotonic() - asked


def dig(resolver, *options):
    if not shutil.which("dig"):
        missing("dig is not installed (bind9-dnsutils)")
    return ["dig", "+tries=1", "+time=10", *options, f"@{resolver}", NAME]


def with_resolver(tmp_path, resolver, command):
    """ip netns exec has made a mount namespace of its own: the file is replaced only there."""
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {resolver}\n")
    return ["sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh",
            str(conf), *command]


@pytest.mark.parametrize("resolver", [RESOLVER4, RESOLVER6])
def test_dig_gets_nxdomain(network, resolver):
    """dig, which does not look at errors of send, reads NXDOMAIN from its resolver's address."""
    output, took = lookup(network, dig(resolver))
    assert "status: NXDOMAIN" in output
    assert took < AT_ONCE


def test_mixed_case_is_kept(network):
    """A client that checks the case of its question (0x20) accepts the answer."""
    output, took = lookup(network, [*dig(RESOLVER4)[:-1], "bAd.ExAmPlE.iNvAlId"])
    assert "status: NXDOMAIN" in output and "bAd.ExAmPlE.iNvAlId" in output
    assert took < AT_ONCE


def test_own_namespace(network):
    """In the agent's own namespace it works with a process that is not known."""
    output, took = lookup(network, dig(RESOLVER4), pid_known=False,
                          within=["ip", "netns", "exec", network.name])
    assert "status: NXDOMAIN" in output
    assert took < AT_ONCE


@pytest.mark.parametrize("resolver", [RESOLVER4, RESOLVER6])
def test_musl_fails_at_once(network, tmp_path, resolver):
    """musl's getaddrinfo (A and AAAA from one socket) says that there is no such name."""
    if not shutil.which("musl-gcc"):
        missing("musl-gcc is not installed (musl-tools)")
    client = tmp_path / "musl_lookup"
    run("musl-gcc", "-static", "-o", str(client), str(HERE / "musl_lookup.c"))
    output, took = lookup(network, with_resolver(tmp_path, resolver, [str(client), NAME]), 2)
    assert output.strip() == "no such name"
    assert took < AT_ONCE


def test_glibc_fails_at_once(network, tmp_path):
    """glibc's resolver, on a connected socket, takes the answers, too."""
    code = "import socket,sys\ntry: socket.getaddrinfo(sys.argv[1], 80)\n" \
           "except socket.gaierror as e: print(e.errno == socket.EAI_NONAME)"
    command = with_resolver(tmp_path, RESOLVER4, [sys.executable, "-c", code, NAME])
    output, took = lookup(network, command, 2)
    assert output.strip() == "True"
    assert took < AT_ONCE


MARK = """
import socket, sys
socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,
              socket.SOCK_DGRAM).sendto(b"mark", (sys.argv[1], 9))
"""


def protocols_until_mark(network, resolver):
    """Protocols of the packets that left through v0 before one that is sent now."""
    network.inside(sys.executable, "-c", MARK, resolver)
    seen, deadline = [], time.monotonic() + DEADLINE
    while (left := deadline - time.monotonic()) > 0:
        assert select.select([network.capture], [], [], left)[0]
        packet, origin = network.capture.recvfrom(65536)
        if packet.endswith(b"mark"):
            return seen
        if origin[2] == socket.PACKET_OUTGOING:
            seen.append(packet[9] if packet[0] >> 4 == 4 else packet[6])
    pytest.fail("the mark did not come")


@pytest.mark.parametrize("resolver", [RESOLVER4, RESOLVER6])
def test_nothing_leaks_when_the_asker_is_gone(network, resolver):
    """No ICMP error that quotes the answer, and with it the blocked name, goes to the server."""
    child = network.start(*dig(resolver))
    query = next(network.queries(time.monotonic() + DEADLINE))
    child.kill()
    child.wait()
    protocols_until_mark(network, resolver)
    result = subprocess.run(
        ["ip", "netns", "exec", network.name, FAIL_FAST, "0", "udp", query["client"],
         str(query["client_port"]), resolver, "53", str(query["id"]), NAME, "1"],
        capture_output=True, text=True)
    assert json.loads(result.stdout)["gone"] == 1
    seen = protocols_until_mark(network, resolver)
    assert socket.IPPROTO_ICMP not in seen and socket.IPPROTO_ICMPV6 not in seen


CONNECTION = """
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 0), family=family)
client = socket.create_connection(listener.getsockname()[:2])
server = listener.accept()[0]
print(client.getsockname()[1], listener.getsockname()[1], flush=True)
try:
    client.recv(1)
    print("closed")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.mark.parametrize("address", [CLIENT4, "::1"])
def test_connections_are_aborted(network, address):
    """A lookup over TCP fails with ECONNABORTED in the client's pending read."""
    child = network.start(sys.executable, "-c", CONNECTION, address)
    port, server_port = child.stdout.readline().split()
    started = time.monotonic()
    result = subprocess.run([FAIL_FAST, str(child.pid), "tcp", address, port, address,
                             server_port], capture_output=True, text=True)
    assert json.loads(result.stdout)["destroyed"] == 1, result.stdout + result.stderr
    assert child.communicate(timeout=20)[0].strip() == "ECONNABORTED"
    assert time.monotonic() - started < AT_ONCE


def test_wrong_namespace_sends_nothing(network):
    """The process is not known and the client's address is not ours: no packet gets out."""
    child = network.start(*dig(RESOLVER4))
    query = next(network.queries(time.monotonic() + DEADLINE))
    result = subprocess.run(
        [FAIL_FAST, "0", "udp", query["client"], str(query["client_port"]), query["server"],
         "53", str(query["id"]), query["name"], "1"], capture_output=True, text=True)
    child.kill()
    assert result.returncode == 1
    assert json.loads(result.stdout)["skipped"] == 1
