# SPDX-License-Identifier: Apache-2.0
"""Answers as they come in: an innocent name that leads to a listed one is told with the program
that asked, over UDP and TCP and through a stub; names that lead inside are told; addresses of
listed names are learnt; and plain answers of innocent names reach nobody."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import DEADLINE, need, process, wait_for

PORT, STUB = 5390, 5391
ASKER = os.path.realpath(sys.executable)
EVIL = "evil.cordon-test.invalid"
STUBBED = "stubbed.cordon-test.invalid"
LONG = [["@", "TXT", 60, "x" * 200]] * 4
ANSWERS = {
    "plain.example": [["@", "A", 60, "192.0.2.1"], ["@", "A", 60, "192.0.2.2"]],
    "six.example": [["@", "AAAA", 60, "2001:db8::1"]],
    "stubbed.example": [["@", "CNAME", 60, STUBBED],
                        [STUBBED, "A", 60, "192.0.2.67"]],
    "off.example": [["@", "CNAME", 60, EVIL]],
    "metadata.example": [["@", "A", 1, "169.254.169.254"]],
    "loop.example": [["@", "A", 1, "127.0.0.1"]],
    "written.example": [["written.example", "A", 60, "192.0.2.3"]],
    f"www.{EVIL}": [["@", "A", 60, "192.0.2.68"], ["@", "AAAA", 60, "2001:db8::68"],
                    ["@", "A", 60, "127.0.0.1"]],
    "*": [["@", "A", 60, "192.0.2.9"]],
}
LISTED = [EVIL, STUBBED]
CASES = [(kind, case) for kind in ("udp", "tcp") for case in ("chain", "service", "long")]


def add_cases():
    """Names that lead to an entry of their own each, so that each is a finding of its own."""
    for kind, case in CASES:
        asked, entry = f"{kind}-{case}.example", f"{kind}-{case}.cordon-test.invalid"
        records = {
            "chain": [["@", "CNAME", 60, "between.example"],
                      ["between.example", "CNAME", 60, f"cdn.{entry}"],
                      [f"cdn.{entry}", "A", 60, "192.0.2.66"]],
            "service": [["@", "HTTPS", 60, f"cdn.{entry}"]],
            "long": LONG + [["@", "CNAME", 60, f"cdn.{entry}"]],
        }
        ANSWERS[asked] = records[case]
        LISTED.append(entry)


add_cases()


@pytest.fixture(scope="module")
def agent(start_agent, namespace):
    child = namespace.start(sys.executable, Path(__file__).with_name("answerer.py"), PORT,
                            json.dumps(ANSWERS), watched=False, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    assert child.stdout.readline() == "ready\n"
    return start_agent(LISTED, sensor={"ports": [PORT, STUB]})


def ask(namespace, name, kind="udp", port=PORT):
    """The pid of the process that asked, and got its answer."""
    child = namespace.start(ASKER, Path(__file__).with_name("asking.py"), kind, port, name)
    assert child.wait(DEADLINE) == 0, f"no answer for {name}"
    return child.pid


def detected(agent, name, detector, title):
    """Waits for the finding of that detector about the name, with that in its title."""
    def look():
        return [finding for finding in agent.findings()
                if finding["finding_info"]["analytic"]["name"] == detector
                and title in finding["finding_info"]["title"]]
    return wait_for(look, f"{detector} tells of {name}")[0]


@pytest.mark.parametrize("kind,case", CASES)
def test_chain(agent, namespace, kind, case):
    """The finding names the entry, the name that leads to it, and who asked."""
    name = f"{kind}-{case}.example"
    pid = ask(namespace, name, kind)
    found = agent.finding(name, ASKER)
    assert process(found)["pid"] == pid
    assert found["finding_info"]["analytic"]["name"] == "indicator"
    assert f"leads to listed domain cdn.{kind}-{case}." in found["finding_info"]["title"]
    agent.ledger()


def test_plain_answers_stay_in_the_kernel(agent, namespace):
    """Over UDP and TCP; nothing is read, and no finding comes of it."""
    before, findings = agent.ledger(), len(agent.findings())
    for kind in ("udp", "tcp"):
        for name in ("plain.example", "six.example", "anything.example"):
            ask(namespace, name, kind)
    after = agent.ledger()
    added = after.since(before)
    assert added["ingress.response"] == 6, added
    assert "ingress.submitted" not in added and "egress.submitted" not in added
    assert after.status["read"] == before.status["read"]
    assert len(agent.findings()) == findings


def test_unusual_shape_is_read(agent, namespace):
    """An owner that is written out goes up, is read, and is innocent."""
    before = agent.ledger()
    ask(namespace, "written.example")
    added = agent.ledger().since(before)
    assert added["ingress.observed"] == 1 and added["ingress.submitted"] == 1
    assert not agent.findings("written.example")


@pytest.mark.parametrize("name,severity", [("metadata.example", "Medium"),
                                           ("loop.example", "Low")])
def test_rebinding(agent, namespace, name, severity):
    ask(namespace, name)
    found = detected(agent, name, "rebinding", f"Answer for {name} leads to")
    assert found["severity"] == severity
    assert process(found)["file"]["path"] == ASKER


def test_learns_addresses(agent, namespace):
    """Those of listed names, and not what is not to be learnt."""
    before = agent.status()["answers"]
    ask(namespace, f"www.{EVIL}")
    wait_for(lambda: agent.status()["answers"]["learnt"] == before["learnt"] + 2, "both are learnt")
    ask(namespace, f"www.{EVIL}", "tcp")
    agent.ledger()
    assert agent.status()["answers"]["learnt"] == before["learnt"] + 2


def test_through_a_stub(agent, namespace, tmp_path):
    """The stub's answer comes over loopback to the program that asked: that one is named."""
    (dnsmasq,) = need("dnsmasq")
    child = namespace.start(dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null",
                            "--no-resolv", "--no-hosts", "--user=root", f"--port={STUB}",
                            "--listen-address=127.0.0.1", "--bind-interfaces",
                            f"--pid-file={tmp_path}/dnsmasq.pid", "--cache-size=0",
                            f"--server=127.0.0.1#{PORT}", stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: namespace.answered("sendto", "innocent.example", port=STUB),
                 "dnsmasq answers")
        pid = ask(namespace, "stubbed.example", port=STUB)
        asker = agent.finding("stubbed.example", ASKER)
        assert process(asker)["pid"] == pid
        forwarder = agent.finding("stubbed.example", dnsmasq)
        assert forwarder["unmapped"]["process_role"] == "stub"
    finally:
        child.terminate()
        child.wait()


def test_answers_off(make_agent, namespace, agent):
    """With sensor.answers off they are counted, and that is all."""
    quiet = make_agent([EVIL], sensor={"ports": [PORT], "answers": False})
    quiet.start()
    ask(namespace, "off.example")
    ask(namespace, "metadata.example", "tcp")
    ledger = quiet.ledger()
    assert ledger.probes["ingress"]["submitted"] == 0
    assert not quiet.findings()
