# SPDX-License-Identifier: Apache-2.0
"""What the emulated services do: a method an operation, with the state that later calls see. A
method gets the checked parameters and gives the reply's members, or raises Refused."""

import hashlib
import json
import uuid
from datetime import datetime, timedelta, timezone

from model import Refused
from service import Service
from ssm import Ssm

HOUR = timedelta(hours=1)


def epoch_ms(time):
    return int(time.timestamp() * 1000)


class Logs(Service):
    BATCH_BYTES, EVENT_OVERHEAD, EVENT_BYTES = 1048576, 26, 1048576

    def __init__(self, emulator):
        super().__init__(emulator)
        self.groups = {}  # name -> stream -> [event]

    def CreateLogGroup(self, request):
        if request["logGroupName"] in self.groups:
            raise Refused("ResourceAlreadyExistsException", "The specified log group already exists")
        self.groups[request["logGroupName"]] = {}
        return {}

    def _group(self, name):
        if name not in self.groups:
            raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
        return self.groups[name]

    def CreateLogStream(self, request):
        group = self._group(request["logGroupName"])
        if request["logStreamName"] in group:
            raise Refused("ResourceAlreadyExistsException",
                          "The specified log stream already exists")
        group[request["logStreamName"]] = []
        return {}

    def PutLogEvents(self, request):
        group = self._group(request["logGroupName"])
        if request["logStreamName"] not in group:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.")
        events = request["logEvents"]
        self._check(events)
        reply, kept = self._sort_out(events)
        group[request["logStreamName"]] += kept
        return reply

    def _check(self, events):
        times = [event["timestamp"] for event in events]
        if times != sorted(times):
            raise Refused("InvalidParameterException", "Log events in a single PutLogEvents "
                          "request must be in chronological order.")
        if times[-1] - times[0] > 24 * 3600 * 1000:
            raise Refused("InvalidParameterException", "The batch of log events in a single "
                          "PutLogEvents request cannot span more than 24 hours.")
        sizes = [len(event["message"].encode()) + self.EVENT_OVERHEAD for event in events]
        if sum(sizes) > self.BATCH_BYTES or max(sizes) > self.EVENT_BYTES:
            raise Refused("InvalidParameterException", "Upload too large")

    def _sort_out(self, events):
        now = self.now()
        new, old = epoch_ms(now + 2 * HOUR), epoch_ms(now - timedelta(days=14))
        kept = [event for event in events if old <= event["timestamp"] <= new]
        info = {}
        if events[-1]["timestamp"] > new:
            info["tooNewLogEventStartIndex"] = next(
                i for i, event in enumerate(events) if event["timestamp"] > new)
        if events[0]["timestamp"] < old:
            info["tooOldLogEventEndIndex"] = sum(event["timestamp"] < old for event in events)
        reply = {"nextSequenceToken": uuid.uuid4().hex}
        return ({**reply, "rejectedLogEventsInfo": info} if info else reply), kept

    def DescribeLogGroups(self, request):
        prefix = request.get("logGroupNamePrefix", "")
        return {"logGroups": [{"logGroupName": name} for name in sorted(self.groups)
                              if name.startswith(prefix)]}

    def DescribeLogStreams(self, request):
        return {"logStreams": [{"logStreamName": name}
                               for name in sorted(self._group(request["logGroupName"]))]}


class Events(Service):
    ENTRIES_BYTES = 262144

    def __init__(self, emulator):
        super().__init__(emulator)
        self.entries = []

    def PutEvents(self, request):
        if sum(len(entry.get("Detail", "")) + len(entry.get("Source", "")) +
               len(entry.get("DetailType", "")) + 14
               for entry in request["Entries"]) > self.ENTRIES_BYTES:
            raise Refused("ValidationException", "Total size of the entries is over 256 KB", 400)
        results = [self._one(entry) for entry in request["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results),
                "Entries": results}

    def _one(self, entry):
        fault = self.emulator.partial("events")
        if fault:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": fault}
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"{name} is required"}
        if entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "aws."}
        try:
            good = isinstance(json.loads(entry["Detail"]), dict)
        except ValueError:
            good = False
        if not good:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        self.entries.append(entry)
        return {"EventId": str(uuid.uuid4())}


