# SPDX-License-Identifier: Apache-2.0
"""The emulator is as strict as it must be: botocore's own clients get along with it, and requests
that are unsigned, badly signed, stale, or not what the model allows are refused."""

import http.client
import json
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import botocore.session  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError  # noqa: E402

from emulator import Emulator  # noqa: E402


@pytest.fixture
def aws():
    with Emulator() as emulator:
        emulator.key = emulator.credentials_new()
        yield emulator


def client(aws, service, key=None, **options):
    name, secret, token, _ = key or aws.key
    return botocore.session.Session().create_client(
        service, region_name=aws.region, endpoint_url=aws.url, aws_access_key_id=name,
        aws_secret_access_key=secret, aws_session_token=token,
        config=Config(retries={"max_attempts": 0}, parameter_validation=False,
                      s3={"addressing_style": "path"}, **options))


def refused(function, **parameters):
    with pytest.raises(ClientError) as error:
        function(**parameters)
    return error.value.response["Error"]["Code"]


def test_each_protocol(aws):
    now = int(aws.now().timestamp() * 1000)
    logs = client(aws, "logs")
    logs.create_log_group(logGroupName="/cordon/findings")
    logs.create_log_stream(logGroupName="/cordon/findings", logStreamName="i-1")
    logs.put_log_events(logGroupName="/cordon/findings", logStreamName="i-1",
                        logEvents=[{"timestamp": now, "message": "one"}])
    assert aws.services["logs"].groups["/cordon/findings"]["i-1"][0]["message"] == "one"
    sns = client(aws, "sns")
    arn = f"arn:aws:sns:{aws.region}:{aws.account}:alerts"
    assert sns.publish(TopicArn=arn, Message="text", MessageAttributes={
        "severity": {"DataType": "String", "StringValue": "high"}})["MessageId"]
    assert aws.services["sns"].messages[0]["MessageAttributes"]["severity"]["StringValue"] == "high"
    aws.services["s3"].buckets["evidence"] = {}
    s3 = client(aws, "s3")
    s3.put_object(Bucket="evidence", Key="a b/ä+~'().gz", Body=b"bytes")
    assert s3.get_object(Bucket="evidence", Key="a b/ä+~'().gz")["Body"].read() == b"bytes"
    cloudwatch = client(aws, "cloudwatch")
    cloudwatch.put_metric_data(Namespace="Cordon", MetricData=[
        {"MetricName": "Findings", "Value": 2.0, "Timestamp": aws.now(),
         "Dimensions": [{"Name": "Fleet", "Value": "a"}]}])
    assert aws.services["monitoring"].metrics[0]["Dimensions"][0]["Name"] == "Fleet"
    assert client(aws, "sts").get_caller_identity()["Account"] == aws.account
    assert [call.operation for call in aws.calls()][-1] == "GetCallerIdentity"


def test_security_hub_and_events(aws):
    product = f"arn:aws:securityhub:{aws.region}:{aws.account}:product/{aws.account}/default"
    finding = {"SchemaVersion": "2018-10-08", "Id": "a", "ProductArn": product,
               "GeneratorId": "cordon", "AwsAccountId": aws.account, "Title": "t",
               "Description": "d", "CreatedAt": "2026-01-01T00:00:00Z",
               "UpdatedAt": "2026-01-01T00:00:00Z",
               "FindingProviderFields": {"Severity": {"Label": "LOW"}},
               "Resources": [{"Type": "Other", "Id": "web-1"}]}
    hub = client(aws, "securityhub")
    assert hub.batch_import_findings(Findings=[finding])["SuccessCount"] == 1
    other = {**finding, "Id": "b", "ProductArn": "arn:aws:securityhub:eu-west-1::product/x/y"}
    assert hub.batch_import_findings(Findings=[other])["FailedFindings"][0]["Id"] == "b"
    events = client(aws, "events")
    entries = [{"Source": "cordon", "DetailType": "Finding", "Detail": "{}"},
               {"Source": "cordon", "DetailType": "Finding", "Detail": "not JSON"}]
    reply = events.put_events(Entries=entries)
    assert reply["FailedEntryCount"] == 1 and "EventId" in reply["Entries"][0]


