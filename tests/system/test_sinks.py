# SPDX-License-Identifier: Apache-2.0
"""A finding reaches EventBridge, Security Hub, SNS and S3, in the form that each takes, once for each
state of it; what one of them refuses, or one that hangs, costs the others nothing."""

import json
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from agent import CORDON, SOURCE, hostnames, wait_for

from test_cloud import child_of

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

GROUP = "/cordon/findings"
BUCKET = "cordon-evidence"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"
POLICY = """\
name: sink-tests
version: 1
rules:
  - name: worst
    match: { domain: worst.invalid }
    severity: critical
  - name: least
    match: { domain: least.invalid }
    severity: informational
  - name: others
    match: { detector: indicator }
    severity: medium
    response: block
"""
ZONES = ("worst", "least", "cloud")
ENTRIES = [f"{name}.{zone}.invalid" for zone in ZONES
           for name in ["a", "b", "c", "raised", *(f"many{i}" for i in range(60))]]
SINKS = ("cloudwatch", "eventbridge", "security_hub", "sns", "s3")


@pytest.fixture
def aws():
    with Emulator() as emulator:
        emulator.services["logs"].groups[GROUP] = {}
        emulator.services["s3"].buckets[BUCKET] = {}
        yield emulator


@pytest.fixture
def sink_agent(make_agent):
    """An agent that reports to all of them; not started yet. report: sections that differ."""
    def make(environment, mode="audit", aws=None, report=None):
        sections = {"journald": False, "screen": False, "cloudwatch": {"group": GROUP},
                    "eventbridge": {"bus": "default"}, "security_hub": {"enabled": True},
                    "sns": {"topic": TOPIC}, "s3": {"bucket": BUCKET, "interval": 1}}
        for name, section in (report or {}).items():
            if section is None:
                del sections[name]
            else:
                sections[name] = {**sections.get(name, {}), **section}
        agent = make_agent(ENTRIES, mode=mode, policy=POLICY, aws=aws or {}, report=sections)
        agent.environment = environment
        return agent
    return make


def sink(agent, name):
    return next(row for row in agent.status()["deliveries"]["sinks"] if row["name"] == name)


def look_up(namespace, names):
    for name in names:
        namespace.look_up("sendto", name)


def events(aws, class_name="Detection Finding"):
    return [json.loads(entry["Detail"]) for entry in list(aws.services["events"].entries)
            if entry["DetailType"] == class_name]


def imported(aws, name):
    """Findings of Security Hub about a name."""
    return [finding for finding in list(aws.services["securityhub"].findings.values())
            if finding.get("Network", {}).get("DestinationDomain") == name]


def published(aws, name):
    return [message for message in list(aws.services["sns"].messages)
            if name in json.loads(message["Message"])["default"]]


def stored(aws, bucket=BUCKET):
    return [line for lines in aws.services["s3"].lines(bucket).values() for line in lines]


def named(findings, name):
    return [finding for finding in findings if finding["class_uid"] == 2004 and
            name in hostnames(finding)]


def in_logs(aws):
    return [json.loads(event["message"]) for kept in
            list(aws.services["logs"].groups[GROUP].values()) for event in list(kept)]


