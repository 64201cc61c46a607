# SPDX-License-Identifier: Apache-2.0
"""A contained host: nothing gets out or in but for the agent, the SSM agent and what is listed, by
no way that a program has; all is as before when it is lifted. It holds when the daemon is killed,
and ends by itself when it was given an end. Audit mode has no program that could do it."""

import json
import os
import subprocess
import time

import pytest

from agent import CORDON, need, run, wait_for
from containment import CLOCK, HOST, HOST6, METADATA, METADATA6, OPEN, POD, PORT, RESOLVER, \
    RESOLVER6, WORLD, WORLD6, Host, HostAgent, gone, programs

ALIVE = "answered"
# What a program sees that is cut off: refused in its call, or silence.
DEAD = ("EPERM", "silent", "ENETUNREACH", "EACCES",
        "ENOBUFS",        # a packet socket
        "EDESTADDRREQ")   # a socket for datagrams that was destroyed
ARP, IPV4 = 0x0806, 0x0800


@pytest.fixture(scope="module")
def host(cgroup):
    del cgroup  # it has checked that everything is there
    need("ip", "bpftool")
    with Host() as made:
        yield made


@pytest.fixture
def bpf(tmp_path):
    folder = tmp_path / "bpf"
    folder.mkdir()
    run("mount", "-t", "bpf", "-o", "mode=0700", "bpf", folder)
    yield folder
    run("umount", folder)


@pytest.fixture
def make_agent(host, bpf, tmp_path):
    """An agent that pins, and leaves nothing in force when the test ends."""
    made = []

    def make(mode="enforce", pin=True, **options):
        agent = HostAgent(tmp_path / "agent", host, mode=mode,
                          sensor={"pin": pin, "pin_dir": str(bpf / "cordon")}, **options)
        made.append(agent)
        return agent
    yield make
    for agent in made:
        if agent.process and agent.process.poll() is None:
            agent.command("uncontain")
            agent.stop()
        unload(agent)


def unload(agent):
    return subprocess.run([CORDON, "doctor", "--unload", "--config", agent.config],
                          capture_output=True, text=True)


class Mark:
    """Text that no packet has carried before."""

    number = 0

    def __new__(cls):
        cls.number += 1
        return f"mark-{time.monotonic_ns()}-{cls.number}."


def ways(app, pod, world):
    """What a program on the host, and the world, may try: calls that say how it ended. A way
    without an answer of its own is "answered" when the world has got the packet."""
    def heard(send, *arguments):
        mark = Mark()
        outcome = getattr(app, send)(*arguments, mark)
        return ALIVE if world.heard(mark) else "silent" if outcome == "sent" else outcome
    return {
        "tcp": lambda: app.tcp(WORLD, PORT, Mark()),
        "tcp6": lambda: app.tcp(WORLD6, PORT, Mark()),
        "udp": lambda: app.udp(WORLD, PORT, Mark()),
        "udp6": lambda: app.udp(WORLD6, PORT, Mark()),
        "icmp": lambda: app.ping(WORLD, Mark()),
        "icmp6": lambda: app.ping(WORLD6, Mark()),
        "metadata": lambda: app.tcp(METADATA, PORT, Mark()),
        "metadata6": lambda: app.tcp(METADATA6, PORT, Mark()),
        "dns": lambda: app.dns(RESOLVER, "tunnel.cordon-test.invalid", 1),
        "dns6": lambda: app.dns(RESOLVER6, "tunnel.cordon-test.invalid", 2),
        "allowed name": lambda: app.dns(RESOLVER, "ssm.example.com", 3),
        "dns elsewhere": lambda: app.dns(CLOCK, "tunnel.cordon-test.invalid", 4),
        "connected udp": lambda: app.say("datagrams", Mark()),
        "raw": lambda: heard("send_raw", "raw", HOST, WORLD, PORT),
        "packet": lambda: heard("send_frame", "out0", IPV4, HOST, WORLD, PORT),
        "packet that lies": lambda: heard("send_frame", "out0", ARP, HOST, WORLD, PORT),
        "DHCP port": lambda: heard("send_frame", "out0", IPV4, HOST, WORLD, 67),
        "forwarded": lambda: pod.udp(WORLD, PORT, Mark()),
        "forwarded tcp": lambda: pod.tcp(WORLD, PORT, Mark()),
        "inbound": lambda: world.tcp(HOST, PORT, Mark()),
        "inbound6": lambda: world.tcp(HOST6, PORT, Mark()),
        "inbound to the pod": lambda: world.tcp(POD, PORT, Mark()),
        "inbound ping": lambda: world.ping(HOST, Mark()),
    }


