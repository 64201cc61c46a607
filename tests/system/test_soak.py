# SPDX-License-Identifier: Apache-2.0
"""100,000 new flows a minute: memory stays flat, the ledger balances, every flow is counted once
and every listed name is in a count.

CORDON_SOAK sets for how many seconds (6)."""

import json
import os
import subprocess
import sys
from pathlib import Path

from agent import DEADLINE, wait_for

SECONDS = int(os.environ.get("CORDON_SOAK", "6"))
RATE = 1667
PORT = 4440
ZONE = "soak.cordon-test.invalid"
LOAD = Path(__file__).with_name("flows_load.py")
# A tenth of the load warms caches and journal up; what is added after it would go on for ever.
GROWTH_MAX = 4 * 1024 * 1024


def resident(agent):
    """Bytes, of the daemon and of its workers."""
    pids = [agent.process.pid, *(row["pid"] for row in agent.status()["workers"]["processes"])]
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE")


def kernel(agent):
    """Bytes of the maps, and entries of the tables that grow."""
    status = agent.status()
    assert all(row["entries"] <= row["capacity"] for row in status["tables"])
    return status["memory"]["maps"]


def load(namespace, seconds):
    done = namespace.run(sys.executable, LOAD, "run", PORT, RATE, seconds, ZONE,
                         seconds=seconds * 20 + DEADLINE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_soak(make_agent, namespace, figure):
    server = namespace.start(sys.executable, LOAD, "serve", PORT, watched=False,
                             stdout=subprocess.PIPE)
    assert server.stdout.readline() == "ready\n"
    with make_agent([ZONE]) as agent:
        first = load(namespace, max(SECONDS // 10, 3))
        agent.ledger()
        before, maps = resident(agent), kernel(agent)
        begun = load(namespace, SECONDS)
        ledger = agent.ledger()
        after = resident(agent)
        assert after - before < GROWTH_MAX
        assert kernel(agent) == maps
        for kind in ("tls", "http", "quic", "other"):
            assert ledger.status["flows"][kind] == first[kind] + begun[kind], kind
        lost = ledger.status["flows"]["ring_full"] + ledger.status["flows"]["limited"]
        listed = first["listed"] + begun["listed"]
        wait_for(lambda: sum(finding["count"] for finding in agent.findings()
                             if ZONE in json.dumps(finding)) >= listed - lost,
                 "listed names are in the counts")
        figure(f"soak: {sum(begun[kind] for kind in ('tls', 'http', 'quic', 'other'))} flows in "
               f"{begun['seconds']:.0f} s, {lost} lost, resident {before / 2**20:.1f} -> "
               f"{after / 2**20:.1f} MiB with workers, maps {maps / 2**20:.1f} MiB")
