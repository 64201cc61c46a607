# SPDX-License-Identifier: Apache-2.0
"""Calls to AWS against the emulator: signed, tried again when that helps, and ended by whatever a
service, the metadata service or somebody in their place may do."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import quote

import pytest

from agent import BUILD, SOURCE, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

LIST = {"service": "logs", "operation": "DescribeLogGroups", "body": "{}"}


@pytest.fixture
def aws():
    with Emulator() as emulator:
        yield emulator


class Client:
    """The client library in a process of its own."""

    def __init__(self, environment):
        self.child = subprocess.Popen(
            [BUILD / "tests/system/cloud_ask", "call"], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **environment})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _, errors = self.child.communicate(timeout=60)
        assert self.child.returncode == 0, errors

    def call(self, **request):
        self.child.stdin.write(json.dumps(request) + "\n")
        line = self.child.stdout.readline()
        assert line, self.child.stderr.read()
        return json.loads(line)


@pytest.fixture
def client(aws):
    with Client(aws.environment(credentials=True)) as child:
        yield child


def test_each_protocol_is_signed_and_taken(aws, client):
    aws.services["s3"].buckets["evidence"] = {}
    key = quote("a b/ä+~'(){}/../x//y", safe="/~")
    message = quote("finding & more", safe="")
    topic = quote(f"arn:aws:sns:{aws.region}:{aws.account}:alerts", safe="")
    finding = {"Findings": [{"SchemaVersion": "2018-10-08", "Id": "a", "GeneratorId": "cordon",
                             "ProductArn": f"arn:aws:securityhub:{aws.region}:{aws.account}:"
                                           f"product/{aws.account}/default",
                             "AwsAccountId": aws.account, "Title": "t", "Description": "d",
                             "CreatedAt": "2026-01-01T00:00:00Z",
                             "UpdatedAt": "2026-01-01T00:00:00Z",
                             "Resources": [{"Type": "AwsEc2Instance", "Id": "i"}]}]}
    calls = [LIST,
             {"service": "sns", "operation": "Publish",
              "body": f"TopicArn={topic}&Message={message}"},
             {"service": "sts", "operation": "GetCallerIdentity"},
             {"service": "securityhub", "operation": "BatchImportFindings",
              "path": "/findings/import", "body": json.dumps(finding)},
             {"service": "s3", "operation": "PutObject", "method": "PUT",
              "path": f"/evidence/{key}", "body": "bytes"},
             {"service": "s3", "operation": "GetObject", "method": "GET",
              "path": f"/evidence/{key}"}]
    for request in calls:
        result = client.call(**request)
        assert result["failure"] == "none" and result["attempts"] == 1, (request, result)
    assert result["body"] == "bytes"
    assert aws.services["sns"].messages[0]["Message"] == "finding & more"
    assert [call.operation for call in aws.calls()] == [call["operation"] for call in calls]
    assert not aws.refused


@pytest.mark.parametrize("kind", ["throttle", "error", "reset", "truncate", "after"])
def test_tried_again(aws, client, kind):
    aws.fault("logs", kind, times=2)
    result = client.call(**LIST)
    assert result["failure"] == "none" and result["attempts"] == 3
    # More than there are attempts: curl itself sends again when a kept connection was reset.
    aws.fault("logs", kind, times=9)
    result = client.call(**LIST)
    assert result["failure"] == ("throttled" if kind == "throttle" else "transient")
    assert result["attempts"] == 3


def test_what_does_not_help_is_not_tried_again(aws, client):
    body = json.dumps({"logGroupName": "/none", "logStreamName": "s", "logEvents": [
        {"timestamp": 1, "message": "m"}]})
    result = client.call(service="logs", operation="PutLogEvents", body=body)
    assert (result["failure"], result["code"]) == ("permanent", "ResourceNotFoundException")
    assert "does not exist" in result["message"]
    aws.services["securityhub"].enabled = False
    assert result["attempts"] == 1
    for service, code, failure in (("logs", "AccessDeniedException", "denied"),
                                   ("sns", "AuthorizationError", "denied"),
                                   ("sns", "InvalidParameter", "permanent")):
        aws.fault(service, "error", code=code, status=400)
        result = client.call(**(LIST if service == "logs" else {
            "service": "sns", "operation": "Publish", "body": "TopicArn=a&Message=b"}))
        assert (result["failure"], result["code"], result["attempts"]) == (failure, code, 1)


def test_clock_is_corrected_for(aws, client):
    aws.skew = timedelta(minutes=20)
    result = client.call(**LIST)
    assert result["failure"] == "none" and result["attempts"] == 2
    assert client.call(**LIST)["attempts"] == 1
    aws.skew = timedelta(hours=-3)
    assert client.call(**LIST)["attempts"] == 2
    aws.skew = timedelta()
    assert client.call(**LIST)["attempts"] == 2
    assert client.call(**LIST)["attempts"] == 1


def test_wrong_keys_are_told(aws):
    wrong = {**aws.environment(credentials=True), "AWS_SECRET_ACCESS_KEY": "x"}
    with Client(wrong) as client:
        result = client.call(**LIST)
        assert result["failure"] == "credentials" and result["attempts"] == 2
        assert result["code"] == "InvalidSignatureException"


@pytest.mark.parametrize("kind, text", [
    ("endless", "larger than it may be"), ("hang", "timed out"), ("drip", "timed out"),
])
def test_hostile_endpoint(aws, client, kind, text):
    aws.fault("logs", kind, times=3)
    result = client.call(**LIST, timeout=700, reply_max=65536)
    assert result["failure"] == "transient" and text in result["message"].lower()
    assert client.call(**LIST)["failure"] == "none"


def test_redirects_are_not_followed(aws, client):
    with Emulator() as other:
        aws.fault("logs", "redirect", to=f"{other.url}/")
        result = client.call(**LIST)
        assert result["failure"] == "permanent" and result["status"] == 301
        assert not other.recorded and not other.refused


def test_role_of_the_instance(aws):
    with Client(aws.environment()) as client:
        assert client.call(**LIST)["failure"] == "none"
        asked = [path for _, path in aws.imds.requests]
        assert asked == ["/latest/api/token", "/latest/meta-data/iam/security-credentials/",
                         "/latest/meta-data/iam/security-credentials/cordon"]
        assert client.call(**LIST)["failure"] == "none"
        assert len(aws.imds.requests) == 3
        # AWS forgets the keys: new ones are fetched, once.
        aws.keys.clear()
        aws.imds.credentials = None
        assert client.call(**LIST)["attempts"] == 2
        assert len(aws.imds.requests) == 5


def test_token_is_renewed(aws):
    aws.imds.lifetime = timedelta(minutes=6)  # so near their end that they are fetched each time
    with Client(aws.environment()) as client:
        assert client.call(**LIST)["failure"] == "none"
        aws.imds.tokens.clear()
        aws.keys.clear()
        aws.imds.credentials = None
        assert client.call(**LIST)["failure"] == "none"
        assert [method for method, _ in aws.imds.requests].count("PUT") == 2


def test_metadata_outage(aws):
    with Client(aws.environment()) as client:
        aws.imds.fail = [503, 503]
        assert client.call(**LIST)["failure"] == "none"
        aws.imds.fail = [503] * 100
        assert client.call(**LIST)["failure"] == "none", "good keys are kept"


@pytest.mark.parametrize("change, text", [
    (lambda imds: setattr(imds, "enabled", False), "turned off"),
    (lambda imds: setattr(imds, "role", None), "no role"),
    (lambda imds: setattr(imds, "fail", [500] * 100), "fails"),
    (lambda imds: setattr(imds, "lifetime", timedelta(seconds=-1)), "expired"),
])
def test_no_credentials(aws, change, text):
    change(aws.imds)
    with Client(aws.environment()) as client:
        result = client.call(**LIST)
        assert result["failure"] == "credentials" and text in result["message"]
        assert not aws.calls(failed=True)


def test_connections_are_kept(aws, client):
    seen = set()
    finish = aws.server.finish_request
    aws.server.finish_request = lambda request, address: (seen.add(address),
                                                          finish(request, address))
    for _ in range(5):
        client.call(**LIST)
    wait_for(lambda: seen, "a connection")
    assert len(seen) == 1


