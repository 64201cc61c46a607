#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes flows.json: what must be read from the first bytes of the flows in captures. Run it in this
folder after adding one; it needs tshark (4.0.17 made what is here).

Names and what a ClientHello offers are what tshark says; the fingerprint is computed here, from
those, after FoxIO's description of JA4. Hosts are those of HTTP requests over TCP.

    flows.py [CAPTURE...] > flows.json
"""
import hashlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

VERSIONS = {0x304: "13", 0x303: "12", 0x302: "11", 0x301: "10", 0x300: "s3", 2: "s2"}


def tshark(path, selector, fields):
    command = ["tshark", "-n", "-r", path, "-Y", selector, "-T", "fields", "-E", "separator=/t",
               "-E", "aggregator=|"]
    for field in fields:
        command += ["-e", field]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    for line in text.splitlines():
        yield [field.split("|") if field else [] for field in line.split("\t")]


def numbers(words):
    values = [int(word, 0) for word in words]
    return [v for v in values if not ((v & 0x0f0f) == 0x0a0a and v >> 8 == v & 255)]


def hexes(values):
    return ",".join(f"{v:04x}" for v in values)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def values(field, name):
    return [child.get("show") for child in field.iter("field") if child.get("name") == name]


def own(field, name):
    return [child.get("show") for child in field if child.get("name") == name]


def extension(hello, kind):
    """The element of the extension, where others have fields of the same names."""
    for field in hello.iter("field"):
        if own(field, "tls.handshake.extension.type") == [str(kind)]:
            return field
    return xml.Element("none")


def hellos(path):
    command = ["tshark", "-n", "-r", path, "-Y", "tls.handshake.type == 1", "-T", "pdml"]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    for packet in xml.fromstring(text).iter("packet"):
        for field in packet.iter("field"):
            if own(field, "tls.handshake.type") == ["1"]:
                yield field, any(p.get("name") == "quic" for p in packet.iter("proto"))


def hello_read(hello, quic):
    name = values(hello, "tls.handshake.extensions_server_name")
    alpn = values(extension(hello, 16), "tls.handshake.extensions_alpn_str")
    return {"name": name[0] if name else "", "alpn": ",".join(alpn), "ja4": ja4(
        values(hello, "tls.handshake.ciphersuite"), values(hello, "tls.handshake.extension.type"),
        values(extension(hello, 13), "tls.handshake.sig_hash_alg"),
        values(extension(hello, 43), "tls.handshake.extensions.supported_version"),
        values(hello, "tls.handshake.version"), alpn, quic)}


def ja4(ciphers, extensions, signatures, versions, version, alpn, quic):
    ciphers, extensions, signatures, versions = map(
        numbers, (ciphers, extensions, signatures, versions))
    highest = max(versions) if versions else int(version[0], 0)
    first = alpn[0].encode() if alpn and alpn[0] else b""
    if not first:
        protocol = "00"
    elif all(chr(byte).isascii() and chr(byte).isalnum() for byte in (first[0], first[-1])):
        protocol = chr(first[0]) + chr(first[-1])
    else:
        protocol = first.hex()[0] + first.hex()[-1]
    rest = hexes(sorted(v for v in extensions if v not in (0, 16)))
    if rest and signatures:
        rest += "_" + hexes(signatures)
    return (f"{'q' if quic else 't'}{VERSIONS.get(highest, '00')}{'d' if 0 in extensions else 'i'}"
            f"{min(len(ciphers), 99):02}{min(len(extensions), 99):02}{protocol}"
            f"_{digest(hexes(sorted(ciphers)))}_{digest(rest)}")


def read(path):
    found, hosts = [hello_read(*each) for each in hellos(path)], set()
    for (host,) in tshark(path, "http.host and http.request and tcp", ["http.host"]):
        for each in host:
            match = re.fullmatch(r"(.*?)(?::(\d+))?", each)
            hosts.add(f"{match[1]} {int(match[2] or 0)}")
    return {"hellos": sorted(found, key=lambda h: (h["name"], h["ja4"])), "hosts": sorted(hosts)}


def main():
    paths = sys.argv[1:]
    result = {path.rsplit("/", 1)[-1]: read(path) for path in paths}
    result = {name: found for name, found in result.items() if found["hellos"] or found["hosts"]}
    json.dump(result, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
