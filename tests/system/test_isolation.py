# SPDX-License-Identifier: Apache-2.0
"""Self-isolation against an emulated EC2: every interface in quarantine and seen there, the
original groups kept whatever happens, the budget held, each refusal told, and all of it undone.

CORDON_FLEET sets how many agents are struck at once (6), CORDON_RUNS how often latency is taken
(20), CORDON_CRASHES at each how many calls the daemon is killed (7; 1: at each)."""

import datetime
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent import CORDON, SOURCE, hostnames, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator, Handler, Server  # noqa: E402
from imds import Imds  # noqa: E402
from model import Refused  # noqa: E402

FLEET = int(os.environ.get("CORDON_FLEET", "6"))
RUNS = int(os.environ.get("CORDON_RUNS", "20"))
CRASHES = int(os.environ.get("CORDON_CRASHES", "7"))

QUARANTINE, TRANSITION = "sg-0eeeeeeeeeeeeeee1", "sg-0fffffffffffffff2"
INSTANCE = "i-0123456789abcdef0"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
POLICY = """\
name: isolation-tests
version: 1
rules:
  - name: bad
    match: { domain: bad.invalid }
    severity: critical
    response: isolate
  - name: others
    match: { detector: indicator }
    severity: medium
"""
ENTRIES = ["bad.invalid", "other.invalid"] + [f"run{i}.bad.invalid" for i in range(RUNS + 1)]
MODIFYING = ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute", "CreateTags",
             "CreateSnapshots", "EnterStandby", "DetachInstances", "SetInstanceProtection",
             "DeregisterTargets", "StopInstances", "TerminateInstances")


@pytest.fixture
def aws():
    with Emulator() as emulator:
        ec2 = emulator.services["ec2"]
        ec2.add_group(QUARANTINE)
        ec2.add_group(TRANSITION)
        ec2.add_group("sg-0aaaaaaaaaaaaaaa2")
        ec2.interfaces.clear()
        for index in range(3):
            ec2.add_interface(INSTANCE, ["sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"][:index or 1],
                              index)
        yield emulator


@pytest.fixture
def host(make_agent):
    """An agent that may isolate itself; not started yet."""
    def make(aws, mode="enforce", quarantine=QUARANTINE, **isolation):
        agent = make_agent(ENTRIES, mode=mode, policy=POLICY, aws={}, isolation={
            "quarantine_security_group": quarantine, "grace_after_boot": 0, "probation": 0,
            "never_isolate": {"file": str(make.folder / "never")},
            "evidence": {"bundle": False},
            **isolation, "budget": {"scope": "none", **isolation.get("budget", {})}})
        agent.environment = aws.environment()
        return agent
    from tempfile import TemporaryDirectory
    with TemporaryDirectory() as folder:
        make.folder = Path(folder)
        yield make


def command(agent, *arguments):
    done = subprocess.run([CORDON, *arguments, "--socket", agent.runtime / "control"],
                          capture_output=True, text=True, timeout=120)
    return done


def isolation(agent):
    return agent.status()["isolation"]


def known(agent):
    """Waits until the facts of a preflight are there."""
    wait_for(lambda: isolation(agent)["instance"] and isolation(agent)["phase"] == "idle",
             "the instance is known")


def state_is(agent, *states, seconds=60):
    seen = {}

    def look():
        seen.update(isolation(agent))
        return seen["state"] in states and seen["state"]
    try:
        return wait_for(look, f"isolation is {' or '.join(states)}", seconds)
    except pytest.fail.Exception:
        pytest.fail(f"not {' or '.join(states)}: {seen}\n{agent.log.read_text()}")


def groups(aws, instance=INSTANCE):
    return aws.services["ec2"].groups_of(instance)


def in_quarantine(aws, instance=INSTANCE):
    return all(value == [QUARANTINE] for value in groups(aws, instance).values())


def told(agent, word=None):
    """Findings about isolation."""
    found = [f for f in agent.findings() if f["finding_info"]["analytic"]["name"] == "isolation"]
    return [f for f in found if word is None or word in f["finding_info"]["title"]]


def modified(aws):
    return [call for call in aws.calls() if call.operation in MODIFYING]


