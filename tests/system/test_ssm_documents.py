# SPDX-License-Identifier: Apache-2.0
"""The command documents for SSM do what they say, run as SSM runs them: parameters are checked by
their patterns, put into the text of the step, and the step is run with sh. Nothing that a shell would
take for more than a word passes the patterns."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["CORDON_BUILD"])
NAMES = ["Cordon-Isolate", "Cordon-Scan", "Cordon-Status", "Cordon-UpdateIntel"]
# Writes its arguments down, one a line.
STUB = """#!/bin/sh
printf '%s\\n' "$@" >"$CALL"
exit "${EXIT:-0}"
"""


class Refused(Exception):
    pass


def document(name):
    return json.loads((SOURCE / f"packaging/ssm/{name}.json").read_text())


def value_check(parameter, value):
    if "allowedValues" in parameter and value not in parameter["allowedValues"]:
        raise Refused(value)
    # search, as the more generous of the ways in which a service could read a pattern.
    if "allowedPattern" in parameter and not re.search(parameter["allowedPattern"], value):
        raise Refused(value)


def step_text(name, **values):
    content = document(name)
    known = content["parameters"]
    assert set(values) <= set(known)
    text = "\n".join(content["mainSteps"][0]["inputs"]["runCommand"])
    for key, parameter in known.items():
        value = values.get(key, parameter["default"])
        value_check(parameter, value)
        text = re.sub(r"\{\{ *" + key + r" *\}\}", lambda _, value=value: value, text)
    assert "{{" not in text
    return text


class Runner:
    def __init__(self, folder, shell):
        self.folder, self.shell = folder, shell
        (folder / "bin").mkdir()
        (folder / "bin/cordon").write_text(STUB)
        (folder / "bin/cordon").chmod(0o755)
        self.call = folder / "call"

    def run(self, name, program=None, code=0, **values):
        """Returns what the step did, and which arguments cordon got."""
        environment = {"PATH": f"{program or self.folder / 'bin'}:/usr/bin:/bin",
                       "CALL": str(self.call), "EXIT": str(code)}
        self.call.unlink(missing_ok=True)
        done = subprocess.run([self.shell, "-c", step_text(name, **values)], cwd=self.folder,
                              env=environment, capture_output=True, text=True, timeout=120,
                              check=False)
        return done, self.call.read_text().splitlines() if self.call.exists() else None


@pytest.fixture(params=["dash", "bash"])
def runner(tmp_path, request):
    return Runner(tmp_path, request.param)


@pytest.mark.parametrize("name", NAMES)
def test_document_is_whole(name):
    content = document(name)
    assert content["schemaVersion"] == "2.2"
    step = content["mainSteps"][0]
    assert step["action"] == "aws:runShellScript" and re.fullmatch(r"[a-zA-Z0-9_]+", step["name"])
    text = json.dumps(step["inputs"])
    for key, parameter in content["parameters"].items():
        assert re.search(r"\{\{ *" + key + r" *\}\}", text), f"{key} is not used"
        assert parameter["description"] and parameter["type"] == "String"
        assert "allowedPattern" in parameter or "allowedValues" in parameter
        value_check(parameter, parameter["default"])
    assert len(json.dumps(content)) < 64 * 1024


@pytest.mark.parametrize("name, values, arguments", [
    ("Cordon-Status", {}, ["status", "--json"]),
    ("Cordon-Status", {"Report": "doctor"}, ["doctor", "--json"]),
    ("Cordon-Status", {"Report": "findings", "Since": "7d"},
     ["findings", "--json", "--since", "7d"]),
    ("Cordon-UpdateIntel", {}, ["intel", "update", "--json"]),
    ("Cordon-UpdateIntel", {"Action": "rollback"}, ["intel", "rollback", "--json"]),
    ("Cordon-Isolate", {}, ["isolate", "--dry-run", "--json", "--reason", "Run Command"]),
    ("Cordon-Isolate", {"Action": "isolate", "Reason": "case 7: C2, see wiki/x"},
     ["isolate", "--json", "--wait", "120", "--reason", "case 7: C2, see wiki/x"]),
    ("Cordon-Isolate", {"Action": "release", "Wait": "30"}, ["release", "--json", "--wait", "30"]),
    ("Cordon-Scan", {"Paths": "/bin /nowhere /etc", "Since": "24h", "Threads": "2"},
     ["scan", "--json", "--quiet", "--threads", "2", "--max-size", "256M", "--since", "24h", "--",
      "/bin", "/etc"])])
def test_step_calls_cordon(runner, name, values, arguments):
    done, call = runner.run(name, **values)
    assert done.returncode == 0, done.stderr
    assert call == arguments
    for code in (1, 2):
        assert runner.run(name, code=code, **values)[0].returncode == code


ATTACKS = ["$(touch hit)", "`touch hit`", "x; touch hit", "x && touch hit", "x | touch hit",
           "x\ntouch hit", "\"; touch hit; \"", "'; touch hit; '", "x > hit", "${IFS}touch${IFS}hit",
           "x\\", "-o hit", "*", "~root", "x & touch hit", "x\r\ntouch hit", "\0", "{{ Reason }}", ""]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["", "/tmp", "1", "24h", "update", "status", "isolate"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_injection_is_refused(name, prefix, attack):
    for key, parameter in document(name)["parameters"].items():
        value = prefix + attack
        # Text that is a plain word, as a reason may be, does no harm and may pass.
        harmless = attack in ("", "-o hit") and prefix
        if harmless:
            continue
        with pytest.raises(Refused):
            value_check(parameter, value)


def test_paths_are_no_options(runner):
    for paths in ("-h", "/tmp -h", "/tmp --config=/x", "relative", "/tmp  /x"):
        with pytest.raises(Refused):
            step_text("Cordon-Scan", Paths=paths)
    done, call = runner.run("Cordon-Scan", Paths="/nowhere/at/all")
    assert done.returncode == 0 and call is None


def test_without_cordon(runner, tmp_path):
    if shutil.which("cordon", path="/usr/bin:/bin"):
        pytest.skip("cordon is installed here")
    (tmp_path / "empty").mkdir()
    for name in NAMES:
        done, _ = runner.run(name, program=tmp_path / "empty")
        assert done.returncode == 127
        assert json.loads(done.stdout) == {"error": "cordon is not installed"}


def test_scan_of_this_build(runner, tmp_path):
    """With the real program: what the document passes is what it takes, and what it says is JSON."""
    program = tmp_path / "program"
    program.mkdir()
    rules = SOURCE / "policy/yara"
    (program / "config.yaml").write_text(
        f"state_dir: {tmp_path}\nscan:\n  rules: [{rules}]\n  worker: {BUILD}/cordon-scan\n")
    (program / "cordon").write_text(
        f"#!/bin/sh\nfirst=$1\nshift\nexec {BUILD}/cordon $first --config {program}/config.yaml \"$@\"\n")
    (program / "cordon").chmod(0o755)
    target = tmp_path / "target"
    target.mkdir()
    (target / "plain").write_text("nothing\n")
    done, _ = runner.run("Cordon-Scan", program=program, Paths=str(target))
    assert done.returncode == 0, done.stderr
    # As in the rule, in two parts, so that nobody finds it here.
    (target / "bad").write_text(r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    done, _ = runner.run("Cordon-Scan", program=program, Paths=str(target))
    assert done.returncode == 1, done.stderr
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert findings and all(finding["class_uid"] == 2004 for finding in findings)
