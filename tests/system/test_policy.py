# SPDX-License-Identifier: Apache-2.0
"""`cordon policy`: schemas, formats of test results, explanations, recorded traffic, and what a
changed policy would have said."""

import json
import re
import subprocess
import xml.etree.ElementTree

import pytest

from agent import CORDON, SOURCE, missing, wait_for

DATA = SOURCE / "tests/data/policy"
BAD = "bad.cordon-test.invalid"


def cordon(*arguments):
    return subprocess.run([str(part) for part in (CORDON, "policy", *arguments)],
                          capture_output=True, text=True)


def schema_text(name):
    return (SOURCE / "policy/schema" / f"{name}.json").read_text()


def schema(name):
    return json.loads(schema_text(name))


def validator(name):
    try:
        import jsonschema
        import yaml
    except ImportError:
        missing("python's jsonschema and yaml")

    def check(text):
        # As cordon reads it, every scalar is text; an editor may take "+1" for a number.
        jsonschema.Draft7Validator(schema(name)).validate(
            json.loads(json.dumps(yaml.safe_load(text), default=str)))
    return check


@pytest.mark.parametrize("name, file", [("config", "cordon"), ("policy", "policy"),
                                        ("cases", "cases")])
def test_schema_is_of_the_tables(name, file):
    """Proves that the schema files are what the tables say. Else: cordon policy schema NAME."""
    assert cordon("schema", name).stdout == schema_text(file)


def test_manual_has_every_word():
    """Proves that cordon-policy(7) names every key, operator and response of the tables, and no
    match key that is none."""
    text = (SOURCE / "packaging/man/cordon-policy.7").read_text()
    bold = {word for line in re.findall(r"^\.(?:B|BR|RB|TP) (.*)$", text, re.M)
            for word in re.findall(r"[a-z0-9_:-]+", line.replace(r"\-", "-"))}
    bold |= {word.rstrip(":") for word in bold}
    kinds = schema("policy")["$defs"]
    words = {word for name in ("match", "operators", "rule", "threshold", "first_only", "close")
             for word in kinds[name]["properties"]}
    words |= set(kinds["response"]["enum"]) | set(kinds["severity"]["enum"])
    words |= {"severities", "defaults"} | set(kinds["sink"]["enum"])
    assert not words - bold, sorted(words - bold)
    section = text.split(".SH MATCH")[1].split(".PP")[0]
    keys = {word for line in re.findall(r"^\.TP\n\.BR (.*)$", section, re.M)
            for word in re.findall(r"[a-z0-9_]+", line)}
    assert keys == set(kinds["match"]["properties"]) - {"all", "any", "not"}


@pytest.mark.parametrize("name, path", [
    ("policy", "policy/default.yaml"), ("policy", "tests/data/policy/example.yaml"),
    ("policy", "tests/data/policy/fleet.yaml"), ("cases", "tests/data/policy/example-cases.yaml"),
    ("cases", "tests/data/policy/fleet-cases.yaml"), ("cordon", "packaging/cordon.yaml")])
def test_schema_takes_what_cordon_takes(name, path):
    """Proves that our own files are valid by the schema."""
    validator(name)((SOURCE / path).read_text())


@pytest.mark.parametrize("text", [
    "rules: [{ severity: high }]", "rules: [{ name: a, severity: hot }]",
    "rules: [{ name: a, match: { exes: x }, severity: high }]",
    "rules: [{ name: a, match: { exe: { prefx: x } }, severity: high }]",
    "severities: { hot: block }", "rules: [{ name: a, severity: low, sinks: [fiel] }]", "rules: [{ name: a, threshold: { count: 1 } }]"])
def test_schema_refuses(text, tmp_path):
    """Proves that what the schema refuses cordon refuses, too."""
    check = validator("policy")
    import jsonschema
    with pytest.raises(jsonschema.ValidationError):
        check(text)
    (tmp_path / "p.yaml").write_text(text + "\n")
    refused = cordon("check", tmp_path / "p.yaml")
    assert refused.returncode == 2 and "p.yaml:1:" in refused.stderr


