# SPDX-License-Identifier: Apache-2.0
"""No gap: blocks and attachments hold while the daemon is down, the next one takes them over, and
the ledger goes on as if nothing had happened. Pins are in a bpf file system of the test's own.

CORDON_RESTARTS: how often the daemon is killed and started under load (8). CORDON_PIN_STEPS: which
steps of a take-over it is killed at: every one (1), every twenty-fifth (25, the default), ...; from
so many on that this is less, every eighth part further."""

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent import BUILD, CLONE_NEWNET, CORDON, CORDOND, DEADLINE, FLOOD, LIBC, SENDER, Cgroup, \
    Namespace, process, run, wait_for

RESTARTS = int(os.environ.get("CORDON_RESTARTS", "8"))
STEPS = int(os.environ.get("CORDON_PIN_STEPS", "25"))
KILL_AT = BUILD / "tests/system/kill_at.so"

ZONE = "cordon-test.invalid"
LISTED = "pinned." + ZONE
# Each is a finding of its own.
ENTRIES = [f"{name}.{ZONE}" for name in (
    "pinned", "before", "between", "after", "with", "soon", "late", "again", "down0", "down1",
    "down2", "m0", "m1", "m2", "n0", "n1", "n2")]
INNOCENT = "innocent.example"
# On the namespace's loopback device; listed in the restart loop.
LISTED_ADDRESS = "198.51.100.7"
INNOCENT_ADDRESS = "192.0.2.7"
CONNECT_PORT = 4437
FOREVER = 3600  # of a load that is ended by hand


@pytest.fixture
def bpf(tmp_path, cgroup):
    """A bpf file system; what is pinned in it ends with it."""
    del cgroup  # it has checked that everything is there
    folder = tmp_path / "bpf"
    folder.mkdir()
    run("mount", "-t", "bpf", "-o", "mode=0700", "bpf", folder)
    yield folder
    run("umount", folder)


@pytest.fixture
def pinned(bpf, make_agent):
    """Makes an agent that pins."""
    def make(entries=ENTRIES, mode="enforce", **sensor):
        return make_agent(entries, mode=mode,
                          sensor={"pin": True, "pin_dir": str(bpf / "cordon"), **sensor})
    return make


def again(agent, mode="enforce", **sensor):
    """Another configuration, the same pins."""
    pin_dir = json.loads(agent.config.read_text())["sensor"]["pin_dir"]
    agent.configure(mode, sensor={"pin": True, "pin_dir": pin_dir, **sensor})


def generations(bpf):
    return sorted(path.name for path in (bpf / "cordon").glob("gen-*"))


def unload(agent, *options):
    return subprocess.run([CORDON, "doctor", "--unload", *options, "--config", agent.config],
                          capture_output=True, text=True)


class Objects:
    """Ids of the BPF objects that a process holds, from its descriptors."""

    KINDS = {"prog_id": 11, "map_id": 12, "link_id": 31}  # BPF_*_GET_NEXT_ID
    SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]

    def __init__(self, pid):
        self.ids = set()
        for path in Path(f"/proc/{pid}/fdinfo").iterdir():
            for kind, number in re.findall(r"^(prog_id|map_id|link_id):\s*(\d+)",
                                           path.read_text(), re.M):
                self.ids.add((kind, int(number)))

    def living(self):
        return {(kind, number) for kind, number in self.ids if self._lives(kind, number)}

    def _lives(self, kind, number):
        """Without a descriptor of it: taking one of a map of programs while it is being cleared
        makes the kernel keep it for ever."""
        attributes = (ctypes.c_uint32 * 32)(number - 1)
        return LIBC.syscall(self.SYSCALL, self.KINDS[kind], attributes,
                            ctypes.sizeof(attributes)) == 0 and attributes[1] == number