def test_ops_items_are_deduplicated(aws):
    ssm = client(aws, "ssm")
    item = {"Title": "t", "Description": "d", "Source": "cordon", "OperationalData": {
        "/aws/dedup": {"Type": "SearchableString", "Value": json.dumps({"dedupString": "x"})}}}
    first = ssm.create_ops_item(**item)["OpsItemId"]
    with pytest.raises(ClientError) as error:
        ssm.create_ops_item(**item)
    assert error.value.response["OpsItemId"] == first
    ssm.update_ops_item(OpsItemId=first, Status="Resolved")
    assert ssm.create_ops_item(**item)["OpsItemId"] != first


def test_models_are_held(aws):
    ssm = client(aws, "ssm")
    assert refused(ssm.create_ops_item, Title="t" * 1025, Description="d",
                   Source="cordon") == "ValidationException"
    assert refused(ssm.create_ops_item, Title="t", Source="cordon") == "ValidationException"
    assert refused(ssm.create_ops_item, Title="t", Description="d",
                   Source="my-aws-tool") == "OpsItemInvalidParameterException"
    assert refused(client(aws, "logs").create_log_group,
                   logGroupName="a b") == "ValidationException"
    assert any("does not match" in text for _, _, text in aws.refused)


def test_signatures_are_held(aws):
    name, secret, token, expiry = aws.key
    sts = client(aws, "sts", key=(name, secret + "x", token, expiry))
    assert refused(sts.get_caller_identity) == "SignatureDoesNotMatch"
    logs = client(aws, "logs", key=("ASIANOBODY", secret, token, expiry))
    assert refused(logs.describe_log_groups) == "UnrecognizedClientException"
    aws.skew = timedelta(minutes=20)
    assert refused(client(aws, "logs").describe_log_groups) == "InvalidSignatureException"
    aws.skew = timedelta()
    short = aws.credentials_new(timedelta(seconds=-1))
    assert refused(client(aws, "logs", key=short).describe_log_groups) == "ExpiredTokenException"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(aws.url, b"Action=GetCallerIdentity"))
    assert error.value.code == 403
    assert not aws.calls()


@pytest.mark.parametrize("kind", ["reset", "truncate", "garbage", "after"])
def test_broken_replies(aws, kind):
    logs = client(aws, "logs")
    aws.fault("logs", kind)
    with pytest.raises((HTTPClientError, ValueError, http.client.HTTPException, ClientError,
                        ParamValidationError)):
        reply = logs.create_log_group(logGroupName="a")
        if kind == "garbage" and reply["ResponseMetadata"]["HTTPStatusCode"] == 200:
            raise ValueError  # botocore reads anything where no member is expected
    assert ("a" in aws.services["logs"].groups) == (kind in ("after", "truncate"))
    logs.create_log_group(logGroupName="b")


