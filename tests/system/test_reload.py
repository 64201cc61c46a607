# SPDX-License-Identifier: Apache-2.0
"""A new pack is swapped in whole while lookups go on; a damaged one is refused and the old one
stays in force."""

import itertools
import json
import threading

import pytest

from agent import wait_for

ALWAYS = "always.cordon-test.invalid"
SWAPS = 8


class Lookups:
    """One lookup after the other, in the background."""

    def __init__(self, namespace, name):
        self.namespace, self.name = namespace, name
        self.count = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.ending.is_set():
            self.namespace.look_up("sendto", self.name)
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def total(agent, name):
    return sum(finding["count"] for finding in agent.findings(name))


def pack_digest(agent):
    return agent.status()["pack"]["sha256"]


def swap_packs(agent, namespace):
    for swap in range(SWAPS):
        name, before = f"swap{swap}.cordon-test.invalid", pack_digest(agent)
        agent.compile([ALWAYS, name])
        agent.reload()
        wait_for(lambda: pack_digest(agent) != before, "the new pack is in force")
        namespace.look_up("sendto", name)
        agent.finding(name)


def test_swap_under_lookups(make_agent, namespace):
    """Each new list is in force after its reload, and no lookup of a name that is in all of them
    slips through in between."""
    with make_agent([ALWAYS]) as agent:
        with Lookups(namespace, ALWAYS) as lookups:
            swap_packs(agent, namespace)
        wait_for(lambda: total(agent, ALWAYS) >= lookups.count, "all lookups are counted")
        assert total(agent, ALWAYS) == lookups.count
        assert agent.ledger()["ring_full"] == 0


DAMAGES = {
    "truncated": lambda pack: pack[:len(pack) // 2],
    "empty": lambda pack: b"",
    "one bit": lambda pack: pack[:len(pack) // 2] + bytes([pack[len(pack) // 2] ^ 1]) +
    pack[len(pack) // 2 + 1:],
    "another file": lambda pack: b"not a pack\n" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_pack_is_refused(make_agent, namespace, damage):
    """The log says why, and the old pack goes on."""
    with make_agent([ALWAYS]) as agent:
        before, logged = pack_digest(agent), len(agent.log.read_text())
        whole = agent.pack.read_bytes()
        # Beside it and renamed, as a compiler does: the old file is still mapped.
        beside = agent.pack.with_suffix(".new")
        beside.write_bytes(DAMAGES[damage](whole))
        beside.rename(agent.pack)
        agent.reload()
        wait_for(lambda: str(agent.pack) in agent.log.read_text()[logged:],
                 "the log names the damaged pack")
        assert pack_digest(agent) == before
        namespace.look_up("sendto", ALWAYS)
        agent.finding(ALWAYS)


def test_broken_policy_is_refused(make_agent, namespace):
    """The log names file and line, and the old policy goes on."""
    with make_agent([ALWAYS]) as agent:
        logged = len(agent.log.read_text())
        policy = agent.folder / "policy.yaml"
        policy.write_text("name: broken\nversion: 1\nrules:\n  - nam: typing error\n")
        agent.reload()
        wait_for(lambda: f"{policy}:4" in agent.log.read_text()[logged:], "the log names the line")
        namespace.look_up("sendto", ALWAYS)
        assert agent.finding(ALWAYS)["severity_id"] == 4


def test_many_reloads_leak_nothing(make_agent):
    """Descriptors and kernel maps of old packs are let go."""
    with make_agent([ALWAYS]) as agent:
        def descriptors():
            return len(list(agent.process_folder("fd").iterdir()))
        digests = itertools.cycle([["a." + ALWAYS], ["b." + ALWAYS]])
        counts = []
        for entries in itertools.islice(digests, 10):
            before = pack_digest(agent)
            agent.compile(entries)
            agent.reload()
            wait_for(lambda: pack_digest(agent) != before, "the new pack is in force")
            counts.append(descriptors())
        assert counts[-1] <= counts[0] + 1


def test_what_needs_a_start_is_named(make_agent, namespace):
    """Settings that cannot change while it runs are named in the log and by status, which shows
    what is in force; another place for the pack is taken up, and watched."""
    with make_agent([ALWAYS]) as agent:
        config = json.loads(agent.config.read_text())
        settings = agent.status()["settings"]
        config["state_dir"] = str(agent.folder / "elsewhere")
        config["journal"] = {"max_findings": 500}
        other = agent.folder / "other" / "intel.pack"
        other.parent.mkdir()
        config["intel"]["pack"] = str(other)
        agent.pack.rename(other)
        agent.pack = other
        agent.config.write_text(json.dumps(config))
        agent.reload()
        wait_for(lambda: agent.status()["settings_waiting"], "status names what waits")
        status = agent.status()
        assert status["settings"] == settings
        assert {"state_dir", "journal.max_findings"} <= set(status["settings_waiting"])
        assert status["pack"]["path"] == str(other) and status["pack"]["error"] is None
        assert any("settings" in entry["problem"] for entry in status["problems"])
        log = agent.log.read_text()
        assert "state_dir changes with the next start only" in log
        assert "journal.max_findings changes with the next start only" in log
        assert not (agent.folder / "elsewhere").exists()
        before = pack_digest(agent)
        agent.compile([ALWAYS, "further.cordon-test.invalid"])
        wait_for(lambda: pack_digest(agent) != before, "the pack in its new folder is watched")
