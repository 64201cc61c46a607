# SPDX-License-Identifier: Apache-2.0
"""A finding reaches CloudWatch Logs: signed, valid, at least once, in order, whatever happens to
AWS, to the network and to both processes; and the process that talks to AWS has no rights."""

import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agent import SOURCE, hostnames, need, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

GROUP = "/cordon/findings"
POLICY = """\
name: cloud-tests
version: 1
rules:
  - name: worst
    match: { domain: worst.invalid }
    severity: critical
  - name: others
    match: { detector: indicator }
    severity: medium
"""

# Each an entry of its own: what is below one entry is one finding.
PREFIXES = ("down", "kill", "throttle", "error", "reset", "truncate", "garbage", "critical",
            "others")
ENTRIES = [f"{prefix}{i}.{zone}.invalid" for prefix in PREFIXES for i in range(100)
           for zone in ("cloud", "worst")]
ENTRIES += [f"{name}.{zone}.invalid" for name in ("a", "b", "c", "skew", "tls", "warm")
            for zone in ("cloud", "worst")]


@pytest.fixture
def aws():
    with Emulator() as emulator:
        emulator.services["logs"].groups[GROUP] = {}
        yield emulator


@pytest.fixture
def cloud_agent(make_agent):
    """An agent that reports to the emulator; not started yet."""
    def make(environment, aws=None, **sections):
        report = {"journald": False, "screen": False, "cloudwatch": {"group": GROUP}}
        agent = make_agent(ENTRIES, policy=POLICY, aws=aws or {},
                           report={**report, **sections.pop("report", {})}, **sections)
        agent.environment = environment
        return agent
    return make


def events(aws):
    """Findings as they came: [(stream, finding)]."""
    streams = aws.services["logs"].groups.get(GROUP, {})
    return [(stream, json.loads(event["message"]))
            for stream, kept in list(streams.items()) for event in list(kept)]


def named(aws, name):
    return [finding for _, finding in events(aws) if name in hostnames(finding)]


def sink(agent):
    return agent.status()["deliveries"]["sinks"][0]


def child_of(agent):
    return wait_for(lambda: agent.status()["deliveries"]["process"]["pid"], "cordon-cloud runs")


def look_up(namespace, names):
    for name in names:
        namespace.look_up("sendto", name)


def all_came(aws, names):
    return lambda: all(named(aws, name) for name in names)


def test_finding_arrives(aws, cloud_agent, namespace):
    agent = cloud_agent(aws.environment())
    agent.start()
    look_up(namespace, ["a.cloud.invalid"])
    found = wait_for(lambda: named(aws, "a.cloud.invalid"), "the finding is in CloudWatch Logs")
    [(stream, _)] = events(aws)
    assert stream == aws.imds.instance["instance-id"]
    assert len(found) == 1 and found[0]["class_uid"] == 2004
    assert found[0]["finding_info"]["uid"] == agent.finding("a.cloud.invalid")["finding_info"]["uid"]
    assert not aws.refused or all("exist" in why for _, _, why in aws.refused)
    # From here on findings name the instance.
    look_up(namespace, ["b.cloud.invalid"])
    [second] = wait_for(lambda: named(aws, "b.cloud.invalid"), "the second one, too")
    assert second["cloud"]["region"] == aws.region
    wait_for(lambda: sink(agent)["waiting"] == 0, "nothing is owed any more")
    status = sink(agent)
    assert (status["delivered"], status["failed"], status["error"]) == (2, 0, None)


def test_group_and_stream_are_made(aws, cloud_agent, namespace):
    del aws.services["logs"].groups[GROUP]
    agent = cloud_agent(aws.environment(credentials=True), aws={"metadata": "off"},
                        report={"cloudwatch": {"group": GROUP, "stream": "mine/1"}})
    agent.start()
    look_up(namespace, ["a.cloud.invalid"])
    wait_for(all_came(aws, ["a.cloud.invalid"]), "the finding arrives")
    assert list(aws.services["logs"].groups[GROUP]) == ["mine/1"]
    # They are removed while it runs.
    aws.services["logs"].groups[GROUP].clear()
    look_up(namespace, ["b.cloud.invalid"])
    wait_for(all_came(aws, ["b.cloud.invalid"]), "the next one arrives, too")


def test_metrics(aws, cloud_agent, namespace):
    """A line in the embedded metric format: each metric is defined, and is a number."""
    agent = cloud_agent(aws.environment(), report={"cloudwatch": {"group": GROUP, "metrics": True}})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    [line] = wait_for(lambda: [event for _, event in events(aws) if "_aws" in event], "a line")
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Cordon" and directive["Dimensions"] == [[]]
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert len(set(names)) == len(names) and {"Heartbeat", "FindingsCritical"} < set(names)
    assert len(names) == 19  # as the manual says: each is paid for
    assert all(type(line[name]) is int for name in names)
    assert all(metric["Unit"] in ("Count", "Seconds") for metric in directive["Metrics"])
    wait_for(all_came(aws, ["a.worst.invalid"]), "findings come, too")
    assert sink(agent)["poison"] == 0 and not sink(agent)["error"]


