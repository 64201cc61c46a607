# SPDX-License-Identifier: Apache-2.0
"""The command line without a daemon: words, exit statuses, and what doctor looks at."""

import json
import os
import subprocess
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("CORDON_BUILD", Path(__file__).resolve().parent.parent.parent))
CORDON = BUILD / "cordon"
CHECKS = {"kernel", "btf", "cgroup", "capabilities", "bpf", "sockets", "jit", "unprivileged-bpf",
          "memlock", "configuration", "policy", "pack", "permissions", "disk", "clock",
          "journald", "daemon", "pins", "resolvers", "files"}


def cordon(*arguments):
    return subprocess.run([CORDON, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def configuration(tmp_path):
    """A configuration whose every path lies below tmp_path."""
    (tmp_path / "state").mkdir(mode=0o700)
    path = tmp_path / "cordon.yaml"
    path.write_text(f"state_dir: {tmp_path}/state\nruntime_dir: {tmp_path}/run\n")
    return path


def doctor(configuration):
    result = cordon("doctor", "--json", "--config", str(configuration))
    assert result.stderr == ""
    checks = {check["check"]: check for check in json.loads(result.stdout)["checks"]}
    return result.returncode, checks


def test_unknown_commands_name_the_nearest():
    """A typing error is told together with what was probably meant."""
    result = cordon("statsu")
    assert result.returncode == 2
    assert "did you mean status?" in result.stderr
    assert "\x1b" not in cordon("\x1b[2J").stderr


def test_help_and_version():
    """Help is no error when it is asked for, and one when nothing was."""
    result = cordon("--help")
    assert result.returncode == 0 and "replay" in result.stdout
    assert cordon().returncode == 2
    assert cordon("--version").stdout.startswith("cordon ")


@pytest.mark.parametrize("command", ["status", "doctor", "contain", "uncontain", "findings", "watch", "intel",
                                     "intel compile", "intel lookup", "intel info", "intel update",
                                     "intel accept", "intel rollback", "intel keygen",
                                     "intel sign", "intel verify", "policy",
                                     "policy check", "quarantine", "replay", "scan"])
def test_each_command_has_help(command):
    """Asked for, its usage comes on standard output, without an error."""
    result = cordon(*command.split(), "--help")
    assert result.returncode == 0
    assert command.split()[0] in result.stdout
    assert "usage" in result.stdout.lower()
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["status", "doctor", "findings", "watch", "policy", "replay"])
def test_unknown_options_are_told(command):
    """With the usage on standard error, where no program takes it for the output."""
    result = cordon(command, "--nonsense")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "usage" in result.stderr.lower()


def test_status_without_a_daemon(tmp_path):
    """Nobody listening is exit status 2, and says so."""
    result = cordon("status", "--socket", str(tmp_path / "none"))
    assert result.returncode == 2
    assert "does not run" in result.stderr
    assert cordon("status", "--nonsense").returncode == 2


def test_doctor_looks_at_everything(configuration):
    """Each check has a state, says what it found, and what to do unless all is well."""
    status, checks = doctor(configuration)
    assert set(checks) == CHECKS
    for check in checks.values():
        assert check["state"] in ("ok", "warn", "fail")
        assert check["found"]
        assert check["state"] == "ok" or check["remedy"]
    assert status == (1 if any(c["state"] != "ok" for c in checks.values()) else 0)
    assert checks["permissions"]["state"] == "ok" or os.geteuid() != 0
    assert checks["daemon"]["state"] == "warn"


def test_doctor_tells_a_broken_configuration(configuration):
    """The line of the error is named, and what depends on it is not judged."""
    configuration.write_text("mode: audit\nstate_dri: /tmp\n")
    status, checks = doctor(configuration)
    assert status == 1
    assert checks["configuration"]["state"] == "fail"
    assert "cordon.yaml:2" in checks["configuration"]["found"]
    assert "configuration" in checks["pack"]["found"]


def test_doctor_tells_files_that_others_may_change(configuration, tmp_path):
    """A state directory that anybody may write to fails, with the command that mends it."""
    (tmp_path / "state").chmod(0o777)
    _, checks = doctor(configuration)
    assert checks["permissions"]["state"] == "fail"
    assert f"chmod go-w {tmp_path}/state" in checks["permissions"]["remedy"]


def test_doctor_does_not_ask_for_a_journald_that_is_not_used(configuration):
    """Nothing to do about a sink that is turned off."""
    configuration.write_text(configuration.read_text() + "report: { journald: no }\n")
    _, checks = doctor(configuration)
    assert (checks["journald"]["state"], checks["journald"]["found"]) == ("ok", "not used")


def test_doctor_prints_text(configuration):
    """Without --json it is a table, without colour when it is no terminal."""
    result = cordon("doctor", "--config", str(configuration))
    assert result.stdout.startswith("Checks\n")
    assert "\x1b" not in result.stdout
    assert "    -> " in result.stdout