def test_each_sink_has_it(aws, sink_agent, namespace):
    name = "a.worst.invalid"
    # Each service by its own variable; nothing answers where all others would be.
    variables = {f"AWS_ENDPOINT_URL_{service}": aws.url for service in (
        "STS", "CLOUDWATCH_LOGS", "EVENTBRIDGE", "SECURITYHUB", "SNS", "S3")}
    agent = sink_agent({**aws.environment(), **variables,
                        "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    agent.start()
    look_up(namespace, [name])
    finding = agent.finding(name)
    uid = finding["finding_info"]["uid"]

    [event] = wait_for(lambda: named(events(aws), name), "EventBridge has it")
    assert event["finding_info"]["uid"] == uid
    [entry] = [e for e in aws.services["events"].entries if name in e["Detail"]]
    assert entry["Source"] == "cordon" and entry["EventBusName"] == "default"
    assert entry["Time"].timestamp() == finding["time"] // 1000

    [hub] = wait_for(lambda: imported(aws, name), "Security Hub has it")
    instance = aws.imds.instance["instance-id"]
    assert hub["Id"] == f"cordon/{uid}" and hub["RecordState"] == "ACTIVE"
    assert hub["FindingProviderFields"] == {
        "Severity": {"Label": "CRITICAL", "Original": "Critical"},
        "Types": ["TTPs/Command and Control"]}
    assert hub["Resources"][0] == {
        "Type": "AwsEc2Instance", "Region": aws.region, "Partition": "aws",
        "Id": f"arn:aws:ec2:{aws.region}:{aws.account}:instance/{instance}"}
    assert hub["ThreatIntelIndicators"][0]["Type"] == "DOMAIN"
    assert hub["ThreatIntelIndicators"][0]["Value"] == name
    assert hub["Process"]["Pid"] == finding["evidences"][0]["process"]["pid"]
    assert hub["Network"]["Direction"] == "OUT"

    [message] = wait_for(lambda: published(aws, name), "SNS has it")
    parts = json.loads(message["Message"])
    assert name in parts["default"] and "Critical" in parts["default"]
    assert json.loads(parts["sqs"])["finding_info"]["uid"] == uid
    assert message["Subject"].startswith("cordon Critical on ")
    assert message["MessageAttributes"]["severity"]["StringValue"] == "critical"

    [line] = wait_for(lambda: named(stored(aws), name), "S3 has it")
    assert line["finding_info"]["uid"] == uid
    [key] = aws.services["s3"].buckets[BUCKET]
    hour = datetime.fromtimestamp(finding["time"] / 1000, timezone.utc).strftime("%Y/%m/%d/%H")
    assert re.fullmatch(rf"cordon/{hour}/[a-z0-9.-]+-[0-9a-f]{{16}}\.jsonl\.gz", key), key
    wait_for(lambda: named(in_logs(aws), name), "CloudWatch Logs has it")
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 for s in SINKS), "nothing is owed")
    assert [sink(agent, s)["delivered"] for s in SINKS] == [1] * 5
    # The first finding is rendered before the instance is known; a later one names it.
    look_up(namespace, ["b.worst.invalid"])
    wait_for(lambda: named(stored(aws), "b.worst.invalid"), "the second one, too")
    [entry] = [e for e in aws.services["events"].entries if "b.worst.invalid" in e["Detail"]]
    assert entry["Resources"] == [hub["Resources"][0]["Id"]]
    assert any(instance in key for key in aws.services["s3"].buckets[BUCKET])
    # But for what the preflight sends to be refused, and a stream that was not there.
    assert not [why for _, _, why in aws.refused if not re.search("exist|BadDigest", why)]


def test_severities(aws, sink_agent, namespace):
    """Each sink has what is at least as severe as its configuration says."""
    agent = sink_agent(aws.environment(), report={"eventbridge": {"severity": "medium"}})
    agent.start()
    names = {zone: f"a.{zone}.invalid" for zone in ZONES}
    look_up(namespace, names.values())
    wait_for(lambda: all(named(stored(aws), name) for name in names.values()), "S3 has all")
    wait_for(lambda: named(events(aws), names["worst"]) and named(events(aws), names["cloud"]),
             "EventBridge has medium ones")
    wait_for(lambda: imported(aws, names["cloud"]) and imported(aws, names["worst"]),
             "Security Hub has low ones and worse")
    wait_for(lambda: published(aws, names["worst"]), "SNS has the critical one")
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 for s in SINKS), "nothing is owed")
    assert not named(events(aws), names["least"])
    assert not imported(aws, names["least"])
    assert not published(aws, names["least"]) and not published(aws, names["cloud"])


def test_blocks_are_told(aws, sink_agent, namespace):
    """What was done goes to the sinks that take it, as an object of its own, after the finding."""
    name = "a.cloud.invalid"
    agent = sink_agent(aws.environment(), mode="enforce")
    agent.start()
    look_up(namespace, [name])
    uid = agent.finding(name)["finding_info"]["uid"]

    def blocks(documents):
        return [d for d in documents if d["class_uid"] == 7004 and
                d["unmapped"]["finding_uid"] == uid]

    [event] = wait_for(lambda: blocks(events(aws, "Network Remediation Activity")),
                       "EventBridge is told of the block")
    assert event["disposition"] == "Blocked" and event["status"] == "Success"
    assert wait_for(lambda: blocks(stored(aws)), "S3 is told") == [event]
    assert wait_for(lambda: blocks(in_logs(aws)), "CloudWatch Logs is told") == [event]
    [hub] = wait_for(lambda: imported(aws, name), "Security Hub has the finding")
    assert hub["ProductFields"]["cordon/disposition"] == "Blocked"
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 for s in SINKS), "nothing is owed")


