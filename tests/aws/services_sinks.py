# SPDX-License-Identifier: Apache-2.0
"""The emulated services that findings are reported to, beside CloudWatch Logs: EventBridge, Security
Hub, SNS and S3. They refuse what AWS refuses, and keep what came."""

import base64
import gzip
import hashlib
import json
import re
import uuid
from datetime import datetime

from model import Refused
from service import Service


class Events(Service):
    ENTRIES_BYTES = 262144

    def __init__(self, emulator):
        super().__init__(emulator)
        self.entries, self.buses = [], {"default"}

    def PutEvents(self, request):
        for entry in request["Entries"]:
            bus = entry.get("EventBusName", "default").rpartition("/")[2]
            if bus not in self.buses:
                raise Refused("ResourceNotFoundException", f"Event bus {bus} does not exist.")
        if sum(self._size(entry) for entry in request["Entries"]) > self.ENTRIES_BYTES:
            raise Refused("ValidationException", "Total size of the entries is over 256 KB", 400)
        results = [self._one(entry) for entry in request["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results),
                "Entries": results}

    @staticmethod
    def _size(entry):
        """As the user guide of EventBridge counts it."""
        texts = [entry.get(name, "") for name in ("Detail", "Source", "DetailType")]
        return sum(len(text.encode()) for text in texts + entry.get("Resources", [])) + \
            (14 if "Time" in entry else 0)

    def _one(self, entry):
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"{name} is required"}
        if entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "aws."}
        if len(entry["DetailType"]) > 128:
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": "DetailType"}
        try:
            good = isinstance(json.loads(entry["Detail"]), dict)
        except ValueError:
            good = False
        if not good:
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        fault = self.emulator.partial("events")
        if fault:
            return {"ErrorCode": fault if fault != "injected" else "InternalFailure",
                    "ErrorMessage": "injected"}
        self.entries.append(entry)
        return {"EventId": str(uuid.uuid4())}