def test_formats():
    """Proves that every format has every case, and the exit status says whether all hold."""
    good, bad = DATA / "fleet-cases.yaml", DATA / "failing-cases.yaml"
    table = cordon("test", "--format", "table", good, bad)
    assert table.returncode == 1
    assert table.stdout.count("pass ") == 30 and table.stdout.count("FAIL") == 1
    assert table.stdout.splitlines()[-1] == "30 passed, 1 failed"
    junit = xml.etree.ElementTree.fromstring(cordon("test", "--format", "junit", good, bad).stdout)
    assert (junit.get("tests"), junit.get("failures")) == ("31", "1")
    assert len(junit.findall("testcase/failure")) == 1
    report = json.loads(cordon("test", "--format", "json", good, bad).stdout)
    assert (report["passed"], report["failed"], report["ok"]) == (30, 1, False)
    assert cordon("test", good).returncode == 0
    assert cordon("test", "--format", "prose", good).returncode == 2


def test_junit_broken(tmp_path):
    """Proves that a file that cannot be read is an error in the report."""
    (tmp_path / "c.yaml").write_text("policy: <none>.yaml\ncases: [{ name: a }]\n")
    broken = cordon("test", "--format", "junit", tmp_path / "c.yaml")
    suite = xml.etree.ElementTree.fromstring(broken.stdout)
    assert broken.returncode == 2 and suite.get("errors") != "0"


def test_explain_case():
    """Proves that each rule is told with what became of it."""
    shown = cordon("explain", "--json", "--cases", DATA / "fleet-cases.yaml",
                   "but not for command and control")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    rules = {rule["rule"]: rule for rule in told["rules"]}
    assert rules["ended-yesterday"]["result"] == "ended"
    assert (rules["ci-is-noisy"]["result"], rules["ci-is-noisy"]["key"]) == ("differs", "not")
    assert rules["many-by-one-user"]["key"] == "feed"
    assert told["verdict"]["rule"] == "default"
    assert cordon("explain", "--cases", DATA / "fleet-cases.yaml", "no such").returncode == 2


def test_explain_finding_and_journal(make_agent, namespace, tmp_path):
    """Proves that a finding of the journal is judged again from its record, by the policy in force
    and by another one."""
    with make_agent([BAD]) as agent:
        namespace.look_up("sendto", BAD)
        finding = agent.finding(BAD)
        uid = finding["finding_info"]["uid"]
        state = ("--state-dir", agent.state)
        same = cordon("explain", "--json", "--config", agent.config, *state, uid)
        assert same.returncode == 0, same.stderr
        verdict = json.loads(same.stdout)["verdict"]
        assert verdict["severity"] == finding["severity"].lower()
        assert verdict["rule"] == finding["policy"]["uid"]
        assert cordon("test", "--against-journal", *state,
                      agent.folder / "policy.yaml").returncode == 0
        changed = tmp_path / "changed.yaml"
        changed.write_text("rules:\n  - name: gone\n    match: { domain: cordon-test.invalid, "
                           "comm: '?*', kind: question }\n    except: yes\n    reason: r\n")
        against = cordon("test", "--against-journal", "--json", *state, changed)
        assert against.returncode == 1, against.stderr
        report = json.loads(against.stdout)
        assert (report["same"], report["different"], report["unread"]) == (0, 1, 0)
        assert report["differences"][0]["uid"] == uid
        assert report["differences"][0]["after"]["becomes"] == "excepted"


def test_case_of_a_finding(make_agent, namespace, tmp_path):
    """Proves that a recorded finding is a case."""
    with make_agent([BAD]) as agent:
        namespace.look_up("sendto", BAD)
        (tmp_path / "finding.json").write_text(json.dumps(agent.finding(BAD)))
    (tmp_path / "p.yaml").write_text(
        "rules: [{ name: r, match: { indicator: %s, qtype: A }, severity: low }]\n" % BAD)
    (tmp_path / "c.yaml").write_text("policy: p.yaml\ncases:\n  - { name: it, "
                                     "finding: finding.json, expect: { rule: r } }\n")
    done = cordon("test", tmp_path / "c.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_replay(tmp_path):
    """Proves that recorded traffic goes through the policy that is tested."""
    (tmp_path / "p.yaml").write_text("rules: [{ name: seen, severity: critical }]\n")
    (tmp_path / "names.list").write_text("example\nexample.com\ninvalid\n")
    done = cordon("test", "--replay", SOURCE / "tests/data/pcap/questions.pcap", "--intel",
                  tmp_path / "names.list", tmp_path / "p.yaml")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and {line["policy"]["uid"] for line in found} == {"seen"}, done.stderr
    assert {line["severity"] for line in found} == {"Critical"}
