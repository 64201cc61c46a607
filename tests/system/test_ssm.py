# SPDX-License-Identifier: Apache-2.0
"""SSM hears of this host as it is (inventory, compliance), and of each severe finding as one OpsItem,
whatever happens in between; doctor says which permission is missing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from agent import BUILD, CORDON, SOURCE, hostnames, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

GROUP, AGENT_GROUP = "/cordon/findings", "/cordon/agent"
TYPE = "Custom:Cordon"
POLICY = """\
name: ssm-tests
version: 1
rules:
  - name: worst
    match: { domain: worst.invalid }
    severity: critical
  - name: others
    match: { detector: indicator }
    severity: medium
"""
ENTRIES = [f"{name}.{zone}.invalid" for zone in ("ssm", "worst")
           for name in [*"abcdef", *(f"n{i}" for i in range(20))]]


@pytest.fixture
def aws():
    with Emulator() as emulator:
        emulator.services["logs"].groups[GROUP] = {}
        emulator.ssm = emulator.services["ssm"]
        emulator.instance = emulator.imds.instance["instance-id"]
        yield emulator


@pytest.fixture
def ssm_agent(make_agent, aws):
    """An agent that reports to the emulator's SSM; not started yet."""
    def make(ssm=None, cloudwatch=None, environment=None, **sections):
        report = {"journald": False, "screen": False, "ssm": {"interval": 1, **(ssm or {})},
                  "cloudwatch": cloudwatch or {}}
        agent = make_agent(ENTRIES, policy=POLICY, report=report, **sections)
        agent.environment = environment or aws.environment()
        return agent
    return make


def look_up(namespace, *names):
    for name in names:
        namespace.look_up("sendto", name)


def items_about(aws, name):
    """OpsItems whose finding has evidence of the name."""
    return [item for item in list(aws.ssm.ops_items.values())
            if name in hostnames(json.loads(item["OperationalData"]["cordon.finding"]["Value"]))]


def deliveries(agent):
    return agent.status()["deliveries"]


def report(agent, name):
    return next(one for one in deliveries(agent)["reports"] if one["name"] == name)


def sink(agent, name):
    return next(one for one in deliveries(agent)["sinks"] if one["name"] == name)


def settled(agent, name="opsitems"):
    return lambda: sink(agent, name)["waiting"] == 0 and not sink(agent, name)["error"]


def refused_by_model(aws):
    """Requests that a model or a signature refused: there must be none."""
    return [why for _, _, why in aws.refused if "ValidationException" in why or
            "SerializationException" in why or "Signature" in why]


def inventory(aws):
    item = aws.ssm.inventory.get((aws.instance, TYPE))
    return item and item["Content"][0]


def compliance(aws):
    request = aws.ssm.compliance.get((aws.instance, TYPE))
    return request and {item["Id"]: item for item in request["Items"]}


def test_inventory(aws, ssm_agent, namespace):
    """It is sent as a whole, again when it changes, and by its hash only when it does not."""
    agent = ssm_agent({"inventory": "call"})
    agent.start()
    first = wait_for(lambda: inventory(aws), "the inventory is there")
    status = agent.status()
    assert first["Version"] == status["version"] and first["Mode"] == "audit"
    assert first["Pack"] == status["pack"]["sha256"] and first["Kernel"] == os.uname().release
    assert first["LastFinding"] == "" and first["Hooks"].split()[0] != "0"
    assert all(isinstance(value, str) for value in first.values())
    look_up(namespace, "a.worst.invalid")
    uid = agent.finding("a.worst.invalid")["finding_info"]["uid"]
    second = wait_for(lambda: inventory(aws)["LastFindingUid"] == uid and inventory(aws),
                      "it changes with a finding")
    assert second["LastFindingSeverity"] == "critical" and set(first) == set(second)
    assert not refused_by_model(aws)
    # Nothing changes: nothing is said.
    calls = len(aws.calls("PutInventory"))
    looks = agent.status()["uptime"] + 3
    wait_for(lambda: agent.status()["uptime"] >= looks, "it has looked again")
    assert len(aws.calls("PutInventory")) == calls


