# SPDX-License-Identifier: Apache-2.0
"""A host that is locked to audit stays so: a listed lookup is told, not blocked, whatever mode says;
the host cannot be cut off; status and its JSON show the lock."""

import subprocess

from agent import CORDON

BAD = "bad.cordon-test.invalid"


def test_locked_to_audit(make_agent, namespace):
    agent = make_agent([BAD], mode="enforce", mode_lock="audit")
    agent.start()
    status = agent.status()
    assert status["mode"] == "audit" and status["mode_lock"] == "audit"
    assert namespace.answered("sendto", BAD)
    assert agent.finding(BAD)

    control = agent.runtime / "control"
    shown = subprocess.run([CORDON, "status", "--socket", control], capture_output=True, text=True,
                           check=False).stdout
    assert "locked to" in shown
    contained = subprocess.run([CORDON, "contain", "--socket", control], capture_output=True,
                               text=True, check=False)
    assert "audit" in contained.stdout + contained.stderr
    assert not agent.status()["contain"]["contained"]


def test_without_a_lock(make_agent):
    agent = make_agent([BAD])
    agent.start()
    assert agent.status()["mode_lock"] is None
