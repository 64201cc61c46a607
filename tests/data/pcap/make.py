#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures in this folder that are our own, and made.json: what must be read from them.
Also the seeds of the fuzz targets capture and dns_message, which are of the same packets.

Run it in this folder after a change; it needs nothing but Python, and makes the same bytes each
time. What is expected is written down here as each packet is made, not taken from the program.
"""
import json
import struct
from pathlib import Path

CLIENT4, SERVER4 = "192.0.2.1", "192.0.2.53"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8::53"
TYPES = {"A": 1, "NS": 2, "TXT": 16, "AAAA": 28, "HTTPS": 65, "TYPE65280": 65280}
START = 1_700_000_000  # seconds; packet n of a file comes n milliseconds later


def address(text):
    if ":" not in text:
        return bytes(map(int, text.split(".")))
    head, _, tail = text.partition("::")
    words = [[int(word, 16) for word in part.split(":") if word] for part in (head, tail)]
    zeros = [0] * (8 - len(words[0]) - len(words[1]))
    return struct.pack(">8H", *words[0], *zeros, *words[1])


def name(text):
    """Wire form; labels are latin-1, a dot within one is written as \\0."""
    labels = [] if text == "." else [label.replace("\0", ".") for label in text.split(".")]
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in labels) + b"\0"


def question(wire, qtype, qclass=1):
    return (name(wire) if isinstance(wire, str) else wire) + struct.pack(">HH", TYPES[qtype], qclass)


def message(*questions, response=False, edns=False, tail=b""):
    flags = 0x8180 if response else 0x0100
    opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0, 0) if edns else b""
    header = struct.pack(">6H", 0x1234, flags, len(questions), 0, 0, int(edns))
    return header + b"".join(questions) + opt + tail


def ip(protocol, payload, source, destination, options=b"", fragment=0, extensions=()):
    """extensions: (protocol number, bytes with the next header's number left out)."""
    if ":" in source:
        for number, rest in reversed(extensions):
            payload, protocol = bytes([protocol]) + rest + payload, number
        return (struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
                + address(source) + address(destination) + payload)
    words = 5 + len(options) // 4
    return (struct.pack(">BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), 1, fragment, 64,
                        protocol, 0)
            + address(source) + address(destination) + options + payload)


def udp(payload, sport, dport, length=None):
    return struct.pack(">HHHH", sport, dport, length or len(payload) + 8, 0) + payload


def tcp(payload, sport, dport, sequence=1, flags=0x18):
    return struct.pack(">HHIIBBHHH", sport, dport, sequence, 1, 0x50, flags, 65535, 0, 0) + payload


def prefixed(*messages):
    return b"".join(struct.pack(">H", len(each)) + each for each in messages)


def ethernet(packet, *tags):
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + b"".join(tags) + kind + packet


class Capture:
    """One file: its packets, and the questions that they hold."""

    def __init__(self, file, link, ng=False):
        self.file, self.link, self.ng = Path(file), link, ng
        self.frames, self.events = [], []

    def add(self, frame, *questions, cut=None):
        """questions: (qname, qtype) and what else the event says; cut: bytes that are recorded."""
        self.frames.append((frame, len(frame) if cut is None else cut))
        for qname, qtype, rest in questions:
            self.events.append({"frame": len(self.frames), **rest, "qname": qname, "qtype": qtype})

    def record(self, number, frame, kept):
        time = START * 10**9 + number * 10**6
        if not self.ng:
            return struct.pack("<IIII", time // 10**9, time % 10**9 // 1000, kept,
                               len(frame)) + frame[:kept]
        body = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, kept, len(frame))
        return self.block(6, body + frame[:kept] + bytes(-kept % 4))

    @staticmethod
    def block(kind, body):
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    def header(self):
        if not self.ng:
            return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, self.link)
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        # if_tsresol: nanoseconds
        interface = struct.pack("<HHI", self.link, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
        return self.block(0x0A0D0D0A, section) + self.block(1, interface)

    def write(self, lose=0):
        """lose: bytes at the end that are not written, as when the disk was full."""
        data = self.header() + b"".join(self.record(number, frame, kept)
                                        for number, (frame, kept) in enumerate(self.frames, 1))
        self.file.write_bytes(data[:len(data) - lose])
        return self.events


def ends(source, destination, sport, dport, proto, response=False):
    return {"src": source, "dst": destination, "sport": sport, "dport": dport, "proto": proto,
            "response": response}


ASK4 = ends(CLIENT4, SERVER4, 40000, 53, "udp")
ASK6 = ends(CLIENT6, SERVER6, 40000, 53, "udp")
ASK_TCP = ends(CLIENT4, SERVER4, 40000, 53, "tcp")


def ask4(payload, **options):
    return ip(17, udp(payload, 40000, 53), CLIENT4, SERVER4, **options)


def ask6(payload, **options):
    return ip(17, udp(payload, 40000, 53), CLIENT6, SERVER6, **options)


def ask_tcp(payload, sport=40000, **options):
    return ip(6, tcp(payload, sport, 53, **options), CLIENT4, SERVER4)


def questions():
    capture = Capture("questions.pcap", 1)
    mixed = question("Www.Example.COM", "A")
    capture.add(ethernet(ask4(message(mixed, edns=True))), ("Www.Example.COM", "A", ASK4))
    answer = ip(17, udp(message(mixed, response=True), 53, 40000), SERVER4, CLIENT4)
    capture.add(ethernet(answer),
                ("Www.Example.COM", "A", ends(SERVER4, CLIENT4, 53, 40000, "udp", True)))
    capture.add(ethernet(ask6(message(question("a.b.c.d.example.net", "AAAA")))),
                ("a.b.c.d.example.net", "AAAA", ASK6))
    capture.add(ethernet(ask_tcp(b"", sequence=0, flags=2)))
    capture.add(ethernet(ask_tcp(prefixed(message(question("tcp.example.org", "HTTPS"))))),
                ("tcp.example.org", "HTTPS", ASK_TCP))
    capture.add(ethernet(ask4(message(question(".", "NS")))), (".", "NS", ASK4))
    odd = "dot\0in a\tlabel\\.example"
    capture.add(ethernet(ask4(message(question(odd, "TYPE65280")))),
                ("dot\\.in\\032a\\009label\\\\.example", "TYPE65280", ASK4))
    longest = ".".join(["x" * 63, "y" * 63, "z" * 63, "w" * 61])
    capture.add(ethernet(ask4(message(question(longest, "A")))), (longest, "A", ASK4))
    capture.add(bytes(12) + b"\x08\x06" + bytes(28))  # ARP
    other = ip(17, udp(message(question("other.example", "A")), 40000, 5300), CLIENT4, SERVER4)
    capture.add(ethernet(other))
    capture.add(ethernet(ask4(message(question("version.bind", "TXT", 3)))),
                ("version.bind", "TXT", ASK4))
    capture.add(ethernet(ask4(message(question("options.example", "A")), options=bytes([1] * 8))),
                ("options.example", "A", ASK4))
    extensions = ((0, bytes(7)), (60, b"\x01" + bytes(14)))
    capture.add(ethernet(ask6(message(question("extensions.example", "A")), extensions=extensions)),
                ("extensions.example", "A", ASK6))
    return capture


def unusual():
    capture = Capture("unusual.pcap", 1)
    several = [("one.example", "A"), ("two.example", "AAAA"), ("Three.example", "TXT")]
    capture.add(ethernet(ask4(message(*(question(*each) for each in several)))),
                *((qname, qtype, ASK4) for qname, qtype in several))
    pointed = message(question("first.example", "A"), question(b"\x03www\xc0\x0c", "A"))
    capture.add(ethernet(ask4(pointed)), ("first.example", "A", ASK4),
                ("www.first.example", "A", ASK4))
    capture.add(ethernet(ask4(message(question(b"\xc0\x0c", "A")))))  # points at itself
    capture.add(ethernet(ask4(message(question("short.example", "A"))[:-9])))
    pair = prefixed(message(question("pair-1.example", "A")), message(question("pair-2.example", "A")))
    capture.add(ethernet(ask_tcp(pair)), ("pair-1.example", "A", ASK_TCP),
                ("pair-2.example", "A", ASK_TCP))
    head = udp(message(question("fragment.example", "A"), tail=bytes(400)), 40000, 53)
    capture.add(ethernet(ip(17, head[:400], CLIENT4, SERVER4, fragment=0x2000)),
                ("fragment.example", "A", ASK4))
    capture.add(ethernet(ip(17, head[400:], CLIENT4, SERVER4, fragment=400 // 8)))
    cut = ethernet(ask4(message(question("cut.example", "A"), tail=bytes(300))))
    capture.add(cut, ("cut.example", "A", ASK4), cut=100)
    inner = ask4(message(question("tunnel.example", "A")))
    capture.add(ethernet(ip(47, b"\0\0\x08\0" + inner, CLIENT4, SERVER4)))
    capture.add(ethernet(ask4(b"not DNS at all, but sent to its port")))
    return capture


def links():
    """One question for each link type, and for each header that may stand between."""
    asked = ask4(message(question("link.example", "A")))
    asked6 = ask6(message(question("link6.example", "A")))
    event, event6 = ("link.example", "A", ASK4), ("link6.example", "A", ASK6)
    cooked = struct.pack(">HHH8s", 4, 1, 6, bytes(8))
    cooked2 = struct.pack(">HIHBB8s", 0, 2, 1, 4, 6, bytes(8))
    files = {
        "link-raw.pcap": (101, [(asked, event), (asked6, event6)]),
        "link-null.pcap": (0, [(b"\2\0\0\0" + asked, event), (b"\x1e\0\0\0" + asked6, event6)]),
        "link-loop.pcap": (108, [(b"\0\0\0\2" + asked, event)]),
        "link-cooked.pcap": (113, [(cooked + b"\x08\0" + asked, event),
                                   (cooked + b"\x81\0\0\5\x86\xdd" + asked6, event6)]),
        "link-cooked2.pcapng": (276, [(b"\x08\0" + cooked2 + asked, event),
                                      (b"\x81\0" + cooked2 + b"\0\5\x86\xdd" + asked6, event6)]),
        "link-tagged.pcapng": (1, [
            (ethernet(asked, b"\x81\0\0\5"), event),
            (ethernet(asked6, b"\x88\xa8\0\5", b"\x81\0\0\6"), event6),
            (bytes(12) + b"\x88\x64\x11\0\0\1" + struct.pack(">HH", len(asked) + 2, 0x21) + asked,
             event),
            (bytes(12) + b"\x88\x47\0\0\x10\x40\0\0\x21\x40" + asked6, event6)]),
    }
    for file, (link, frames) in files.items():
        capture = Capture(file, link, ng=file.endswith("ng"))
        for frame, expected in frames:
            capture.add(frame, expected)
        yield capture


def large():
    """Packets beyond what BPF_PROG_TEST_RUN takes at once on older kernels."""
    capture = Capture("large.pcap", 101)
    capture.add(ask4(message(question("jumbo.example", "A"), tail=bytes(9000))),
                ("jumbo.example", "A", ASK4))
    # Messages that go on behind their question, some of them across a segment's end.
    names = [f"name-{number}.stream.example" for number in range(12)]
    stream = prefixed(*(message(question(each, "A"), tail=bytes(600)) for each in names))
    capture.add(ask_tcp(stream), *((each, "A", ASK_TCP) for each in names))
    return capture


def damaged():
    capture = Capture("damaged.pcap", 101)
    capture.add(ask4(message(question("before.example", "A"))), ("before.example", "A", ASK4))
    capture.add(ask4(message(question("lost.example", "A"))))
    return capture


def wireless():
    capture = Capture("wireless.pcap", 105)
    for _ in range(2):
        capture.add(bytes(40))
    return capture


def seeds():
    corpus = Path("../../fuzz/corpus")
    for capture in [questions(), unusual(), *links(), damaged(), wireless()]:
        capture.file = corpus / "capture" / capture.file
        capture.file.parent.mkdir(parents=True, exist_ok=True)
        capture.write()
    messages = {
        "plain": message(question("Www.Example.COM", "A")),
        "edns": message(question("example.net", "AAAA"), edns=True),
        "several": message(question("one.example", "A"), question("two.example", "TXT")),
        "pointer": message(question("first.example", "A"), question(b"\3www\xc0\x0c", "A")),
        "loop": message(question(b"\xc0\x0c", "A")),
        "root": message(question(".", "NS")),
        "longest": message(question(".".join(["x" * 63] * 3 + ["w" * 61]), "A")),
        "answer": message(question("example.net", "A"), response=True),
    }
    (corpus / "dns_message").mkdir(parents=True, exist_ok=True)
    for seed, data in messages.items():
        # The first two bytes say how much of it is at hand.
        (corpus / "dns_message" / seed).write_bytes(struct.pack(">H", len(data) * 2 // 3) + data)


def main():
    made = {}
    seeds()
    for capture in [questions(), unusual(), *links(), large(), wireless()]:
        made[str(capture.file)] = capture.write()
    made["damaged.pcap"] = damaged().write(lose=7)
    rows = [json.dumps(file) + ": [\n  " + ",\n  ".join(map(json.dumps, events)) + "]"
            for file, events in made.items()]
    Path("made.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