def alive(attempt):
    wait_for(lambda: attempt() == ALIVE, "it works")


def all_alive(tried):
    for way, attempt in tried.items():
        wait_for(lambda: attempt() == ALIVE, f"{way} works")


def connected(peer, name, *end, send="connect"):
    wait_for(lambda: getattr(peer, send)(name, *end) == "connected", f"{name} is connected")


@pytest.fixture
def app(host):
    """A program on the host, with a few sockets from before."""
    made = host.peer("host", "apps")
    for address in (HOST, HOST6, "127.0.0.1"):
        made.serve_tcp(address, PORT)
    connected(made, "session", WORLD, PORT)
    connected(made, "session6", WORLD6, PORT)
    connected(made, "local", "127.0.0.1", PORT)
    connected(made, "datagrams", WORLD, PORT, send="connect_udp")
    made.open_raw("raw")
    yield made
    made.end()


@pytest.fixture
def pod(host):
    made = host.peer("pod", "apps")
    made.serve_tcp(POD, PORT)
    connected(made, "session", WORLD, PORT)
    yield made
    made.end()


@pytest.fixture
def ssm(host):
    """In the place of the SSM agent, with its channel open."""
    made = host.peer("host", "ssm")
    connected(made, "channel", WORLD, PORT)
    connected(made, "channel6", WORLD6, PORT)
    yield made
    made.end()


def test_nothing_gets_round_it(host, make_agent, app, pod, ssm, figure):
    """Each way works before, none while contained, each again afterwards; the SSM agent's channel
    never breaks, loopback and what is listed stay."""
    agent = make_agent()
    agent.start()
    tried = ways(app, pod, host.world)
    all_alive(tried)

    state = agent.contain("--reason", "a test")
    assert state["contained"] and not state["partial"] and state["pinned"], state
    assert state["reason"] == "a test" and state["interfaces"] == 2 and state["exempt"] == 2
    figure(f"contain: {state['cut_us']} us until the host was cut off, {state['destroyed']} "
           "sockets destroyed")

    during = {way: attempt() for way, attempt in tried.items()}
    assert {way: outcome for way, outcome in during.items() if outcome not in DEAD} == {}
    # What fails in the call need not wait.
    for way in ("tcp", "tcp6", "udp", "udp6", "metadata", "dns", "icmp"):
        assert during[way] == "EPERM", way
    assert gone(app, "session", Mark()) and gone(app, "session6", Mark())
    assert gone(pod, "session", Mark())

    # What stays.
    alive(lambda: app.say("local", Mark()))
    alive(lambda: app.tcp("127.0.0.1", PORT, Mark()))
    alive(lambda: app.tcp(OPEN, PORT, Mark()))
    assert app.udp(OPEN, PORT + 1, Mark()) in DEAD
    alive(lambda: app.udp(CLOCK, 123, Mark()))
    alive(lambda: ssm.say("channel", Mark()))
    alive(lambda: ssm.say("channel6", Mark()))
    for address in (WORLD, WORLD6, METADATA, METADATA6):
        alive(lambda: ssm.tcp(address, PORT, Mark()))
    alive(lambda: ssm.dns(RESOLVER, "anything.example", 9))
    counters = agent.containment()
    assert counters["dropped"] and counters["link_dropped"] and counters["refused"]
    assert agent.status()["problems"] == []

    state = agent.uncontain("--reason", "done")
    assert not state["contained"]
    app.connect_udp("datagrams", WORLD, PORT)
    all_alive(tried)
    alive(lambda: ssm.say("channel", Mark()))