def test_rights_of_the_process(aws, cloud_agent, namespace):
    """From outside: another user, no capability, a filter, and nothing that it may write."""
    agent = cloud_agent(aws.environment())
    agent.start()
    pid = child_of(agent)
    wait_for(lambda: agent.status()["deliveries"]["process"]["cage"], "its cage is up")
    lines = dict(re.findall(r"^(\w+):[ \t]*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))
    assert lines["Name"] == "cordon-cloud"
    assert "0" not in lines["Uid"].split() and "0" not in lines["Gid"].split()
    assert lines["Groups"].strip() == ""
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(lines[name], 16) == 0, name
    assert lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2"
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max file size\s+0\s+0\s", limits, re.M)
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(link)
        assert target == "/dev/null" or re.match(r"(socket|anon_inode|pipe):", target), target
    assert Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0") == b""
    for layer in agent.status()["deliveries"]["process"]["cage"]:
        assert layer["on"] or layer["layer"] == "landlock", layer


def test_down_at_the_start_and_for_a_while(cloud_agent, namespace):
    """What is found meanwhile arrives afterwards; also what was found by a daemon before."""
    with Emulator() as aws:
        port = aws.server.server_port
        environment = aws.environment(credentials=True)
        keys = dict(aws.keys)
    agent = cloud_agent(environment, aws={"metadata": "off"})
    agent.start()
    first = [f"down{i}.cloud.invalid" for i in range(20)]
    look_up(namespace, first)
    wait_for(lambda: sink(agent)["error"], "the failure is told")
    wait_for(lambda: sink(agent)["waiting"] == 20, "all of them are owed")
    agent.stop()
    agent.start()
    second = [f"down{i}.worst.invalid" for i in range(5)]
    look_up(namespace, second)
    wait_for(lambda: sink(agent)["waiting"] == 25, "all of them are owed")
    wait_for(lambda: agent._status().returncode == 1, "status says that something is wrong")
    with Emulator(port=port) as aws:
        aws.keys.update(keys)
        wait_for(all_came(aws, first + second), "all arrive when AWS is back", 120)
        wait_for(lambda: sink(agent)["waiting"] == 0 and not sink(agent)["error"], "all is well")


def test_kill_loses_nothing(aws, cloud_agent, namespace):
    """kill -9 of the daemon and of cordon-cloud under way: each finding arrives at least once, and
    none of its states before an older one."""
    agent = cloud_agent(aws.environment(credentials=True))
    agent.start()
    names = []
    for turn in range(6):
        aws.fault("logs", "after", "PutLogEvents", times=1)  # carried out, but nobody hears of it
        batch = [f"kill{turn * 8 + i}.{'worst' if i % 3 else 'cloud'}.invalid" for i in range(8)]
        look_up(namespace, batch)
        names += batch
        if turn % 2:
            agent.kill()
            agent.start()
        else:
            os.kill(child_of(agent), signal.SIGKILL)
    kept = wait_for(lambda: {name for f in agent.findings() for name in hostnames(f)},
                    "findings in the journal")
    # What was on its way through the probes when the daemon was killed need not be there.
    wait_for(all_came(aws, kept), "all that the journal has has arrived", 120)
    assert len(kept) > len(names) // 2
    counts = {}
    for _, finding in events(aws):
        uid = finding["finding_info"]["uid"]
        assert finding["count"] >= counts.get(uid, 0)
        counts[uid] = finding["count"]


@pytest.mark.parametrize("kind, times", [("throttle", 12), ("error", 7), ("reset", 12),
                                         ("truncate", 5), ("garbage", 2)])
def test_service_in_trouble(aws, cloud_agent, namespace, kind, times):
    agent = cloud_agent(aws.environment(credentials=True))
    aws.fault("logs", kind, times=times)
    agent.start()
    names = [f"{kind}{i}.worst.invalid" for i in range(5)]
    look_up(namespace, names)
    wait_for(all_came(aws, names), "all arrive when the trouble is over", 120)
    wait_for(lambda: not sink(agent)["error"], "all is well")


def test_credentials_expire(aws, cloud_agent, namespace):
    agent = cloud_agent(aws.environment())
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    wait_for(all_came(aws, ["a.worst.invalid"]), "the first one arrives")
    aws.keys.clear()
    aws.imds.credentials = None
    look_up(namespace, ["b.worst.invalid"])
    wait_for(all_came(aws, ["b.worst.invalid"]), "new credentials are fetched")
    aws.imds.fail = [503] * 1000
    look_up(namespace, ["c.worst.invalid"])
    wait_for(all_came(aws, ["c.worst.invalid"]), "good credentials are kept while IMDS is gone")


def test_clock_is_off(aws, cloud_agent, namespace):
    aws.skew = timedelta(minutes=20)
    agent = cloud_agent(aws.environment(credentials=True))
    agent.start()
    look_up(namespace, ["skew.worst.invalid"])
    wait_for(all_came(aws, ["skew.worst.invalid"]), "it arrives")


def test_off_ec2(aws, cloud_agent, namespace):
    """No region, and a metadata service that nobody answers for: told, and the rest works."""
    environment = aws.environment(credentials=True)
    del environment["AWS_REGION"]
    agent = cloud_agent(environment, aws={"metadata": "http://127.0.0.1:9"})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: "no region" in (sink(agent)["error"] or ""), "it is told")
    assert agent.finding("a.worst.invalid")
    assert agent.log.read_text().count("no region") == 1
    assert not aws.calls(failed=True)


def test_permission_missing(aws, cloud_agent, namespace):
    agent = cloud_agent(aws.environment(credentials=True))
    aws.fault("logs", "error", "PutLogEvents", times=1000, code="AccessDeniedException", status=400)
    agent.start()
    look_up(namespace, ["a.cloud.invalid"])
    wait_for(lambda: "logs:PutLogEvents: AccessDeniedException" in (sink(agent)["error"] or ""),
             "status names the permission")
    assert sink(agent)["waiting"] == 1


@pytest.mark.parametrize("kind", ["endless", "redirect", "hang"])
def test_hostile_endpoint(aws, cloud_agent, namespace, kind):
    """It neither grows nor dies of it, and nothing that the endpoint says loses a finding."""
    agent = cloud_agent(aws.environment(credentials=True))
    agent.start()
    aws.fault("logs", kind, times=1000, to="http://127.0.0.1:1/")
    pid = child_of(agent)
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: aws.calls("PutLogEvents", failed=True), "it is asked")
    if kind != "hang":
        wait_for(lambda: sink(agent)["error"], "the failure is told")
    resident = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
    assert resident < 64 * 1024, f"{resident} KiB"
    assert sink(agent)["waiting"] == 1 and sink(agent)["poison"] == 0
    assert child_of(agent) == pid
    if kind == "endless":
        aws.faults_clear()
        wait_for(all_came(aws, ["a.worst.invalid"]), "it arrives in the end", 120)


