#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges what a VM wrote: one line PASS or FAIL for each thing that had to be.

judge.py KERNEL RESULTS. Exits 1 when anything failed or is missing.
"""

import errno
import json
import sys
from pathlib import Path

SENDER_ID_ASKED = 0x4344
EXPECTED = json.loads((Path(__file__).parents[1] / "data/pcap/made.json").read_text())
CAPTURES = ["questions.pcap", "unusual.pcap"]
CORE_HOOKS = {"raw_tp/sched_process_exec", "raw_tp/sched_process_fork", "cgroup/sock_create",
              "cgroup/sock_release", "cgroup/connect4", "cgroup/connect6", "cgroup/sendmsg4",
              "cgroup/sendmsg6", "cgroup_skb/egress", "cgroup_skb/ingress"}
# What has to be well on every kernel; the rest is this machine's, or told as better with a newer one.
CORE_CHECKS = {"kernel", "btf", "cgroup", "capabilities", "bpf", "jit", "files"}


def sections(path):
    result, name = {}, None
    for line in path.read_text(errors="replace").replace("\r", "").splitlines():
        if line.startswith("### "):
            name = line[4:]
            result[name] = []
        elif name:
            result[name].append(line)
    return result


def objects(lines):
    """The lines that are JSON objects."""
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def judge_hooks(say, name, said):
    """All hooks are on. ARCHITECTURE's table is made of the lines that this prints."""
    hooks = {hook["hook"]: hook["state"] for hook in said.get("hooks", [])}
    say(CORE_HOOKS <= hooks.keys() and set(hooks.values()) == {"on"},
        "doctor: all core hooks are on", str(hooks or said))
    checks = {check["check"]: check for check in said.get("checks", [])}
    bad = {check: checks.get(check) for check in CORE_CHECKS
           if checks.get(check, {}).get("state") != "ok"}
    say(not bad, "doctor: the kernel has what is needed", str(bad))
    print(f"     {name}: doctor: hooks on: "
          f"{sum(state == 'on' for state in hooks.values())} of {len(hooks)}")
    for check in sorted(CORE_CHECKS | {"memlock", "sockets"}):
        print(f"     {name}: doctor: {check}: {checks.get(check, {}).get('found')}")


