# SPDX-License-Identifier: Apache-2.0
"""The CloudFormation template is sound as far as it can be told without an account: every reference
is to something that is there, its policies allow and refuse what they should, and its release
runbook undoes, on the emulator, what the agent's tags say."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import botocore.session  # noqa: E402

from emulator import Emulator  # noqa: E402
from iam import Policies, Request  # noqa: E402

yaml = pytest.importorskip("yaml")

PATH = Path(__file__).resolve().parents[2] / "packaging/cloudformation/isolation.yaml"
EC2 = "arn:aws:ec2:eu-west-1:123456789012:"
SELF = f"{EC2}instance/i-0aaaa"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012"}


class Loader(yaml.SafeLoader):
    """With the short forms of intrinsic functions, as one-entry mappings."""


def intrinsic(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    return {name: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", intrinsic)


@pytest.fixture(scope="module")
def template():
    text = PATH.read_text()
    assert "<<:" not in text and not re.search(r": [&*]\w", text), "CloudFormation has no anchors"
    assert len(text) < 51200, "larger than CloudFormation takes without S3"
    return yaml.load(text, Loader)


def references(value):
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item.split(".")[0]
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{([^!}]+)\}", item)
            else:
                yield from references(item)


def resolve(value, names):
    """With references filled in; policy variables stay."""
    if isinstance(value, list):
        return [resolve(item, names) for item in value]
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return names[value["Ref"]]
        if set(value) == {"Fn::Sub"}:
            return re.sub(r"\$\{([^!}]+)\}", lambda found: names[found[1]], value["Fn::Sub"])
        return {key: resolve(item, names) for key, item in value.items()}
    return value


@pytest.fixture(scope="module")
def names(template):
    return {**PSEUDO, **{name: f"sg-{name.lower()}" for name in template["Resources"]},
            **{name: name for name in template["Parameters"]}}


def test_references(template):
    there = set(template["Resources"]) | set(template["Parameters"]) | set(PSEUDO)
    assert set(references(template)) - {"ec2:SourceInstanceARN"} <= there
    for name, resource in template["Resources"].items():
        assert set(resource) <= {"Type", "Properties", "Condition", "DependsOn"}, name
        assert re.fullmatch(r"AWS::\w+::\w+", resource["Type"]), name
        assert resource.get("Condition", "HasMail") in template["Conditions"]


def test_quarantine_group(template, names):
    """Nothing comes in; out only to the endpoints, which let the whole VPC in."""
    group = resolve(template["Resources"]["QuarantineGroup"]["Properties"], names)
    assert group["SecurityGroupIngress"] == []
    for rule in group["SecurityGroupEgress"]:
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)
        assert "CidrIp" not in rule and "CidrIpv6" not in rule
    [rule] = resolve(template["Resources"]["EndpointGroup"]["Properties"]["SecurityGroupIngress"],
                     names)
    assert rule["CidrIp"] == "VpcCidr"
    services = {resolve(resource["Properties"]["ServiceName"], names).rsplit(".", 1)[1]
                for resource in template["Resources"].values()
                if resource["Type"] == "AWS::EC2::VPCEndpoint"}
    assert {"ec2", "logs", "ssm", "ssmmessages", "ec2messages", "s3"} == services


def policy(tmp_path, document):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(document))
    return Policies(path)


def test_policies(template, names, tmp_path):
    resources = template["Resources"]
    isolate = policy(tmp_path, resolve(
        resources["IsolatePolicy"]["Properties"]["PolicyDocument"], names))
    release = policy(tmp_path, resolve(
        resources["ReleaseRole"]["Properties"]["Policies"][0]["PolicyDocument"], names))
    interface = f"{EC2}network-interface/eni-1"
    own = {interface: {"aws:ResourceTag/cordon:owner": SELF}}
    into = {f"{EC2}security-group/{names['QuarantineGroup']}": {}}
    out = {f"{EC2}security-group/sg-web": {}}
    move = "ec2:ModifyNetworkInterfaceAttribute"
    source = {"ec2:SourceInstanceARN": SELF}
    assert isolate.allows(Request(move, own | into, **source))
    assert not isolate.allows(Request(move, own | out, **source))
    assert not isolate.allows(Request(move, {interface: {}} | into, **source))
    assert release.allows(Request(move, own | out))
    assert not release.allows(Request("ec2:TerminateInstances", {SELF: {}}))
    assert not release.allows(Request("ec2:CreateTags", {SELF: {}},
                                      **{"aws:TagKeys": ["cordon:owner"]}))


def script(template):
    [step] = template["Resources"]["ReleaseRunbook"]["Properties"]["Content"]["mainSteps"]
    return step["inputs"]["Script"], step["inputs"]["Handler"]


def test_runbook(template):
    """The script itself, with botocore in boto3's place, against the emulator."""
    text, handler = script(template)
    instance = "i-0123456789abcdef0"
    with Emulator() as aws:
        name, secret, token, _ = aws.credentials_new()

        class Boto3:
            @staticmethod
            def client(service):
                return botocore.session.Session().create_client(
                    service, region_name=aws.region, endpoint_url=aws.url,
                    aws_access_key_id=name, aws_secret_access_key=secret, aws_session_token=token)
        scope = {}
        sys.modules["boto3"] = Boto3
        try:
            exec(compile(text, "runbook", "exec"), scope)
        finally:
            del sys.modules["boto3"]
        ec2 = aws.services["ec2"]
        [eni] = ec2.groups_of(instance)
        for group in ("sg-0aaaaaaaaaaaaaaa2", "sg-0eeeeeeeeeeeeeee1"):
            ec2.add_group(group)
        ec2.interfaces[eni]["groups"].set(("sg-0eeeeeeeeeeeeeee1",))
        ec2.instances[instance]["termination"].set(True)
        ec2.instances[instance]["volumes"]["/dev/xvda"][1] = False
        scaling = aws.services["autoscaling"]
        scaling.add(instance)
        scaling.instances[instance]["state"] = "Standby"
        with pytest.raises(Exception, match="not isolated"):
            scope[handler]({"InstanceId": instance}, {})
        ec2.instances[instance]["tags"].set({
            "cordon:isolation": "isolated 2026-01-01T00:00:00.000000Z uid-1",
            "cordon:undo:0": f"groups {eni} sg-0aaaaaaaaaaaaaaa1",
            "cordon:undo:1": f"groups {eni} sg-0aaaaaaaaaaaaaaa2",
            "cordon:undo:2": "delete-on-termination /dev/xvda true",
            "cordon:undo:3": f"termination-protection {instance} false",
            "cordon:undo:4": "standby web InService"})
        scope[handler]({"InstanceId": instance}, {})
        assert ec2.groups_of(instance)[eni] == ["sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"]
        assert not ec2.instances[instance]["termination"].now
        assert ec2.instances[instance]["volumes"]["/dev/xvda"][1]
        assert scaling.instances[instance]["state"] == "InService"
        mark = ec2.tags_of(instance)["cordon:isolation"].split()
        assert mark[0] == "released" and mark[2] == "uid-1"
        assert ec2.changes[0][0] == "tags", "the mark comes before the groups"


def test_dashboard_is_json(template, names):
    body = resolve(template["Resources"]["Dashboard"]["Properties"]["DashboardBody"], names)
    assert len(json.loads(body)["widgets"]) == 2