def test_tls_and_names(aws, cloud_agent, namespace, tmp_path):
    """Under the sandbox: TLS with authorities from a file, and a name that must be resolved."""
    need("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    aws.server.socket = context.wrap_socket(aws.server.socket, server_side=True)
    environment = aws.environment(credentials=True)
    url = f"https://localhost:{aws.server.server_port}"
    # Without the file nobody is trusted.
    agent = cloud_agent(environment, aws={"endpoint": url, "metadata": "off"})
    agent.start()
    look_up(namespace, ["tls.worst.invalid"])
    wait_for(lambda: "certificate" in (sink(agent)["error"] or "").lower(), "it is refused")
    agent.stop()
    config = json.loads(agent.config.read_text())
    config["aws"]["ca_file"] = str(certificate)
    agent.config.write_text(json.dumps(config))
    agent.start()
    wait_for(all_came(aws, ["tls.worst.invalid"]), "it arrives")


def test_latency(aws, cloud_agent, namespace, figure):
    """From the lookup to the call at the emulator: critical ones one by one, others in a stream.
    Those come first: a hundred calls one by one are ahead of the pace, and others wait for it."""
    agent = cloud_agent(aws.environment(credentials=True))
    agent.start()
    look_up(namespace, ["warm.worst.invalid"])
    wait_for(all_came(aws, ["warm.worst.invalid"]), "warm")
    for kind, zone in (("others", "cloud"), ("critical", "worst")):
        names = [f"{kind}{i}.{zone}.invalid" for i in range(100)]
        for name in names:
            look_up(namespace, [name])
            if kind == "critical":
                wait_for(lambda: named(aws, name), "it arrives")
        wait_for(all_came(aws, names), "all arrive")
        took = []
        for call in aws.calls("PutLogEvents"):
            for event in call.parameters["logEvents"]:
                finding = json.loads(event["message"])
                for name in hostnames(finding) & set(names):
                    took.append(call.at.timestamp() * 1000 - finding["time"])
        took.sort()
        figure(f"finding to PutLogEvents, {kind}: p50 {statistics.median(took):.0f} ms, "
                       f"p99 {took[int(len(took) * 0.99) - 1]:.0f} ms")
        assert len(took) == len(names)
