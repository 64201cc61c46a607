# SPDX-License-Identifier: Apache-2.0
"""Recorded packets through the probes: what `cordon replay` reads, finds, counts and refuses."""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
from collections import Counter

import pytest

from agent import CORDON, DEADLINE, SOURCE, hostnames, missing, need

PCAP = SOURCE / "tests/data/pcap"
MADE = json.loads((PCAP / "made.json").read_text())
COPIED = json.loads((PCAP / "copied.json").read_text())
KEYS = ["frame", "time", "src", "dst", "sport", "dport", "proto", "qname", "qtype", "response"]
FINE, FOUND, FAILED = 0, 1, 2
POLICY = """\
name: replay-tests
version: 1
rules:
  - name: excused
    match: { domain: [excused.example] }
    except: true
    reason: a test of exceptions
  - name: all
    match: { detector: indicator }
    severity: low
"""


class Replayed:
    def __init__(self, done):
        self.status = done.returncode
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.errors = done.stderr
        last = done.stderr.splitlines()[-1] if done.stderr else ""
        self.summary = json.loads(last) if last.startswith("{") else None


@pytest.fixture
def replay(tmp_path):
    """Runs `cordon replay` with a configuration and a policy of the test's own."""
    if os.geteuid() != 0:
        missing("loading the probes needs root")
    need(CORDON)
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    config = tmp_path / "cordon.yaml"
    config.write_text(json.dumps({"policy": {"files": [str(policy)]}}))

    def run(*arguments, sensor=None):
        if sensor:
            config.write_text(json.dumps({"policy": {"files": [str(policy)]}, "sensor": sensor}))
        command = [CORDON, "replay", "--config", config, "--json", *arguments]
        return Replayed(subprocess.run([str(part) for part in command], text=True,
                                       capture_output=True, timeout=DEADLINE))

    return run


@pytest.fixture
def write_list(tmp_path):
    def write(name, *lines):
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    return write


def without_time(events):
    return [{key: value for key, value in event.items() if key != "time"} for event in events]


@pytest.mark.parametrize("file", MADE)
def test_every_question_is_an_event(replay, file):
    """Proves that all questions of a capture, and no others, come out with all they say."""
    done = replay("--events", PCAP / file)
    assert without_time(done.lines) == \
        [{key: event[key] for key in KEYS if key != "time"} for event in MADE[file]]
    assert done.status == (FAILED if file == "damaged.pcap" else FINE), done.errors
    assert done.summary["questions"] == len(MADE[file])
    assert done.summary["balanced"]


@pytest.mark.parametrize("file", COPIED)
def test_recorded_by_others(replay, file):
    """Proves that captures of other projects are read as their authors meant them."""
    done = replay("--events", PCAP / file)
    kept = ("frame", "qname", "qtype", "response")
    assert [{key: event[key] for key in kept} for event in done.lines] == COPIED[file]
    assert done.status == FINE, done.errors


def test_event_lines(replay):
    """Proves that an event has exactly the promised keys, and the time of its packet."""
    done = replay("--events", PCAP / "questions.pcap")
    assert all(list(event) == KEYS for event in done.lines)
    assert done.lines[0]["time"] == "2023-11-14T22:13:20.001000Z"
    late = replay("--events", PCAP / "tcpdump__time_2106_overflow.pcapng")
    assert late.lines[0]["time"].startswith("2106-02-07T06:28:16")


def test_findings(replay, write_list):
    """Proves that a finding is printed once, with first frame, count, names and the policy's word,
    that answers do not raise the count, and that findings stand in the order of first frames."""
    done = replay("--intel", write_list("bad", "example.net", "example.com"),
                  PCAP / "questions.pcap", PCAP / "questions.pcap")
    assert done.status == FOUND, done.errors
    assert [line["unmapped"]["frame"] for line in done.lines] == [1, 3]
    assert hostnames(done.lines[0]) == {"www.example.com"}
    assert hostnames(done.lines[1]) == {"a.b.c.d.example.net"}
    for finding in done.lines:
        assert finding["class_uid"] == 2004
        assert finding["severity"] == "Low"
        assert finding["count"] == 2  # two files, a question in each
        assert finding["unmapped"]["file"] == str(PCAP / "questions.pcap")
    assert done.lines[0]["start_time"] == 1700000000001
    assert done.lines[0]["time"] == 1700000000001
    assert done.summary["findings"] == 2