def test_blocks_survive_a_kill(aws, sink_agent, namespace):
    """A block is owed as a finding is: over an outage, and kill -9."""
    aws.fault("events", "reset", times=1000)
    agent = sink_agent(aws.environment(credentials=True), mode="enforce",
                       aws={"metadata": "off"}, report={"security_hub": {"account": aws.account}})
    agent.start()
    look_up(namespace, ["a.cloud.invalid"])
    wait_for(lambda: sink(agent, "eventbridge")["waiting"] == 2, "finding and block are owed")
    agent.kill()
    aws.faults_clear()
    agent.start()
    wait_for(lambda: events(aws) and events(aws, "Network Remediation Activity"),
             "both arrive", 60)


@pytest.mark.parametrize("service, name, kept", [
    ("events", "eventbridge", lambda aws: len(events(aws))),
    ("securityhub", "security_hub", lambda aws: len(aws.services["securityhub"].findings)),
    ("sns", "sns", lambda aws: len(aws.services["sns"].messages))])
def test_partial_failures(aws, sink_agent, namespace, service, name, kept):
    """Entries that the service does not take wait; those beside them have arrived, and no more
    than once."""
    agent = sink_agent(aws.environment(), report={"sns": {"severity": "medium"}})
    aws.fault(service, "partial", times=7)
    agent.start()
    look_up(namespace, [f"many{i}.cloud.invalid" for i in range(30)])
    wait_for(lambda: kept(aws) == 23, "the others arrive")
    wait_for(lambda: sink(agent, name)["waiting"] == 7, "these wait")
    assert sink(agent, name)["poison"] == 0 and sink(agent, name)["error"] is None


def test_poison(aws, sink_agent, namespace):
    """What the service says is wrong for good is set aside, and counted."""
    agent = sink_agent(aws.environment())
    aws.fault("securityhub", "partial", times=1, code="InvalidInput")
    agent.start()
    look_up(namespace, ["a.cloud.invalid", "b.cloud.invalid"])
    wait_for(lambda: sink(agent, "security_hub")["poison"] == 1, "one is set aside")
    wait_for(lambda: len(aws.services["securityhub"].findings) == 1, "the other arrives")
    assert sink(agent, "security_hub")["waiting"] == 0
    assert "is set aside" in agent.log.read_text()


OPERATIONS = {"events": "PutEvents", "securityhub": "BatchImportFindings", "sns": "PublishBatch",
              "s3": "PutObject"}


def test_services_in_trouble(aws, sink_agent, namespace):
    """Each service fails in each way, one after the other: more often than a call is tried again, so
    that the finding is delivered anew. All have it in the end, and no two of it."""
    agent = sink_agent(aws.environment(credentials=True), aws={"metadata": "off"},
                       report={"security_hub": {"account": aws.account}})
    agent.start()
    # Faults are for findings.
    wait_for(lambda: agent.status()["deliveries"]["preflight"]["runs"], "the preflight is over")
    for service, operation in OPERATIONS.items():
        for kind, times in (("after", 1), ("garbage", 1), ("truncate", 1), ("throttle", 2),
                            ("error", 2)):
            aws.fault(service, kind, operation, times=times)
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: not aws.faults_left(), "all of it has happened", 120)
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 and not sink(agent, s)["error"]
                         for s in SINKS), "all is well", 120)
    assert events(aws) and imported(aws, "a.worst.invalid") and published(aws, "a.worst.invalid")
    # Of S3 the same object again, not another one.
    assert len(aws.services["s3"].buckets[BUCKET]) == 1
    assert len(aws.services["securityhub"].findings) == 1
    assert len({e["metadata"]["uid"] for e in events(aws)}) == 1


