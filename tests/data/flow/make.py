#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes cases.json: first bytes of flows, ordinary and odd, and what must be read from them. Also
the seeds of the fuzz targets that read flows.

Run it in this folder after a change. It needs the cryptography package, for QUIC, and makes the
same bytes each time. What is expected is written down as each case is made, or computed here from
what went into it, never taken from the program. The sample packets of RFC 9001 and RFC 9369 are
sealed here from their plain text, and held against bytes that the RFCs print.
"""
import hashlib
import hmac
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CASES, SEEDS = [], {}
CUT = "the ClientHello was cut"


def case(name, data, *facts, transport="stream"):
    """data: bytes, or a list of datagrams."""
    packets = [data] if isinstance(data, bytes) else data
    CASES.append({"case": name, "transport": transport, "packets": [p.hex() for p in packets],
                  "facts": list(facts)})
    if transport == "stream":
        SEEDS[f"flow_reader/{name}"] = b"\x05" + data
    else:
        SEEDS[f"quic_initial/{name}"] = b"\0" + b"".join(
            struct.pack(">H", len(p)) + p for p in packets)


# TLS

def vector(width, data):
    return len(data).to_bytes(width, "big") + data


def words(values):
    return b"".join(struct.pack(">H", v) for v in values)


def extension(kind, data):
    return struct.pack(">H", kind) + vector(2, data)


def server_name(*names, kind=0):
    return extension(0, vector(2, b"".join(bytes([kind]) + vector(2, n) for n in names)))


def alpn(*names):
    return extension(16, vector(2, b"".join(vector(1, n) for n in names)))


def versions(*values):
    return extension(43, vector(1, words(values)))


def signatures(*values):
    return extension(13, vector(2, words(values)))


def key_share(size):
    return extension(51, vector(2, struct.pack(">H", 4588) + vector(2, bytes(size))))


CIPHERS = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f]
SIGNATURES = [0x0403, 0x0804, 0x0401]


def hello(extensions, ciphers=CIPHERS, version=0x303, session=bytes(32), tail=b"", size=None,
          ciphers_raw=None):
    body = struct.pack(">H", version) + bytes(range(32)) + vector(1, session)
    body += vector(2, ciphers_raw if ciphers_raw is not None else words(ciphers)) + vector(1, b"\0")
    if extensions is not None:
        body += vector(2, b"".join(extensions))
    body += tail
    return b"\x01" + (len(body) if size is None else size).to_bytes(3, "big") + body


def record(data, kind=22, version=0x301):
    return struct.pack(">BH", kind, version) + vector(2, data)


def records(data, size):
    return b"".join(record(data[i:i + size]) for i in range(0, len(data), size))


def grease(value):
    return value & 0x0f0f == 0x0a0a and value >> 8 == value & 255


def ja4(extensions, ciphers=CIPHERS, sigs=(), version="13", first=b"", transport="t"):
    """Of what went into the hello; extensions: (kind, ...) in order."""
    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12

    kinds = [k for k in extensions if not grease(k)]
    suites = [c for c in ciphers if not grease(c)]
    rest = ",".join(f"{k:04x}" for k in sorted(k for k in kinds if k not in (0, 16)))
    sigs = [s for s in sigs if not grease(s)]
    if rest and sigs:
        rest += "_" + ",".join(f"{s:04x}" for s in sigs)
    return (f"{transport}{version}{'d' if 0 in kinds else 'i'}{min(len(suites), 99):02}"
            f"{min(len(kinds), 99):02}{first.decode() or '00'}_"
            f"{digest(','.join(f'{c:04x}' for c in sorted(suites)))}_{digest(rest)}")


def kinds_of(extensions):
    return [struct.unpack(">H", e[:2])[0] for e in extensions or []]


def tls_case(name, extensions, facts, wrap=record, print_args=None, **hello_args):
    message = hello(extensions, **hello_args)
    expected = {"protocol": "tls", "outcome": "read", "tls_version": 0x304}
    args = {"ciphers": hello_args.get("ciphers", CIPHERS)}
    args.update(print_args or {})
    expected["ja4"] = ja4(kinds_of(extensions), **args)
    expected.update(facts)
    case(name, wrap(message), expected)
    SEEDS[f"tls_hello/{name}"] = message


PLAIN = [server_name(b"www.example.com"), alpn(b"h2", b"http/1.1"), versions(0x304, 0x303),
         signatures(*SIGNATURES), key_share(32)]
PLAIN_ARGS = {"sigs": SIGNATURES, "first": b"h2"}
PLAIN_FACTS = {"name": "www.example.com", "alpn": "h2,http/1.1"}


def hello_again():
    """A second ClientHello, which a server may want, behind the first and a record of change cipher
    spec: told if it names another server."""
    first = record(hello(PLAIN))
    other = [server_name(b"another.example.org")] + PLAIN[1:]
    change, finished = record(b"\1", kind=20), record(bytes(40), kind=23)
    facts = {"protocol": "tls", "outcome": "read", "tls_version": 0x304, **PLAIN_FACTS,
             "ja4": ja4(kinds_of(PLAIN), **PLAIN_ARGS)}
    another = {**facts, "name": "another.example.org"}
    case("tls-again-another", first + change + record(hello(other)), facts, another)
    case("tls-again-at-once", first + record(hello(other)), facts, another)
    case("tls-again-in-records", first + change + records(hello(other), 50) + finished, facts,
         another)
    case("tls-again-same", first + change + record(hello(PLAIN)) + finished, facts)
    case("tls-again-none", first + change + finished, facts)
    case("tls-again-key-exchange", first + record(b"\x10\0\0\4abcd") + change + finished, facts)
    case("tls-again-small-records", records(hello(PLAIN), 7) + change + record(hello(other)), facts,
         another)


def malformed(reason, **facts):
    return {"outcome": "malformed", "reason": reason, **facts}


def tls_cases():
    args, facts = {"print_args": PLAIN_ARGS}, PLAIN_FACTS
    tls_case("tls-plain", PLAIN, facts, **args)
    tls_case("tls-records-small", PLAIN, facts, wrap=lambda m: records(m, 7), **args)
    tls_case("tls-records-one-byte", PLAIN, facts, wrap=lambda m: records(m, 1), **args)
    tls_case("tls-record-empty", PLAIN, facts, **args,
             wrap=lambda m: record(b"") + record(m[:20]) + record(b"") + record(m[20:]))
    tls_case("tls-alert-between", PLAIN, facts, **args,
             wrap=lambda m: record(m[:20]) + record(b"\x01\x00", 21) + record(m[20:]))
    tls_case("tls-alert-before", PLAIN, facts, **args,
             wrap=lambda m: record(b"\x01\x5a", 21) + record(b"\x01", 20) + record(m))
    tls_case("tls-more-behind", PLAIN, facts, **args,
             wrap=lambda m: record(m + b"\x0b\0\0\1\0") + record(b"x" * 50, 23))
    tls_case("tls-key-share-large", [key_share(1216)] + PLAIN, facts, **args)
    tls_case("tls-key-shares-huge", [key_share(3000)] * 4 + PLAIN, facts, **args,
             wrap=lambda m: records(m, 4096))
    tls_case("tls-last-name", PLAIN[1:] + PLAIN[:1], facts, **args)
    tls_case("tls-ech", PLAIN + [extension(0xfe0d, bytes(200))], {**facts, "ech": True}, **args)
    greased = [extension(0x1a1a, b"")] + PLAIN[:1] + [
        alpn(b"\x0a\x0a", b"h2"), versions(0x4a4a, 0x304, 0x303),
        signatures(0xcaca, *SIGNATURES), extension(0xfafa, b"\0")]
    tls_case("tls-grease", greased, {"name": "www.example.com", "alpn": "h2"},
             ciphers=[0x2a2a] + CIPHERS, print_args=PLAIN_ARGS)
    tls_case("tls-no-name", PLAIN[1:], {"alpn": facts["alpn"]}, **args)
    tls_case("tls-no-extensions", None, {"tls_version": 0x302}, version=0x302,
             print_args={"version": "11"})
    tls_case("tls-extensions-empty", [], {"tls_version": 0x301}, version=0x301,
             print_args={"version": "10"})
    tls_case("tls-version-3", [], {"tls_version": 0x300}, version=0x300,
             print_args={"version": "s3"})
    tls_case("tls-version-draft", [versions(0x7f1c, 0x303)], {"tls_version": 0x7f1c},
             print_args={"version": "00"})
    tls_case("tls-versions-only-grease", [versions(0x0a0a)], {"tls_version": 0x303},
             print_args={"version": "12"})
    many = [0xc000 + i for i in range(150)]
    tls_case("tls-many-ciphers", [versions(0x304)] + [extension(0x5000 + i, b"")
                                                      for i in range(120)], {}, ciphers=many)
    tls_case("tls-only-name", [server_name(b"a.example")],
             {"name": "a.example", "tls_version": 0x303}, print_args={"version": "12"})
    for first, code in ((b"\xab", b"ab"), (b"\xab\xcd", b"ad"), (b"\x30\xab", b"3b"),
                        (b"\x30\x31\xab\xcd", b"3d"), (b"0\xab\xcd1", b"01"), (b"h", b"hh"),
                        (b"-h", b"28")):
        tls_case(f"tls-alpn-{first.hex()}", [versions(0x304), alpn(first)],
                 {"alpn": first.decode("latin-1")}, print_args={"first": code})
    raw = "b\xfccher_\x01 x.example"
    tls_case("tls-name-raw", [server_name(raw.encode("latin-1")), versions(0x304)], {"name": raw})
    tls_case("tls-name-address", [server_name(b"192.0.2.1"), versions(0x304)],
             {"name": "192.0.2.1"})
    tls_case("tls-name-other-kind", [server_name(b"x", kind=7), versions(0x304)], {})
    longest = b"a" * 251 + b".com"
    tls_case("tls-name-longest", [server_name(longest), versions(0x304)],
             {"name": longest.decode()})

    # Rules that are broken: what can be read is.
    rest = [versions(0x304)]
    tls_case("tls-name-too-long", [server_name(b"a" + longest)] + rest,
             malformed("a server name over 255 bytes, or with a NUL",
                       name=(b"a" + longest).decode()[:255]))
    tls_case("tls-name-nul", [server_name(b"bad.example\0.good.example")] + rest,
             malformed("a server name over 255 bytes, or with a NUL", name="bad.example"))
    tls_case("tls-name-empty", [server_name(b"")] + rest, malformed("an empty server name"))
    tls_case("tls-name-list-empty", [extension(0, b"\0\0")] + rest,
             malformed("a server name list of a wrong length"))
    tls_case("tls-name-nothing", [extension(0, b"")] + rest,
             malformed("a server name list of a wrong length"))
    tls_case("tls-name-lies", [extension(0, b"\0\x09\0\0\xffabcdef")] + rest,
             malformed("an extension of a wrong length"))
    tls_case("tls-alpn-lies", PLAIN[:1] + [extension(16, b"\0\x09\x05abc")] + rest,
             malformed("an ALPN list of a wrong length", name="www.example.com"))
    tls_case("tls-trailing", rest + PLAIN[:1], malformed("bytes after the extensions",
             name="www.example.com"), tail=b"xyz")
    tls_case("tls-ciphers-odd", rest + PLAIN[:1], malformed("cipher suites of a wrong length",
             name="www.example.com"), ciphers_raw=words(CIPHERS) + b"\0")
    tls_case("tls-session-long", rest + PLAIN[:1], malformed("a session id over 32 bytes",
             name="www.example.com"), session=bytes(33))
    for name, extensions in (
            ("tls-two-names", [server_name(b"one.example", b"two.example")]),
            ("tls-name-twice", [server_name(b"one.example"), server_name(b"two.example")])):
        message = hello(extensions + rest)
        why = "more than one server name" if name == "tls-two-names" else \
            "an extension that comes twice"
        expected = {"protocol": "tls", "tls_version": 0x304,
                    "ja4": ja4(kinds_of(extensions + rest)), **malformed(why)}
        case(name, record(message), {**expected, "name": "one.example"},
             {**expected, "name": "two.example"})
        SEEDS[f"tls_hello/{name}"] = message

    bad = "lengths in the ClientHello that do not fit"
    message = hello(PLAIN)
    case("tls-extension-lies", record(message[:-2]
         .replace(extension(43, b"\x04\x03\x04\x03\x03"), b"\0\x2b\xff\xff\x04\x03\x04\x03\x03")
         + b"\0\0"),
         {"protocol": "tls", "tls_version": 0x303, "name": "www.example.com",
          "alpn": "h2,http/1.1", **malformed(bad)})
    case("tls-size-less", record(b"\x01\0\0\x30" + message[4:]),
         {"protocol": "tls", "tls_version": 0x303, **malformed(bad)})
    case("tls-size-more", record(b"\x01\x7f\0\0" + message[4:]),
         {"protocol": "tls", "tls_version": 0x304, "outcome": "malformed", **PLAIN_FACTS,
          "ja4": ja4(kinds_of(PLAIN), **PLAIN_ARGS), "reason": "bytes after the extensions"})
    case("tls-half", record(message)[:130], {"protocol": "tls", "tls_version": 0x303,
         "outcome": "incomplete", "name": "www.example.com", "reason": CUT})
    case("tls-data-between", record(message[:120]) + record(b"abc", 23) + record(message[120:]),
         {"protocol": "tls", "tls_version": 0x303, "name": "www.example.com",
          **malformed("a TLS record that is no handshake")})
    case("tls-other-message", record(b"\x0b\0\0\1\0"),
         {"protocol": "tls", **malformed("the first message is no ClientHello")})
    case("tls-server", record(b"\x02\0\0\1\0"), {"protocol": "none", "outcome": "read"})
    endless = hello([server_name(b"early.example"), key_share(20000)])
    case("tls-endless", records(endless, 16384),
         {"protocol": "tls", "outcome": "incomplete", "tls_version": 0x303,
          "name": "early.example", "reason": CUT})
    old = b"\x01\x03\x01" + struct.pack(">HHH", 9, 0, 16) + b"\0\0\x2f\0\0\x35\x01\0\x80" + bytes(16)
    case("tls-version-2-form", struct.pack(">H", 0x8000 | len(old)) + old,
         {"protocol": "tls", "outcome": "read", "tls_version": 0x301})


# HTTP

def http_case(name, text, *facts):
    data = text.encode("latin-1")
    case(name, data, *({"protocol": "http", "outcome": "read", "method": "GET", **f}
                       for f in facts))
    SEEDS[f"http_request/{name}"] = data


def http_cases():
    one = "GET / HTTP/1.1\r\n{}\r\n\r\n"
    http_case("http-plain", "GET /index HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n",
              {"name": "www.example.com"})
    http_case("http-port", one.format("Host: www.example.com:8080"),
              {"name": "www.example.com", "http_port": 8080})
    http_case("http-case", one.format("hOST:bad.example\t "), {"name": "bad.example"})
    http_case("http-line-feeds", "GET / HTTP/1.1\nHost: bad.example\n\n", {"name": "bad.example"})
    http_case("http-folded", one.format("Host:\r\n bad.example"), {"name": "bad.example"})
    http_case("http-folded-far", one.format("Host:" + "\r\n " * 5 + " " * 600 + "bad.example"),
              {"name": "bad.example"})
    http_case("http-address-6", one.format("Host: [2001:db8::1]:81"),
              {"name": "2001:db8::1", "http_port": 81})
    http_case("http-address-6-bare", one.format("Host: 2001:db8::1"),
              {"name": "2001:db8::1", **malformed("a host with more than one colon")})
    http_case("http-absolute", "GET http://u:p@bad.example:80/x?y@z HTTP/1.1\r\n\r\n",
              {"name": "bad.example", "http_port": 80})
    http_case("http-absolute-over-host",
              "GET http://bad.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n",
              {"name": "bad.example"}, {"name": "other.example"})
    http_case("http-absolute-same",
              "GET HTTP://bad.example:80 HTTP/1.1\r\nHost: BAD.example\r\n\r\n",
              {"name": "bad.example", "http_port": 80})
    http_case("http-asterisk", "OPTIONS * HTTP/1.1\r\nHost: bad.example\r\n\r\n",
              {"method": "OPTIONS", "name": "bad.example"})
    http_case("http-connect", "CONNECT bad.example:443 HTTP/1.1\r\nHost: bad.example:443\r\n\r\n",
              {"method": "CONNECT", "name": "bad.example", "http_port": 443})
    http_case("http-two-hosts", one.format("Host: one.example\r\nHost: two.example"),
              *({"name": n, **malformed("more than one Host")}
                for n in ("one.example", "two.example")))
    http_case("http-no-host", "GET / HTTP/1.0\r\n\r\n", {})
    http_case("http-0.9", "GET /\r\n", {})
    http_case("http-unknown-method", "BREW /pot HTCPCP/1.0 HTTP/1.1\r\nHost: a.example\r\n\r\n",
              {"method": "BREW", "name": "a.example"})
    http_case("http-long-method", "UPDATEREDIRECTREF / HTTP/1.1\r\nHost: a.example\r\n\r\n",
              {"method": "UPDATEREDIRECTR", "name": "a.example"})
    http_case("http-blank-before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
              {"name": "a.example"})
    http_case("http-blank-in-version", "GET  /  HTTP/1.1 \r\nHost: a.example\r\n\r\n",
              {"name": "a.example"})
    http_case("http-colon-blank", one.format("Host : a.example"),
              {"name": "a.example", **malformed("blanks around the name of a field")})
    http_case("http-first-folded", one.format(" Host: a.example"),
              {"name": "a.example", **malformed("blanks around the name of a field")})
    http_case("http-host-blank", one.format("Host: a.example b"),
              {"name": "a.example b", **malformed("a host with blanks or control characters")})
    http_case("http-host-nul", one.format("Host: a.example\0b"),
              {"name": "a.example", **malformed("a host with blanks or control characters")})
    http_case("http-host-raw", one.format("Host: \xe9\x9b-_.example"), {"name": "\xe9\x9b-_.example"})
    http_case("http-host-long", one.format("Host: " + "a" * 300),
              {"name": "a" * 255, **malformed("a host over 255 bytes, or with a NUL")})
    http_case("http-port-bad", one.format("Host: a.example:65536"),
              {"name": "a.example", **malformed("a port that is no number of a port")})
    http_case("http-port-empty", one.format("Host: a.example:"), {"name": "a.example"})
    http_case("http-bracket", one.format("Host: [::1"),
              {"name": "[::1", **malformed("an address without its closing bracket")})
    http_case("http-cut", "GET / HTTP/1.1\r\nHost: a.example\r\nAccept: x",
              {"name": "a.example", "outcome": "incomplete",
               "reason": "the head of the request was cut"})
    http_case("http-long-head", "GET / HTTP/1.1\r\nX: " + "y" * 12000
              + "\r\nHost: a.example\r\n\r\n", {"name": "a.example"})

    # More than one request.
    get = "GET / HTTP/1.1\r\nHost: {}\r\n\r\n"
    http_case("http-pipelined", get.format("a.example") + get.format("A.example")
              + get.format("b.example") + get.format("c.example:81"), {"name": "a.example"},
              {"name": "b.example"}, {"name": "c.example", "http_port": 81})
    http_case("http-pipelined-body", "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 30\r\n"
              "\r\n" + "GET / HTTP/1.1\r\nHost: no\r\n\r\n\r\n" + get.format("b.example"),
              {"method": "POST", "name": "a.example"}, {"name": "b.example"})
    http_case("http-pipelined-chunked", "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding:"
              " gzip, Chunked\r\nContent-Length: 3\r\n\r\n1A;x=y\r\n" + "z" * 26
              + "\r\n2\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n" + get.format("b.example"),
              {"method": "POST", "name": "a.example"}, {"name": "b.example"})
    http_case("http-lengths-differ", "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n"
              "Content-Length: 4\r\n\r\nabc" + get.format("b.example"),
              {"method": "POST", "name": "a.example"})
    connect = b"CONNECT bad.example:443 HTTP/1.1\r\n\r\n"
    case("http-connect-tls", connect + record(hello(PLAIN)),
         {"protocol": "http", "outcome": "read", "method": "CONNECT", "name": "bad.example",
          "http_port": 443},
         {"protocol": "tls", "outcome": "read", "tls_version": 0x304, **PLAIN_FACTS,
          "ja4": ja4(kinds_of(PLAIN), **PLAIN_ARGS)})


# HTTP/2

def frame(kind, flags, data, stream=1):
    return len(data).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + data


def literal(name, value, first=0x40):
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


def http2_cases():
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, b"", 0)
    # RFC 7541, C.4: requests with Huffman coding, of which the second and third use the table.
    first = bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")
    second = bytes.fromhex("828684be5886a8eb10649cbf")
    plain = bytes.fromhex("828684410f7777772e6578616d706c652e636f6d")  # C.3.1
    other = b"\x82\x86" + literal(b":authority", b"b.example:8080")
    expected = {"protocol": "http", "outcome": "read", "method": "GET", "name": "www.example.com"}
    b = {**expected, "name": "b.example", "http_port": 8080}

    def http2_case(name, data, *facts):
        case(name, preface + data, *facts)
        SEEDS[f"http2/{name}"] = preface + data

    http2_case("http2-plain", frame(1, 5, plain), expected)
    http2_case("http2-huffman", frame(1, 5, first) + frame(1, 5, second, 3), expected)
    http2_case("http2-other", frame(1, 5, first) + frame(0, 1, b"data") + frame(1, 5, second, 3)
               + frame(1, 5, other, 5) + frame(1, 5, b"\x82\xbe", 7), expected, b)
    http2_case("http2-padded", frame(1, 0x2d, b"\x04" + bytes(5) + plain + bytes(4)), expected)
    http2_case("http2-continued", frame(1, 0, first[:9]) + frame(9, 0, first[9:12])
               + frame(9, 4, first[12:]), expected)
    http2_case("http2-host", frame(1, 4, b"\x82" + literal(b"host", b"b.example:8080", 0)), b)
    http2_case("http2-two", frame(1, 4, plain + literal(b"host", b"c.example", 0x10)), expected,
               {**expected, "name": "c.example"})
    why = malformed("frames of HTTP/2 that do not fit")
    http2_case("http2-bad-index", frame(1, 4, b"\xff\x20"),
               {"protocol": "http", **why})
    http2_case("http2-between", frame(1, 0, plain) + frame(4, 0, b"", 0), {"protocol": "http", **why})
    http2_case("http2-none", b"", {"protocol": "http", "outcome": "incomplete",
                                   "reason": "no request in what is there of HTTP/2"})


# What turns to TLS, or is within something else.

def other_cases():
    message = record(hello(PLAIN))
    tls = {"protocol": "tls", "outcome": "read", "tls_version": 0x304, **PLAIN_FACTS,
           "ja4": ja4(kinds_of(PLAIN), **PLAIN_ARGS)}
    none = {"protocol": "none", "outcome": "read"}
    case("upgrade-smtp", b"EHLO me.example\r\nSTARTTLS\r\n" + message, tls)
    case("upgrade-imap", b"a1 CAPABILITY\r\na2 STARTTLS\r\n" + message, tls)
    case("upgrade-postgresql", bytes.fromhex("0000000804d2162f") + message, tls)
    case("upgrade-none", b"EHLO me.example\r\nMAIL FROM:<a@b>\r\n", none)
    case("socks-5", b"\x05\x01\x00\x05\x01\x00\x03\x0bbad.example\x01\xbb" + message, tls)
    case("socks-5-password", b"\x05\x02\x00\x02\x01\x02me\x02pw\x05\x01\x00\x01\x7f\0\0\1\0\x50"
         + message, tls)
    case("socks-4a", b"\x04\x01\x01\xbb\0\0\0\x01me\0bad.example\0" + message, tls)
    case("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", none)
    case("irc", b"NICK me\r\nUSER me 0 * :me\r\n", none)
    case("zeros", bytes(64), none)


# QUIC

SALTS = {1: "38762cf7f55934b34d179ae6a4c80cadccbb7f0a",
         0x6b3343cf: "0dede3def700a6db819381be6e269dcbf9bd2ed9",
         0xff00001d: "afbfec289993d24c9e9786f19c6111e04390a899",
         0xfaceb00e: "c3eef712c72ebb5a11a7d2432bb46365bef9f502"}
# Reserved ones, with the keys of version 1 and of draft 29.
SALTS[0x1a2a3a4a] = SALTS[1]
SALTS[0x2a3a4a5a] = SALTS[0xff00001d]


def expand(secret, label, size):
    label = b"tls13 " + label.encode()
    info = struct.pack(">H", size) + vector(1, label) + b"\0\x01"
    return hmac.new(secret, info, hashlib.sha256).digest()[:size]


def keys(version, connection, side="client"):
    initial = hmac.new(bytes.fromhex(SALTS[version]), connection, hashlib.sha256).digest()
    secret = expand(initial, f"{side} in", 32)
    start = "quicv2" if version == 0x6b3343cf else "quic"
    return [expand(secret, f"{start} {name}", size)
            for name, size in (("key", 16), ("iv", 12), ("hp", 16))]


def varint(value):
    for width, mark in ((1, 0), (2, 0x40), (4, 0x80), (8, 0xc0)):
        if value < 1 << (8 * width - 2):
            data = bytearray(value.to_bytes(width, "big"))
            data[0] |= mark
            return bytes(data)
    raise ValueError(value)


def crypto(offset, data):
    return b"\x06" + varint(offset) + varint(len(data)) + data


def initial(frames, connection=b"\x83\x94\xc8\xf0\x3e\x51\x57\x08", version=1, number=0, width=4,
            token=b"", source=b"", derive=None, side="client", pad=1162, kind=None):
    key, iv, hp = keys(version, connection if derive is None else derive, side)
    frames += bytes(max(0, pad - len(frames)))
    kind = (1 if version == 0x6b3343cf else 0) if kind is None else kind
    header = bytes([0xc0 | kind << 4 | width - 1]) + struct.pack(">I", version)
    header += vector(1, connection) + vector(1, source) + varint(len(token)) + token
    header += struct.pack(">H", 0x4000 | len(frames) + width + 16)
    at = len(header)
    header += (number & (1 << 8 * width) - 1).to_bytes(width, "big")
    nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big")))
    sealed = AESGCM(key).encrypt(nonce, frames, header)
    encryptor = Cipher(algorithms.AES(hp), modes.ECB()).encryptor()
    mask = encryptor.update(sealed[4 - width:20 - width])
    protected = bytearray(header)
    protected[0] ^= mask[0] & 15
    for i in range(width):
        protected[at + i] ^= mask[1 + i]
    return bytes(protected) + sealed


SAMPLE = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c"
    "00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d"
    "0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4"
    "559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203"
    "080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff"
    "0801100104800075300901100f088394c8f03e51570806048000ffff")


def quic_cases():
    sample = {"protocol": "quic", "outcome": "read", "name": "example.com", "alpn": "alpn",
              "tls_version": 0x304,
              "ja4": ja4([0, 0xff01, 10, 16, 5, 0x33, 0x2b, 13, 0x2d, 0x1c, 0x39], [0x1301, 0x1302],
                         [0x403, 0x503, 0x603, 0x203, 0x804, 0x805, 0x806], first=b"an",
                         transport="q")}
    packet = initial(SAMPLE, number=2)
    # RFC 9001, A.2
    assert packet.hex().startswith("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11")
    assert packet.hex().endswith("e221af44860018ab0856972e194cd934") and len(packet) == 1200
    case("quic-1-sample", [packet], {**sample, "quic_version": 1}, transport="datagrams")
    packet = initial(SAMPLE, number=2, version=0x6b3343cf)
    # RFC 9369, A.2
    assert packet.hex().startswith("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485")
    case("quic-2-sample", [packet], {**sample, "quic_version": 0x6b3343cf}, transport="datagrams")

    message = hello(PLAIN)
    facts = {"protocol": "quic", "outcome": "read", "quic_version": 1, "tls_version": 0x304,
             **PLAIN_FACTS, "ja4": ja4(kinds_of(PLAIN), transport="q", **PLAIN_ARGS)}

    def quic_case(name, datagrams, *more):
        case(name, datagrams, *(more or [facts]), transport="datagrams")

    quic_case("quic-draft-29", [initial(crypto(0, message), version=0xff00001d)],
              {**facts, "quic_version": 0xff00001d})
    quic_case("quic-scrambled", [initial(
        crypto(60, message[60:90]) + b"\x01" + bytes(7) + crypto(90, message[90:]) + b"\x01"
        + crypto(0, message[:30]) + crypto(20, message[20:60]))])
    large = hello([key_share(1216)] + PLAIN)
    expected = {**facts, "ja4": ja4(kinds_of([key_share(1)] + PLAIN), transport="q", **PLAIN_ARGS)}
    parts = [initial(crypto(0, large[:900]), number=0),
             initial(crypto(900, large[900:]), number=1)]
    quic_case("quic-two-datagrams", parts, expected)
    quic_case("quic-two-reversed", parts[::-1], expected)
    quic_case("quic-number-short", [initial(crypto(0, large[:900]), number=0, width=1),
                                    initial(crypto(900, large[900:]), number=1, width=2)], expected)
    quic_case("quic-number-window", [initial(crypto(0, large[:900]), number=254, width=2),
                                     initial(crypto(900, large[900:]), number=257, width=1)],
              expected)
    quic_case("quic-coalesced", [initial(crypto(0, message[:100]), pad=0)
                                 + initial(crypto(100, message[100:]), number=1)])
    rtt = b"\xd0\0\0\0\1\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0" + varint(40) + bytes(40)
    quic_case("quic-early-data", [rtt + initial(crypto(0, message))])
    quic_case("quic-token", [initial(crypto(0, message), token=b"t" * 70, source=bytes(20))])
    quic_case("quic-no-connection-id", [initial(crypto(0, message), connection=b"")])
    quic_case("quic-long-connection-id", [initial(crypto(0, message), connection=bytes(range(20)))])
    quic_case("quic-ack-close", [initial(b"\x02\x05\x00\x01\x00\x01\x01" + crypto(0, message)
                                         + b"\x03\x05\x00\x00\x00\x01\x02\x03\x1c\x00\x06\x02no")])
    quic_case("quic-retry", [initial(crypto(0, large[:900])),
                             initial(crypto(0, large[:900]), connection=b"afterretry", number=1),
                             initial(crypto(900, large[900:]), connection=b"afterretry", number=2)],
              expected)
    quic_case("quic-changed-id-same-keys",
              [parts[0], initial(crypto(900, large[900:]), number=1, connection=b"server's",
                                 derive=b"\x83\x94\xc8\xf0\x3e\x51\x57\x08")], expected)
    quic_case("quic-junk-before", [b"hello", bytes(30), initial(crypto(0, message))])
    quic_case("quic-version-refused", [b"\xca\x1a\x2a\x3a\x4a\x04abcd\0" + bytes(1200),
                                       initial(crypto(0, message))])
    for version in (0xfaceb00e, 0x1a2a3a4a, 0x2a3a4a5a):
        quic_case(f"quic-version-{version:08x}", [initial(crypto(0, message), version=version)],
                  {**facts, "quic_version": version})
    another = hello([server_name(b"another.example.org")] + PLAIN[1:])
    other = {**facts, "name": "another.example.org"}
    quic_case("quic-version-reserved-then-1",
              [initial(crypto(0, message), version=0x1a2a3a4a), initial(crypto(0, another))],
              {**facts, "quic_version": 0x1a2a3a4a}, other)
    # Other connections of the same socket and peer, as decoys or in earnest.
    quic_case("quic-decoy", [initial(crypto(0, another[:90]), connection=b"decoy"),
                             initial(crypto(0, message))])
    quic_case("quic-decoy-whole", [initial(crypto(0, another), connection=b"decoy"),
                                   initial(crypto(0, message))], other, facts)
    quic_case("quic-same-name-twice", [initial(crypto(0, message), connection=b"before"),
                                       initial(crypto(0, message))])
    quic_case("quic-interleaved", [initial(crypto(0, another[:90]), connection=b"another"),
                                   parts[0],
                                   initial(crypto(90, another[90:]), connection=b"another",
                                           number=1),
                                   parts[1]], other, expected)
    quic_case("quic-many-connections",
              [initial(crypto(0, another[:90]), connection=b"decoy%d" % i) for i in range(6)] + parts,
              expected)
    quic_case("quic-server-between", [initial(crypto(0, message), side="server"),
                                      initial(crypto(0, message))])
    quic_case("quic-server", [initial(crypto(0, message), side="server")],
              {"protocol": "quic", "outcome": "incomplete", "quic_version": 1,
               "reason": "no Initial packet that opens"})
    quic_case("quic-half", parts[:1], {**expected, "outcome": "incomplete", "ja4": "", "name": "",
                                       "alpn": "", "tls_version": 0x303, "reason": CUT})
    quic_case("quic-bad-frame", [initial(b"\x08\x00abc")],
              {"protocol": "quic", "quic_version": 1,
               **malformed("frames in an Initial packet that do not fit")})
    quic_case("quic-unknown-version", [b"\xca\x1a\x2a\x3a\x4a\x04abcd\0" + bytes(1200)],
              {"protocol": "quic", "outcome": "unsupported", "quic_version": 0x1a2a3a4a,
               "reason": "a version of QUIC that there are no keys for"})
    quic_case("quic-negotiation", [b"\x80\0\0\0\0\x04abcd\0\0\0\0\1"],
              {"protocol": "none", "outcome": "read"})
    quic_case("quic-none", [b"\x12\x34\x01\x00" + bytes(60)],
              {"protocol": "none", "outcome": "read"})
    for name, frames in (("plain", SAMPLE), ("scrambled", crypto(60, message[60:])
                         + crypto(0, message[:60])), ("ack", b"\x02\x05\x00\x01\x00\x01\x01")):
        SEEDS[f"quic_initial/frames-{name}"] = b"\x01" + frames


def main():
    tls_cases()
    hello_again()
    http_cases()
    http2_cases()
    other_cases()
    quic_cases()
    with open("cases.json", "w", encoding="ascii") as file:
        json.dump(CASES, file, indent=1)
        file.write("\n")
    for path, data in SEEDS.items():
        target = Path("../../fuzz/corpus", path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


if __name__ == "__main__":
    main()
