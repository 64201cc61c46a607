# SPDX-License-Identifier: Apache-2.0
"""What becomes of a finding over time, in the daemon: counted, raised, lowered, suppressed, closed
by hand and by rule, opened again; its sinks follow. And policies that change while it runs."""

import json
import subprocess

import pytest

from agent import CORDON, wait_for

BAD, OTHER, THIRD = "bad.cordon-test.invalid", "other.cordon-test.invalid", "x.cordon-test.invalid"
POLICY = """\
rules:
  - name: first-is-high
    match: { indicator: bad.cordon-test.invalid }
    severity: high
    first_only: { within: 1h, severity: low }
    threshold: { count: 10, within: 1h, severity: critical }
  - name: first-of-a-program
    match: { indicator: [other.cordon-test.invalid, x.cordon-test.invalid] }
    severity: high
    first_only: { within: 1h, by: detector, severity: low }
"""


def rule(text, name=BAD):
    return f"rules:\n  - {{ name: r, match: {{ indicator: {name} }}, {text} }}\n"


@pytest.fixture
def lines(make_agent, tmp_path):
    """An agent with a policy, and what its file sink was told."""
    told = tmp_path / "told.jsonl"

    def make(policy, **options):
        report = {"journald": False, "screen": False, "file": {"path": str(told)}}
        return make_agent([BAD, OTHER, THIRD], policy=policy, report=report, **options)

    make.told = lambda: ([json.loads(line) for line in told.read_text().splitlines()]
                         if told.exists() else [])
    return make


def command(*arguments):
    return subprocess.run([CORDON, *[str(part) for part in arguments]], capture_output=True,
                          text=True)


def close(agent, uid, comment="a false alarm"):
    return command("findings", "close", uid, "--comment", comment, "--socket",
                   agent.runtime / "control")


def uid(finding):
    return finding["finding_info"]["uid"]


def history(agent, finding):
    shown = command("findings", "show", uid(finding), "--state-dir", agent.state).stdout
    return [line.split()[1] for line in shown.split("History")[1].splitlines() if line.strip()]


def test_ten_times(lines, namespace):
    """Proves that the same alert ten times is one record with count ten, that the first is told as
    high and the next are low, and that ten within the hour become critical."""
    with lines(POLICY) as agent:
        namespace.look_up("sendto", BAD)
        assert agent.finding(BAD)["severity"] == "High"
        for _ in range(8):
            namespace.look_up("sendto", BAD)
        wait_for(lambda: agent.finding(BAD)["count"] == 9, "nine are counted")
        assert agent.finding(BAD)["severity"] == "Low"
        namespace.look_up("sendto", BAD)
        wait_for(lambda: agent.finding(BAD)["count"] == 10, "ten are counted")
        assert len(agent.findings(BAD)) == 1
        assert agent.finding(BAD)["severity"] == "Critical"
        told = [line["severity"] for line in lines.told() if line["class_uid"] == 2004]
        assert told[0] == "High" and told[-1] == "Critical"
        assert history(agent, agent.finding(BAD)) == ["opened", "severity", "severity"]


def test_first_of_several(lines, namespace):
    """Proves that of several findings that share a key the first is high and the next one low."""
    with lines(POLICY) as agent:
        namespace.look_up("sendto", OTHER)
        agent.finding(OTHER)
        namespace.look_up("sendto", THIRD)
        assert agent.finding(THIRD)["severity"] == "Low"
        assert agent.finding(OTHER)["severity"] == "High"


def test_close_and_reopen(lines, namespace):
    """Proves that a finding is closed by hand with a comment, that sinks hear of it, that it is
    opened again when it comes back, and that its history has all of it."""
    with lines(rule("severity: high")) as agent:
        namespace.look_up("sendto", BAD)
        finding = agent.finding(BAD)
        assert close(agent, "nobody").returncode == 2
        done = close(agent, uid(finding), "a test, TICKET-1")
        assert done.returncode == 0, done.stderr
        assert close(agent, uid(finding)).returncode == 2
        closed = agent.finding(BAD)
        assert (closed["activity_id"], closed["status_id"]) == (3, 4)
        assert closed["comment"] == "a test, TICKET-1"
        assert lines.told()[-1]["type_uid"] == 200403
        assert lines.told()[-1]["metadata"]["uid"] != lines.told()[0]["metadata"]["uid"]
        shown = command("findings", "--status", "open", "--state-dir", agent.state)
        assert shown.returncode == 0 and shown.stdout == ""
        namespace.look_up("sendto", BAD)
        wait_for(lambda: agent.finding(BAD)["count"] == 2, "it is back")
        assert agent.finding(BAD)["status_id"] == 1
        wait_for(lambda: lines.told()[-1]["activity_id"] == 2, "sinks hear that it is back")
        assert history(agent, finding) == ["opened", "closed", "reopened"]


