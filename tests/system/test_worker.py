# SPDX-License-Identifier: Apache-2.0
"""The worker of a real cordond has no right to anything; it is replaced when it dies, and dies with
cordond."""

import os
import shutil
import signal

import pytest

from agent import BUILD, wait_for

NOTHING = "0" * 16
# What a kernel may lack; all else is on when cordond runs as root.
MAY_LACK = {"landlock"}


@pytest.fixture
def agent(make_agent):
    made = make_agent(["worker.cordon-test.invalid"])
    made.start()
    return made


def worker(agent, but=None):
    """Waits for a worker (another one than that), and returns its pid."""
    def look():
        processes = agent.status()["workers"]["processes"]
        return processes and processes[0]["pid"] != but and processes[0]["pid"]
    return wait_for(look, "a worker runs")


def status_of(pid):
    with open(f"/proc/{pid}/status") as lines:
        return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def is_gone(pid):
    """Gone, or only its parent's word is missing."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_worker_has_no_rights(agent):
    """As /proc shows it: user, groups, capabilities, seccomp, namespaces, descriptors, root."""
    pid = worker(agent)
    status = status_of(pid)
    assert "0" not in status["Uid"] + status["Gid"]
    assert status["Groups"] == []
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[kind] == [NOTHING], kind
    assert status["Seccomp"] == ["2"]
    assert status["NoNewPrivs"] == ["1"]
    assert status["Threads"] == ["1"]
    for kind in ("net", "ipc", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    with open(f"/proc/{pid}/net/dev") as lines:
        assert [line.split(":")[0].strip() for line in lines if ":" in line] == ["lo"]
    with open(f"/proc/{pid}/net/route") as lines:
        assert [line for line in lines if not line.startswith("Iface")] == []
    assert os.listdir(f"/proc/{pid}/root") == []
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert file.read() == b""
    descriptors = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert sorted(descriptors) == ["0", "1", "2", "3"]
    assert {descriptors[fd] for fd in "012"} == {"/dev/null"}
    assert descriptors["3"].startswith("socket:")


def test_status_shows_the_cage(agent):
    """Every layer that the kernel has is on, and what it has not is told with its error."""
    worker(agent)
    layers = {layer["layer"]: layer for layer in agent.status()["workers"]["cage"]}
    assert {"seccomp", "landlock", "user", "capabilities", "namespaces"} <= set(layers)
    off = {name for name, layer in layers.items() if not layer["on"]}
    assert off <= MAY_LACK
    assert all(layers[name]["error"] for name in off)


def test_a_killed_worker_is_replaced_and_told(agent):
    """kill -9: another one runs soon, and log and status say so; cordond goes on."""
    first = worker(agent)
    os.kill(first, signal.SIGKILL)
    second = worker(agent, but=first)
    assert is_gone(first)
    workers = agent.status()["workers"]
    assert workers["broken"] == 1
    assert workers["reason"] == "killed (SIGKILL)"
    assert "a worker was replaced: killed (SIGKILL)" in agent.log.read_text()
    assert status_of(second)["Seccomp"] == ["2"]


def test_a_worker_dies_with_cordond(agent):
    """kill -9 of cordond, and its orderly end, leave no worker behind."""
    first = worker(agent)
    agent.kill()
    wait_for(lambda: is_gone(first), "the worker is gone")
    agent.start()
    second = worker(agent)
    agent.stop()
    assert is_gone(second)


def test_a_program_that_others_may_write_is_not_run(make_agent, tmp_path):
    """cordond runs without workers then, and says what is not read."""
    program = tmp_path / "cordon-scan"
    shutil.copy(BUILD / "cordon-scan", program)
    program.chmod(0o757)
    agent = make_agent(["worker.cordon-test.invalid"], scan={"worker": str(program)})
    # There is a problem to be told from the beginning: status exits with 1.
    agent._is_ready = lambda: agent._status().returncode == 1
    agent.start()
    status = agent.status()
    assert status["workers"] is None
    assert any("no workers" in problem["problem"] for problem in status["problems"])
    assert "may be written by others than root" in agent.log.read_text()