POLICY = """\
name: containing
version: 1
rules:
  - name: bad
    match: { detector: indicator }
    severity: critical
    response: contain
"""
LISTED = "listed.cordon-test.invalid"


def again(agent, mode="enforce", **options):
    """Another configuration, the same pins."""
    pin_dir = json.loads(agent.config.read_text())["sensor"]["pin_dir"]
    agent.configure(mode, sensor={"pin": True, "pin_dir": pin_dir}, **options)


def activities(agent):
    """What the file sink was told of containments, begun (1) and lifted (3)."""
    lines = [json.loads(line) for line in (agent.state / "findings.jsonl").read_text().splitlines()]
    return [line for line in lines if line["class_uid"] == 7004
            and line["unmapped"].get("kind") == "containment"]


def test_it_holds_when_the_daemon_is_killed(host, make_agent, app, ssm):
    """kill -9: still cut off, the SSM agent still connected; the next daemon, as after an upgrade,
    takes over without a gap, with the reason, and can lift it."""
    agent = make_agent()
    agent.start()
    agent.contain("--reason", "first")
    since = agent.containment()["since"]
    agent.kill()
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    assert host.world.tcp(HOST, PORT, Mark()) == "silent"
    alive(lambda: ssm.say("channel", Mark()))
    agent.start()
    state = agent.containment()
    assert state["contained"] and state["reason"] == "first" and state["since"] == since
    assert not state["partial"] and state["interfaces"] == 2
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    alive(lambda: ssm.say("channel", Mark()))
    agent.stop()
    assert app.tcp(WORLD, PORT, Mark()) == "EPERM"
    agent.start()
    agent.uncontain()
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    assert not (agent.state / "contained").exists()


def test_it_is_restored_at_boot(host, make_agent, app, pod):
    """What is pinned is gone after a boot, also the folder of all pins. The record is there, and the
    host is cut off before the daemon says that it is ready, and stays so when it ends."""
    agent = make_agent()
    agent.start()
    agent.contain("--reason", "before the boot")
    since = agent.containment()["since"]
    agent.kill()
    assert unload(agent).returncode == 0
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    agent.start()
    state = agent.containment()
    assert state["contained"] and state["reason"] == "before the boot"
    assert state["since"] == since and state["pinned"]
    assert app.tcp(WORLD, PORT, Mark()) == "EPERM" and pod.udp(WORLD, PORT, Mark()) in DEAD
    agent.kill()
    assert app.tcp(WORLD, PORT, Mark()) == "EPERM" and pod.udp(WORLD, PORT, Mark()) in DEAD
    agent.start()
    agent.uncontain()
    alive(lambda: pod.udp(WORLD, PORT, Mark()))


def test_a_damaged_record_contains(host, make_agent, app):
    """It is there only while the host is contained, so that holds, whatever stands in it."""
    agent = make_agent()
    (agent.state / "contained").write_text("{ no record")
    agent.start()
    assert agent.containment()["contained"]
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    agent.uncontain()
    alive(lambda: app.udp(WORLD, PORT, Mark()))


def test_it_ends_by_itself(host, make_agent, app, pod):
    """With an end, it lifts itself, and everybody hears of it; also without a daemon."""
    agent = make_agent()
    agent.start()
    state = agent.contain("--seconds", "2")
    assert state["until"]
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    wait_for(lambda: not agent.containment()["contained"], "it lifts itself")
    alive(lambda: app.udp(WORLD, PORT, Mark()))
    assert [line["activity_id"] for line in activities(agent)] == [1, 3]

    agent.contain("--seconds", "2")
    agent.kill()
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    wait_for(lambda: app.udp(WORLD, PORT, Mark()) == ALIVE, "it lifts itself without a daemon")
    wait_for(lambda: pod.udp(WORLD, PORT, Mark()) == ALIVE, "on interfaces, too")
    agent.start()
    assert not agent.containment()["contained"]
    assert not (agent.state / "contained").exists()


