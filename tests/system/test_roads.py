# SPDX-License-Identifier: Apache-2.0
"""Roads to a listed name beyond a lookup: real clients over HTTP, through a proxy, over TLS and QUIC.
Each is a finding with the right process; in enforce mode the road is shut; innocent names pass."""

import json
import os
import subprocess

import pytest

from agent import (DISPOSITION_BLOCKED, SOURCE, Agent, Cgroup, Namespace, executable, need, run,
                   wait_for)

HTTP, HTTPS, QUIC, DOT = 8080, 8443, 4433, 853
RESOLVER = "198.51.100.53"  # of the namespace; on loopback nothing is foreign
LISTED, INNOCENT = "www.evil.test", "www.innocent.test"
SEVERITY_LOW = 2


class Site:
    """The servers, outside the watched cgroup."""

    def __init__(self, namespace, folder):
        self.namespace, self.folder = namespace, folder
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        run(*need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key, "-out",
            self.certificate, "-days", "2", "-subj", "/CN=evil.test")
        self.log = folder / "site.log"
        self.hosts = folder / "hosts"
        self.hosts.write_text(f"127.0.0.1 localhost {LISTED} {INNOCENT}\n")
        with open(self.log, "w") as log:
            self.server = namespace.start(
                "/usr/bin/python3", SOURCE / "tests/system/site.py", self.certificate, self.key,
                HTTP, HTTPS, watched=False, stdout=log)
        wait_for(lambda: "ready" in self.log.read_text(), "the servers are ready")
        self.quic = namespace.start(*need("gtlsserver"), "-q", "127.0.0.1", QUIC, self.key,
                                    self.certificate, watched=False,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        run("ip", "-n", namespace.name, "addr", "add", RESOLVER, "dev", "lo")
        for port in (DOT, HTTPS):
            namespace.start("openssl", "s_server", "-accept", f"{RESOLVER}:{port}", "-key",
                            self.key, "-cert", self.certificate, "-quiet", watched=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: all(self.shakes_hands(port) for port in (DOT, HTTPS)), "the resolvers")

    def shakes_hands(self, port):
        return self.namespace.run("openssl", "s_client", "-connect", f"{RESOLVER}:{port}",
                                  watched=False, stdin=subprocess.DEVNULL).returncode == 0

    def ask(self, *options, port, server):
        """A lookup in an encrypted channel. That the server knows no DNS does not matter: what
        is told of, and shut, is the channel."""
        self.namespace.run(*need("kdig"), f"@{RESOLVER}", "-p", port, *options, "+retry=0",
                           "+timeout=2", f"+tls-hostname={server}", INNOCENT)

    def requests(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()
                if line.startswith("{")]

    def curl(self, *arguments, name):
        """One request by curl; whether it got its answer."""
        resolve = [part for port in (HTTP, HTTPS) for part in
                   ("--resolve", f"{name}:{port}:127.0.0.1")]
        done = self.namespace.run(*need("curl"), "-sk", "--max-time", 5, *resolve, *arguments,
                                  env={**os.environ, "no_proxy": ""})
        return done.returncode == 0 and done.stdout == "ok"

    def http(self, name):
        return self.curl(f"http://{name}:{HTTP}/", name=name)

    def https(self, name):
        return self.curl(f"https://{name}:{HTTPS}/", name=name)

    def proxied(self, name):
        return self.curl("-x", f"http://127.0.0.1:{HTTP}", f"http://{name}/page", name=name)

    def proxied_address(self, address):
        return self.curl("-x", f"http://127.0.0.1:{HTTP}", f"http://{address}/page", name=address)

    def tunnelled_address(self, address):
        before = len(self.requests())
        self.curl("-x", f"http://127.0.0.1:{HTTP}", f"https://{address}/", name=address)
        return any(request["target"] == f"{address}:443" for request in self.requests()[before:])

    def tunnelled(self, name):
        # What comes through the tunnel is no TLS, so curl fails: CONNECT itself is what counts.
        before = len(self.requests())
        self.curl("-x", f"http://127.0.0.1:{HTTP}", f"https://{name}/", name=name)
        return any(request["target"] == f"{name}:443" for request in self.requests()[before:])

    def quic_client(self, name):
        """A request half a second after the handshake: its name is read in a worker, so the
        connection is cut when it is under way."""
        script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
        done = self.namespace.run("unshare", "--mount", "sh", "-c", script, "sh", self.hosts,
                                  *need("gtlsclient"), "--exit-on-all-streams-close",
                                  "--timeout=3s", "--delay-stream=500ms", name, QUIC, f"https://{name}/", seconds=30)
        return done.returncode == 0 and "Operation not permitted" not in done.stderr


ROADS = {"http": (Site.http, "/usr/bin/curl"), "https": (Site.https, "/usr/bin/curl"),
         "proxied": (Site.proxied, "/usr/bin/curl"), "tunnelled": (Site.tunnelled, "/usr/bin/curl"),
         "quic": (Site.quic_client, "/usr/bin/gtlsclient")}


@pytest.fixture(scope="module")
def namespace():
    with Cgroup() as cgroup, Namespace(cgroup) as found:
        yield found


@pytest.fixture(scope="module")
def site(namespace, tmp_path_factory):
    return Site(namespace, tmp_path_factory.mktemp("site"))


def names(finding):
    """All host names among what the finding says was observed."""
    return {observable["value"].lower() for observable in finding.get("observables", [])
            if observable["type_id"] == 1}


def findings_about(agent, name):
    return [finding for finding in agent.findings() if name in names(finding)]


@pytest.mark.parametrize("road", ROADS)
def test_told(site, namespace, tmp_path, road):
    take, program = ROADS[road]
    with Agent(tmp_path, namespace.cgroup, ["evil.test"]) as agent:
        assert take(site, INNOCENT)
        assert take(site, LISTED), "audit mode shuts nothing"
        found = wait_for(lambda: findings_about(agent, LISTED), "a finding")
        assert len(found) == 1 and executable(found[0]) == program
        assert not findings_about(agent, INNOCENT)
        agent.ledger()


@pytest.mark.parametrize("road", ROADS)
def test_shut(site, namespace, tmp_path, road):
    take, program = ROADS[road]
    with Agent(tmp_path, namespace.cgroup, ["evil.test"], mode="enforce") as agent:
        assert take(site, INNOCENT)
        before = len(site.requests())
        assert not take(site, LISTED)
        found = wait_for(lambda: findings_about(agent, LISTED), "a finding")
        assert executable(found[0]) == program
        assert found[0]["disposition_id"] == DISPOSITION_BLOCKED
        if road in ("http", "proxied", "tunnelled"):
            assert len(site.requests()) == before, "the request did not get there"
        assert take(site, INNOCENT)
        agent.ledger()


ADDRESS_ROADS = {"proxied": Site.proxied_address, "tunnelled": Site.tunnelled_address}


@pytest.mark.parametrize("mode", ["audit", "enforce"])
@pytest.mark.parametrize("road", ADDRESS_ROADS)
def test_address_in_the_place_of_a_name(site, namespace, tmp_path, road, mode):
    """The connection goes to the proxy; the request names the address."""
    with Agent(tmp_path, namespace.cgroup, ["203.0.113.8/29", "198.51.100.1"], mode=mode) as agent:
        for innocent in ("203.0.113.7", "203.0.113.16", "0.0.0.1", "255.255.255.255"):
            assert ADDRESS_ROADS[road](site, innocent)
        flows = agent.ledger().flows
        assert flows["http"] == 4 and flows["listed"] == 0
        assert not agent.findings()
        assert ADDRESS_ROADS[road](site, "203.0.113.15") == (mode == "audit")
        finding = wait_for(agent.findings, "a finding")[0]
        assert "listed address 203.0.113.15" in finding["finding_info"]["title"]
        assert (finding["disposition_id"] == DISPOSITION_BLOCKED) == (mode == "enforce")
        assert agent.ledger().flows["listed"] == 1


LISTED_HEADS = {
    "capitals": "GET / HTTP/1.1\r\nHost: EVIL.test\r\n\r\n",
    "port": "GET / HTTP/1.1\r\nHost: www.evil.test:8080\r\n\r\n",
    "dot": "GET / HTTP/1.1\r\nhost:evil.test.\r\n\r\n",
    "blanks": "POST / HTTP/1.1\r\nAccept: */*\r\nhOsT:    a.b.c.d.evil.test \r\n\r\n",
    "long label": f"GET / HTTP/1.1\r\nHost: {'x' * 63}.evil.test\r\n\r\n",
    "long name": f"GET / HTTP/1.1\r\nHost: {'x.' * 121}evil.test\r\n\r\n",
    "user": "GET http://x@evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "user and number": "GET http://x:1@evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "whole": "GET http://evil.test:80/x HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "address": "GET / HTTP/1.1\r\nHost: 203.0.113.8:80\r\n\r\n",
    "IPv6 address": "GET / HTTP/1.1\r\nHost: [2001:db8::8]:80\r\n\r\n",
    "tunnel": "CONNECT evil.test:443 HTTP/1.1\r\n\r\n",
    # Behind an innocent name in the same segment.
    "second Host": "GET / HTTP/1.1\r\nHost: a.test\r\nhost: evil.test\r\n\r\n",
    "other Host": "GET http://a.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "other Host of a tunnel": "CONNECT a.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "pipelined": "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "pipelined proxy": "GET / HTTP/1.1\nHost: a.test\n\nGET http://evil.test/ HTTP/1.0\r\n\r\n",
    "behind a body": "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nok"
                     "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "behind chunks": "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
                     "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "long head": f"GET / HTTP/1.1\r\nCookie: {'x' * 1500}\r\nHost: evil.test\r\n\r\n",
    "behind a long head": f"GET / HTTP/1.1\r\nHost: a.test\r\nCookie: {'x' * 4000}\r\n\r\n"
                          "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",
}
INNOCENT_HEADS = {
    "end of a name": "GET / HTTP/1.1\r\nHost: notevil.test\r\n\r\n",
    "beginning of a name": "GET / HTTP/1.1\r\nHost: evil.test.innocent.test\r\n\r\n",
    "path": "GET http://innocent.test/evil.test HTTP/1.1\r\nHost: innocent.test\r\n\r\n",
    "user": "GET http://evil.test@innocent.test/ HTTP/1.1\r\nHost: innocent.test\r\n\r\n",
    "next address": "GET / HTTP/1.1\r\nHost: 203.0.113.7\r\n\r\n",
    "number too many": "GET / HTTP/1.1\r\nHost: 1.203.0.113.8\r\n\r\n",
    "number too large": "GET / HTTP/1.1\r\nHost: 203.0.113.264\r\n\r\n",
    "zeros": "GET / HTTP/1.1\r\nHost: 203.0.113.008\r\n\r\n",
    "one label": "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "nothing": "GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "dots": "GET / HTTP/1.1\r\nHost: ..\r\n\r\n",
    "body": "POST / HTTP/1.1\r\nHost: innocent.test\r\nContent-Length: 11\r\n\r\nGET / evil ",
}
# What ends in the kernel: the host is read, and nothing else in the segment can name another one.
SIMPLE_HEADS = [
    "GET / HTTP/1.1\r\nHost: innocent.test\r\n\r\n",
    "GET / HTTP/1.1\nHost: innocent.test\n\n",
    "GET / HTTP/1.1\r\nUser-Agent: x\r\nHOST:innocent.test:80\r\nX-Host: evil.test\r\n\r\n",
    f"GET / HTTP/1.1\r\nCookie: {'x' * 1000}\r\nHost: innocent.test\r\nCookie: {'x' * 900}\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: innocent.test\r\nContent-Length: 2\r\n\r\nok",
    f"POST / HTTP/1.1\r\nHost: innocent.test\r\ncontent-length:9000\r\n\r\n{'x' * 9000}",
    "GET http://innocent.test/ HTTP/1.0\r\n\r\n",
]
SEND = """
import socket, sys
for head in sys.argv[2:]:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(head.encode())
        connection.recv(1)
"""


@pytest.mark.parametrize("mode", ["audit", "enforce"])
def test_forms_of_hosts(site, namespace, tmp_path, mode):
    """However a host is written, it is found; and nothing else is."""
    entries = ["evil.test", "203.0.113.8", "2001:db8::8"]

    def send(head):
        namespace.run("/usr/bin/timeout", 1, "/usr/bin/python3", "-c", SEND, HTTP, head)

    with Agent(tmp_path, namespace.cgroup, entries, mode=mode) as agent:
        for head in INNOCENT_HEADS.values():
            send(head)
        agent.ledger()
        assert not agent.findings()
        for count, (what, head) in enumerate(LISTED_HEADS.items(), 1):
            send(head)
            wait_for(lambda: sum(finding.get("count", 1) for finding in agent.findings()) == count,
                     f"a finding about {what}")


def test_simple_heads(site, namespace, tmp_path):
    """Innocent requests of ordinary form end in the kernel: user space hears nothing of them."""
    with Agent(tmp_path, namespace.cgroup, ["evil.test"]) as agent:
        for count, head in enumerate(SIMPLE_HEADS, 1):
            namespace.run("/usr/bin/timeout", 1, "/usr/bin/python3", "-c", SEND, HTTP, head)
            flows = agent.ledger().flows
            assert (flows["clean"], flows["pieces"]) == (count, 0), head


def case_packets(case):
    """Of tests/data/flow, each in hexadecimal."""
    cases = json.loads((SOURCE / "tests/data/flow/cases.json").read_text())
    return next(one["packets"] for one in cases if one["case"] == case)


# How the second hello comes: where the stream is cut into sends.
SECOND_HELLO = {
    "at once": lambda first, change: [],
    "by itself": lambda first, change: [first],
    "behind a change": lambda first, change: [first, first + change],
    "in pieces": lambda first, change: [first, first + change + 2, first + change + 90],
    "change in pieces": lambda first, change: [first, first + 3, first + change + 50],
}
SEND_PIECES = """\
import socket, sys, time
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer, _ = server.accept()
        peer.settimeout(1)
        got = b""
        try:
            for piece in sys.argv[1:]:
                client.sendall(bytes.fromhex(piece))
                time.sleep(0.1)
            time.sleep(0.3)
            client.sendall(b"the end")
            while not got.endswith(b"the end"):
                got += peer.recv(65536)
        except (TimeoutError, ConnectionError):
            print("cut")
"""


@pytest.mark.parametrize("mode", ["audit", "enforce"])
@pytest.mark.parametrize("cut", SECOND_HELLO)
@pytest.mark.parametrize("case, change", [("tls-again-another", 6), ("tls-again-at-once", 0)])
def test_second_hello(namespace, tmp_path, case, change, cut, mode):
    """A server may want another ClientHello; the name in that one counts as well."""
    stream = bytes.fromhex(case_packets(case)[0])
    first = 5 + int.from_bytes(stream[3:5], "big")
    cuts = [0, *SECOND_HELLO[cut](first, change), len(stream)]
    pieces = [stream[begin:end].hex() for begin, end in zip(cuts, cuts[1:]) if end > begin]
    with Agent(tmp_path, namespace.cgroup, ["another.example.org"], mode=mode) as agent:
        sent = namespace.run("/usr/bin/python3", "-c", SEND_PIECES, *pieces)
        assert sent.returncode == 0, sent.stderr
        assert ("cut" in sent.stdout) == (mode == "enforce")
        found = wait_for(lambda: findings_about(agent, "another.example.org"), "a finding")
        assert (found[0]["disposition_id"] == DISPOSITION_BLOCKED) == (mode == "enforce")
        assert not findings_about(agent, "www.example.com")
        agent.ledger()


def test_nothing_to_read(site, namespace, tmp_path):
    """A request to an address, and TLS without a server name: the connection was judged when it
    began, and user space hears nothing more."""
    with Agent(tmp_path, namespace.cgroup, ["evil.test"]) as agent:
        assert site.curl(f"http://127.0.0.1:{HTTP}/", name=INNOCENT)
        assert site.curl(f"https://127.0.0.1:{HTTPS}/", name=INNOCENT)
        flows = agent.ledger().flows
        assert flows["http"] == 1 and flows["tls"] == 1 and flows["clean"] == 2
        assert flows["pieces"] == 0


# Of the packets of tests/data/flow: which name comes behind which decoy.
DECOYS = {"quic-decoy": "www.example.com", "quic-decoy-whole": "www.example.com",
          "quic-interleaved": "www.example.com", "quic-many-connections": "www.example.com",
          "quic-version-reserved-then-1": "another.example.org"}
SEND_DATAGRAMS = """\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for packet in sys.argv[2:]:
        sender.sendto(bytes.fromhex(packet), ("127.0.0.1", int(sys.argv[1])))
"""


@pytest.mark.parametrize("case", DECOYS)
def test_quic_behind_decoys(site, namespace, tmp_path, case):
    """A connection over QUIC is read though another one of the same socket came before it, whole
    or in part."""
    with Agent(tmp_path, namespace.cgroup, [DECOYS[case]]) as agent:
        sent = namespace.run("/usr/bin/python3", "-c", SEND_DATAGRAMS, QUIC, *case_packets(case))
        assert sent.returncode == 0, sent.stderr
        wait_for(lambda: findings_about(agent, DECOYS[case]), "a finding")


ENCRYPTED = {"dot": (["+tls"], DOT), "doh": (["+https"], HTTPS)}


def found_by(agent, detector):
    return [finding for finding in agent.findings()
            if finding["finding_info"]["analytic"]["name"] == detector]


def test_dns_over_tls(site, namespace, tmp_path):
    """By its port, whatever the resolver is."""
    with Agent(tmp_path, namespace.cgroup, ["evil.test"]) as agent:
        site.ask("+tls", port=DOT, server="resolver.test")
        finding = wait_for(lambda: found_by(agent, "resolver-bypass"), "a finding")[0]
        assert f"DNS over TLS to {RESOLVER} port 853" in finding["finding_info"]["title"]
        assert executable(finding) == "/usr/bin/kdig" and finding["severity_id"] == SEVERITY_LOW


def test_dns_over_https(site, namespace, tmp_path):
    """By the resolver's name, which is in the shipped list."""
    shipped = (SOURCE / "policy/doh-resolvers.txt").read_text().splitlines()
    with Agent(tmp_path, namespace.cgroup, shipped) as agent:
        site.ask("+https", port=HTTPS, server="dns.google")
        finding = wait_for(lambda: found_by(agent, "resolver-bypass"), "a finding")[0]
        assert "dns.google" in finding["finding_info"]["title"]
        assert executable(finding) == "/usr/bin/kdig" and finding["severity_id"] == SEVERITY_LOW


@pytest.mark.parametrize("mode", ["audit", "enforce"])
@pytest.mark.parametrize("kind", ENCRYPTED)
def test_listed_resolver(site, namespace, tmp_path, kind, mode):
    options, port = ENCRYPTED[kind]
    with Agent(tmp_path, namespace.cgroup, ["evil.test"], mode=mode) as agent:
        site.ask(*options, port=port, server=LISTED)
        finding = wait_for(lambda: findings_about(agent, LISTED), "a finding")[0]
        assert executable(finding) == "/usr/bin/kdig"
        assert (finding["disposition_id"] == DISPOSITION_BLOCKED) == (mode == "enforce")
