#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what the VM with systemd wrote, and what left it: a line PASS or FAIL for each thing that had to be.

judge_systemd.py FOLDER full|short unified|hybrid KERNEL. Exits 1 when anything failed or is missing.
"""

import errno
import re
import socket
import struct
import sys
from pathlib import Path

from judge import judge_hooks, objects, sections

ETHERNET_SIZE = 14
DHCP_PORTS = {67, 68}
# Neighbour discovery and group membership, which the kernel itself sends.
ICMP6_OF_THE_LINK = {133, 134, 135, 136, 143}
# README's commands that end with something else than 0: a name that does not exist, and findings.
README_EXITS = {"getent": 2, "cordon findings": 1}


def frames(path):
    """The Ethernet frames of a capture that qemu wrote."""
    data, at = path.read_bytes(), 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def describe(frame):
    """What a frame is for, as a text; None: what even a contained host sends."""
    kind = struct.unpack_from(">H", frame, 12)[0]
    packet = frame[ETHERNET_SIZE:]
    if kind == 0x0806:
        return None
    if kind == 0x86DD:
        # After the header, or after the option that reports of groups have.
        number = packet[48] if packet[6] == 0 else packet[40]
        protocol = packet[40] if packet[6] == 0 else packet[6]
        return None if protocol == 58 and number in ICMP6_OF_THE_LINK else f"IPv6 {packet.hex()}"
    if kind != 0x0800:
        return f"type {kind:#x}"
    header = (packet[0] & 15) * 4
    destination, payload = socket.inet_ntoa(packet[16:20]), packet[header:]
    if packet[9] not in (6, 17):
        return f"protocol {packet[9]} to {destination}"
    port = struct.unpack_from(">H", payload, 2)[0]
    if packet[9] == 17 and port in DHCP_PORTS:
        return None
    return f"to {destination} {port}" + (f" {question(payload[8:])}" if port == 53 else "")


def question(message):
    """The name that a DNS message asks for."""
    labels, at = [], 12
    while at < len(message) and message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode(errors="replace"))
        at += 1 + message[at]
    return ".".join(labels)


class Judge:
    def __init__(self, folder, full, cgroups, kernel):
        self.wrote, self.full, self.failures = sections(folder / "results"), full, 0
        self.name = f"{kernel} with systemd" + (f", {cgroups} cgroups" if cgroups != "unified" else "")
        self.left = [[text for text in map(describe, frames(path)) if text]
                     for path in sorted(folder.glob("left-*.pcap"))]

    def say(self, passed, what, why=""):
        self.failures += not passed
        print(f"{'PASS' if passed else 'FAIL'} linux {self.name}: {what}",
              f"({why})" if why and not passed else "")

    def lines(self, section):
        return self.wrote.get(section, [])

    def object(self, section):
        return (objects(self.lines(section)) or [{}])[0]

    def says(self, section, pattern, what):
        text = "\n".join(self.lines(section))
        self.say(re.search(pattern, text), what, f"{section}: {text[-2000:]}")

    def went(self, text, boot=None):
        """Whether anything of that kind left the machine."""
        return any(text in line for number, left in enumerate(self.left) for line in left
                   if boot in (None, number))

    def count(self, section, value):
        """How often findings with that observable have been seen."""
        return sum(finding.get("count", 0) for finding in objects(self.lines(section))
                   if any(value in str(seen.get("value", "")) for seen in finding["observables"]))

    def errors(self, section):
        return [line.get("error") for line in objects(self.lines(section)) if "error" in line]

    def show(self, section, pattern="."):
        for line in self.lines(section):
            if re.search(pattern, line):
                print("    ", line)

    def judge_install(self):
        steps = [name for name in self.wrote if name.startswith("readme ")]
        self.say(len(steps) >= 2, "README has commands", str(steps))
        for step in steps:
            command = step.removeprefix("readme ")
            status = next((status for begin, status in README_EXITS.items()
                           if command.startswith(begin)), 0)
            self.says(step, f"(?m)^exit {status}$", f"README: {command}")
        self.says("readme cordon findings", "c2.cordon-test.invalid by getent",
                  "README: the first finding is shown, with its process")
        self.say(self.count("first", "c2.cordon-test.invalid") > 0, "the first lookup is found",
                 str(self.lines("first")))
        told = objects(self.lines("first journal"))
        self.say(any("c2.cordon-test.invalid" in str(entry.get("MESSAGE")) for entry in told),
                 "journald has it", str(told)[:500])

    def judge_unit(self):
        for setting in ("ActiveState=active", "Type=notify", "UnitFileState=enabled"):
            self.says("unit", f"(?m)^{setting}$", f"unit: {setting}")
        self.says("unit status", r"Active: active \(running\)", "systemctl status: running")
        self.says("status", r"(?m)^exit 0$", "cordon status: nothing to complain of")
        judge_hooks(self.say, f"linux {self.name}", self.object("doctor"))
        # Nobody tells the VM the time.
        complaints = [check for check in self.object("doctor").get("checks", [{}])
                      if check.get("state") != "ok" and check.get("check") != "clock"]
        self.say(not complaints, "cordon doctor: nothing to complain of", str(complaints))
        self.say(not self.lines("verify"), "systemd-analyze verify, and no unit failed",
                 str(self.lines("verify")))
        running = [line.split() for line in self.lines("processes")]
        self.say({"cordond", "cordon-scan"} <= {Path(words[3].rstrip(":")).name for words in running},
                 "cordond and its workers are running", str(running))
        for words in running:
            if "cordond" in words[3]:
                continue
            self.say(words[0] == "cordon" and "CapEff:0000000000000000" in words and
                     "NoNewPrivs:1" in words and "Seccomp:2" in words,
                     f"{' '.join(words[3:5])} has no rights", str(words))
        self.show("processes")
        self.show("security", "✗|exposure")

    def judge_evidence(self):
        manifest = self.lines("evidence")
        has = {line.split()[1] for line in manifest if not line.startswith("#")}
        wanted = {"findings.jsonl", "kernel.log", "processes.tsv", "open-files.tsv", "packages/dpkg.tsv",
                  "net/tcp", "users/passwd", "culprit/maps", "culprit/environ", "culprit/memory"}
        self.say(wanted <= has, "evidence: all is there from within the unit",
                 str(sorted(wanted - has)) + str([line for line in manifest if line[:1] == "#"]))
        missing = [line for line in manifest if line.startswith("# not collected: ")]
        self.say(not missing, "evidence: nothing could not be read", str(missing))

    def judge_enforce(self):
        self.say(self.went("before-enforce.example"), "enforce: an innocent lookup goes out")
        self.say(not self.went("enforce.phishing"), "enforce: a listed one does not")
        self.say(self.count("enforce findings", "phishing.cordon-test.invalid") == 1,
                 "enforce: it is found", str(self.lines("enforce findings")))

    def judge_upgrade(self):
        self.says("upgrade", r"(?m)^exit 0$", "upgrade: installed")
        self.says("upgrade", r"(?m)^cordon\s+99$", "upgrade: the later version")
        self.says("upgrade", r"(?m)^restarted$", "upgrade: cordond was restarted")
        tries = int(next((line.split()[1] for line in self.lines("upgrade")
                          if line.startswith("tries ")), 0))
        self.say(tries > 3 and not self.went("upgrade.malware") and not self.went("192.0.2.66"),
                 f"upgrade: of {tries} listed lookups and connections none gets out",
                 str([line for line in self.left[0] if "upgrade" in line or "192.0.2.66" in line]))
        for value, what in (("malware.cordon-test.invalid", "lookups"), ("192.0.2.66", "connections")):
            count = self.count("upgrade findings", value)
            self.say(count == tries, f"upgrade: each of the {what} is counted", f"{count} of {tries}")
        status = self.object("upgrade status")
        self.say(status.get("ledger", {}).get("balances") is True and status.get("mode") == "enforce",
                 "upgrade: the ledger balances, the mode is enforce", str(status)[:500])

    def judge_attempt(self, name, address, refused):
        for way in ("sendto", "raw", "tcp"):
            section = f"attempt {name} {way}"
            self.say(section in self.wrote and (self.errors(section) == [errno.EPERM]) == refused,
                     f"contain: {way} {name} is {'refused' if refused else 'let go'}",
                     str(self.lines(section)))
        for trace in (f" {name}.example", f"raw.{name}.example", f"to {address} "):
            self.say(self.went(trace) != refused,
                     f"contain: {trace.strip()} {'does not leave' if refused else 'leaves'}")

    def judge_contain(self):
        self.say(self.went("before-contain.example"), "contain: before it, a lookup goes out")
        self.say(self.object("contain begin").get("contained") is True, "contain: contained",
                 str(self.lines("contain begin")))
        self.judge_attempt("contained", "198.51.100.1", True)
        if self.full:
            self.judge_restarts()
        # All that left before it was opened, over the reboot.
        every = [line for left in self.left for line in left]
        begun = next((i for i, line in enumerate(every) if "before-contain.example" in line), -1)
        opened = next((i for i, line in enumerate(every) if "opened.example" in line), len(every))
        self.say(0 <= begun < opened < len(every) and not every[begun + 1:opened],
                 "contain: nothing leaves until it is opened", str(every[begun + 1:opened]))
        self.judge_attempt("opened", "198.51.100.5", False)

    def judge_restarts(self):
        for name, address in (("killed", "198.51.100.2"), ("restarted", "198.51.100.3"),
                              ("rebooted", "198.51.100.4")):
            self.judge_attempt(name, address, True)
        for section in ("killed status", "rebooted status"):
            contain = self.object(section).get("contain") or {}
            self.say(contain.get("reason") == "vm" and contain.get("pinned") is True,
                     f"{section}: contained and pinned, and says why", str(contain))
        self.say(len(self.left) == 2, "reboot: there were two boots", str(len(self.left)))
        early = self.errors("early")
        self.say(errno.ENETUNREACH in early and errno.EPERM in early and
                 set(early) <= {errno.ENETUNREACH, errno.EPERM},
                 f"reboot: {len(early)} tries from early on, without a network and then refused",
                 str(self.lines("early")[:20]))

    def judge_crashes(self):
        self.says("watchdog unit", "^30s$", "watchdog: half a minute")
        self.says("watchdog", r"(?m)^restarted$", "watchdog: a stopped daemon is replaced")
        self.says("watchdog", "Watchdog timeout", "watchdog: by systemd")
        self.say(not self.went("watchdog.suspicious"), "watchdog: a listed lookup is refused meanwhile")
        self.says("crash timer", "OnActiveUSec=5min", "crash loop: the pause is five minutes")
        self.say(self.lines("crash")[1:4] == ["failed", "start-limit-hit", "active"] or
                 self.lines("crash")[1:4:2] == ["failed", "active"],
                 "crash loop: systemd pauses, and the timer runs", str(self.lines("crash")))
        self.say("crash listed" in self.wrote and not self.went("crash.suspicious"),
                 "crash loop: a listed lookup is refused meanwhile")
        self.says("crash again", "active", "crash loop: then it is started again")

    def judge_profile(self):
        self.say(self.object("profile status").get("mode") == "audit",
                 "profile: a later file does not lift it", str(self.object("profile status"))[:300])
        self.say(not self.object("profile contain").get("contained"),
                 "profile: no containment", str(self.lines("profile contain")))
        self.say(self.went("profile.suspicious"), "profile: a listed lookup goes out")

    def judge_remove(self):
        self.says("remove", r"(?m)^exit 0$", "remove: done")
        self.judge_attempt("removed", "198.51.100.6", False)
        left = self.lines("remove left")
        # Debian's helpers keep the link of an enabled unit until the purge.
        kept = r"> ((file|run) (/etc/cordon|/var/lib/cordon|/(etc|var/lib)/systemd/)|(user|group) cordon$)"
        other = [line for line in left if line[0] in "<>" and not re.match(kept, line)]
        self.say(not other, "remove: only configuration, state and the account are left", str(other))
        self.say(any("/var/lib/cordon/journal.db" in line for line in left), "remove: state is kept",
                 str(left))
        self.says("purge", r"(?m)^exit 0$", "purge: done")
        self.say("purge left" in self.wrote and not self.lines("purge left"),
                 "purge: nothing is left", "\n".join(self.lines("purge left")))

    def judge(self):
        self.say("end" in self.wrote, "the scenario ran to its end")
        print("    ", *[name for name in self.wrote if name.startswith("boot ")])
        self.judge_install()
        self.judge_unit()
        self.judge_evidence()
        self.judge_enforce()
        self.judge_upgrade()
        self.judge_contain()
        if self.full:
            self.judge_crashes()
            self.judge_profile()
        self.judge_remove()
        return self.failures == 0


if __name__ == "__main__":
    sys.exit(not Judge(Path(sys.argv[1]), sys.argv[2] == "full", *sys.argv[3:]).judge())
