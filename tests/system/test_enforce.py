# SPDX-License-Identifier: Apache-2.0
"""Enforce mode drops a listed lookup, whichever way it is sent, and the program that asked fails
at once; audit mode lets everything pass and says what would have happened."""

import json
import subprocess
import sys
import time

import pytest

from agent import ANSWERED, DISPOSITION_BLOCKED, FLOOD, SOURCE, Agent, Cgroup, Namespace, need, \
    wait_for
from test_attribution import CASES
from test_probe import FORMS

LISTED = "blocked.cordon-test.invalid"
SAID = "said.cordon-test.invalid"
TOLD = "told.cordon-test.invalid"
INNOCENT = "innocent.example"
# Resolvers wait 5 s and more for an answer; told at once, they need milliseconds.
AT_ONCE = 1.0
# No question to be answered in them, or none that the name could be read from.
NO_QUESTION = {"response", "empty", "short", "truncated", "compressed-loop", "no-type"}

GLIBC = """
import socket, sys
try:
    print(socket.getaddrinfo(sys.argv[1], 80, socket.AF_INET)[0][4][0])
except socket.gaierror as error:
    print("failed:", error.strerror)
"""


class World:
    """A mode, with an agent in it and a namespace that it watches."""

    def __init__(self, mode, folder, cgroup, namespace):
        self.mode, self.namespace = mode, namespace
        self.lines = folder / "findings.jsonl"
        self.agent = Agent(folder, cgroup, [LISTED, SAID, TOLD], mode=mode,
                           report={"journald": False, "screen": False,
                                   "file": {"path": str(self.lines)}})

    def told(self, uid):
        """What the file sink was told about a finding, by OCSF class, in its order."""
        lines = [json.loads(line) for line in self.lines.read_text().splitlines()]
        return [(line["class_uid"], line) for line in lines
                if uid in (line.get("finding_info", {}).get("uid"),
                           line["unmapped"].get("finding_uid"))]

    @property
    def enforces(self):
        return self.mode == "enforce"


@pytest.fixture(scope="module", params=["enforce", "audit"])
def world(request, tmp_path_factory, cgroup):
    del cgroup  # it has checked that everything is there
    with Cgroup() as cgroup, Namespace(cgroup) as namespace:
        namespace.respond()
        made = World(request.param, tmp_path_factory.mktemp(request.param), cgroup, namespace)
        with made.agent:
            yield made


@pytest.fixture(scope="module")
def musl_client(tmp_path_factory):
    (compiler,) = need("musl-gcc")
    client = tmp_path_factory.mktemp("musl") / "musl_lookup"
    subprocess.run([compiler, "-static", "-o", client,
                    SOURCE / "tests/system/musl_lookup.c"], check=True)
    return client


def timed(world, *command):
    begun = time.monotonic()
    done = world.namespace.run(*command, resolver=True)
    return done, time.monotonic() - begun


@pytest.mark.parametrize("way,address", CASES)
def test_listed_lookup(world, way, address):
    """Dropped in enforce mode, answered in audit mode."""
    answered = world.namespace.answered(way, f"{way}.{LISTED}", address=address)
    # The answers of a raw socket are not read.
    assert answered == (not world.enforces and way != "raw")


@pytest.mark.parametrize("way,address", [("sendto", "::1"), ("tcp", "127.0.0.1")])
@pytest.mark.parametrize("form", [form for form in FORMS if form not in NO_QUESTION])
def test_listed_form(world, way, address, form):
    """No form of the question gets an answer past the block."""
    answered = world.namespace.answered(f"{way}/{form}", f"{form}.{LISTED}", address=address)
    assert answered == (not world.enforces)


@pytest.mark.parametrize("way,address", [("sendto", "127.0.0.1"), ("sendto", "::1"),
                                         ("tcp", "127.0.0.1"), ("tcp-bytewise", "::1"),
                                         ("tcp-pipelined", "127.0.0.1"),
                                         ("splice", "127.0.0.1"), ("ip-options", "127.0.0.1")])
def test_innocent_lookup(world, way, address):
    """Nothing is dropped that is not listed. (Several messages in one send, to be cut by the
    kernel, are refused by enforce mode whatever they ask for: no resolver does that.)"""
    assert world.namespace.answered(way, INNOCENT, address=address)


def test_finding_says_what_was_done(world):
    """Blocked is blocked; in audit mode the finding tells what would have been done."""
    world.namespace.look_up("sendto", SAID)
    finding = world.agent.finding(SAID)
    assert (finding["disposition_id"] == DISPOSITION_BLOCKED) == world.enforces
    assert finding["unmapped"].get("would_have") == (None if world.enforces else "block")


def test_block_is_told_to_the_file(world):
    """A blocked lookup's finding is followed by what was done, in OCSF's words; audit mode does
    nothing, and so tells nothing of the kind."""
    pytest.importorskip("jsonschema")
    import ocsf_validate  # ends the process where jsonschema is not there
    world.namespace.look_up("sendto", TOLD)
    uid = world.agent.finding(TOLD)["finding_info"]["uid"]
    expected = [2004, 7004] if world.enforces else [2004]
    told = wait_for(lambda: len(found := world.told(uid)) >= len(expected) and found,
                    "the file is written")
    assert [class_uid for class_uid, _ in told] == expected
    for class_uid, line in told:
        assert not list(ocsf_validate.errors(line))
        if class_uid == 7004:
            assert line["disposition_id"] == DISPOSITION_BLOCKED
            assert line["unmapped"]["evidence"]["query"]["hostname"] == TOLD


def test_only_enforce_counts_blocked(world):
    """The ledger's count of dropped packets, which programs of audit mode cannot raise."""
    world.namespace.look_up("sendto", "counted." + LISTED)
    assert (world.agent.ledger()["blocked"] > 0) == world.enforces


def test_glibc(world):
    """glibc's getaddrinfo fails within a second, and answers for an innocent name."""
    client = [sys.executable, "-c", GLIBC]
    done, took = timed(world, *client, LISTED)
    assert done.stdout.startswith("failed:") == world.enforces, done
    assert took < AT_ONCE
    done, _ = timed(world, *client, INNOCENT)
    assert done.stdout.strip() == ANSWERED


def test_musl(world, musl_client):
    """musl's getaddrinfo, which does not look at errors of send, fails within a second."""
    done, took = timed(world, musl_client, LISTED)
    assert ("no such name" in done.stdout) == world.enforces, done
    assert took < AT_ONCE


@pytest.mark.parametrize("options", [[], ["+tcp"]])
def test_dig(world, options):
    """dig over UDP and TCP fails within a second."""
    command = [*need("dig"), "+tries=1", "+time=10", *options, "@127.0.0.1"]
    done, took = timed(world, *command, LISTED)
    assert (ANSWERED not in done.stdout) == world.enforces, done
    assert took < AT_ONCE
    done, _ = timed(world, *command, INNOCENT)
    assert ANSWERED in done.stdout


def test_block_holds_under_a_flood_of_others(world):
    """Ten thousand innocent lookups in between change nothing for the listed one."""
    flood = world.namespace.run(FLOOD, 10000, 1, "127.0.0.1", 53, INNOCENT)
    assert flood.returncode == 0
    assert world.namespace.answered("sendto", "after." + LISTED) == (not world.enforces)