class SecurityHub(Service):
    FINDING_BYTES, BATCH_BYTES = 240 * 1024, 6 * 1024 * 1024
    REQUIRED = ("SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt",
                "UpdatedAt", "Title", "Description", "Resources")

    def __init__(self, emulator):
        super().__init__(emulator)
        self.findings, self.enabled = {}, True

    def BatchImportFindings(self, request):
        if not self.enabled:
            raise Refused("InvalidAccessException",
                          f"Account {self.account} is not subscribed to AWS Security Hub", 401)
        findings = request["Findings"]
        if not 1 <= len(findings) <= 100:
            raise Refused("InvalidInputException", "1 to 100 findings")
        failed = []
        for finding in findings:
            why = self._wrong(finding) or self.emulator.partial("securityhub")
            if why:
                failed.append({"Id": finding.get("Id", ""), "ErrorCode": "InvalidInput",
                               "ErrorMessage": why})
            else:
                self._keep(finding)
        return {"FailedCount": len(failed), "SuccessCount": len(findings) - len(failed),
                "FailedFindings": failed}

    def _wrong(self, finding):
        product = (f"arn:aws:securityhub:{self.region}:{self.account}:product/{self.account}/"
                   "default")
        limits = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}
        if finding["SchemaVersion"] != "2018-10-08":
            return "SchemaVersion"
        if finding["ProductArn"] != product or finding["AwsAccountId"] != self.account:
            return "ProductArn is not the account's default product"
        if len(json.dumps(finding, default=str)) > self.FINDING_BYTES:
            return "over 240 KB"
        for name, limit in limits.items():
            if not 1 <= len(finding[name]) <= limit:
                return f"{name} has {len(finding[name])} characters"
        return None

    def _keep(self, finding):
        old = self.findings.get(finding["Id"])
        if old is None or finding["UpdatedAt"] >= old["UpdatedAt"]:
            self.findings[finding["Id"]] = {**(old or {}), **finding}


class Sns(Service):
    def __init__(self, emulator):
        super().__init__(emulator)
        self.messages, self.topics = [], None  # None: all

    def Publish(self, request):
        if self.topics is not None and request.get("TopicArn") not in self.topics:
            raise Refused("NotFound", "Topic does not exist", 404)
        if len(request["Message"].encode()) > 262144:
            raise Refused("InvalidParameter", "Message too long")
        subject = request.get("Subject", "")
        if len(subject) >= 100 or any(ord(c) < 32 for c in subject) or not subject.isascii():
            raise Refused("InvalidParameter", "Subject")
        self.messages.append(request)
        return {"MessageId": str(uuid.uuid4())}


class S3(Service):
    def __init__(self, emulator):
        super().__init__(emulator)
        self.buckets = {}  # name -> key -> bytes

    def _bucket(self, name):
        if name not in self.buckets:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        return self.buckets[name]

    def PutObject(self, request):
        body = request.get("Body", b"")
        self._bucket(request["Bucket"])[request["Key"]] = body
        return {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}

    def GetObject(self, request):
        bucket = self._bucket(request["Bucket"])
        if request["Key"] not in bucket:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404)
        body = bucket[request["Key"]]
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        if request.get("IfNoneMatch") == etag:
            raise Refused("NotModified", "", 304)
        return {"Body": body, "ETag": etag}

    HeadObject = GetObject


class CloudWatch(Service):
    def __init__(self, emulator):
        super().__init__(emulator)
        self.metrics = []

    def PutMetricData(self, request):
        if request["Namespace"].startswith(("AWS/", ":")):
            raise Refused("InvalidParameterValue", "Namespace")
        if len(request["MetricData"]) > 1000:
            raise Refused("InvalidParameterValue", "over 1000 metrics")
        for datum in request["MetricData"]:
            if not abs(datum.get("Value", 0)) <= 2 ** 360:
                raise Refused("InvalidParameterValue", f"The value {datum['Value']} is invalid")
        self.metrics += [{**datum, "Namespace": request["Namespace"]}
                         for datum in request["MetricData"]]
        return {}


class Sts(Service):
    def GetCallerIdentity(self, _):
        return {"Account": self.account, "UserId": "AROAEXAMPLE:i-0123456789abcdef0",
                "Arn": f"arn:aws:sts::{self.account}:assumed-role/cordon/i-0123456789abcdef0"}


def services(emulator):
    return {"logs": Logs(emulator), "ssm": Ssm(emulator), "events": Events(emulator),
            "securityhub": SecurityHub(emulator), "sns": Sns(emulator), "s3": S3(emulator),
            "monitoring": CloudWatch(emulator), "sts": Sts(emulator)}


def utc_now():
    return datetime.now(timezone.utc)