def test_sparse_replies(aws, sink_agent, namespace):
    """Others' emulators leave out of replies and errors what is optional: no finding waits for it."""
    aws.sparse = True
    agent = sink_agent(aws.environment(credentials=True), aws={"metadata": "off"},
                       report={"security_hub": {"account": aws.account},
                               "ssm": {"opsitems": "high"}})
    # The OpsItem is there, and only the refusal of a second one is heard, without its id.
    aws.fault("ssm", "after", "CreateOpsItem", times=1)
    agent.start()
    look_up(namespace, ["a.worst.invalid", "b.worst.invalid"])
    every = (*SINKS, "opsitems")
    wait_for(lambda: all(sink(agent, s)["delivered"] == 2 for s in every), "all have both")
    assert not any(sink(agent, s)["error"] for s in every)
    assert len(aws.services["ssm"].ops_items) == 2 and aws.calls("UpdateOpsItem")


def test_outage_of_all(aws, sink_agent, namespace):
    """Nothing of AWS answers for a while, and the agent is killed in it: each sink has each finding in
    the end, under one id, and its states in their order."""
    early, late = ([f"many{i}.worst.invalid" for i in numbers] for numbers in
                   (range(8), range(8, 16)))
    agent = sink_agent(aws.environment(credentials=True), aws={"metadata": "off"},
                       report={"security_hub": {"account": aws.account},
                               "ssm": {"opsitems": "high"}})
    agent.start()
    first = early[:4]
    look_up(namespace, first)
    wait_for(lambda: all(imported(aws, name) for name in first), "the first ones arrive")
    aws.fault("*", "reset", times=1000000)
    look_up(namespace, early[4:])
    for name in early:
        agent.finding(name)
    agent.kill()
    agent.start()
    # What has been delivered is told again after a minute, which nobody waits for here.
    look_up(namespace, late + early[4:])
    for name in late:
        agent.finding(name)
    assert sink(agent, "sns")["waiting"] > 0
    aws.faults_clear()
    names, every = early + late, (*SINKS, "opsitems")
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 for s in every), "nothing is owed", 180)
    assert all(sink(agent, s)["poison"] == 0 for s in every)

    def is_in_order(states):
        """[(id, count)] of one name: one id, and never an earlier state after a later one."""
        assert len({uid for uid, _ in states}) == 1, states
        assert [count for _, count in states] == sorted(count for _, count in states), states

    documents = {"EventBridge": events(aws), "S3": stored(aws), "CloudWatch": in_logs(aws)}
    for name in names:
        for where, found in documents.items():
            states = named(found, name)
            assert states, (where, name)
            is_in_order([(f["finding_info"]["uid"], f.get("count", 1)) for f in states])
        assert len(imported(aws, name)) == 1 and published(aws, name)
    for states in aws.services["securityhub"].states.values():
        is_in_order([(f["Id"], int(f["ProductFields"]["cordon/count"])) for f in states])
    open_items = [item for item in aws.services["ssm"].ops_items.values()
                  if item["Status"] == "Open"]
    assert len(open_items) == len(names) == len({item["dedup"] for item in open_items})


ENTITIES = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
HOSTILE = {
    "json": ['{"Entries":' + "[" * 200_000, '{"Entries":[' + "[]," * 150_000 + "[]]}",
             '{"FailedEntryCount":"x","Entries":{"a":1},"SuccessCount":[],"FailedCount":{}}'],
    "xml": [f'<!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">{ENTITIES}]><a>&a9;</a>', "<a>" * 100_000,
            "<PublishBatchResponse><PublishBatchResult><Successful><member><Id>99999999999</Id>"
            "</member></Successful></PublishBatchResult></PublishBatchResponse>"],
}


def test_hostile_services(aws, sink_agent, namespace):
    """Bombs, and replies of wrong types, from all services: no memory beyond a bound, told, and the
    findings go when they have ended."""
    agent = sink_agent(aws.environment(credentials=True), aws={"metadata": "off"},
                       report={"security_hub": {"account": aws.account}})
    agent.start()
    wait_for(lambda: agent.status()["deliveries"]["preflight"]["runs"], "the preflight is over")
    for service, operation in OPERATIONS.items():
        for body in HOSTILE["xml" if service in ("sns", "s3") else "json"]:
            aws.fault(service, "garbage", operation, body=body.encode())
    look_up(namespace, ["a.worst.invalid"])
    told = set()
    wait_for(lambda: told.update(s for s in SINKS[1:] if sink(agent, s)["error"]) or
             len(told) == len(SINKS) - 1, "each is told")
    pid = child_of(agent)
    wait_for(lambda: not aws.faults_left(), "all of it has happened", 120)
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 and not sink(agent, s)["error"]
                         for s in SINKS), "all is well", 120)
    assert child_of(agent) == pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 64 * 1024, status