class Judge:
    def __init__(self, kernel, wrote):
        self.kernel, self.wrote, self.failures = kernel, wrote, 0

    def say(self, passed, what, why=""):
        self.failures += not passed
        print(f"{'PASS' if passed else 'FAIL'} linux {self.kernel}: {what}",
              f"({why})" if why and not passed else "")

    def lookups(self, mode):
        """Each lookup is found with its process, and answered in audit mode only."""
        findings = {}
        for finding in objects(self.wrote.get(f"findings {mode}", [])):
            for evidence in finding.get("evidences", []):
                findings[evidence.get("query", {}).get("hostname")] = (finding, evidence)
        begin = f"sender {mode} "
        for section in [name for name in self.wrote if name.startswith(begin)]:
            way, lines = section.removeprefix(begin), objects(self.wrote[section])
            finding, evidence = findings.get(f"{way}.{mode}.cordon-test.invalid", ({}, {}))
            process = evidence.get("process", {})
            sender = lines[0] if lines else {}
            self.say(sender and process.get("pid") == sender.get("pid") and
                     process.get("file", {}).get("path") == sender.get("exe"),
                     f"{mode}: {way} is found with its process", f"{sender} found as {process}")
            answers = {answer["id"] for line in lines[1:] for answer in line["answers"]}
            self.say((SENDER_ID_ASKED in answers) == (mode == "audit"),
                     f"{mode}: {way} is {'answered' if mode == 'audit' else 'dropped'}",
                     str(lines))
            self.say((finding.get("disposition_id") == 2) == (mode == "enforce"),
                     f"{mode}: {way} says what was done", str(finding.get("disposition")))
        innocent = objects(self.wrote.get(f"innocent {mode}", []))
        self.say(len(innocent) == 2 and innocent[1]["answers"],
                 f"{mode}: an innocent lookup is answered", str(innocent))

    def agent(self, mode):
        """Starts, balances, ends."""
        self.say("ready" in self.wrote.get(f"start {mode}", []), f"{mode}: the agent starts",
                 " | ".join(self.wrote.get(f"log {mode}", ["no log"])[-5:]))
        (status, *_) = objects(self.wrote.get(f"status {mode}", [])) or [{}]
        self.say(status.get("ledger", {}).get("balances") is True, f"{mode}: the ledger balances",
                 str(status.get("ledger")))
        programs = status.get("programs", [])
        self.say(programs and all(program["attached"] for program in programs),
                 f"{mode}: all programs are attached", str(programs))
        for program in programs:
            # Kernels before 5.16 do not tell.
            verified = program["verified_instructions"] or "an untold number of"
            print(f"     linux {self.kernel}: {mode}: {program['name']} ({program['hook']}): "
                  f"{verified} instructions verified")
        workers = status.get("workers") or {}
        off = {layer["layer"] for layer in workers.get("cage", []) if not layer["on"]}
        self.say(workers.get("running") == 1 and workers["cage"] and off <= {"landlock"},
                 f"{mode}: the worker is in its cage ({', '.join(off) or 'nothing'} off)",
                 str(workers))
        self.say("stopped" in self.wrote.get(f"stop {mode}", []), f"{mode}: the agent ends")

    def answered(self, section):
        """Whether the lookup there was answered; None: it was not made."""
        lines = objects(self.wrote.get(section, []))
        return bool(lines[1]["answers"]) if len(lines) == 2 else None

    def pins(self):
        """The block holds while nobody runs, and the next daemon takes it over."""
        log = " | ".join(self.wrote.get("pins log", ["no log"])[-8:])
        for section in ("pins start", "pins again"):
            self.say("ready" in self.wrote.get(section, []), f"{section}: the agent starts", log)
        for section, expected in (("pins down", False), ("pins down-tcp", False),
                                  ("pins innocent", True), ("pins after", True)):
            self.say(self.answered(section) is expected,
                     f"{section}: {'answered' if expected else 'refused'}",
                     str(self.wrote.get(section)))
        found = {evidence.get("query", {}).get("hostname"): evidence.get("process", {}).get("pid")
                 for finding in objects(self.wrote.get("pins findings", []))
                 for evidence in finding.get("evidences", [])}
        for section, name in (("pins down", "down"), ("pins down-tcp", "tcp")):
            (asked, *_) = objects(self.wrote.get(section, [])) or [{}]
            self.say(asked and found.get(f"{name}.pins.cordon-test.invalid") == asked.get("pid"),
                     f"{section}: is found afterwards, with its process", str(found))
        (status, *_) = objects(self.wrote.get("pins status", [])) or [{}]
        self.say(status.get("ledger", {}).get("balances") is True, "pins: the ledger balances",
                 str(status.get("ledger")))
        self.say((status.get("pins", {}).get("unattended") or {}).get("blocked", 0) >= 2,
                 "pins: what was blocked meanwhile is told", str(status.get("pins")))
        self.say("a daemon reads them" in " ".join(self.wrote.get("pins doctor", [])),
                 "pins: doctor tells of them", str(self.wrote.get("pins doctor")))
        lines = self.wrote.get("pins unload", [])
        self.say("unloaded" in lines and "cordon" not in lines, "pins: unload removes everything",
                 str(lines))

    def doctor(self):
        (said, *_) = objects(self.wrote.get("pins doctor", [])) or [{}]
        judge_hooks(self.say, f"linux {self.kernel}", said)

    def containment(self):
        """Cut off, also while nobody runs, and open again."""
        log = " | ".join(self.wrote.get("contain log", ["no log"])[-8:])
        (begun, *_) = objects(self.wrote.get("contain begin", [])) or [{}]
        self.say(begun.get("contained") is True and begun.get("pinned") is True,
                 "contain: the host is contained", f"{begun} {log}")
        for section, refused in (("before", False), ("during", True), ("down", True),
                                 ("after", False)):
            said = objects(self.wrote.get(f"contain {section}", []))
            error = said[1].get("error") if len(said) == 2 else None
            self.say(error == (errno.EPERM if refused else errno.ENETUNREACH),
                     f"contain: a connection {section} is {'refused' if refused else 'let out'}",
                     str(self.wrote.get(f"contain {section}")))
        self.say(self.answered("contain loopback") is True, "contain: loopback is open",
                 str(self.wrote.get("contain loopback")))
        (status, *_) = objects(self.wrote.get("contain again", [])) or [{}]
        self.say(status.get("contain", {}).get("reason") == "vm", "contain: it is taken over",
                 f"{status.get('contain')} {log}")

    def replay(self, capture):
        """The probe code reads the same questions as it does elsewhere."""
        keys = ("frame", "src", "dst", "sport", "dport", "proto", "response", "qname", "qtype")
        found = [{key: event.get(key) for key in keys}
                 for event in objects(self.wrote.get(f"replay {capture}", []))]
        self.say(found == [{key: event.get(key) for key in keys} for event in EXPECTED[capture]],
                 f"replay of {capture}", f"{len(found)} events")

    def tests(self):
        """The probes' own tests, those that were built."""
        for name, lines in self.wrote.items():
            if name.startswith("test "):
                self.say(lines[:1] == ["exit 0"], name, " | ".join(lines))

    def judge(self):
        self.say("end" in self.wrote, "the scenario ran to its end")
        print("    ", *self.wrote.get("kernel", []))
        for mode in ("audit", "enforce"):
            self.agent(mode)
            self.lookups(mode)
        self.pins()
        self.doctor()
        self.containment()
        self.tests()
        for capture in CAPTURES:
            self.replay(capture)
        return self.failures == 0


if __name__ == "__main__":
    sys.exit(not Judge(sys.argv[1], sections(Path(sys.argv[2]))).judge())