def test_answers_alone_are_found(replay, write_list):
    """Proves that a capture with nothing but answers still tells what was asked."""
    done = replay("--intel", write_list("bad", "example.com"), PCAP / "tcpdump__nflog.pcap")
    assert done.status == FOUND, done.errors
    assert [finding["count"] for finding in done.lines] == [4]


def test_no_findings(replay, write_list):
    """Proves exit status 0 and an empty output where nothing is listed, or it is allowed."""
    done = replay("--intel", write_list("other", "example.test"), PCAP / "questions.pcap")
    assert (done.status, done.lines) == (FINE, []), done.errors
    events = replay("--events", "--intel", write_list("bad", "example.com"), PCAP / "questions.pcap")
    assert events.status == FOUND
    assert len(events.lines) == len(MADE["questions.pcap"])


def test_exceptions(replay, write_list, tmp_path):
    """Proves that what the policy excepts is no finding, but counted."""
    policy = tmp_path / "excuse.yaml"
    policy.write_text(POLICY.replace("excused.example", "example.com"))
    done = replay("--intel", write_list("bad", "example.com"), "--policy", policy,
                  PCAP / "questions.pcap")
    assert (done.status, done.lines) == (FINE, []), done.errors
    assert done.summary["excepted"] == 2


def test_packs_and_lists_together(replay, write_list, tmp_path):
    """Proves that packs and lists may be mixed, and each is looked up."""
    pack = tmp_path / "one.pack"
    subprocess.run([CORDON, "intel", "compile", "-o", pack, write_list("one", "example.com")],
                   check=True, capture_output=True)
    done = replay("--intel", pack, "--intel", write_list("two", "example.net"),
                  "--intel", write_list("three", "example.org"), PCAP / "questions.pcap")
    assert done.status == FOUND, done.errors
    assert [line["unmapped"]["frame"] for line in done.lines] == [1, 3, 5]


def test_ports_of_the_configuration(replay):
    """Proves that DNS on another port is read when the configuration names it, and only then."""
    done = replay("--events", PCAP / "questions.pcap", sensor={"ports": [5300]})
    assert Counter(event["dport"] for event in done.lines)[5300] == 1


def test_summary_tells_what_was_not_read(replay):
    """Proves that nothing is passed over silently: each packet that held no question is counted."""
    done = replay("--events", PCAP / "unusual.pcap")
    counted = {key: value for key, value in done.summary.items() if value}
    assert counted["frames"] == counted["packets"] == 10
    assert counted["cut"] == 1
    assert counted["tunnel"] == 1
    assert counted["fragment"] == 1
    assert counted["unreadable"] == 3
    assert done.summary["lost"] == 0


def test_link_type_that_is_not_read(replay):
    """Proves that a link type that is not read is named, with the number of frames."""
    done = replay("--events", PCAP / "wireless.pcap")
    assert "2 frames of link type IEEE802_11" in done.errors
    assert done.summary["skipped"] == 2


def test_damaged_captures(replay, tmp_path):
    """Proves, for a cut anywhere, that what is whole is read, the damage told, and the next file
    read as well."""
    whole = (PCAP / "questions.pcap").read_bytes()
    for size in (0, 10, 24, 30, 60, len(whole) - 1):
        cut = tmp_path / "cut.pcap"
        cut.write_bytes(whole[:size])
        done = replay("--events", cut, PCAP / "link-raw.pcap")
        assert [event["qname"] for event in done.lines][-2:] == ["link.example", "link6.example"]
        if size == 24:
            assert done.status == FINE
            continue
        assert done.status == FAILED
        assert "cut.pcap" in done.errors
        if size > 24:
            assert re.search(r"cut\.pcap: damaged after frame \d+: ", done.errors)