def test_block_holds_while_it_is_down(pinned, namespace):
    """After kill -9 listed lookups are refused and innocent ones answered; the next daemon finds
    those of the time between, with their process and time, and says what happened."""
    agent = pinned()
    agent.start()
    agent.kill()
    killed = time.time()
    asked = []
    for i in range(3):
        outcome = namespace.look_up("sendto", f"down{i}.{ZONE}", wait=0.3)
        assert not outcome["answers"]
        asked.append(outcome["pid"])
    assert namespace.answered("sendto", INNOCENT)
    wait_for(lambda: time.time() > killed + 1, "it was down for a second")
    started = time.time()
    agent.start()
    for i, pid in enumerate(asked):
        finding = agent.finding(f"down{i}.{ZONE}", exe=SENDER)
        assert process(finding)["pid"] == pid
        assert killed * 1000 - 1000 <= finding["time"] <= started * 1000
    status = agent.status()["pins"]
    assert status["pinned"] and status["taken_over"]
    assert status["unattended"]["blocked"] == 3 and status["unattended"]["lost"] == 0
    assert 1 <= status["unattended"]["seconds"] < 60
    ledger = agent.ledger()
    assert ledger["matched"] == ledger["blocked"] == 3
    # And it goes on.
    assert not namespace.answered("sendto", "after." + ZONE)
    agent.finding("after." + ZONE)
    assert agent.ledger()["matched"] == 4


def test_an_orderly_end_keeps_it_too(pinned, namespace):
    """A restart sends SIGTERM."""
    agent = pinned()
    agent.start()
    agent.stop()
    assert not namespace.answered("sendto", LISTED)
    agent.start()
    agent.finding(LISTED)


class Listener:
    """A socket on port 53 in the namespace that counts what comes to it, by name."""

    def __init__(self, namespace):
        self.listed = self.innocent = 0
        with open("/proc/self/ns/net") as own:
            assert LIBC.setns(namespace.fd, CLONE_NEWNET) == 0
            try:
                self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.socket.bind(("127.0.0.1", 53))
            finally:
                assert LIBC.setns(own.fileno(), CLONE_NEWNET) == 0
        self.socket.settimeout(0.1)
        self.ended = False
        self.thread = threading.Thread(target=self._count)
        self.thread.start()

    def _count(self):
        while not self.ended:
            try:
                packet = self.socket.recv(4096)
            except TimeoutError:
                continue
            if b"cordon-test" in packet.lower():
                self.listed += 1
            else:
                self.innocent += 1

    def close(self):
        self.ended = True
        self.thread.join()
        self.socket.close()


# Connects to both addresses without a pause; tells at its end how often each was reached.
CONNECTS = f"""
import errno, signal, socket, sys
reached = {{"{LISTED_ADDRESS}": 0, "{INNOCENT_ADDRESS}": 0}}
refused = 0
going = True
def end(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while going:
    for address in reached:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
            try:
                sock.connect((address, {CONNECT_PORT}))
                reached[address] += 1
            except OSError as error:
                assert error.errno == errno.EPERM, error
                refused += 1
print(reached["{LISTED_ADDRESS}"], reached["{INNOCENT_ADDRESS}"], refused, flush=True)
"""
ACCEPTS = f"""
import socket
sock = socket.socket()
sock.bind(("0.0.0.0", {CONNECT_PORT}))
sock.listen(1024)
print("ready", flush=True)
while True:
    sock.accept()[0].close()
"""


class Connects:
    """A process that connects to a listed and to an innocent address, over and over."""

    def __init__(self, namespace):
        for address in (LISTED_ADDRESS, INNOCENT_ADDRESS):
            run("ip", "-n", namespace.name, "addr", "add", address, "dev", "lo")
        self.server = namespace.start(sys.executable, "-c", ACCEPTS, watched=False,
                                      stdout=subprocess.PIPE)
        assert self.server.stdout.readline() == "ready\n"
        self.client = namespace.start(sys.executable, "-c", CONNECTS, stdout=subprocess.PIPE)
        assert self.client.stdout.readline() == "ready\n"

    def end(self):
        """How often the listed one was reached, the innocent one, and how many were refused."""
        self.client.terminate()
        return [int(word) for word in self.client.stdout.readline().split()]