def test_inventory_is_not_taken(aws, ssm_agent):
    """Who is not managed by SSM is told so; it goes on trying."""
    aws.ssm.managed = set()
    agent = ssm_agent({"inventory": "call", "compliance": True})
    agent.start()
    for name in ("inventory", "compliance"):
        wait_for(lambda: "does not manage" in (report(agent, name)["error"] or ""), "it is told")
    assert agent._status().returncode == 1
    assert agent.log.read_text().count("report inventory fails") == 1


def test_inventory_file(aws, ssm_agent, tmp_path):
    """The file that SSM's own agent uploads: no permission, no call."""
    folder = tmp_path / "ssm"
    (folder / aws.instance).mkdir(parents=True)
    agent = ssm_agent({"inventory": "file", "folder": str(folder)})
    agent.start()
    path = folder / aws.instance / "inventory/custom/Cordon.json"
    wait_for(path.exists, "the file is there")
    written = json.loads(path.read_text())
    assert written["TypeName"] == TYPE and written["Content"]["Mode"] == "audit"
    assert path.stat().st_mode & 0o777 == 0o600 and os.listdir(path.parent) == [path.name]
    assert all(isinstance(value, str) for value in written["Content"].values())
    assert not aws.calls("PutInventory")


def test_inventory_file_without_ssm(aws, ssm_agent, tmp_path):
    agent = ssm_agent({"inventory": "file", "folder": str(tmp_path / "none")})
    agent.start()
    wait_for(lambda: report(agent, "inventory-file")["error"], "it is told")
    assert not (tmp_path / "none").exists()


def test_compliance(aws, ssm_agent):
    """The whole list each time, and what does not hold is not compliant."""
    agent = ssm_agent({"compliance": True})
    agent.start()
    items = wait_for(lambda: compliance(aws), "compliance is there")
    assert {"running", "up-to-date", "probes", "pack", "findings", "preflight",
            "isolation"} == set(items)
    wait_for(lambda: {item["Status"] for item in compliance(aws).values()} == {"COMPLIANT"},
             "all is well")
    # A setting that waits for a restart.
    config = json.loads(agent.config.read_text())
    config["journal"] = {"sightings": 7}
    agent.config.write_text(json.dumps(config))
    agent.reload()
    wait_for(lambda: compliance(aws)["up-to-date"]["Status"] == "NON_COMPLIANT", "it is told")
    assert set(compliance(aws)) == set(items)
    assert not refused_by_model(aws)


def test_compliance_old_pack(aws, ssm_agent):
    agent = ssm_agent({"compliance": True})
    agent.pack.unlink()
    agent.start()
    items = wait_for(lambda: compliance(aws), "compliance is there")
    assert items["pack"]["Status"] == "NON_COMPLIANT"
    assert "no indicators" in items["pack"]["Details"]["found"]


def test_opsitem(aws, ssm_agent, namespace):
    """One a finding, from the configured severity on, with what one needs to go on."""
    agent = ssm_agent({"opsitems": "high"})
    agent.start()
    look_up(namespace, "a.ssm.invalid", "a.worst.invalid", "b.worst.invalid")
    wait_for(lambda: items_about(aws, "a.worst.invalid") and items_about(aws, "b.worst.invalid"),
             "OpsItems are there")
    wait_for(settled(agent), "nothing is owed")
    assert len(aws.ssm.ops_items) == 2 and not items_about(aws, "a.ssm.invalid")
    [item] = items_about(aws, "a.worst.invalid")
    found = agent.finding("a.worst.invalid")
    data = item["OperationalData"]
    assert (item["Source"], item["Category"], item["Severity"]) == ("cordon", "Security", "1")
    assert data["cordon.uid"]["Value"] == found["finding_info"]["uid"]
    assert data["cordon.hostname"]["Value"] == "a.worst.invalid"
    assert data["cordon.uid"]["Value"] in data["cordon.investigation"]["Value"]
    [resource] = json.loads(data["/aws/resources"]["Value"])
    assert resource["arn"].endswith(f":instance/{aws.instance}")
    assert not refused_by_model(aws)