def test_one_that_hangs_costs_the_others_nothing(aws, sink_agent, namespace):
    aws.fault("securityhub", "hang", times=1000)
    agent = sink_agent(aws.environment())
    agent.start()
    names = [f"many{i}.{zone}.invalid" for zone in ("worst", "cloud") for i in range(60)]
    look_up(namespace, names)
    wait_for(lambda: all(named(events(aws), name) for name in names), "EventBridge has all", 60)
    wait_for(lambda: all(named(stored(aws), name) for name in names), "S3 has all", 60)
    assert sink(agent, "security_hub")["waiting"] == len(names)


def test_raised_and_seen_again(aws, sink_agent, namespace):
    """Security Hub has one finding of it, whose later states replace the earlier ones."""
    name = "raised.cloud.invalid"
    agent = sink_agent(aws.environment())
    agent.start()
    look_up(namespace, [name])
    [before] = wait_for(lambda: imported(aws, name), "it is there")
    path = next(agent.folder.glob("policy*"))
    path.write_text(POLICY.replace("severity: medium", "severity: high"))
    agent.reload()
    look_up(namespace, [name])
    wait_for(lambda: imported(aws, name)[0]["FindingProviderFields"]["Severity"]["Label"] ==
             "HIGH", "its severity is raised")
    [after] = imported(aws, name)
    assert after["Id"] == before["Id"] and after["CreatedAt"] == before["CreatedAt"]
    assert after["UpdatedAt"] > before["UpdatedAt"]
    assert after["ProductFields"]["cordon/count"] == "2"


def setting_error(agent, name):
    return wait_for(lambda: sink(agent, name)["error"], f"the error of {name} is told")


def test_settings_that_are_wrong(aws, sink_agent, namespace):
    """Each says what is to be set, and no finding is lost by it."""
    aws.services["securityhub"].enabled = False
    aws.services["sns"].topics = set()
    aws.services["s3"].elsewhere[BUCKET] = "eu-central-1"
    agent = sink_agent(aws.environment(), report={"eventbridge": {"bus": "nobody"}})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    assert setting_error(agent, "security_hub") == \
        "Security Hub is not turned on in this account and region"
    assert setting_error(agent, "sns").startswith("report.sns.topic: NotFound")
    assert setting_error(agent, "s3") == \
        f"report.s3.bucket: {BUCKET} is in eu-central-1, not in the region of this host"
    assert "ResourceNotFoundException" in setting_error(agent, "eventbridge")
    for name in SINKS[1:]:
        assert sink(agent, name)["waiting"] == 1 and sink(agent, name)["poison"] == 0
    # Put right, all of it goes with the next start.
    agent.stop()
    aws.services["securityhub"].enabled, aws.services["sns"].topics = True, None
    del aws.services["s3"].elsewhere[BUCKET]
    aws.services["events"].buses.add("nobody")
    agent.start()
    wait_for(lambda: all(sink(agent, s)["waiting"] == 0 for s in SINKS), "nothing is owed")


def test_account_is_not_known(aws, sink_agent, namespace):
    """Off EC2 Security Hub needs the account: told; the others work."""
    agent = sink_agent(aws.environment(credentials=True), aws={"metadata": "off"})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: events(aws) and stored(aws), "the others have it")
    wait_for(lambda: "report.security_hub.account" in (sink(agent, "security_hub")["error"] or ""),
             "it is told", 120)
    assert sink(agent, "security_hub")["waiting"] == 1


def test_bucket_of_another(aws, sink_agent, namespace):
    """A bucket that somebody else has made under our name gets nothing."""
    aws.services["s3"].owners[BUCKET] = "999999999999"
    agent = sink_agent(aws.environment(), report={"s3": {"owner": aws.account}})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    assert "s3:PutObject: AccessDenied" in setting_error(agent, "s3")
    assert not aws.services["s3"].buckets[BUCKET]