@pytest.fixture
def load():
    """A cgroup with a listener and somebody who asks for both kinds of names without a pause."""
    with Cgroup() as cgroup, Namespace(cgroup) as namespace:
        listener = Listener(namespace)

        def begin(rate=1000):
            return namespace.start(FLOOD, rate, FOREVER, "127.0.0.1", 53, LISTED, INNOCENT)
        yield cgroup, listener, begin, lambda: Connects(namespace)
        listener.close()


def test_restart_loop_under_load(pinned, load, figure):
    """However the daemon ends, and however far the next one came: no listed lookup gets out, no
    listed connect succeeds, and the ledger of the last one has all of them."""
    cgroup, listener, begin, connect = load
    agent = pinned([*ENTRIES, LISTED_ADDRESS], cgroup=str(cgroup.path))
    agent.start()
    flood, connects = begin(), connect()
    wait_for(lambda: listener.innocent > 100, "the load runs")
    for i in range(RESTARTS):
        if i % 3 == 2:
            agent.stop()
        else:
            agent.kill()
        agent.launch()
        if i % 2:
            before = listener.innocent
            wait_for(lambda: listener.innocent - before > (i % 8) * 40, "it is on its way")
            agent.kill()
            agent.launch()
        agent.wait_ready()
    before = listener.innocent
    wait_for(lambda: listener.innocent > before + 100, "the load still runs")
    flood.kill()
    flood.wait()
    reached, innocent, refused = connects.end()
    assert reached == 0 and innocent > 0 and refused > 0
    assert listener.listed == 0
    ledger = agent.ledger()
    probes = ledger.status["probes"]
    seen = probes["egress"]["matched"]
    assert seen == probes["egress"]["blocked"] and seen > listener.innocent / 2
    assert probes["connect"]["matched"] == probes["connect"]["blocked"] == refused
    figure(f"restart loop: {RESTARTS} restarts, {seen} listed lookups refused, {listener.listed} "
           f"got out; {listener.innocent} innocent ones did; {refused} listed connects refused, {reached} "
           f"succeeded; {innocent} innocent ones did")