def test_asked_again_it_gets_another_end(host, make_agent, app):
    """Contained provisionally and then for good: it stays."""
    agent = make_agent()
    agent.start()
    agent.contain("--seconds", "2", "--reason", "maybe")
    state = agent.contain("--reason", "for certain")
    assert state["until"] is None and state["reason"] == "for certain"
    end = time.monotonic() + 2.5
    wait_for(lambda: time.monotonic() > end, "the first end has passed")
    assert agent.containment()["contained"] and app.udp(WORLD, PORT, Mark()) == "EPERM"


def test_audit_mode_has_nothing_that_drops(host, make_agent, app):
    """No such program is loaded, whatever is asked; it is told what would have happened."""
    agent = make_agent(mode="audit", policy=POLICY)
    agent.start()
    done = agent.command("contain", "--reason", "try")
    assert done.returncode == 2 and "mode is audit" in done.stderr
    alive(lambda: app.dns(RESOLVER, LISTED, 5))
    agent.finding(LISTED)
    names = programs(agent)
    assert names and not {name for name in names if "contain" in name or "enforce" in name}
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    assert [line["unmapped"]["would_have"] for line in activities(agent)] == ["contain"]
    assert not agent.containment()["contained"]


def test_audit_mode_ends_what_was_in_force(host, make_agent, app, pod):
    """Whoever turns the mode to audit wants nothing dropped any more."""
    agent = make_agent()
    agent.start()
    agent.contain()
    agent.stop()
    again(agent, mode="audit")
    agent.start()
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    assert "open again" in agent.log.read_text()
    agent.stop()
    again(agent)
    agent.start()
    assert not agent.containment()["contained"]


def test_a_finding_contains(host, make_agent, app, ssm, figure):
    """A policy's word: the lookup does not leave, the host is cut off, sinks hear of both, and the
    finding is in the journal."""
    agent = make_agent(policy=POLICY, isolation={"probation": 0})
    agent.start()
    assert app.dns(RESOLVER, LISTED, 6) == "EPERM"
    state = wait_for(lambda: (state := agent.containment())["contained"] and state, "contained")
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    alive(lambda: ssm.say("channel", Mark()))
    finding = agent.finding(LISTED)
    assert state["finding"] == finding["finding_info"]["uid"]
    told = wait_for(lambda: activities(agent), "the sink is told")[0]
    assert told["unmapped"]["finding_uid"] == state["finding"] and told["status_id"] == 1
    since = state["since"]
    figure(f"a finding: cut off in {state['cut_us']} us; packet {finding['time']}, since {since}")


def test_a_new_indicator_does_not_contain(host, make_agent, app):
    """What keeps a finding from isolating the instance keeps it from cutting the host off, too: it
    is blocked, and told. That is a finding, too, and cuts nothing off, whatever it is worth."""
    policy = POLICY + "severities: { critical: block, high: contain }\n"
    agent = make_agent(policy=policy)
    agent.start()
    assert app.dns(RESOLVER, LISTED, 7) == "EPERM"
    agent.finding(LISTED)
    [told] = wait_for(lambda: [f for f in agent.findings() if "the indicator is new" in
                               f["finding_info"]["title"]], "the refusal is told")
    assert LISTED in told["finding_info"]["desc"]
    assert not agent.containment()["contained"]
    alive(lambda: app.udp(WORLD, PORT, Mark()))
    never = agent.state / "never"
    never.touch()
    again(agent, policy=policy, isolation={"probation": 0, "never_isolate": {"file": str(never)}})
    assert agent.command("reload").returncode == 0
    # One that was kept from it is looked at again after a second.
    wait_for(lambda: app.dns(RESOLVER, LISTED, 8) == "EPERM" and
             [f for f in agent.findings() if str(never) in f["finding_info"]["desc"]],
             "the guard's is told, too")
    assert not agent.containment()["contained"]