def strike(namespace, name="a.bad.invalid"):
    namespace.look_up("sendto", name)


def test_isolates_and_releases(aws, host, namespace):
    """From a lookup to quarantine on all three interfaces, told once; and back."""
    agent = host(aws)
    before = groups(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    assert in_quarantine(aws)
    contain = agent.status()["contain"]
    assert contain["contained"] and not contain["provisional"], contain
    assert contain["finding"] == isolation(agent)["uid"]
    assert isolation(agent)["original_groups"] == {k: " ".join(v) for k, v in before.items()}
    [finding] = wait_for(lambda: told(agent), "it is told")
    assert finding["finding_info"]["title"] == "This instance is isolated"
    tags = aws.services["ec2"].tags_of(INSTANCE)
    assert tags["cordon:isolation"].startswith("isolated ")
    undo = {value for key, value in tags.items() if key.startswith("cordon:undo:")}
    assert undo == {f"groups {k} {' '.join(v)}" for k, v in before.items()}
    lines = [json.loads(line) for line in (agent.state / "findings.jsonl").read_text().splitlines()]
    [activity] = [line for line in lines if line["class_uid"] == 7004 and
                  line["activity_name"] == "Isolate" and "isolation_uid" in line["unmapped"]]
    assert activity["status"] == "Success"
    assert activity["unmapped"]["finding_uid"] == agent.finding("a.bad.invalid")["finding_info"]["uid"]
    valid = subprocess.run([sys.executable, SOURCE / "tests/system/ocsf_validate.py",
                            agent.state / "findings.jsonl"], capture_output=True, text=True)
    assert valid.returncode == 0, valid.stdout
    done = command(agent, "release")
    assert done.returncode == 0 and "released" in done.stdout, done.stdout + done.stderr
    assert {k: sorted(v) for k, v in groups(aws).items()} == \
        {k: sorted(v) for k, v in before.items()}
    assert aws.services["ec2"].tags_of(INSTANCE)["cordon:isolation"].startswith("released ")
    wait_for(lambda: told(agent, "released"), "the release is told")
    assert not agent.status()["contain"]["contained"]
    # The same name again does not isolate it at once.
    strike(namespace)
    wait_for(lambda: agent.finding("a.bad.invalid")["count"] >= 2, "it is seen again")
    assert isolation(agent)["state"] == "released" and not in_quarantine(aws)


def test_audit_changes_nothing(aws, host, namespace):
    agent = host(aws, mode="audit")
    agent.start()
    known(agent)
    strike(namespace)
    finding = agent.finding("a.bad.invalid")
    assert finding["unmapped"]["would_have"] == "isolate"
    assert "audit" in command(agent, "isolate").stderr
    wait_for(lambda: aws.calls("DescribeNetworkInterfaces"), "it has looked")
    assert not modified(aws) and isolation(agent)["state"] == "none"
    assert not aws.services["ec2"].changes


def test_audit_does_not_go_on(aws, host, namespace):
    """Isolated, and then started in audit mode: nothing more is moved, but it can be released."""
    agent = host(aws)
    before = groups(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    wait_for(lambda: isolation(agent)["phase"] == "watch", "all is done")
    agent.stop()
    config = json.loads(agent.config.read_text())
    agent.config.write_text(json.dumps({**config, "mode": "audit"}))
    changes = len(aws.services["ec2"].changes)
    agent.start()
    known(agent)
    assert isolation(agent)["state"] == "isolated"
    assert not agent.status()["contain"]["contained"]
    assert len(aws.services["ec2"].changes) == changes
    assert command(agent, "release").returncode == 0
    assert {k: sorted(v) for k, v in groups(aws).items()} == \
        {k: sorted(v) for k, v in before.items()}


def test_surroundings(aws, host, namespace):
    """Everything around it, in order, tolerant of what is not permitted; and back."""
    scaling, balancing = aws.services["autoscaling"], aws.services["elasticloadbalancing"]
    ec2 = aws.services["ec2"]
    scaling.add(INSTANCE)
    balancing.targets[ARN] = {(INSTANCE, 80), (INSTANCE, 8080), ("i-0bbbb", 80)}
    agent = host(aws, transition_security_group=TRANSITION, surroundings={
        "snapshots": True, "keep_volumes": True, "termination_protection": True,
        "auto_scaling": "standby", "target_groups": [ARN]})
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    wait_for(lambda: ec2.snapshots, "snapshots are made")
    assert in_quarantine(aws) and len(ec2.snapshots) == 1
    assert scaling.instances[INSTANCE]["state"] == "Standby"
    assert balancing.targets[ARN] == {("i-0bbbb", 80)}
    assert ec2.instances[INSTANCE]["termination"].now
    assert not ec2.instances[INSTANCE]["volumes"]["/dev/xvda"][1]
    order = [(what, value) for what, _, value in ec2.changes if what in ("attribute", "groups")]
    assert [what for what, _ in order[:2]] == ["attribute", "attribute"]
    assert [value for what, value in order if what == "groups"] == \
        3 * [[TRANSITION], [QUARANTINE]]
    wait_for(lambda: isolation(agent)["phase"] == "watch", "all is done")
    done = command(agent, "release")
    assert done.returncode == 0, done.stdout + done.stderr
    assert scaling.instances[INSTANCE]["state"] == "InService"
    assert balancing.targets[ARN] == {(INSTANCE, 80), (INSTANCE, 8080), ("i-0bbbb", 80)}
    assert not ec2.instances[INSTANCE]["termination"].now
    assert ec2.instances[INSTANCE]["volumes"]["/dev/xvda"][1]
    assert not in_quarantine(aws)


def test_nothing_around_it_is_permitted(aws, host, namespace):
    ec2 = aws.services["ec2"]
    ec2.denied |= {"ModifyInstanceAttribute", "CreateSnapshots", "CreateTags"}
    aws.services["autoscaling"].denied.add("DescribeAutoScalingInstances")
    agent = host(aws, surroundings={"snapshots": True, "keep_volumes": True,
                                    "auto_scaling": "detach", "target_groups": [ARN]})
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    assert in_quarantine(aws)
    assert "Unauthorized" in isolation(agent)["note"]


@pytest.mark.parametrize("fault", ["denied interface", "missing group", "other vpc", "managed"])
def test_partial(aws, host, namespace, fault):
    """What cannot be moved is named, the rest is moved, and nothing is called what it is not."""
    ec2 = aws.services["ec2"]
    first = list(ec2.interfaces)[0]
    if fault == "denied interface":
        ec2.denied.add(first)
    elif fault == "missing group":
        del ec2.groups[QUARANTINE]
    elif fault == "other vpc":
        ec2.groups[QUARANTINE]["VpcId"] = "vpc-0ccccccccccccccc3"
    else:
        ec2.interfaces[first]["RequesterManaged"] = True
    agent = host(aws)
    agent.start()
    known(agent)
    strike(namespace)
    if fault == "managed":
        state_is(agent, "isolated")
        [finding] = wait_for(lambda: told(agent), "it is told")
        assert first in finding["finding_info"]["desc"]
        assert groups(aws)[first] != [QUARANTINE]
        return
    state_is(agent, "partial")
    assert first in isolation(agent)["note"]
    wait_for(lambda: told(agent, "in part"), "it is told")
    moved = [value == [QUARANTINE] for value in groups(aws).values()]
    assert moved == ([False, True, True] if fault == "denied interface" else 3 * [False])
    if fault == "denied interface":
        ec2.denied.clear()
        state_is(agent, "isolated")
        assert in_quarantine(aws) and wait_for(lambda: told(agent, "is isolated"), "told")


def test_eventual_consistency(aws, host, namespace):
    """EC2 shows the swap three seconds later: until then it is not said to be isolated."""
    ec2 = aws.services["ec2"]
    agent = host(aws)
    agent.start()
    known(agent)
    ec2.lag = 3
    begun = time.monotonic()
    strike(namespace)
    wait_for(lambda: in_quarantine(aws), "it is moved")
    assert isolation(agent)["state"] == "admitted" and not told(agent)
    state_is(agent, "isolated")
    assert time.monotonic() - begun >= 3


def test_throttled(aws, host, namespace):
    agent = host(aws)
    agent.start()
    known(agent)
    aws.fault("ec2", "throttle", times=6)
    strike(namespace)
    state_is(agent, "isolated")
    assert in_quarantine(aws)


def test_later_interfaces_and_release_from_outside(aws, host, namespace):
    ec2 = aws.services["ec2"]
    agent = host(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    late = ec2.add_interface(INSTANCE, ["sg-0aaaaaaaaaaaaaaa2"], 3)
    wait_for(lambda: groups(aws)[late] == [QUARANTINE], "it is taken, too", 90)
    assert isolation(agent)["original_groups"][late] == "sg-0aaaaaaaaaaaaaaa2"
    # As the runbook does it: groups, and the mark with the same id.
    uid = isolation(agent)["uid"]
    tags = {**ec2.tags_of(INSTANCE), "cordon:isolation": f"released now {uid}"}
    ec2.instances[INSTANCE]["tags"].set(tags)
    for name, value in isolation(agent)["original_groups"].items():
        ec2.interfaces[name]["groups"].set(tuple(value.split()))
    state_is(agent, "released", seconds=90)
    assert not in_quarantine(aws)


def test_guards(aws, host, namespace):
    """Each refusal is a finding of its own, and changes nothing."""
    agent = host(aws)
    agent.start()
    known(agent)
    (host.folder / "never").touch()
    strike(namespace)
    [finding] = wait_for(lambda: told(agent), "the refusal is told")
    assert str(host.folder / "never")[:100] in finding["finding_info"]["desc"]
    assert not modified(aws) and isolation(agent)["state"] == "none"
    agent.stop()
    (host.folder / "never").unlink()
    aws.services["ec2"].instances[INSTANCE]["tags"].set({"cordon:never-isolate": ""})
    agent.start()
    known(agent)
    assert "guard" in command(agent, "isolate").stderr
    assert not modified(aws)


def test_brake_and_dead_man(aws, host, namespace):
    """A new entry does not isolate, nor one that covers a name long in use; each is told. Another
    one does, and nobody confirms it."""
    agent = host(aws, probation=3600, confirm_within=3)
    before = groups(aws)
    agent.state.mkdir(exist_ok=True)
    (agent.state / "names-in-use").write_text("1000 0 www.bad.invalid\n")
    agent.start()
    known(agent)
    strike(namespace, "a.run1.bad.invalid")
    [young] = wait_for(lambda: told(agent, "is new"), "probation is told")
    assert "run1.bad.invalid" in young["finding_info"]["desc"]
    config = json.loads(agent.config.read_text())
    config["isolation"]["probation"] = 0
    agent.config.write_text(json.dumps(config))
    assert command(agent, "reload").returncode == 0
    namespace.look_up("sendto", "never.seen.example")
    strike(namespace)
    [used] = wait_for(lambda: told(agent, "long in use"), "the history is told")
    assert "www.bad.invalid" in used["finding_info"]["desc"]
    assert not modified(aws) and isolation(agent)["state"] == "none"
    assert command(agent, "isolate", "--confirm").returncode != 0
    strike(namespace, "a.run2.bad.invalid")
    wait_for(lambda: in_quarantine(aws), "it is isolated")
    wait_for(lambda: told(agent, "not confirmed in time"), "it is told", 90)
    state_is(agent, "released", seconds=90)
    assert {k: sorted(v) for k, v in groups(aws).items()} == \
        {k: sorted(v) for k, v in before.items()}
    agent.stop()
    history = (agent.state / "names-in-use").read_text()
    assert "1000 1 www.bad.invalid" in history and "0 never.seen.example" in history


def test_stops_the_instance(aws, host, namespace):
    """Only where the configuration lets it; isolated and told first."""
    agent = host(aws, instance_end="stop")
    [policy] = json.loads(agent.config.read_text())["policy"]["files"]
    Path(policy).write_text(POLICY.replace("response: isolate", "response: terminate-instance"))
    aws.services["ec2"].denied.add("StopInstances")
    agent.start()
    known(agent)
    run = json.loads(command(agent, "isolate", "--dry-run", "--json").stdout)
    [step] = [step for step in run["steps"] if step["call"] == "ec2:StopInstances"]
    assert step["allowed"] is False
    aws.services["ec2"].denied.clear()
    strike(namespace)
    wait_for(lambda: ("end", INSTANCE, "StopInstances") in aws.services["ec2"].changes,
             "it is stopped", 90)
    assert in_quarantine(aws) and told(agent, "is isolated") and told(agent, "about to be stopped")
    assert not aws.calls("TerminateInstances")
    wait_for(lambda: isolation(agent)["phase"] == "watch", "all is done")
    agent.stop()
    agent.start()
    wait_for(lambda: isolation(agent)["phase"] == "watch", "it goes on")
    assert len(aws.calls("StopInstances")) == 1


def test_release_without_a_disk(aws, host, namespace):
    """The journal is gone: tags have what undoes it."""
    agent = host(aws)
    before = groups(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    wait_for(lambda: isolation(agent)["phase"] == "watch", "all is done")
    agent.stop()
    for path in agent.state.glob("journal.db*"):
        path.unlink()
    agent.start()
    known(agent)
    assert isolation(agent)["state"] == "none"
    done = command(agent, "release")
    assert done.returncode == 0 and "released" in done.stdout, done.stdout + done.stderr
    assert {k: sorted(v) for k, v in groups(aws).items()} == \
        {k: sorted(v) for k, v in before.items()}


def test_release_is_not_permitted(aws, host, namespace):
    """The role may move it into quarantine only: it stays isolated, and says so."""
    agent = host(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    aws.services["ec2"].denied |= {"sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"}
    done = command(agent, "release")
    assert done.returncode == 1 and "stays isolated" in done.stdout
    assert in_quarantine(aws)
    wait_for(lambda: told(agent, "could not be released"), "it is told")
    state_is(agent, "isolated")


def test_copied_disk(aws, host, namespace):
    """An image of an isolated host must not believe that it is isolated."""
    agent = host(aws)
    agent.start()
    known(agent)
    strike(namespace)
    state_is(agent, "isolated")
    agent.stop()
    aws.imds.instance["instance-id"] = "i-0ccccccccccccccc9"
    aws.services["ec2"].add_instance("i-0ccccccccccccccc9")
    agent.start()
    known(agent)
    assert isolation(agent)["state"] == "released"
    assert groups(aws, "i-0ccccccccccccccc9")["eni-0ccccccccccccccc9"] == ["sg-0aaaaaaaaaaaaaaa1"]


def test_dry_run(aws, host):
    """Every call, whether IAM lets it, whether the agent's channel survives: and no change."""
    ec2 = aws.services["ec2"]
    first = list(ec2.interfaces)[0]
    ec2.denied.add(first)
    ec2.groups[QUARANTINE]["IpPermissionsEgress"] = [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "UserIdGroupPairs": [{"GroupId": "sg-0dddddddddddddddd"}]}]
    ec2.add_group("sg-0dddddddddddddddd", ingress=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "UserIdGroupPairs": [{"GroupId": QUARANTINE}]}])
    ec2.add_group("sg-0ddddddddddddddde", ingress=[
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "UserIdGroupPairs": [{"GroupId": "sg-0aaaaaaaaaaaaaaa1"}]}])
    for service, group in (("ec2", "sg-0dddddddddddddddd"), ("logs", "sg-0ddddddddddddddde")):
        ec2.endpoints[service] = {
            "VpcEndpointId": f"vpce-{len(service)}", "VpcId": "vpc-0123456789abcdef0",
            "ServiceName": f"com.amazonaws.eu-west-1.{service}", "VpcEndpointType": "Interface",
            "State": "available", "PrivateDnsEnabled": True, "NetworkInterfaceIds": [],
            "Groups": [{"GroupId": group, "GroupName": group}]}
    agent = host(aws, budget={"scope": "vpc"}, surroundings={"keep_volumes": True})
    agent.start()
    known(agent)
    done = command(agent, "isolate", "--dry-run", "--json")
    assert done.returncode == 1, done.stderr
    run = json.loads(done.stdout)
    steps = {step["what"].split(":")[0]: step for step in run["steps"]}
    assert steps[first]["allowed"] is False and "UnauthorizedOperation" in steps[first]["why"]
    others = [step["allowed"] for name, step in steps.items() if name != first]
    assert len(others) == 4 and all(others)
    channel = {row["service"]: row["open"] for row in run["channel"]}
    assert channel == {"ec2": True, "logs": False, "ssm": False}
    assert run["budget"]["instances"] == 1 and run["budget"]["admitted"]
    assert not ec2.changes
    text = command(agent, "isolate", "--dry-run").stdout
    assert first in text and "vpc-id" in text
    # The daemon's own, which goes with that of the other calls.
    assert isolation(agent)["ready"]["ready"] is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.connect(str(agent.runtime / "control"))
        control.send(b'{"request": "preflight"}')
        assert b'"run"' in control.recv(1 << 16)
    ready = wait_for(lambda: isolation(agent)["ready"]["runs"] and isolation(agent)["ready"],
                     "it is tried")
    assert not ready["ready"] and first in ready["why"]
    wait_for(lambda: told(agent, "could not isolate itself"), "it is told")
    assert not ec2.changes


@pytest.mark.parametrize("unknown", ["contain", "lift"])
def test_budget_cannot_be_asked(aws, host, namespace, unknown):
    agent = host(aws, budget={"scope": "vpc", "settle": 0}, when_unknown=unknown, unknown_after=1)
    agent.start()
    known(agent)
    aws.services["ec2"].denied.add("CreateTags")
    strike(namespace)
    if unknown == "lift":
        state_is(agent, "lifted")
        assert not agent.status()["contain"]["contained"]
        assert wait_for(lambda: told(agent, "EC2 cannot be asked"), "it is told")
    else:
        wait_for(lambda: told(agent, "cut off"), "it is told")
        assert isolation(agent)["state"] == "contained"
        assert agent.status()["contain"]["contained"]
    assert not in_quarantine(aws)
    if unknown == "contain":
        aws.services["ec2"].denied.clear()
        state_is(agent, "isolated")


class Deadly:
    """Kills the agent at the emulator's Nth call from now on, before or after it is carried out."""

    def __init__(self, aws, agent, at, after):
        self.agent, self.at, self.after, self.count = agent, at, after, 0
        self.died = threading.Event()
        carry_out, self.aws = aws._carry_out, aws

        def deadly(name, operation, *rest):
            # Reports go on beside it.
            self.count += name in ("ec2", "autoscaling")
            if self.count == self.at and not self.after and not self.died.is_set():
                self.kill()
                raise Refused("InternalFailure", "the host is gone", 500)
            reply = carry_out(name, operation, *rest)
            if self.count == self.at and not self.died.is_set():
                self.kill()
            return reply
        aws._carry_out = deadly
        self.restore = lambda: setattr(aws, "_carry_out", carry_out)

    def kill(self):
        self.agent.process.send_signal(signal.SIGKILL)
        self.died.set()

    def ended(self):
        """Whether all is done; it may die while it is asked."""
        done = self.agent._status()
        return done.returncode in (0, 1) and \
            json.loads(done.stdout)["isolation"]["phase"] == "watch"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_call(host, namespace, after):
    """kill -9 of the daemon at each call: the right end, the groups of before, told once."""
    at, ended = (after + 1) % CRASHES - CRASHES, False
    while not ended:
        at += CRASHES
        at = at or CRASHES
        with Emulator() as aws:
            ec2 = aws.services["ec2"]
            ec2.add_group(QUARANTINE)
            ec2.add_interface(INSTANCE, ["sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"], 1)
            ec2.add_group("sg-0aaaaaaaaaaaaaaa2")
            aws.services["autoscaling"].add(INSTANCE)
            before = groups(aws)
            agent = host(aws, surroundings={"snapshots": True, "auto_scaling": "standby"},
                         budget={"scope": "vpc", "settle": 50})
            agent.start()
            known(agent)
            deadly = Deadly(aws, agent, at, after)
            strike(namespace)
            wait_for(lambda: deadly.died.is_set() or deadly.ended(),
                     "it died, or came to the end")
            ended = not deadly.died.is_set()
            deadly.restore()
            if not ended:
                agent.process.wait()
                agent.start()
                # Nothing is asked for anew: it is the record that goes on.
            state_is(agent, "isolated")
            wait_for(lambda: isolation(agent)["phase"] == "watch", "all is done")
            assert in_quarantine(aws), (at, groups(aws))
            assert isolation(agent)["original_groups"] == \
                {name: " ".join(value) for name, value in before.items()}, at
            assert len(wait_for(lambda: told(agent, "is isolated"), "it is told")) == 1
            assert told(agent, "is isolated")[0]["count"] == 1
            assert len(ec2.snapshots) == 1, at
            assert aws.services["autoscaling"].instances[INSTANCE]["state"] == "Standby"
            assert command(agent, "release").returncode == 0
            assert {k: sorted(v) for k, v in groups(aws).items()} == \
                {k: sorted(v) for k, v in before.items()}
            assert aws.services["autoscaling"].instances[INSTANCE]["state"] == "InService"
            agent.stop()
    assert at > 8


class OwnMetadata:
    """A metadata service for one more instance of an emulator."""

    def __init__(self, aws, instance):
        self.imds = Imds(aws)
        self.imds.instance["instance-id"] = instance
        self.now = aws.now
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.emulator = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def test_fleet(aws, host, namespace, figure):
    """One bad entry strikes all of them with one packet: exactly the budget is isolated, all others
    say that they are not."""
    ec2, budget = aws.services["ec2"], max(1, FLEET // 5)
    ec2.instances.clear()
    ec2.interfaces.clear()
    agents, metadata = {}, []
    for number in range(FLEET):
        instance = f"i-{number:017x}"
        ec2.add_instance(instance)
        agent = host(aws, budget={"scope": "vpc", "count": budget, "percent": 0, "settle": 3000})
        metadata.append(OwnMetadata(aws, instance))
        agent.environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata[-1].url
        agents[instance] = agent
    try:
        for agent in agents.values():
            agent.start()
        for agent in agents.values():
            known(agent)
        ec2.lag = 0.5
        struck = time.monotonic()
        strike(namespace)
        for agent in agents.values():
            state_is(agent, "isolated", "refused")
        figure(f"{FLEET} agents struck by one packet: all decided after "
               f"{time.monotonic() - struck:.1f} s, settle time of 3 s included")
        isolated = [name for name, agent in agents.items()
                    if isolation(agent)["state"] == "isolated"]
        assert len(isolated) == budget
        for name, agent in agents.items():
            assert in_quarantine(aws, name) == (name in isolated)
            assert wait_for(lambda: told(agent, "is isolated" if name in isolated
                                         else "too many others"), "each says so")
    finally:
        for one in metadata:
            one.server.shutdown()
            one.server.server_close()


def test_latency(aws, host, namespace, figure):
    """From the packet to the first call, and to the first change of groups, without a budget."""
    agent = host(aws)
    agent.start()
    known(agent)
    cut, first, swap, verified = [], [], [], []
    for run in range(RUNS):
        name = f"a.run{run}.bad.invalid"
        with aws.lock:
            aws.recorded.clear()
        strike(namespace, name)
        state_is(agent, "isolated")
        packet = agent.finding(name)["finding_info"]["first_seen_time"] / 1000
        contain = agent.status()["contain"]
        since = datetime.datetime.fromisoformat(contain["since"].replace("Z", "+00:00"))
        cut.append(1000 * (since.timestamp() - packet) + contain["cut_us"] / 1000)
        calls = aws.calls(service="ec2")
        first.append(1000 * (calls[0].at.timestamp() - packet))
        changes = aws.calls("ModifyNetworkInterfaceAttribute")
        swap.append(1000 * (changes[0].at.timestamp() - packet))
        seen = [call for call in calls if call.operation == "DescribeNetworkInterfaces"]
        verified.append(1000 * (seen[-1].at.timestamp() - packet))
        assert command(agent, "release").returncode == 0
    for what, took in (("host contained", cut), ("first call", first),
                       ("first interface moved", swap), ("verified", verified)):
        took.sort()
        figure(f"packet to {what}: p50 {statistics.median(took):.0f} ms, "
               f"p99 {took[max(0, int(len(took) * 0.99) - 1)]:.0f} ms of {len(took)}")