def test_odd_prefix(aws, sink_agent, namespace):
    """Keys with odd characters are signed as S3 signs them."""
    prefix = "a b+c/ä~'()=&%41/€/"
    agent = sink_agent(aws.environment(), report={"s3": {"prefix": prefix}})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: stored(aws), "it is stored")
    [key] = aws.services["s3"].buckets[BUCKET]
    assert key.startswith(prefix)


def test_bucket_with_dots_and_fifo_topic(aws, sink_agent, namespace):
    aws.services["s3"].buckets["with.dots.example"] = {}
    agent = sink_agent(aws.environment(), report={"s3": {"bucket": "with.dots.example"},
                                                  "sns": {"topic": TOPIC + ".fifo"}})
    agent.start()
    look_up(namespace, ["a.worst.invalid"])
    wait_for(lambda: stored(aws, "with.dots.example"), "it is stored")
    [message] = wait_for(lambda: published(aws, "a.worst.invalid"), "it is published")
    uid = agent.finding("a.worst.invalid")["finding_info"]["uid"]
    assert message["MessageGroupId"] == uid
    assert message["MessageDeduplicationId"] == f"{uid}-1"


def doctor(agent):
    done = subprocess.run([CORDON, "doctor", "--json", "--config", agent.config],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {row["call"]: row for row in json.loads(done.stdout).get("aws", [])}


def test_doctor_tries_the_sinks(aws, sink_agent):
    """Of those that are on, each call is tried; what is missing is told with a policy's statement,
    and nothing that people see comes of trying."""
    tried = {"events:PutEvents": ("AccessDeniedException", "arn:aws:events:*:*:event-bus/default"),
             "securityhub:BatchImportFindings": ("AccessDeniedException",
                                                 "arn:aws:securityhub:*:*:product/*/default"),
             "sns:Publish": ("AuthorizationError", TOPIC),
             "s3:PutObject": ("AccessDenied", f"arn:aws:s3:::{BUCKET}/*"),
             "ssm:GetParameter": ("AccessDeniedException",
                                  "arn:aws:ssm:*:*:parameter/cordon/policy")}
    aws.services["ssm"].parameters["/cordon/policy"] = (1, POLICY)
    # Likewise by keys, which stand over the environment.
    agent = sink_agent({**aws.environment(), "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:1"},
                       aws={"endpoint": "http://127.0.0.1:1", "endpoints": dict.fromkeys(
                           ("sts", "logs", "events", "securityhub", "sns", "s3", "ssm"), aws.url)})
    config = json.loads(agent.config.read_text())
    config["policy"]["url"] = "ssm:/cordon/policy:1"
    agent.config.write_text(json.dumps(config))
    agent.start()
    rows = doctor(agent)
    assert {"sts:GetCallerIdentity", "logs:PutLogEvents", "logs:CreateLogStream", *tried} == set(rows)
    assert {row["state"] for row in rows.values()} == {"ok"}, rows
    assert not aws.services["events"].entries and not aws.services["sns"].messages
    assert not aws.services["securityhub"].findings and not aws.services["s3"].buckets[BUCKET]
    for call, (code, _) in tried.items():
        aws.fault(call.partition(":")[0], "error", times=10000, code=code, status=403)
    rows = doctor(agent)
    for call, (code, resource) in tried.items():
        assert rows[call]["state"] == "fail" and code in rows[call]["found"], rows[call]
        assert json.loads(rows[call]["remedy"].partition(": ")[2]) == {
            "Effect": "Allow", "Action": call, "Resource": resource}
    # What no policy mends has no statement.
    aws.faults_clear()
    aws.services["securityhub"].enabled = False
    aws.services["sns"].topics = set()
    aws.services["s3"].elsewhere[BUCKET] = "eu-central-1"
    aws.services["events"].buses.clear()
    aws.services["ssm"].parameters.clear()
    rows = doctor(agent)
    assert {row["state"] for name, row in rows.items() if name in tried} == {"warn"}, rows
    assert not any(row["remedy"] for row in rows.values()), rows
    assert "not turned on" in rows["securityhub:BatchImportFindings"]["found"]
    assert "eu-central-1" in rows["s3:PutObject"]["found"]
    assert "report.sns.topic" in rows["sns:Publish"]["found"]
    assert "does not exist" in rows["events:PutEvents"]["found"]