def test_later_interfaces_are_taken(host, make_agent, app):
    """An interface that comes while the host is contained is closed, too; its end is no trouble."""
    agent = make_agent()
    agent.start()
    agent.contain()
    name = host.names["host"]
    run("ip", "-n", name, "link", "add", "late0", "type", "veth", "peer", "name", "in1", "netns",
        host.names["world"])
    try:
        wait_for(lambda: agent.containment()["interfaces"] == 3, "it is taken")
        run("ip", "-n", name, "link", "set", "late0", "up")
        run("ip", "-n", host.names["world"], "link", "set", "in1", "up")
        host.world.listen_all("in1")
        mark = Mark()
        assert app.send_frame("late0", IPV4, HOST, WORLD, PORT, mark) in DEAD
        assert not host.world.heard(mark)
    finally:
        run("ip", "-n", name, "link", "del", "late0")
    wait_for(lambda: agent.containment()["interfaces"] == 2, "it is forgotten")
    agent.uncontain()


def test_a_unit_that_starts_again_is_let_through(host, make_agent):
    """The SSM agent is restarted, and has another cgroup."""
    agent = make_agent()
    agent.start()
    agent.contain()
    part = host.tree.parts["ssm"]
    wait_for(part._removed, "the cgroup is gone")
    part.path.mkdir()
    ssm = host.peer("host", "ssm")
    wait_for(lambda: ssm.tcp(WORLD, PORT, Mark()) == ALIVE, "the SSM agent is let through")
    ssm.end()


def test_a_resolver_asks_for_what_the_agents_need(host, make_agent):
    """A unit that resolves for others gets the listed names from the host's resolvers, and nothing
    else from anywhere."""
    agent = make_agent()
    agent.start()
    resolver = host.peer("host", "resolver")
    agent.contain()
    for address in (RESOLVER, RESOLVER6):
        alive(lambda: resolver.dns(address, "ssm.example.com", 1))
        alive(lambda: resolver.dns(address, "SSM.Example.com", 2))
        for name in ("ssm.example.co", "x.ssm.example.com", "ssm.example.com.evil.example",
                     "tunnel.example"):
            assert resolver.dns(address, name, 3) == "EPERM", name
    assert resolver.dns(CLOCK, "ssm.example.com", 4) == "EPERM"  # no resolver of the host
    assert resolver.tcp(WORLD, PORT, Mark()) == "EPERM"
    resolver.end()


def test_a_reload_opens_more(host, make_agent, app):
    """While contained, the configuration's list is taken up."""
    agent = make_agent()
    agent.start()
    agent.contain()
    assert app.tcp(WORLD, PORT, Mark()) == "EPERM"
    again(agent, contain={"open": [{"address": "10.99.0.0/24", "port": PORT, "protocol": "tcp"},
                                   {"address": "169.254.0.0/16"}]})
    agent.reload()
    wait_for(lambda: app.tcp(WORLD, PORT, Mark()) == ALIVE, "it is open")
    assert host.world.tcp(HOST, PORT, Mark()) == "silent"  # from another port
    assert app.udp(WORLD, PORT, Mark()) == "EPERM"
    # Never, whatever is listed.
    assert app.tcp(METADATA, PORT, Mark()) == "EPERM"
    assert app.dns(RESOLVER, "tunnel.example", 7) == "EPERM"


def test_unload_opens_the_host(host, make_agent, app, pod):
    """With the daemon gone, `cordon doctor --unload` ends it."""
    agent = make_agent()
    agent.start()
    agent.contain()
    agent.kill()
    done = unload(agent)
    assert done.returncode == 0 and "detached contain_egress" in done.stdout, done
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    (agent.state / "contained").unlink()


