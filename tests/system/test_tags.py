# SPDX-License-Identifier: Apache-2.0
"""Rules by the instance's tags: they come from the metadata service, or from EC2, and without either
no rule by a tag holds. Exceptions that end are told of."""

import sys
from datetime import datetime, timedelta, timezone

import pytest

from agent import SOURCE, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

TAGS = {"role": "ci", "aws:autoscaling:groupName": "builders", "Name": "wäbe 1"}
POLICY = """\
name: tag-tests
version: 1
rules:
  - name: builders
    match: { instance_tag: { role: ci, "aws:autoscaling:groupName": "build*", Name: "*be 1" } }
    severity: low
"""
NAMES = [f"n{i}.tags.invalid" for i in range(200)]
INSTANCE = "i-0123456789abcdef0"


def tags_of(agent):
    return agent.status()["policy"]["instance_tags"]


@pytest.mark.parametrize("source", ["metadata", "ec2", "denied", "off"])
def test_instance_tags(make_agent, namespace, source):
    """Proves that a rule by tags holds when they are known from either place, that nothing but the
    policy is needed to have them asked for, and that a refusal is told. Off EC2 there are none."""
    with Emulator() as aws:
        if source == "metadata":
            aws.imds.tags = dict(TAGS)
        ec2 = aws.services["ec2"]
        ec2.instances[INSTANCE]["tags"].set(TAGS if source == "ec2" else {"role": "other"})
        ec2.add_instance("i-0fedcba9876543210", tags={"role": "web"})
        if source == "denied":
            ec2.denied.add("DescribeTags")
        aws.imds.enabled = source != "off"
        agent = make_agent(NAMES, policy=POLICY)
        agent.environment = aws.environment()
        with agent:
            if source in ("denied", "off"):
                error = wait_for(lambda: tags_of(agent)["error"], "why there are none is told")
                assert ("ec2:DescribeTags" if source == "denied" else "metadata") in error
                assert tags_of(agent)["count"] == 0
            else:
                wait_for(lambda: tags_of(agent)["source"] == source, "tags are known")
                assert tags_of(agent)["count"] == len(TAGS) and not tags_of(agent)["error"]
            namespace.look_up("sendto", NAMES[0])
            found = agent.finding(NAMES[0])
            assert found["severity_id"] == (3 if source in ("denied", "off") else 2)


def test_exceptions_that_end(make_agent, namespace):
    """Proves that the end of an exception is a finding, once, before it and when it is there, and
    that it stands in the status."""
    def when(seconds):
        return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime(
            "%Y-%m-%dT%H:%M:%SZ")

    def rule(name, seconds):
        return (f"  - {{ name: {name}, match: {{ domain: {name}.invalid }}, except: true, "
                f"reason: R-{name}, owner: web, until: {when(seconds)} }}\n")

    agent = make_agent(NAMES, policy="rules:\n" + rule("soon", 3 * 86400) + rule("over", -3600) +
                       rule("old", -30 * 86400) + rule("late", 30 * 86400))

    def ends():
        return sorted((found["finding_info"]["analytic"]["name"], found["count"],
                       found["finding_info"]["title"]) for found in agent.findings())

    expected = [("exception-ended", 1, 'Exception "over" of the policy has ended'),
                ("exception-ends", 1, 'Exception "soon" of the policy ends within a week')]
    with agent:
        wait_for(lambda: ends() == expected, "both are told")
        shown = {row["rule"]: row["over"] for row in agent.status()["policy"]["endings"]}
        assert shown == {"soon": False, "over": True, "old": True}
        agent.reload()
        wait_for(lambda: agent.log.read_text().count('"soon"') >= 2, "it is read again")
        assert ends() == expected
