# SPDX-License-Identifier: Apache-2.0
"""A lookup through a stub resolver on this host: the program that asked is named, since loopback
shows it, and the stub's own question is told as a stub's."""

import subprocess

import pytest

from agent import SENDER, need, process, wait_for

LISTED = "stub.cordon-test.invalid"
UPSTREAM = 5300
STUB = 5353


def dnsmasq(folder):
    (program,) = need("dnsmasq")
    return [program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
            "--user=root", f"--port={STUB}", "--listen-address=127.0.0.1", "--bind-interfaces",
            f"--pid-file={folder}/dnsmasq.pid", "--cache-size=0",
            f"--server=127.0.0.1#{UPSTREAM}"]


STUBS = {"dnsmasq": dnsmasq}


@pytest.fixture(scope="module")
def agent(start_agent, namespace):
    namespace.respond(UPSTREAM)
    return start_agent([f"{stub}.{LISTED}" for stub in STUBS],
                       sensor={"ports": [UPSTREAM, STUB]})


@pytest.mark.parametrize("stub", STUBS)
def test_asker_and_stub(agent, namespace, tmp_path, stub):
    """One finding names the asker, another one the stub, as a stub."""
    name = f"{stub}.{LISTED}"
    command = STUBS[stub](tmp_path)
    child = namespace.start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: namespace.answered("sendto", "innocent.example", port=STUB),
                 f"{stub} answers")
        sender = namespace.look_up("sendto", name, port=STUB, wait=5)
        assert sender["answers"], f"{stub} did not answer"
        asker = agent.finding(name, SENDER)
        assert process(asker)["pid"] == sender["pid"]
        forwarder = agent.finding(name, command[0])
        assert process(forwarder)["pid"] == child.pid
        assert forwarder["unmapped"]["process_role"] == "stub"
        assert "process_role" not in asker["unmapped"]
    finally:
        child.terminate()
        child.wait()