def test_killed_at_every_step(pinned, load, bpf, figure):
    """A take-over that ends at any of its system calls leaves what the next one can take over, and
    nothing passes meanwhile. Sizes change from one to the next, so that there is much to do."""
    cgroup, listener, begin, _ = load
    agent = pinned(cgroup=str(cgroup.path))
    agent.start()
    flood = begin()
    wait_for(lambda: listener.innocent > 100, "the load runs")
    agent.kill()
    step, killed, sizes = 1, 0, ["64K", "128K"]
    while True:
        again(agent, cgroup=str(cgroup.path), ring_size=sizes[step % 2],
              processes=[4096, 8192][step // 2 % 2])
        agent.launch(LD_PRELOAD=str(KILL_AT), KILL_AT=str(step))
        ended = wait_for(lambda: agent.process.poll() is not None or
                         (agent.answers() and "ready"), "killed, or ready")
        if ended == "ready":
            break
        assert agent.process.returncode == -9, agent.log.read_text()
        killed += 1
        # Most are the copying of one entry after the other, of as many as there are processes.
        step += max(STEPS, step // 8)
    assert step > 60  # else not the take-over was interrupted
    # It counts on, and would end this one later.
    agent.kill()
    agent.start()
    flood.kill()
    flood.wait()
    assert listener.listed == 0
    ledger = agent.ledger()
    assert ledger["blocked"] == ledger["matched"] > 0
    assert len(generations(bpf)) == 1
    assert not [path for path in (bpf / "cordon").rglob("*-new")]
    figure(f"take-over killed at {killed} of {step} steps: 0 listed lookups got out")


def test_another_size(pinned, namespace, bpf):
    """Maps of another size are made anew and say so; processes are carried over, records that wait
    in the old ring are read, and counters go on."""
    agent = pinned(ring_size="64K", processes=4096)
    agent.start()
    namespace.look_up("sendto", "before." + ZONE)
    agent.finding("before." + ZONE)
    agent.kill()
    pid = namespace.look_up("sendto", "between." + ZONE)["pid"]
    again(agent, ring_size="256K", processes=16384)
    agent.start()
    finding = agent.finding("between." + ZONE, exe=SENDER)
    assert process(finding)["pid"] == pid
    log = agent.log.read_text()
    assert "map records of the version before cannot be used (another size)" in log
    assert re.search(r"map processes: \d+ entries were carried over", log)
    assert agent.ledger()["matched"] == 2
    assert len(generations(bpf)) == 1


@pytest.mark.parametrize("what", ["probes_bss", "records", "processes", "egress_streams", "tables"])
def test_another_layout(pinned, namespace, bpf, what):
    """A map that a version with another layout left is not used: the block holds, counters go on
    where they can, and the log says which map and why. (The layout is in the pin's name.)"""
    agent = pinned()
    agent.start()
    namespace.look_up("sendto", "before." + ZONE)
    agent.finding("before." + ZONE)
    agent.kill()
    (pin,) = (bpf / "cordon/current").resolve().glob(what + "-*")
    pin.rename(pin.with_name(f"{what}-{1:016x}"))
    assert not namespace.answered("sendto", "between." + ZONE)
    agent.start()
    assert f"map {what} of the version before cannot be used (another layout)" in \
        agent.log.read_text()
    assert not namespace.answered("sendto", "after." + ZONE)
    agent.finding("after." + ZONE)
    if what == "records":
        # They cannot be read, but they are counted, and said.
        assert "1 records in the ring buffer of the version before cannot be read" in \
            agent.log.read_text()
    else:
        agent.finding("between." + ZONE)
    ledger = agent.ledger()
    assert ledger["matched"] == ledger["blocked"] == 3
    assert ledger.status["rejected"] == (what == "records")
    # Once more, with nothing to change.
    agent.kill()
    agent.start()
    assert agent.ledger()["matched"] == 3
    assert len(generations(bpf)) == 1


def test_learnt_addresses_stay(pinned, namespace, bpf):
    """Addresses of listed names are asked for by a version with counters of its own, too."""
    address, port = "192.0.2.68", 5390
    answerer = namespace.start(sys.executable, Path(__file__).with_name("answerer.py"), port,
                               json.dumps({LISTED: [["@", "A", 600, address]]}), watched=False,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert answerer.stdout.readline() == "ready\n"
    agent = pinned(mode="audit", ports=[port])
    agent.start()
    asker = namespace.start(sys.executable, Path(__file__).with_name("asking.py"), "udp", port,
                            LISTED)
    assert asker.wait(DEADLINE) == 0
    wait_for(lambda: agent.status()["answers"]["addresses"] == 1, "the address is learnt")
    agent.kill()
    (pin,) = (bpf / "cordon/current").resolve().glob("probes_bss-*")
    pin.rename(pin.with_name(f"probes_bss-{1:016x}"))
    agent.start()
    # No route leads there, and it need not: the system call is what counts.
    namespace.run(sys.executable, "-c", "import socket\n"
                  f"socket.socket(type=socket.SOCK_DGRAM).connect_ex(('{address}', 9))")
    wait_for(lambda: [finding for finding in agent.findings()
                      if "an address of a listed domain" in finding["finding_info"]["title"]],
             "the connection is told")


def test_block_stays_when_it_cannot_be_taken_over(pinned, namespace, bpf):
    """A table of another format, and no pack to make a new one from: the old programs stay."""
    agent = pinned()
    agent.start()
    agent.kill()
    (pin,) = (bpf / "cordon/current").resolve().glob("tables-*")
    pin.rename(pin.with_name(f"tables-{1:016x}"))
    agent.pack.rename(agent.pack.with_suffix(".away"))
    agent.launch()
    wait_for(lambda: agent.process.poll() is not None, "it ends")
    assert "they stay in force" in agent.log.read_text()
    assert not namespace.answered("sendto", LISTED)
    agent.pack.with_suffix(".away").rename(agent.pack)
    agent.start()
    agent.finding(LISTED)


def test_broken_pack_keeps_the_old_table(pinned, namespace):
    """A pack that cannot be read does not take the block list in force away."""
    agent = pinned()
    agent.start()
    agent.kill()
    agent.pack.write_bytes(b"no pack")
    agent.start()
    assert not namespace.answered("sendto", LISTED)
    assert agent.status()["pack"]["loaded"] is False


def test_mode_changes_with_a_restart(pinned, namespace):
    """Audit to enforce and back, over the same links: what is refused changes, counters go on."""
    agent = pinned(mode="audit")
    agent.start()
    for i, mode in enumerate(["enforce", "audit", "enforce"]):
        agent.stop()
        # As the one before left it: in the other mode.
        assert namespace.answered("sendto", f"m{i}.{ZONE}") == (mode == "enforce")
        again(agent, mode)
        agent.start()
        assert namespace.answered("sendto", f"n{i}.{ZONE}") == (mode == "audit")
        assert namespace.answered("sendto", INNOCENT)
        names = [program["name"] for program in agent.status()["programs"]]
        assert f"egress_{mode}_packet" in names
        assert agent.ledger()["matched"] == 2 * (i + 1)
    assert agent.ledger()["blocked"] == 3


def test_another_cgroup(pinned, namespace, cgroup):
    """Links move to the configured cgroup; the one before is free."""
    agent = pinned()
    agent.start()
    agent.kill()
    with Cgroup() as other, Namespace(other) as elsewhere:
        elsewhere.respond()
        again(agent, cgroup=str(other.path))
        agent.start()
        assert namespace.answered("sendto", LISTED)
        assert not elsewhere.answered("sendto", LISTED)
        agent.kill()
    # That cgroup is gone by now, and its links with it.
    again(agent, cgroup=str(cgroup.path))
    agent.start()
    assert not namespace.answered("sendto", "again." + ZONE)
    agent.finding("again." + ZONE)


def test_second_daemon_is_refused(pinned, namespace, bpf):
    """It has a journal of its own, but the same pins: it touches none of them."""
    agent, other = pinned(), pinned(entries=["other.example"])
    agent.start()
    pins = sorted(str(path) for path in (bpf / "cordon").rglob("*"))
    other.launch()
    assert other.process.wait(60) == 2
    assert "another cordond has the pins" in other.log.read_text()
    assert sorted(str(path) for path in (bpf / "cordon").rglob("*")) == pins
    assert not namespace.answered("sendto", LISTED)
    agent.finding(LISTED)


def test_unload_leaves_nothing(pinned, namespace, bpf):
    """Programs, maps and links are gone from the kernel, and the folder; it is refused while a
    daemon runs."""
    agent = pinned()
    agent.start()
    objects = Objects(agent.process.pid)
    kinds = {kind for kind, _ in objects.ids}
    assert kinds == {"prog_id", "map_id", "link_id"}
    refused = unload(agent)
    assert refused.returncode == 2 and "a cordond runs" in refused.stderr
    assert not namespace.answered("sendto", LISTED)
    agent.kill()
    assert {kind for kind, _ in objects.living()} == kinds
    done = unload(agent)
    assert done.returncode == 0, done.stderr
    assert "detached egress_packet" in done.stdout and "removed" in done.stdout
    wait_for(lambda: not objects.living(), "everything is gone from the kernel")
    assert not (bpf / "cordon").exists()
    assert namespace.answered("sendto", LISTED)
    nothing = unload(agent)
    assert nothing.returncode == 0 and "nothing is pinned" in nothing.stdout


def test_unload_by_force(pinned, namespace):
    """Detaches what a running daemon has, which then says so."""
    agent = pinned()
    agent.start()
    assert all(program["attached"] for program in agent.status()["programs"])
    assert unload(agent, "--force").returncode == 0
    assert namespace.answered("sendto", LISTED)
    status = agent.status()
    assert not all(program["attached"] for program in status["programs"])
    assert "programs not attached" in [problem["problem"] for problem in status["problems"]]


def doctor(agent):
    result = subprocess.run([CORDON, "doctor", "--json", "--config", agent.config],
                            capture_output=True, text=True)
    checks = json.loads(result.stdout)["checks"]
    return {check["check"]: check for check in checks}["pins"]


def test_doctor_tells(pinned):
    """What is pinned, by which version, and whether a daemon reads it."""
    agent = pinned()
    assert "nothing is pinned" in doctor(agent)["found"]
    agent.start()
    version = run(CORDOND, "--version").stdout.split()[-1]
    told = doctor(agent)
    assert told["state"] == "ok", told
    assert f"by version {version} in enforce mode" in told["found"]
    assert "a daemon reads them" in told["found"]
    agent.kill()
    told = doctor(agent)
    assert told["state"] == "warn" and "no daemon reads them" in told["found"]


def test_unattended_for_too_long(pinned, namespace):
    """Where the configuration wants it, a block ends when no daemon has been there for so long; it
    is counted, and ends when there is one again."""
    agent = pinned(unattended="observe", unattended_after=2)
    agent.start()
    assert not namespace.answered("sendto", "with." + ZONE)
    agent.kill()
    assert not namespace.answered("sendto", "soon." + ZONE)
    wait_for(lambda: namespace.answered("sendto", "late." + ZONE), "it is let pass")
    agent.start()
    assert agent.status()["pins"]["unattended"]["passed"] == 1
    assert agent.ledger().status["unattended_passed"] == 1
    assert not namespace.answered("sendto", "again." + ZONE)
    agent.finding("late." + ZONE)


def test_unattended_for_long(pinned, namespace):
    """By default a block goes on for ever."""
    agent = pinned(unattended_after=1)
    agent.start()
    agent.kill()
    killed = time.monotonic()
    wait_for(lambda: time.monotonic() > killed + 2, "it was down for two seconds")
    assert not namespace.answered("sendto", LISTED)


def test_ring_full_meanwhile(pinned, namespace):
    """More than the ring holds: refused all the same, counted, and a finding that says so."""
    agent = pinned(ring_size="64K")
    agent.start()
    agent.kill()
    done = namespace.run(FLOOD, 1000, 1, "127.0.0.1", 53, LISTED)
    assert json.loads(done.stdout)["refused"] == 1000
    agent.start()
    lost = agent.status()["pins"]["unattended"]["lost"]
    assert 0 < lost < 1000
    ledger = agent.ledger()
    assert ledger["blocked"] == 1000 and ledger["ring_full"] == lost
    assert ledger["submitted"] == 1000 - lost
    (finding,) = [finding for finding in agent.findings()
                  if finding["finding_info"]["analytic"]["name"] == "records-lost"]
    assert "while the daemon was not running" in json.dumps(finding)


def test_without_a_place_to_pin(make_agent, namespace, tmp_path):
    """It runs, and log, status and doctor say that nothing is pinned."""
    (tmp_path / "file").write_text("")
    agent = make_agent([LISTED], mode="enforce",
                       sensor={"pin": True, "pin_dir": str(tmp_path / "file")})
    agent.start()
    assert not namespace.answered("sendto", LISTED)
    status = agent.status()
    assert status["pins"]["pinned"] is False and status["pins"]["error"]
    assert any("nothing is pinned" in problem["problem"] for problem in status["problems"])
    assert "nothing is pinned" in agent.log.read_text()
    agent.kill()
    assert namespace.answered("sendto", LISTED)


def test_file_system_is_mounted(make_agent, namespace, tmp_path):
    """Where there is none it is mounted, and unmounted by --unload."""
    folder = tmp_path / "made" / "pins"
    agent = make_agent([LISTED], mode="enforce", sensor={"pin": True, "pin_dir": str(folder)})
    agent.start()
    try:
        assert "mounted" in agent.log.read_text()
        agent.kill()
        assert not namespace.answered("sendto", LISTED)
    finally:
        agent.kill()
        done = unload(agent)
    assert done.returncode == 0, done.stderr
    assert "unmounted" in done.stdout
    assert not folder.exists()
    assert namespace.answered("sendto", LISTED)


def test_without_pins_nothing_stays(make_agent, namespace):
    """sensor.pin: no: the end of the daemon is the end of the block."""
    agent = make_agent([LISTED], mode="enforce")
    agent.start()
    assert not namespace.answered("sendto", LISTED)
    agent.kill()
    assert namespace.answered("sendto", LISTED)
