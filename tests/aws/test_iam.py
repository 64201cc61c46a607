# SPDX-License-Identifier: Apache-2.0
"""What the shipped IAM policies allow and refuse: an instance may move itself into quarantine, and
nothing else; whoever may release may not do the rest."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from iam import Policies, Request  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "policy/iam"
EC2 = "arn:aws:ec2:eu-west-1:123456789012:"
SELF, OTHER = f"{EC2}instance/i-0aaaa", f"{EC2}instance/i-0bbbb"
QUARANTINE, WEB = f"{EC2}security-group/QUARANTINE_SECURITY_GROUP", f"{EC2}security-group/sg-web"
OWN = {f"{EC2}network-interface/eni-0a": {"aws:ResourceTag/cordon:owner": SELF}}
FOREIGN = {f"{EC2}network-interface/eni-0b": {"aws:ResourceTag/cordon:owner": OTHER}}
UNTAGGED = {f"{EC2}network-interface/eni-0c": {}}
ENFORCING = {SELF: {"aws:ResourceTag/cordon": "enforce"}}
VOLUME, SNAPSHOT = f"{EC2}volume/vol-1", "arn:aws:ec2:eu-west-1::snapshot/*"
SCALING = ("arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:"
           "autoScalingGroupName/web")
MOVE = "ec2:ModifyNetworkInterfaceAttribute"
CONTEXT = {"ec2:SourceInstanceARN": SELF}


def policies(*names):
    return Policies(*(FOLDER / f"{name}.json" for name in names))


def ask(action, *resources, **context):
    found = {}
    for one in resources:
        found.update(one if isinstance(one, dict) else {one: {}})
    return Request(action, found, **CONTEXT, **context)


TAG = {"aws:TagKeys": ["cordon:isolation", "cordon:undo:0"]}
CASES = [
    # policies, request, whether it is allowed
    (["isolate"], ask(MOVE, OWN, QUARANTINE), True),
    (["isolate"], ask(MOVE, OWN, QUARANTINE, SELF), True),
    (["isolate"], ask(MOVE, OWN, WEB), False),                    # out of quarantine
    (["isolate"], ask(MOVE, OWN, QUARANTINE, WEB), False),        # beside it
    (["isolate"], ask(MOVE, FOREIGN, QUARANTINE), False),         # another's interface
    (["isolate"], ask(MOVE, UNTAGGED, QUARANTINE), False),
    (["isolate"], ask(MOVE, OWN, QUARANTINE, OTHER), False),
    (["isolate"], ask("ec2:CreateTags", SELF, **TAG), True),
    (["isolate"], ask("ec2:CreateTags", OTHER, **TAG), False),
    (["isolate"], ask("ec2:CreateTags", SELF, **{"aws:TagKeys": ["cordon:owner"]}), False),
    (["isolate"], ask("ec2:CreateTags", SELF, **{"aws:TagKeys": ["cordon:never-isolate"]}), False),
    (["isolate"], ask("ec2:CreateTags", SELF), False),
    (["isolate"], ask("ec2:CreateTags", *OWN, **TAG), False),
    (["isolate"], ask("ec2:DeleteTags", SELF, **TAG), False),
    (["isolate"], ask("ec2:CreateSnapshots", SELF, VOLUME, SNAPSHOT), True),
    (["isolate"], ask("ec2:CreateSnapshots", OTHER, VOLUME, SNAPSHOT), False),
    (["isolate"], ask("ec2:CreateTags", SNAPSHOT, **{"ec2:CreateAction": "CreateSnapshots"}), True),
    (["isolate"], ask("ec2:CreateTags", SNAPSHOT, **TAG), False),
    (["isolate"], ask("ec2:DescribeInstances", "*"), True),
    (["isolate"], ask("ec2:ModifyInstanceAttribute", SELF,
                      **{"ec2:Attribute": "DisableApiTermination"}), False),
    (["isolate"], ask("ec2:AuthorizeSecurityGroupEgress", QUARANTINE), False),
    (["isolate"], ask("ec2:TerminateInstances", SELF), False),
    (["isolate", "isolate-surroundings"],
     ask("ec2:ModifyInstanceAttribute", SELF, **{"ec2:Attribute": "DisableApiTermination"}), True),
    (["isolate", "isolate-surroundings"],
     ask("ec2:ModifyInstanceAttribute", SELF, **{"ec2:Attribute": "UserData"}), False),
    (["isolate", "isolate-surroundings"],
     ask("ec2:ModifyInstanceAttribute", OTHER, **{"ec2:Attribute": "DisableApiTermination"}),
     False),
    (["isolate", "isolate-surroundings"],
     ask("autoscaling:EnterStandby", {SCALING: {"aws:ResourceTag/cordon": "enforce"}}), True),
    (["isolate", "isolate-surroundings"], ask("autoscaling:EnterStandby", SCALING), False),
    (["isolate", "isolate-surroundings"],
     ask("autoscaling:ExitStandby", {SCALING: {"aws:ResourceTag/cordon": "enforce"}}), False),
    (["isolate", "isolate-surroundings"], ask(MOVE, OWN, WEB), False),
    (["isolate", "isolate-surroundings"], ask("ec2:StopInstances", ENFORCING), False),
    (["isolate", "isolate-end"], ask("ec2:StopInstances", ENFORCING), True),
    (["isolate", "isolate-end"], ask("ec2:TerminateInstances", ENFORCING), True),
    (["isolate", "isolate-end"], ask("ec2:TerminateInstances", SELF), False),
    (["isolate", "isolate-end"],
     ask("ec2:TerminateInstances", {OTHER: {"aws:ResourceTag/cordon": "enforce"}}), False),
    (["isolate", "isolate-end"], ask("ec2:StartInstances", ENFORCING), False),
    (["release"], ask(MOVE, OWN, WEB), True),
    (["release"], ask("ec2:CreateTags", OTHER, **{"aws:TagKeys": ["cordon:isolation"]}), True),
    (["release"], ask("ec2:CreateTags", OTHER, **{"aws:TagKeys": ["cordon:owner"]}), False),
    (["release"], ask("autoscaling:ExitStandby", SCALING), True),
    (["release"], ask("autoscaling:EnterStandby", SCALING), False),
    (["release"], ask("ec2:ModifyInstanceAttribute", OTHER, **{"ec2:Attribute": "UserData"}),
     False),
    (["release"], ask("ec2:TerminateInstances", OTHER), False),
    (["report"], ask(MOVE, OWN, QUARANTINE), False),              # audit: reports only
    (["report"], ask("ec2:CreateTags", SELF, **TAG), False),
    (["isolate-evidence"], ask("s3:PutObject", "arn:aws:s3:::cordon-evidence/cordon/evidence/i-1/x"),
     True),
    (["isolate-evidence"], ask("s3:GetObject", "arn:aws:s3:::cordon-evidence/cordon/evidence/i-1/x"),
     False),
    (["isolate-evidence"], ask("s3:PutObject", "arn:aws:s3:::cordon-evidence/other"), False),
]


@pytest.mark.parametrize("names, request_, allowed", CASES,
                         ids=[f"{'+'.join(names)}-{number}"
                              for number, (names, _, _) in enumerate(CASES)])
def test_what_is_allowed(names, request_, allowed):
    assert policies(*names).allows(request_) == allowed, request_.action


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.name)
def test_form(path):
    """No wildcard of actions, no resource "*" for anything that changes, one Sid each, a size that
    IAM takes."""
    text = path.read_text()
    document = json.loads(text)
    assert document["Version"] == "2012-10-17"
    assert len("".join(text.split())) <= 6144
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    for statement in document["Statement"]:
        actions = statement["Action"]
        for action in actions if isinstance(actions, list) else [actions]:
            assert "*" not in action
            if statement["Resource"] == "*":
                # What is created or put has no resource to be named by.
                assert action.split(":")[1].startswith(("Describe", "Put", "Get", "CreateOps")), \
                    action
