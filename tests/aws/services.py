# SPDX-License-Identifier: Apache-2.0
"""What the emulated services do: a method an operation, with the state that later calls see. A
method gets the checked parameters and gives the reply's members, or raises Refused."""

import json
import uuid
from datetime import datetime, timedelta, timezone

from ec2 import Ec2
from model import Refused
from scaling import AutoScaling, LoadBalancing
from service import Service
from services_sinks import S3, Events, SecurityHub, Sns
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
            "monitoring": CloudWatch(emulator), "sts": Sts(emulator), "ec2": Ec2(emulator),
            "autoscaling": AutoScaling(emulator), "elasticloadbalancing": LoadBalancing(emulator)}


def utc_now():
    return datetime.now(timezone.utc)
