#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""New flows at a steady rate, for test_soak.py.

flows_load.py serve PORT                       answers each connection with one byte and closes it
flows_load.py run PORT RATE SECONDS LISTED     RATE flows a second; prints what was begun as JSON

Of twenty flows nine begin with a ClientHello, nine with an HTTP request, one is a datagram of QUIC's
first kind and one TCP that is neither. Each has a name of its own; about every hundredth is below LISTED.
"""

import json
import socket
import struct
import sys
import time

# One port of the server serves each: together they have ports enough for all that wait for their
# time after the end.
ADDRESSES = [f"127.0.1.{i}" for i in range(1, 33)]


def client_hello(name):
    name = name.encode()
    entry = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack("!HH", 0, len(entry)) + entry + struct.pack("!HHBH", 43, 3, 2, 0x304)
    body = (b"\x03\x03" + bytes(32) + b"\0" + struct.pack("!HH", 2, 0x1301) + b"\x01\0" +
            struct.pack("!H", len(extensions)) + extensions)
    return struct.pack("!BHHBBH", 22, 0x301, len(body) + 4, 1, 0, len(body)) + body


def serve(port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", port))
    server.listen(1024)
    print("ready", flush=True)
    while True:
        with server.accept()[0] as peer:
            if peer.recv(2048):
                peer.send(b"x")


def stream(address, port, first):
    with socket.create_connection((address, port), 30) as flow:
        flow.sendall(first)
        flow.recv(16)


def datagram(address, port, number):
    """A long header of version 1; what follows is noise."""
    first = b"\xc0\0\0\0\x01\x08" + struct.pack("!Q", number)
    with socket.socket(type=socket.SOCK_DGRAM) as flow:
        flow.sendto(first.ljust(1200, b"\x55"), (address, port))


def load(port, rate, seconds, listed):
    begun = {"tls": 0, "http": 0, "quic": 0, "other": 0, "listed": 0}
    start = time.monotonic()
    for number in range(rate * seconds):
        ahead = start + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        address, kind = ADDRESSES[number % len(ADDRESSES)], number % 20
        hit = number % 97 == 0 and kind < 18
        name = f"n{number}.{listed}" if hit else f"n{number}.innocent.example"
        if kind == 18:
            datagram(address, port, number)
        elif kind == 19:
            stream(address, port, b"SSH-2.0-load\r\n")
        elif kind % 2:
            stream(address, port, client_hello(name))
        else:
            stream(address, port, f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        begun["quic" if kind == 18 else "other" if kind == 19 else "tls" if kind % 2 else "http"] += 1
        begun["listed"] += hit
    begun["seconds"] = time.monotonic() - start
    print(json.dumps(begun))


def main():
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        load(*[int(part) for part in sys.argv[2:5]], sys.argv[5])


if __name__ == "__main__":
    main()