@pytest.mark.parametrize("arguments, said", [
    ([], "Usage"),
    (["--nonsense", "x.pcap"], "Usage"),
    (["/nonexistent.pcap"], "/nonexistent.pcap: No such file"),
    ([__file__], "test_replay.py: unknown file format"),
    (["--policy", "/nonexistent.yaml", PCAP / "link-raw.pcap"], "/nonexistent.yaml"),
    (["--intel", "/nonexistent.list", PCAP / "link-raw.pcap"], "/nonexistent.list"),
    (["--config", "/nonexistent.conf", PCAP / "link-raw.pcap"], "/nonexistent.conf"),
])
def test_errors(replay, arguments, said):
    """Proves that what is wrong is told, and that it is an error."""
    done = replay("--events", *arguments)
    assert done.status == FAILED
    assert said in done.errors


def test_damaged_pack(replay, write_list, tmp_path):
    """Proves that a damaged pack is refused, not read as a list."""
    pack = tmp_path / "bad.pack"
    subprocess.run([CORDON, "intel", "compile", "-o", pack, write_list("one", "example.com")],
                   check=True, capture_output=True)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    done = replay("--intel", pack, PCAP / "questions.pcap")
    assert done.status == FAILED
    assert "bad.pack" in done.errors


def test_from_standard_input(replay):
    """Proves that "-" reads a capture from standard input, so that it can come from a pipe."""
    with open(PCAP / "link-raw.pcap", "rb") as file:
        done = subprocess.run([CORDON, "replay", "--events", "-"], stdin=file,
                              capture_output=True, text=True, timeout=DEADLINE)
    assert len(done.stdout.splitlines()) == 2, done.stderr


def tcp_frame(sequence, flags, payload):
    header = struct.pack("!HHIIBBHHH", 40000, 80, sequence, 1, 5 << 4, flags, 65535, 0, 0)
    return struct.pack("!BBHHHBBH4B4B", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0,
                       192, 0, 2, 1, 192, 0, 2, 2) + header + payload


def write_capture(path, frames):
    raw_ip = 101
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, raw_ip)
    path.write_bytes(head + b"".join(
        struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)))


@pytest.mark.parametrize("padding", [0, 700])
def test_each_request_is_an_event(replay, tmp_path, padding):
    """Proves that each request of a connection comes out, with its own packet, also those that
    name the same server as the one before."""
    hosts = ["a.example", "b.example", "b.example", "a.example", "192.0.2.9"] * 5
    frames, sequence = [tcp_frame(999, 0x02, b"")], 1000
    for host in hosts:
        request = f"GET / HTTP/1.1\r\nCookie: {'x' * padding}\r\nHost: {host}\r\n\r\n".encode()
        frames.append(tcp_frame(sequence, 0x18, request))
        sequence += len(request)
    write_capture(tmp_path / "requests.pcap", frames)
    done = replay("--events", tmp_path / "requests.pcap")
    assert [(event["frame"], event["host"]) for event in done.lines] == list(enumerate(hosts, 2))


def test_other_protocols_that_say_connect(replay, tmp_path):
    """Proves that what NATS says at its beginning is not taken for the name of a server."""
    write_capture(tmp_path / "nats.pcap", [
        tcp_frame(999, 0x02, b""),
        tcp_frame(1000, 0x18, b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')])
    done = replay("--events", tmp_path / "nats.pcap")
    assert [event.get("host") for event in done.lines] == [None]


def test_packed_captures(replay, tmp_path):
    """Proves that a capture that gzip packed is read like any other, and one that is cut or
    damaged told."""
    whole = (PCAP / "questions.pcap").read_bytes()
    packed, path = gzip.compress(whole), tmp_path / "questions.pcap.gz"
    path.write_bytes(packed)
    done = replay("--events", path)
    assert done.status == FINE
    assert done.lines == replay("--events", PCAP / "questions.pcap").lines
    for wrong in (packed[:-20], packed[:len(packed) // 2] + bytes(100)):
        path.write_bytes(wrong)
        done = replay("--events", path)
        assert done.status == FAILED and "questions.pcap.gz: " in done.errors


def test_hostile_names_are_safe_to_show(replay, tmp_path):
    """Proves that a file's name can't move the cursor of whoever reads the error."""
    hostile = tmp_path / "\x1b[31mred.pcap"
    shutil.copy(PCAP / "damaged.pcap", hostile)
    done = replay("--events", hostile)
    assert done.status == FAILED
    assert "\x1b" not in done.errors and "\\x1b[31mred.pcap" in done.errors
