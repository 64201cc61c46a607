# SPDX-License-Identifier: Apache-2.0
"""Asks for one name on loopback and ends when the answer is there.

    asking.py udp|tcp PORT NAME
"""

import socket
import struct
import sys

DEADLINE = 60


def main():
    kind, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 0x4344, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    stream = kind == "tcp"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as to:
        to.settimeout(DEADLINE)
        to.connect(("127.0.0.1", port))
        to.sendall(struct.pack(">H", len(query)) + query if stream else query)
        data = to.recv(4096)
        while stream and len(data) < 2 + struct.unpack(">H", data[:2])[0]:
            data += to.recv(4096)


main()
