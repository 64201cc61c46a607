# SPDX-License-Identifier: Apache-2.0
"""A parameter of Parameter Store says which policy and which pack are in force: what it points to is
fetched, checked and put in force; what is wrong is told, and what was in force stays, over a restart
as well."""

import json
import subprocess
import sys

import pytest

from agent import CORDON, SOURCE, hostnames, run, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

BUCKET, NAME = "cordon-policies", "a.policy.invalid"
NAMES = [NAME] + [f"n{i}.policy.invalid" for i in range(9)]
POLICY = """\
name: fetched
version: {version}
rules:
  - name: all
    match: {{ detector: indicator }}
    severity: {severity}
"""


@pytest.fixture
def aws():
    with Emulator() as emulator:
        emulator.services["s3"].buckets[BUCKET] = {}
        yield emulator


def policy(severity, version=1):
    return POLICY.format(severity=severity, version=version)


def put(aws, name, content):
    """Into the bucket; returns where it is."""
    aws.services["s3"].buckets[BUCKET][name] = \
        content if isinstance(content, bytes) else content.encode()
    return f"s3://{BUCKET}/{name}"


def point(aws, parameter, value):
    version, _ = aws.services["ssm"].parameters.get(parameter, (0, ""))
    aws.services["ssm"].parameters[parameter] = (version + 1, value)


class Host:
    """An agent whose policy is what /cordon/policy says."""

    def __init__(self, agent, namespace):
        self.agent, self.namespace, self.names = agent, namespace, iter(NAMES)

    def update(self):
        done = subprocess.run([CORDON, "intel", "update", "--json", "--socket",
                               self.agent.runtime / "control"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def feed(self, name="(policy)"):
        return next(row for row in self.agent.status()["feeds"]["feeds"] if row["name"] == name)

    def severity(self):
        """What the policy in force makes of a name that was not asked for before."""
        name = next(self.names)
        self.namespace.look_up("sendto", name)
        return wait_for(lambda: next((finding["severity"] for finding in self.agent.findings()
                                      if name in hostnames(finding)), None), f"{name} is found")


@pytest.fixture
def make_host(aws, make_agent, namespace):
    def make(**more):
        agent = make_agent(NAMES)
        config = json.loads(agent.config.read_text())
        # Its own policy, which says nothing: the one that comes with cordon may not be installed.
        own = agent.folder / "own.yaml"
        own.write_text("name: own\nversion: 1\nrules: []\n")
        config["policy"] = {"url": "ssm:/cordon/policy", "files": [str(own)],
                            **more.pop("policy", {})}
        config["aws"] = {"metadata": "off"}
        for name, section in more.items():
            config[name] = {**config.get(name, {}), **section}
        agent.config.write_text(json.dumps(config))
        agent.environment = aws.environment(credentials=True)
        return Host(agent, namespace)
    return make


def test_pointer(aws, make_host):
    point(aws, "/cordon/policy", put(aws, "one.yaml", policy("critical")))
    host = make_host()
    agent = host.agent
    agent.start()
    wait_for(lambda: "a new policy came" in agent.log.read_text(), "the policy is in force")
    assert host.severity() == "Critical"
    assert host.feed()["error"] is None and host.feed()["source"] == "ssm:/cordon/policy"
    # Another one; the same again is no news.
    point(aws, "/cordon/policy", put(aws, "two.yaml", policy("low")))
    host.update()
    assert host.severity() == "Low"
    before = agent.log.read_text().count("a new policy came")
    host.update()
    assert agent.log.read_text().count("a new policy came") == before == 2
    # What is no policy, is not there, or may not be read: told, and the one before stays.
    for value, word in ((put(aws, "bad.yaml", "rules: [ { nothing: right } ]\n"), "nothing"),
                        (f"s3://{BUCKET}/nobody.yaml", "NoSuchKey"),
                        ("ssm:/cordon/policy", "expected a policy")):
        point(aws, "/cordon/policy", value)
        [error] = [row["error"] for row in host.update()["feeds"] if row["name"] == "(policy)"]
        assert word in (error or ""), (value, error)
    assert host.severity() == "Low"
    # Over a restart without AWS, too.
    agent.stop()
    aws.fault("ssm", "reset", times=10000)
    agent.start()
    assert host.severity() == "Low"
    agent.stop()
    aws.faults_clear()
    # The value itself may be the policy.
    point(aws, "/cordon/policy", policy("high"))
    agent.start()
    host.update()
    wait_for(lambda: agent.log.read_text().count("a new policy came") == 3, "it is in force")
    assert host.severity() == "High"
    assert not [why for _, _, why in aws.refused if "Validation" in why or "Signature" in why]


def test_pointer_to_what_is_signed(aws, make_host, tmp_path):
    """With keys, what they did not sign, and what is older, is refused."""
    key = tmp_path / "key"
    public = run(CORDON, "intel", "keygen", "-o", key).stdout.split()[-1]

    def signed(severity, version):
        source = tmp_path / f"{severity}.yaml"
        source.write_text(policy(severity))
        run(CORDON, "intel", "sign", "--key", key, "--version", str(version), source)
        return put(aws, f"{severity}.yaml", source.read_bytes())

    low, high = signed("low", 1), signed("high", 2)
    point(aws, "/cordon/policy", high)
    host = make_host(policy={"keys": [public]})
    run(CORDON, "intel", "sign", "--key", key, "--version", "1", host.agent.folder / "own.yaml")
    host.agent.start()
    wait_for(lambda: "a new policy came" in host.agent.log.read_text(), "it is in force")
    assert host.severity() == "High"
    for value in (low, put(aws, "unsigned.yaml", policy("critical"))):
        point(aws, "/cordon/policy", value)
        host.update()
        assert host.feed()["error"] and host.severity() == "High"


def test_pack_pointer(aws, make_host, tmp_path):
    """The same of the pack; intel.url."""
    def pack(name, *entries):
        source = tmp_path / f"{name}.txt"
        source.write_text("".join(f"{entry}\n" for entry in entries))
        run(CORDON, "intel", "compile", "-o", tmp_path / f"{name}.pack", source)
        return put(aws, f"{name}.pack", (tmp_path / f"{name}.pack").read_bytes())

    first, second = pack("first", NAMES[0]), pack("second", *NAMES[1:3])
    point(aws, "/cordon/policy", policy("high"))
    point(aws, "/cordon/pack", first)
    host = make_host(intel={"url": "ssm:/cordon/pack", "max_change": 1000000})
    agent = host.agent
    agent.start()

    def entries():
        return agent.status()["pack"]["domains"]

    wait_for(lambda: entries() == 1, "the first pack is in force")
    point(aws, "/cordon/pack", second)
    host.update()
    wait_for(lambda: entries() == 2, "the second one is")
    point(aws, "/cordon/pack", put(aws, "bad.pack", b"no pack" * 100))
    host.update()
    assert host.feed("(pack)")["error"] and entries() == 2