def instant(text):
    """RFC 3339 with Z, and up to nine digits of a second."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", text)
    if not found:
        raise ValueError(text)
    return datetime.fromisoformat(found[1] + "+00:00").timestamp() + float(found[2] or 0)


class SecurityHub(Service):
    FINDING_BYTES, BATCH_BYTES = 240 * 1024, 6 * 1024 * 1024
    LIMITS = {"Id": 512, "GeneratorId": 512, "Title": 256, "Description": 1024}
    TIMES = ("CreatedAt", "UpdatedAt", "FirstObservedAt", "LastObservedAt")
    LABELS = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
    # Each has its values after the namespace (ASFF, Types).
    NAMESPACES = ("Software and Configuration Checks", "TTPs", "Effects", "Unusual Behaviors",
                  "Sensitive Data Identifications")

    def __init__(self, emulator):
        super().__init__(emulator)
        self.findings, self.enabled, self.states = {}, True, {}

    def BatchImportFindings(self, request):
        if not self.enabled:
            raise Refused("InvalidAccessException",
                          f"Account {self.account} is not subscribed to AWS Security Hub", 401)
        findings = request["Findings"]
        if not 1 <= len(findings) <= 100:
            raise Refused("InvalidInputException", "1 to 100 findings")
        if len(json.dumps(request, default=str)) > self.BATCH_BYTES:
            raise Refused("InvalidInputException", "over 6 MB")
        failed = []
        for finding in findings:
            why, code = self._wrong(finding), "InvalidInput"
            if not why:
                why = self.emulator.partial("securityhub")
                code = "InternalError" if why == "injected" else why
            if why:
                failed.append({"Id": finding.get("Id", ""), "ErrorCode": code,
                               "ErrorMessage": why})
            else:
                self._keep(finding)
        return {"FailedCount": len(failed), "SuccessCount": len(findings) - len(failed),
                "FailedFindings": failed}

    def _wrong(self, finding):
        product = (f"arn:{self.emulator.partition}:securityhub:{self.region}:{self.account}:"
                   f"product/{self.account}/default")
        if finding["SchemaVersion"] != "2018-10-08":
            return "SchemaVersion"
        if finding["ProductArn"] != product or finding["AwsAccountId"] != self.account:
            return "ProductArn is not the account's default product"
        if len(json.dumps(finding, default=str)) > self.FINDING_BYTES:
            return "over 240 KB"
        for name, limit in self.LIMITS.items():
            if not 1 <= len(finding[name]) <= limit:
                return f"{name} has {len(finding[name])} characters"
        return self._wrong_times(finding) or self._wrong_words(finding) or \
            self._wrong_details(finding)

    def _wrong_times(self, finding):
        try:
            times = {name: instant(finding[name]) for name in self.TIMES if name in finding}
        except ValueError as error:
            return f"a time: {error}"
        if times["UpdatedAt"] < times["CreatedAt"]:
            return "UpdatedAt is before CreatedAt"
        return None

    def _wrong_words(self, finding):
        fields = finding.get("FindingProviderFields", {})
        severity = fields.get("Severity", finding.get("Severity", {}))
        if severity.get("Label") not in self.LABELS:
            return "Severity"
        for name in fields.get("Types", []):
            if name.split("/")[0] not in self.NAMESPACES or not 2 <= len(name.split("/")) <= 3:
                return f"type {name}"
        if "Note" in finding or "UserDefinedFields" in finding or "Workflow" in finding:
            return "what only BatchUpdateFindings sets"
        return None

    def _wrong_details(self, finding):
        if not 1 <= len(finding["Resources"]) <= 32:
            return "Resources"
        for resource in finding["Resources"]:
            if resource["Type"] == "AwsEc2Instance" and not re.fullmatch(
                    rf"arn:{self.emulator.partition}:ec2:{self.region}:{self.account}:"
                    r"instance/i-[0-9a-f]{8,17}", resource["Id"]):
                return f"resource {resource['Id']}"
        fields = finding.get("ProductFields", {})
        if len(fields) > 50 or any(not 1 <= len(key) <= 128 or not 1 <= len(value) <= 2048
                                   for key, value in fields.items()):
            return "ProductFields"
        process = finding.get("Process", {})
        if len(process.get("Name", "")) > 64 or len(process.get("Path", "")) > 512:
            return "Process"
        if len(finding.get("ThreatIntelIndicators", [])) > 5:
            return "ThreatIntelIndicators"
        return None

    def _keep(self, finding):
        """An update counts when it is later than what is there."""
        old = self.findings.get(finding["Id"])
        self.states.setdefault(finding["Id"], []).append(finding)
        if old is None or instant(finding["UpdatedAt"]) > instant(old["UpdatedAt"]):
            self.findings[finding["Id"]] = {**(old or {}), **finding}


class Sns(Service):
    MESSAGE_BYTES = 262144
    PROTOCOLS = ("default", "email", "email-json", "sqs", "lambda", "http", "https", "sms",
                 "firehose", "application")

    def __init__(self, emulator):
        super().__init__(emulator)
        self.messages, self.topics = [], None  # None: all

    def _topic(self, arn):
        if not arn or arn.count(":") != 5 or arn.split(":")[3] != self.region:
            raise Refused("InvalidParameter", "Invalid parameter: TopicArn")
        if self.topics is not None and arn not in self.topics:
            raise Refused("NotFound", "Topic does not exist", 404)

    def _wrong(self, message, topic):
        subject = message.get("Subject", "A")
        if not 1 <= len(subject) < 100 or not subject.isascii() or \
                any(ord(c) < 32 for c in subject) or not subject[0].isalnum():
            return "Subject"
        if message.get("MessageStructure") == "json":
            try:
                parts = json.loads(message["Message"])
                good = isinstance(parts["default"], str) and \
                    all(isinstance(text, str) for text in parts.values()) and \
                    all(name in self.PROTOCOLS for name in parts)
            except (ValueError, KeyError, TypeError):
                good = False
            if not good:
                return "Message Structure - JSON message body failed to parse"
        if not message["Message"]:
            return "Empty message"
        if topic.endswith(".fifo") != ("MessageGroupId" in message):
            return "MessageGroupId"
        return None

    @staticmethod
    def _size(message):
        return len(message["Message"].encode()) + sum(
            len(name) + len(value.get("StringValue", "").encode()) + len(value["DataType"])
            for name, value in message.get("MessageAttributes", {}).items())

    def Publish(self, request):
        self._topic(request.get("TopicArn"))
        why = self._wrong(request, request["TopicArn"])
        if why or self._size(request) > self.MESSAGE_BYTES:
            raise Refused("InvalidParameter", f"Invalid parameter: {why or 'Message too long'}")
        self.messages.append(request)
        return {"MessageId": str(uuid.uuid4())}

    def PublishBatch(self, request):
        topic, entries = request.get("TopicArn"), request["PublishBatchRequestEntries"]
        self._topic(topic)
        ids = [entry["Id"] for entry in entries]
        if not 1 <= len(entries) <= 10 or len(set(ids)) != len(ids):
            raise Refused("BatchEntryIdsNotDistinct", "1 to 10 entries, each with its Id")
        if sum(self._size(entry) for entry in entries) > self.MESSAGE_BYTES:
            raise Refused("BatchRequestTooLong", "over 256 KB")
        reply = {"Successful": [], "Failed": []}
        for entry in entries:
            why = self._wrong(entry, topic)
            fault = None if why else self.emulator.partial("sns")
            if why or fault:
                reply["Failed"].append({"Id": entry["Id"], "SenderFault": bool(why),
                                        "Code": "InvalidParameter" if why else "InternalError",
                                        "Message": why or fault})
                continue
            self.messages.append({**entry, "TopicArn": topic})
            reply["Successful"].append({"Id": entry["Id"], "MessageId": str(uuid.uuid4())})
        return reply


class S3(Service):
    def __init__(self, emulator):
        super().__init__(emulator)
        self.buckets = {}  # name -> key -> bytes
        self.elsewhere = {}  # name -> region
        self.owners = {}  # name -> account; others are this account's

    def _bucket(self, name, owner=None):
        if name in self.elsewhere:
            raise Refused("PermanentRedirect", "The bucket you are attempting to access must be "
                          "addressed using the specified endpoint.", 301,
                          Region=self.elsewhere[name])
        if name not in self.buckets:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        if owner and owner != self.owners.get(name, self.account):
            raise Refused("AccessDenied", "Access Denied", 403)
        return self.buckets[name]

    def PutObject(self, request):
        body = request.get("Body", b"")
        bucket = self._bucket(request["Bucket"], request.get("ExpectedBucketOwner"))
        if len(request["Key"].encode()) > 1024:
            raise Refused("KeyTooLongError", "Your key is too long", 400)
        checksum = request.get("ChecksumSHA256")
        if checksum and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
            raise Refused("BadDigest", "The SHA256 you specified did not match", 400)
        bucket[request["Key"]] = body
        return {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}

    def lines(self, bucket):
        """{key: [parsed line]} of the gzipped JSON lines in a bucket."""
        return {key: [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
                for key, body in self.buckets[bucket].items()}

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