def test_opsitem_goes_on(aws, ssm_agent, namespace):
    """What is seen again updates its OpsItem; one that people resolved is opened again; what was
    carried out unheard makes no second one."""
    agent = ssm_agent({"opsitems": "high"})
    aws.fault("ssm", "after", "CreateOpsItem", times=1)
    agent.start()
    look_up(namespace, "a.worst.invalid")
    wait_for(lambda: items_about(aws, "a.worst.invalid"), "the OpsItem is there")
    wait_for(settled(agent), "nothing is owed")
    [item] = items_about(aws, "a.worst.invalid")
    item["Status"] = "Resolved"
    for turn in (2, 3):
        # Its repeats are owed a minute later; a restart does not wait for that.
        look_up(namespace, "a.worst.invalid")
        wait_for(lambda: agent.finding("a.worst.invalid")["count"] == turn, "it is counted")
        hurry(agent)
        wait_for(lambda: item["OperationalData"]["cordon.count"]["Value"] == str(turn),
                 "it is updated")
        assert item["Status"] == "Open"
    assert len(aws.ssm.ops_items) == 1 and aws.ssm.described == 2


def hurry(agent):
    """What is owed later is owed now."""
    agent.stop()
    edit_journal(agent, "UPDATE deliveries SET next_try = 0")
    agent.start()


def edit_journal(agent, *statements):
    import sqlite3
    with sqlite3.connect(agent.state / "journal.db") as journal:
        for statement in statements:
            journal.execute(statement)
    journal.close()


def test_opsitem_of_closed_finding(aws, ssm_agent, namespace):
    """A finding that is closed resolves its OpsItem; when it comes back, that is open again; closed
    ones without an OpsItem make none."""
    agent = ssm_agent({"opsitems": "high"})
    agent.start()
    look_up(namespace, "a.worst.invalid")
    wait_for(lambda: items_about(aws, "a.worst.invalid"), "the OpsItem is there")
    wait_for(settled(agent), "nothing is owed")
    [item] = items_about(aws, "a.worst.invalid")

    def owe(activity):
        agent.stop()
        edit_journal(
            agent, "UPDATE documents SET document = json_set(document, '$.activity_id', "
            f"{activity}, '$.type_uid', {200400 + activity})",
            "UPDATE findings SET count = count + 1",
            "INSERT OR REPLACE INTO deliveries (sink, uid, finding, severity, severe, enqueued, "
            "next_try, size, attempts, version, state) SELECT 2, uid, id, severity, 1, 1, 1, 100,"
            " 0, 0, 0 FROM findings WHERE severity = 5")
        agent.start()

    owe(3)
    wait_for(lambda: item["Status"] == "Resolved", "it is resolved")
    wait_for(settled(agent), "nothing is owed")
    owe(2)
    wait_for(lambda: item["Status"] == "Open", "it is open again")
    wait_for(settled(agent), "nothing is owed")
    aws.ssm.ops_items.clear()
    owe(3)
    wait_for(settled(agent), "nothing is owed")
    assert not aws.ssm.ops_items


def test_ssm_in_trouble(aws, ssm_agent, namespace):
    """Each finding has one OpsItem in the end."""
    agent = ssm_agent({"opsitems": "high"}, environment=aws.environment(credentials=True))
    agent.start()
    kinds = ("throttle", "error", "reset", "truncate", "garbage")
    for number, kind in enumerate(kinds):
        aws.fault("ssm", kind, "CreateOpsItem", times=4)
        name = f"n{number}.worst.invalid"
        look_up(namespace, name)
        wait_for(lambda: items_about(aws, name), f"it is there after {kind}", 120)
        wait_for(settled(agent), "nothing is owed")
        aws.faults_clear()
    assert len(aws.ssm.ops_items) == len(kinds) and sink(agent, "opsitems")["poison"] == 0
    aws.fault("ssm", "error", "CreateOpsItem", code="AccessDeniedException", status=400)
    look_up(namespace, "a.worst.invalid")
    wait_for(lambda: "ssm:CreateOpsItem: AccessDenied" in (sink(agent, "opsitems")["error"] or ""),
             "the permission is named")
    hurry(agent)
    wait_for(lambda: items_about(aws, "a.worst.invalid"), "it is there when it is given")