def test_closed_by_quiet(lines, namespace):
    """Proves that a finding is over when it was not seen for as long as its rule says."""
    with lines(rule("severity: high, close: { quiet: 2s }")) as agent:
        namespace.look_up("sendto", BAD)
        agent.finding(BAD)
        wait_for(lambda: agent.finding(BAD)["activity_id"] == 3, "it is closed")
        assert "not seen" in agent.finding(BAD)["status_detail"]


def test_closed_by_process(lines, namespace):
    """Proves that a finding is over when the process that did it is gone."""
    with lines(rule("severity: high, close: { process_gone: yes }")) as agent:
        namespace.look_up("sendto", BAD)
        agent.finding(BAD)
        wait_for(lambda: agent.finding(BAD)["activity_id"] == 3, "it is closed")
        assert agent.finding(BAD)["status_detail"] == "its process is gone"


def test_closed_by_withdrawal(lines, namespace):
    """Proves that a finding is over when no list has its indicator any more, and not before."""
    with lines(rule("severity: high, close: { withdrawn: yes }")) as agent:
        namespace.look_up("sendto", BAD)
        agent.finding(BAD)
        swept = agent.status()["uptime"] + 5
        wait_for(lambda: agent.status()["uptime"] > swept, "it was looked at")
        assert agent.finding(BAD)["activity_id"] != 3
        agent.compile([OTHER])
        wait_for(lambda: agent.finding(BAD)["activity_id"] == 3, "it is closed")


def test_suppressed(lines, namespace):
    """Proves that what is suppressed is recorded with who answers for it, and told to nobody."""
    policy = rule("suppress: yes, reason: a scanner, owner: red team")
    with lines(policy) as agent:
        namespace.look_up("sendto", BAD)
        finding = agent.finding(BAD)
        assert (finding["status"], finding["is_alert"]) == ("Suppressed", False)
        assert finding["unmapped"]["owner"] == "red team"
        namespace.look_up("sendto", OTHER)
        wait_for(lambda: lines.told(), "what is not suppressed is told")
        assert all(uid(line) != uid(finding) for line in lines.told())


def test_routes(lines, namespace):
    """Proves that a rule's sinks are told, and no others."""
    with lines(rule("severity: high, sinks: journald")) as agent:
        namespace.look_up("sendto", BAD)
        agent.finding(BAD)
        namespace.look_up("sendto", OTHER)
        other = agent.finding(OTHER)
        wait_for(lambda: lines.told(), "the other one is told")
        assert {uid(line) for line in lines.told()} == {uid(other)}


def test_policy_changes(lines, namespace):
    """Proves that a policy file that is changed comes into force by itself, that a broken one is
    refused and told, by a file as by `cordon reload`, and that audit mode says what would have been
    done."""
    with lines(rule("severity: low")) as agent:
        policy = agent.folder / "policy.yaml"
        namespace.look_up("sendto", BAD)
        assert agent.finding(BAD)["severity"] == "Low"
        policy.write_text("rules: [{ name: broken }]\n")
        wait_for(lambda: "the policy in force stays the one before" in agent.log.read_text(),
                 "it is refused")
        refused = command("reload", "--socket", agent.runtime / "control")
        assert refused.returncode == 2 and "says nothing" in refused.stderr
        policy.write_text(rule("severity: critical, response: block"))
        wait_for(lambda: "policy in force: 1 rules" in agent.log.read_text(), "it is in force")
        namespace.look_up("sendto", BAD)
        wait_for(lambda: agent.finding(BAD)["severity"] == "Critical", "it is worse now")
        assert agent.finding(BAD)["unmapped"]["would_have"] == "block"
        assert command("reload", "--socket", agent.runtime / "control").returncode == 0
