# SPDX-License-Identifier: Apache-2.0
"""Findings reach an emulator of AWS that others wrote. CORDON_EMULATOR is its URL, to be run
beforehand (python3 -m moto.server -p 5000, say); without it nothing is tested here."""

import gzip
import json
import os
import subprocess
import uuid

import pytest

from agent import CORDON, missing, wait_for

URL = os.environ.get("CORDON_EMULATOR")
pytestmark = pytest.mark.skipif(not URL, reason="CORDON_EMULATOR is not set")

# What the metadata service of moto says.
REGION, ACCOUNT = "us-east-1", "123456789012"
NAME = "a.worst.invalid"
POLICY = """\
name: other-emulator
version: 1
rules:
  - name: worst
    match: { domain: worst.invalid }
    severity: critical
"""
SINKS = ("cloudwatch", "eventbridge", "security_hub", "sns", "s3")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": REGION}


@pytest.fixture
def client():
    try:
        import botocore.session
    except ImportError:
        missing("python3-botocore is not there")
    session = botocore.session.Session()
    return lambda service: session.create_client(
        service, region_name=REGION, endpoint_url=URL, aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret")


@pytest.mark.parametrize("metadata", ["off", URL])
def test_all_sinks(client, make_agent, namespace, metadata):
    unique = uuid.uuid4().hex[:8]
    group, bucket = f"/cordon/{unique}", f"cordon-{unique}"
    topic = client("sns").create_topic(Name=f"cordon-{unique}")["TopicArn"]
    client("s3").create_bucket(Bucket=bucket)
    agent = make_agent([NAME], policy=POLICY, aws={"metadata": metadata}, report={
        "journald": False, "screen": False, "cloudwatch": {"group": group, "metrics": "call"},
        "eventbridge": {"bus": "default"}, "security_hub": {"enabled": True, "account": ACCOUNT},
        "sns": {"topic": topic}, "s3": {"bucket": bucket, "interval": 1},
        "ssm": {"opsitems": "high", "inventory": "call", "compliance": True}})
    agent.environment = {"AWS_ENDPOINT_URL": URL, **(KEYS if metadata == "off" else {})}
    agent.start()
    namespace.look_up("sendto", NAME)
    uid = agent.finding(NAME)["finding_info"]["uid"]

    def sinks():
        return {row["name"]: row for row in agent.status()["deliveries"]["sinks"]}

    wait_for(lambda: all(sinks()[name]["delivered"] for name in SINKS), "all have it", 60)
    # Not every emulator has OpsItems: then it is told, and the finding waits.
    wait_for(lambda: sinks()["opsitems"]["delivered"] or sinks()["opsitems"]["error"],
             "it is known whether there are OpsItems", 60)
    [stream] = client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    events = client("logs").get_log_events(logGroupName=group,
                                           logStreamName=stream["logStreamName"])["events"]
    assert uid in [json.loads(event["message"])["finding_info"]["uid"] for event in events]
    assert f"cordon/{uid}" in [f["Id"] for f in client("securityhub").get_findings()["Findings"]]
    keys = client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    [key] = [row["Key"] for row in keys if row["Key"].endswith(".jsonl.gz")]
    body = gzip.decompress(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert json.loads(body.splitlines()[0])["finding_info"]["uid"] == uid
    done = subprocess.run([CORDON, "doctor", "--json", "--config", agent.config],
                          capture_output=True, text=True)
    rows = json.loads(done.stdout)["aws"]
    for row in rows:
        print(row["state"], row["call"], row["found"])
    print({name: (row["delivered"], row["error"]) for name, row in sinks().items()})
    assert not [row for row in rows if row["state"] == "fail"]