def test_without_pins_it_ends_with_the_daemon(host, make_agent, app, pod):
    """Wholly: no filter stays on an interface, where nobody would know of it."""
    agent = make_agent(pin=False)
    agent.start()
    assert agent.contain()["pinned"] is False
    assert pod.udp(WORLD, PORT, Mark()) in DEAD
    agent.stop()
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    (agent.state / "contained").unlink()


def all_processes_seen():
    if os.stat("/proc/self/ns/pid").st_ino != 0xEFFFFFFC:  # PROC_PID_INIT_INO
        pytest.skip("in a container nobody can know who is running outside")


def test_without_pins_a_killed_daemon_is_cleaned_up_after(host, make_agent, app, pod):
    """Its filters stay, with no pin that leads to them: doctor finds and removes them, but not
    those of a daemon that runs, nor another's in the same place."""
    all_processes_seen()

    def doctor(*arguments):
        return subprocess.run(["ip", "netns", "exec", host.names["host"], CORDON, "doctor", *arguments,
                               "--config", agent.config], capture_output=True, text=True)

    def filters():
        return subprocess.run(["tc", "-n", host.names["host"], "filter", "show", "dev", "out0", "egress"],
                              capture_output=True, text=True).stdout

    agent = make_agent(pin=False)
    agent.start()
    agent.contain()
    run("tc", "-n", host.names["host"], "filter", "add", "dev", "out0", "egress", "prio", "5", "handle",
        "0xc0d0", "bpf", "bytecode", "1,6 0 0 4294967295,")
    others = [line for line in filters().splitlines() if "bytecode" in line]
    assert len(others) == 1
    refused = doctor("--unload")
    assert refused.returncode == 2 and "stop it first" in refused.stderr, refused
    assert pod.udp(WORLD, PORT, Mark()) in DEAD
    agent.kill()
    assert pod.udp(WORLD, PORT, Mark()) in DEAD
    pins = {check["check"]: check for check in json.loads(doctor("--json").stdout)["checks"]}["pins"]
    assert pins["state"] == "warn" and "4 filters of a containment" in pins["found"], pins
    done = doctor("--unload")
    assert done.returncode == 0 and done.stdout.count("removed the filter") == 4, done
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    assert [line for line in filters().splitlines() if " bpf " in line and "handle" in line] == others
    (agent.state / "contained").unlink()


def test_audit_mode_ends_what_was_left_without_pins(host, make_agent, pod):
    """As it does where there are pins."""
    all_processes_seen()
    agent = make_agent(pin=False)
    agent.start()
    agent.contain()
    agent.kill()
    assert pod.udp(WORLD, PORT, Mark()) in DEAD
    again(agent, "audit")
    agent.start()
    alive(lambda: pod.udp(WORLD, PORT, Mark()))
    agent.stop()


def test_without_interfaces(host, make_agent, app, pod):
    """Where only a part of the host is watched, that part is cut off, and nothing else."""
    agent = make_agent(contain={"interfaces": "auto"})
    agent.start()
    state = agent.contain()
    assert state["contained"] and state["interfaces"] == 0 and not state["partial"]
    assert app.tcp(WORLD, PORT, Mark()) == "EPERM"
    mark = Mark()
    app.send_frame("out0", IPV4, HOST, WORLD, PORT, mark)
    wait_for(lambda: host.world.heard(mark), "a packet socket is not held")
    agent.uncontain()
    alive(lambda: pod.tcp(WORLD, PORT, Mark()))


def test_how_long_it_takes(host, make_agent, app, figure):
    """Shown, not judged: the machine is shared."""
    agent = make_agent()
    agent.start()
    times = []
    for _ in range(100):
        times.append(agent.contain()["cut_us"])
        agent.uncontain()
    times.sort()
    figure(f"contain, 100 times: p50 {times[50]} us, p99 {times[98]} us, max {times[-1]} us")
    alive(lambda: app.tcp(WORLD, PORT, Mark()))