def test_opsitem_limit(aws, ssm_agent, namespace):
    aws.ssm.ops_item_limit = 1
    agent = ssm_agent({"opsitems": "high"})
    agent.start()
    look_up(namespace, "a.worst.invalid", "b.worst.invalid")
    wait_for(lambda: "too many OpsItems" in (sink(agent, "opsitems")["error"] or ""), "it is told")
    assert sink(agent, "opsitems")["waiting"] == 1


def test_sink_that_is_turned_off(aws, ssm_agent, namespace):
    """What it was owed is dropped, and told; others keep theirs."""
    aws.fault("ssm", "error", times=10000)
    aws.fault("logs", "error", times=10000)
    agent = ssm_agent({"opsitems": "high"}, cloudwatch={"group": GROUP})
    agent.start()
    look_up(namespace, "a.worst.invalid", "b.worst.invalid")
    wait_for(lambda: sink(agent, "opsitems")["waiting"] == 2, "both are owed")
    wait_for(lambda: sink(agent, "cloudwatch")["waiting"] == 2, "to both sinks")
    agent.stop()
    config = json.loads(agent.config.read_text())
    config["report"]["ssm"]["opsitems"] = "off"
    agent.config.write_text(json.dumps(config))
    agent.start()
    assert [one["name"] for one in deliveries(agent)["sinks"]] == ["cloudwatch"]
    assert sink(agent, "cloudwatch")["waiting"] == 2
    assert "2 findings that sink opsitems was owed are dropped" in agent.log.read_text()
    agent.stop()
    del config["report"]["cloudwatch"]
    agent.config.write_text(json.dumps(config))
    agent.start()
    assert agent.status()["deliveries"] is None
    assert "2 findings that sink cloudwatch was owed are dropped" in agent.log.read_text()


def test_death_of_cordon_cloud_is_a_finding(aws, ssm_agent):
    agent = ssm_agent({"opsitems": "medium"})
    agent.start()
    pid = wait_for(lambda: deliveries(agent)["process"]["pid"], "cordon-cloud runs")
    os.kill(pid, signal.SIGSEGV)
    wait_for(lambda: [f for f in agent.findings()
                      if f["finding_info"]["analytic"]["name"] == "cloud-broken"], "it is found")
    wait_for(lambda: aws.ssm.ops_items, "and told by the next one")
    wait_for(settled(agent), "nothing is owed")


def test_agent_log(aws, ssm_agent, namespace):
    """Warnings of the agent come to a group of their own; when that fails, nothing is said of it
    there or in the log, only in status."""
    aws.fault("ssm", "error", times=10000)
    agent = ssm_agent({"opsitems": "high"}, cloudwatch={"agent_group": AGENT_GROUP})
    agent.start()
    look_up(namespace, "a.worst.invalid")

    def lines():
        return [json.loads(event["message"]) for stream in
                list(aws.services["logs"].groups.get(AGENT_GROUP, {}).values()) for event in stream]
    wait_for(lambda: any("sink opsitems fails" in line["message"] for line in lines()),
             "the warning is there")
    assert all(line["level"] in ("warning", "error") and line["program"] == "cordond"
               for line in lines())
    wait_for(lambda: deliveries(agent)["log"]["waiting"] == 0, "all have come")
    aws.fault("logs", "error", times=10000)
    before = agent.log.read_text().count("\n")
    os.kill(deliveries(agent)["process"]["pid"], signal.SIGKILL)
    wait_for(lambda: deliveries(agent)["log"]["error"], "the failure is in status")
    assert "agent-log" not in agent.log.read_text()
    assert agent.log.read_text().count("\n") < before + 10