def test_ec2(aws):
    """Groups are replaced as a whole, seen later, and refused where AWS refuses them."""
    ec2, state = client(aws, "ec2"), aws.services["ec2"]
    [instance] = state.instances
    [eni] = state.groups_of(instance)
    state.add_group("sg-0bbbbbbbbbbbbbbb2")
    state.add_group("sg-0ccccccccccccccc3", vpc="vpc-other")
    mine = [{"Name": "attachment.instance-id", "Values": [instance]}]

    def seen():
        [row] = ec2.describe_network_interfaces(Filters=mine, MaxResults=100)["NetworkInterfaces"]
        return [group["GroupId"] for group in row["Groups"]]
    change = ec2.modify_network_interface_attribute
    assert refused(change, NetworkInterfaceId=eni, Groups=["sg-0ddd"]) == "InvalidGroup.NotFound"
    assert refused(change, NetworkInterfaceId=eni,
                   Groups=["sg-0ccccccccccccccc3"]) == "InvalidParameter"
    assert refused(change, NetworkInterfaceId=eni, Groups=["sg-0bbbbbbbbbbbbbbb2"],
                   DryRun=True) == "DryRunOperation"
    assert seen() == ["sg-0aaaaaaaaaaaaaaa1"] and not state.changes
    state.lag = 3600
    change(NetworkInterfaceId=eni, Groups=["sg-0bbbbbbbbbbbbbbb2"])
    assert seen() == ["sg-0aaaaaaaaaaaaaaa1"]
    state.lag = 0
    assert seen() == ["sg-0bbbbbbbbbbbbbbb2"]
    state.denied.add(eni)
    assert refused(change, NetworkInterfaceId=eni,
                   Groups=["sg-0aaaaaaaaaaaaaaa1"]) == "UnauthorizedOperation"
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "cordon:isolation", "Value": "x"}])
    [reservation] = ec2.describe_instances(Filters=[
        {"Name": "tag:cordon:isolation", "Values": ["x"]}])["Reservations"]
    assert reservation["Instances"][0]["InstanceId"] == instance
    ec2.create_snapshots(InstanceSpecification={"InstanceId": instance, "ExcludeBootVolume": False})
    assert len(state.snapshots) == 1


def test_scaling(aws):
    scaling, state = client(aws, "autoscaling"), aws.services["autoscaling"]
    state.add("i-1")
    standby = {"InstanceIds": ["i-1"], "AutoScalingGroupName": "web"}
    scaling.enter_standby(**standby, ShouldDecrementDesiredCapacity=True)
    assert refused(scaling.enter_standby, **standby,
                   ShouldDecrementDesiredCapacity=True) == "ValidationError"
    [row] = scaling.describe_auto_scaling_instances(InstanceIds=["i-1"])["AutoScalingInstances"]
    assert row["LifecycleState"] == "Standby"
    scaling.exit_standby(**standby)
    arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
    aws.services["elasticloadbalancing"].targets[arn] = {("i-1", 80)}
    balancing = client(aws, "elbv2")
    balancing.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "i-1"}])
    assert aws.services["elasticloadbalancing"].targets[arn] == set()
    balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": "i-1", "Port": 80}])
    assert aws.services["elasticloadbalancing"].targets[arn] == {("i-1", 80)}


def test_throttled(aws):
    aws.fault("logs", "throttle", times=2)
    logs = client(aws, "logs")
    assert refused(logs.describe_log_groups) == "ThrottlingException"
    assert refused(logs.describe_log_groups) == "ThrottlingException"
    assert logs.describe_log_groups()["logGroups"] == []
    assert [call.error for call in aws.calls(failed=True)] == 2 * ["ThrottlingException"] + [None]


def imds(aws, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", aws.server.server_port)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_metadata_needs_a_token(aws):
    path = "/latest/meta-data/instance-id"
    assert imds(aws, "GET", path)[0] == 401
    assert imds(aws, "GET", "/latest/api/token")[0] == 405
    assert imds(aws, "PUT", "/latest/api/token")[0] == 400
    status, token = imds(aws, "PUT", "/latest/api/token",
                         **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    assert status == 200
    header = {"X-aws-ec2-metadata-token": token}
    assert imds(aws, "GET", path, **header) == (200, "i-0123456789abcdef0")
    role = imds(aws, "GET", "/latest/meta-data/iam/security-credentials/", **header)[1]
    keys = json.loads(imds(aws, "GET", f"/latest/meta-data/iam/security-credentials/{role}",
                           **header)[1])
    assert aws.keys[keys["AccessKeyId"]][0] == keys["SecretAccessKey"]
    aws.skew = timedelta(seconds=61)
    assert imds(aws, "GET", path, **header)[0] == 401
