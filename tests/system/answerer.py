# SPDX-License-Identifier: Apache-2.0
"""A DNS server for tests on loopback whose answers are written out by the test.

    answerer.py PORT ANSWERS

ANSWERS is JSON: a name to a list of records, each [owner, type, ttl, value]; "*" answers all other
names. Owner "@" is a pointer to the question. Over TCP each answer goes out in two segments.
Prints "ready" when it listens, serves until its standard input is closed."""

import ipaddress
import json
import select
import socket
import struct
import sys

TYPES = {"A": 1, "CNAME": 5, "TXT": 16, "AAAA": 28, "DNAME": 39, "HTTPS": 65}
FIRST_SEGMENT = 40


def wire(name):
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner, kind, ttl, value):
    if kind in ("A", "AAAA"):
        data = ipaddress.ip_address(value).packed
    elif kind == "TXT":
        data = bytes([len(value)]) + value.encode()
    else:
        data = (b"\0\1" if kind == "HTTPS" else b"") + wire(value)
    name = b"\xc0\x0c" if owner == "@" else wire(owner)
    return name + struct.pack(">HHIH", TYPES[kind], 1, ttl, len(data)) + data


def question(message):
    """The name asked, in lower case, and where the question ends."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels).lower(), at + 5


def answer(answers, message):
    name, end = question(message)
    records = answers.get(name, answers.get("*", []))
    head = message[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0)
    return head + message[12:end] + b"".join(record(*entry) for entry in records)


def serve_stream(answers, connection):
    data = b""
    while len(data) < 2 or len(data) < 2 + struct.unpack(">H", data[:2])[0]:
        if not (more := connection.recv(4096)):
            return
        data += more
    reply = answer(answers, data[2:])
    reply = struct.pack(">H", len(reply)) + reply
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(reply[:FIRST_SEGMENT])
    connection.sendall(reply[FIRST_SEGMENT:])


def main():
    port, answers = int(sys.argv[1]), json.loads(sys.argv[2])
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for each in (datagrams, streams):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        each.bind(("127.0.0.1", port))
    streams.listen()
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, datagrams, streams], [], [])
        if sys.stdin in ready:
            return
        if datagrams in ready:
            message, sender = datagrams.recvfrom(4096)
            datagrams.sendto(answer(answers, message), sender)
        if streams in ready:
            connection, _ = streams.accept()
            with connection:
                serve_stream(answers, connection)


main()
