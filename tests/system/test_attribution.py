# SPDX-License-Identifier: Apache-2.0
"""Each lookup is found with the process that made it: one process a lookup, gone within
milliseconds, for every way of sending.

Every lookup asks for a name with a list entry of its own, so that it has a finding of its own.
CORDON_ATTRIBUTION sets how many there are of each way (50).
"""

import os
import statistics
import time

import pytest

from agent import SENDER, hostnames, process, wait_for

LOOKUPS = int(os.environ.get("CORDON_ATTRIBUTION", "50"))

WAYS = [
    "sendto", "sendmsg", "sendmmsg", "connect-send", "write", "writev", "cork", "zerocopy",
    "splice", "gso", "ip-options", "raw", "thread", "uring-send", "uring-sendmsg", "uring-async",
    "tcp", "tcp-split", "tcp-cut", "tcp-bytewise", "tcp-pipelined", "tcp-straddling", "tcp-second",
    "tcp-fastopen", "forked", "forked-connected", "inherited", "inherited-connected", "passed",
    "passed-connected",
]
WAYS6 = ["sendto", "write", "uring-send", "tcp", "hopopts", "dstopts"]
CASES = [(way, "127.0.0.1") for way in WAYS] + [(way, "::1") for way in WAYS6] + [
    ("sendto", "::ffff:127.0.0.1"), ("tcp", "::ffff:127.0.0.1")]


def names(way, address):
    kind = {"127.0.0.1": "v4", "::1": "v6"}.get(address, "mapped")
    return [f"n{i}.{way}.{kind}.cordon-test.invalid" for i in range(LOOKUPS)]


@pytest.fixture(scope="module")
def agent(start_agent):
    return start_agent([name for case in CASES for name in names(*case)])


@pytest.mark.parametrize("way,address", CASES)
def test_every_process_is_named(agent, namespace, figure, way, address):
    """pid and executable in the finding are those of the process that sent."""
    senders, lives = {}, []
    for name in names(way, address):
        begun = time.monotonic()
        senders[name] = namespace.look_up(way, name, address)
        lives.append(time.monotonic() - begun)

    def found():
        return {name: finding for finding in agent.findings() for name in hostnames(finding)}
    wait_for(lambda: senders.keys() <= found().keys(),
             f"a finding for each of {LOOKUPS} lookups by {way}")

    findings, wrong = found(), []
    for name, sender in senders.items():
        seen = process(findings[name])
        if (seen.get("pid"), seen.get("file", {}).get("path")) != (sender["pid"], str(SENDER)):
            wrong.append((name, sender, seen))
    figure(f"{way} to {address}: {LOOKUPS - len(wrong)} of {LOOKUPS} right, whole life with its "
           f"start {statistics.median(lives) * 1000:.1f} ms")
    assert not wrong


def test_ledger_balances(agent):
    """After all that, every message is accounted for and none was lost."""
    assert agent.ledger()["ring_full"] == 0
