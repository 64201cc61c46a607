# SPDX-License-Identifier: Apache-2.0
"""A flood of hits: counts stay right, memory stays bounded, nothing is lost without being counted.

CORDON_FLOOD sets how many seconds it lasts (3)."""

import json
import os
import signal
import time

from agent import CORDON, FLOOD, Ledger, hostnames, run, wait_for

SECONDS = int(os.environ.get("CORDON_FLOOD", "3"))
RATE = 20000
NAMES = [f"f{i}.cordon-test.invalid" for i in range(100)]
# Of the daemon with a small list: what it may grow by under a flood is buffers of fixed size.
RESIDENT_MAX = 40 * 1024 * 1024


def flood(namespace, rate, seconds, names):
    done = namespace.run(FLOOD, rate, seconds, "127.0.0.1", 53, *names, seconds=seconds + 60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def counts(agent):
    return {name: sum(finding["count"] for finding in agent.findings(name)) for name in NAMES}


def indicator_count(agent):
    return sum(finding["count"] for finding in agent.findings() if hostnames(finding))


def test_flood(make_agent, namespace, figure):
    """Each of the hits is in a count or in the ledger's count of lost ones."""
    with make_agent(NAMES) as agent:
        sent = flood(namespace, RATE, SECONDS, NAMES)["sent"]
        ledger = agent.ledger()
        assert ledger["matched"] == sent
        read = sent - ledger["ring_full"]
        wait_for(lambda: sum(counts(agent).values()) >= read, "all hits are in the counts")
        assert sum(counts(agent).values()) == read
        resident = agent.resident_bytes()
        assert resident < RESIDENT_MAX
        figure(f"flood: {sent} hits in {SECONDS} s, {ledger['ring_full']} found no room in the "
               f"ring, resident {resident / 2**20:.1f} MiB")


def test_flood_of_new_names(make_agent, namespace):
    """Names below one entry, each asked once, are one finding: the journal does not grow."""
    names = [f"x{i}.cordon-test.invalid" for i in range(5000)]
    with make_agent(["cordon-test.invalid"]) as agent:
        sent = flood(namespace, 5000, 1, names)["sent"]
        read = sent - agent.ledger()["ring_full"]
        wait_for(lambda: indicator_count(agent) >= read, "all are counted")
        found = [f for f in agent.findings() if hostnames(f)]
        assert len(found) == 1
        # The finding shows the first eight names, not the first one only.
        assert hostnames(found[0]) == set(names[:8])
        assert {o["value"] for o in found[0]["observables"]} >= set(names[:8])


def test_flood_of_findings(make_agent, namespace, figure):
    """10,000 distinct findings at once: each is in the journal and in the file, and none is lost."""
    names = [f"d{i}.cordon-test.invalid" for i in range(10000)]
    with make_agent(names, sensor={"ring_size": "8M"}) as agent:
        began = time.monotonic()
        sent = flood(namespace, 20000, 1, names)["sent"]
        read = sent - agent.ledger()["ring_full"]
        wait_for(lambda: agent.status()["findings"]["fresh"] >= min(read, len(names)),
                 "all are in the journal", seconds=60)
        took = time.monotonic() - began
        found = [f for f in agent.findings() if hostnames(f)]
        assert len(found) == len(names) or read < sent
        # The file is rotated meanwhile.
        told = {json.loads(line)["finding_info"]["uid"]
                for path in agent.state.glob("findings.jsonl*") for line in path.open()}
        assert {f["finding_info"]["uid"] for f in found} <= told
        figure(f"distinct findings: {len(found)} in {took:.2f} s with the sending ({sent} sent, "
               f"{sent - read} found no room in the ring)")


def test_ring_overflow(make_agent, namespace):
    """While nobody reads, records are lost; that is counted, and the stream of findings says so."""
    with make_agent(NAMES, sensor={"ring_size": "64K", "answers": False}) as agent:
        os.kill(agent.process.pid, signal.SIGSTOP)
        sent = flood(namespace, 5000, 1, NAMES)["sent"]
        os.kill(agent.process.pid, signal.SIGCONT)
        ledger = agent.ledger()
        assert ledger["matched"] == sent
        assert 0 < ledger["ring_full"] < sent
        assert ledger["submitted"] == sent - ledger["ring_full"]
        wait_for(lambda: sum(counts(agent).values()) == ledger["submitted"],
                 "what was not lost is in the counts")
        wait_for(lambda: [f for f in agent.findings() if "lost" in str(f).lower()],
                 "a finding says that records were lost")
        assert any("ring buffer" in entry["problem"] for entry in agent.status()["problems"])
        # All is well again afterwards.
        namespace.look_up("sendto", NAMES[0])
        wait_for(lambda: Ledger(agent.status()["ledger"])["matched"] == sent + 1, "the next hit")


def test_stalled_screen(make_agent, namespace):
    """A terminal that nobody reads (here a full pipe) holds up neither findings nor status; what was
    dropped is told once it is read."""
    names = [f"s{i}.cordon-test.invalid" for i in range(3000)]
    agent = make_agent(names)
    reader, writer = os.pipe()
    agent.start(output=writer)
    os.close(writer)
    sent = flood(namespace, 3000, 1, names)["sent"]
    read = sent - agent.ledger()["ring_full"]
    wait_for(lambda: agent.status()["findings"]["fresh"] >= min(read, len(names)),
             "all are in the journal", seconds=60)
    screen = next(sink for sink in agent.status()["sinks"] if sink["name"] == "screen")
    assert screen["failed"] > 0
    with open(reader, errors="replace") as lines:
        assert any("lines were lost while nobody read this" in line for line in lines)
        agent.stop()


def test_tables_make_room(make_agent, namespace):
    """More processes than the kernel's table takes: the oldest make room, and are counted."""
    def table(agent):
        return next(row for row in agent.status()["tables"] if row["name"] == "processes")

    with make_agent(NAMES, sensor={"processes": 256}) as agent:
        before = table(agent)
        processes = before["capacity"] + 200
        done = namespace.run("/usr/bin/python3", "-c", f"import os\nfor i in range({processes}):\n"
                             "    p = os.fork()\n    p or os._exit(0)\n    os.waitpid(p, 0)",
                             seconds=120)
        assert done.returncode == 0, done.stderr
        after = table(agent)
        assert after["entries"] <= after["capacity"]
        assert after["evicted"] - before["evicted"] >= 200
        shown = run(CORDON, "status", "--socket", agent.runtime / "control").stdout
        assert "MADE ROOM" in shown