def doctor(agent):
    done = subprocess.run([CORDON, "doctor", "--json", "--config", agent.config],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {row["call"]: row for row in json.loads(done.stdout).get("aws", [])}


def test_metrics_by_call(aws, ssm_agent):
    """Without a log group: a call a minute, of what the lines have."""
    agent = ssm_agent(cloudwatch={"metrics": "call"})
    agent.start()
    found = wait_for(lambda: list(aws.services["monitoring"].metrics), "metrics come")
    assert {"Heartbeat", "FindingsCritical", "EventsSeen", "PackAge"} < {
        metric["MetricName"] for metric in found}
    assert all(metric["Namespace"] == "Cordon" and metric["Unit"] in ("Count", "Seconds")
               and "Timestamp" in metric for metric in found)
    assert not refused_by_model(aws) and not aws.services["logs"].groups[GROUP]


ALL = {"inventory": "call", "compliance": True, "opsitems": "high"}


def test_doctor_tries_each_call(aws, ssm_agent):
    """All allowed; nothing that people see was changed by trying."""
    agent = ssm_agent(ALL, cloudwatch={"group": GROUP, "metrics": "call",
                                       "agent_group": AGENT_GROUP})
    agent.start()
    rows = doctor(agent)
    assert {"sts:GetCallerIdentity", "cloudwatch:PutMetricData", "logs:PutLogEvents", "logs:CreateLogStream",
            "ssm:PutInventory", "ssm:PutComplianceItems", "ssm:CreateOpsItem", "ssm:UpdateOpsItem",
            "ssm:DescribeOpsItems"} == set(rows)
    assert {row["state"] for row in rows.values()} == {"ok"}, rows
    assert not aws.ssm.ops_items and not refused_by_model(aws)
    assert not any(events for group in aws.services["logs"].groups.values()
                   for events in group.values() if any(e["message"] == "preflight" for e in events))
    assert deliveries(agent)["preflight"]["runs"] >= 1


def test_doctor_names_what_is_missing(aws, ssm_agent):
    agent = ssm_agent(ALL, cloudwatch={"group": GROUP})
    agent.start()
    for call in ("logs:PutLogEvents", "logs:CreateLogStream", "ssm:PutInventory",
                 "ssm:PutComplianceItems", "ssm:CreateOpsItem", "ssm:UpdateOpsItem",
                 "ssm:DescribeOpsItems"):
        service, operation = call.split(":")
        aws.fault(service, "error", operation, times=10000, code="AccessDeniedException",
                  status=400)
        rows = doctor(agent)
        assert rows[call]["state"] == "fail" and call in rows[call]["found"], rows[call]
        statement = json.loads(rows[call]["remedy"].partition(": ")[2])
        assert statement["Action"] == call and statement["Effect"] == "Allow"
        assert statement["Resource"] == "*" or statement["Resource"].startswith(
            f"arn:aws:{service}:")
        assert {row["state"] for name, row in rows.items() if name != call} == {"ok"}, rows
        aws.faults_clear()
    assert agent._status().returncode == 1
    # No group: the one who may not make it is told so.
    aws.services["logs"].groups.clear()
    aws.fault("logs", "error", "CreateLogGroup", times=10000, code="AccessDeniedException",
              status=400)
    rows = doctor(agent)
    assert "logs:CreateLogGroup: AccessDenied" in rows["logs:CreateLogStream"]["found"]


def test_doctor_without_metadata(aws, ssm_agent):
    """Nobody answers: a hop limit that is too small looks like this."""
    aws.imds.silent = True
    agent = ssm_agent(ALL)
    agent.start()
    rows = doctor(agent)
    assert any("hop limit" in row["found"] + row["remedy"] for row in rows.values()), rows
