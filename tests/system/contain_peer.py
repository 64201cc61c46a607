#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One process of a test of containment: does on the network what it is told over standard input,
one JSON list a line, and answers with one JSON value a line. A line of its own marks each packet.

Everything waits at most WAIT seconds for its answer: given to the answer, not to the test."""

import errno
import fcntl
import json
import select
import socket
import struct
import sys
import threading

WAIT = 0.4
ETH_P_ALL = 3
SIOCGIFHWADDR = 0x8927

kept = {}  # sockets by name


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def failed(error):
    if isinstance(error, TimeoutError):
        return "silent"
    return errno.errorcode.get(error.errno, str(error))


def guarded(work):
    try:
        return work()
    except OSError as error:
        return failed(error)


def answer_of(channel, expected):
    channel.settimeout(WAIT)
    data = channel.recv(2048)
    return "answered" if expected.encode() in data else "other"


# ---- what goes out ----

def udp(address, port, mark):
    with socket.socket(family(address), socket.SOCK_DGRAM) as channel:
        channel.sendto(mark.encode(), (address, port))
        return answer_of(channel, mark)


def tcp(address, port, mark):
    with socket.socket(family(address), socket.SOCK_STREAM) as channel:
        channel.settimeout(WAIT)
        channel.connect((address, port))
        channel.sendall(mark.encode())
        return answer_of(channel, mark)


def dns(address, name, identity):
    """A question; the responder gives back what it gets."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack("!6H", identity, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    with socket.socket(family(address), socket.SOCK_DGRAM) as channel:
        channel.sendto(question, (address, 53))
        channel.settimeout(WAIT)
        return "answered" if channel.recv(2048) == question else "other"


def connect(name, address, port):
    channel = socket.socket(family(address), socket.SOCK_STREAM)
    channel.settimeout(WAIT)
    channel.connect((address, port))
    kept[name] = channel
    return "connected"


def say(name, mark):
    channel = kept[name]
    channel.settimeout(WAIT)
    channel.sendall(mark.encode())
    return answer_of(channel, mark)


def close(name):
    kept.pop(name).close()
    return "closed"


def connect_udp(name, address, port):
    channel = socket.socket(family(address), socket.SOCK_DGRAM)
    channel.connect((address, port))
    kept[name] = channel
    return "connected"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(address, mark):
    kind = 128 if ":" in address else 8
    protocol = socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP
    with socket.socket(family(address), socket.SOCK_RAW, protocol) as channel:
        return ping_with(channel, address, mark, kind)


def ping_with(channel, address, mark, kind):
    body = struct.pack("!BBHHH", kind, 0, 0, 7, 1) + mark.encode()
    if kind == 8:
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    channel.sendto(body, (address, 0))
    channel.settimeout(WAIT)
    while True:
        data = channel.recv(2048)
        if kind == 8 and data[20] == 0 or kind == 128 and data[0] == 129:
            return "answered"


def udp_packet(source, destination, port, mark):
    payload = struct.pack("!4H", port, port, 8 + len(mark), 0) + mark.encode()
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + payload


def open_raw(name):
    kept[name] = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    return "opened"


def send_raw(name, source, destination, port, mark):
    kept[name].sendto(udp_packet(source, destination, port, mark), (destination, 0))
    return "sent"


def hardware(interface):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        return fcntl.ioctl(channel, SIOCGIFHWADDR,
                           struct.pack("256s", interface.encode()))[18:24]


def send_frame(interface, protocol, source, destination, port, mark):
    """A frame of ours on a packet socket that says it is of a protocol."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as channel:
        frame = b"\xff" * 6 + hardware(interface) + b"\x08\x00" + \
            udp_packet(source, destination, port, mark)
        channel.sendto(frame, (interface, protocol))
        return "sent"


# ---- what comes in ----

def serve_tcp(address, port):
    listener = socket.create_server((address, port), family=family(address), reuse_port=True)

    def echo(channel):
        try:
            while data := channel.recv(2048):
                channel.sendall(data)
        except OSError:
            pass

    def run():
        while True:
            channel, _ = listener.accept()
            threading.Thread(target=echo, args=[channel], daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    return "serving"


def serve_udp(address, port):
    channel = socket.socket(family(address), socket.SOCK_DGRAM)
    channel.bind((address, port))

    def run():
        while True:
            try:
                data, peer = channel.recvfrom(2048)
                channel.sendto(data, peer)
            except OSError:
                pass
    threading.Thread(target=run, daemon=True).start()
    return "serving"


seen = []


def listen_all(interface):
    """Keeps every frame that comes to the interface."""
    channel = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    channel.bind((interface, ETH_P_ALL))

    def run():
        while True:
            data, where = channel.recvfrom(4096)
            if where[2] != socket.PACKET_OUTGOING:
                seen.append(data)
    threading.Thread(target=run, daemon=True).start()
    return "listening"


def heard(mark):
    """Whether a frame with the mark has come; the last ones are given a moment."""
    for _ in range(20):
        if any(mark.encode() in frame for frame in seen):
            return True
        select.select([], [], [], WAIT / 20)
    return False


COMMANDS = {work.__name__: work for work in (
    udp, tcp, dns, connect, say, close, connect_udp, ping, open_raw, send_raw, send_frame,
    serve_tcp, serve_udp, listen_all, heard)}

print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(guarded(lambda: COMMANDS[name](*arguments))), flush=True)
