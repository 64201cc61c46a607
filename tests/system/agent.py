# SPDX-License-Identifier: Apache-2.0
"""What system tests are made of: a cgroup, a network namespace, a DNS responder in it, and the
agent that watches the cgroup. Each is a context manager and leaves nothing behind."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CORDON_BUILD", SOURCE / "build")).resolve()
SENDER = BUILD / "tests/system/sender"
RESPONDER = BUILD / "tests/system/responder"
FLOOD = BUILD / "tests/system/flood"
CORDON = BUILD / "cordon"
CORDOND = BUILD / "cordond"

# Against hangs, not a measure of speed: an idle machine needs a hundredth of it.
DEADLINE = 60
DISPOSITION_BLOCKED = 2  # OCSF disposition_id
ANSWERED = "192.0.2.80"  # what the responder says of every name
SENDER_ID_ASKED = 0x4344

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def missing(reason):
    """Skips on a user's machine, fails where everything must be there."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def need(*programs):
    """Paths of programs that the test needs."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for program in programs:
        if not shutil.which(str(program), path=path):
            missing(f"{program} is not there")
    return [shutil.which(str(program), path=path) for program in programs]


def wait_for(condition, what, seconds=DEADLINE):
    """The first true result of condition."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return result


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, text=True,
                          capture_output=True, **options)


def cgroup_root():
    """Folder of the cgroup v2 hierarchy, from the mount table."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.split()[0] == "cgroup2":
            return Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields.split()[4]))
    return missing("no cgroup v2 hierarchy is mounted")


class Cgroup:
    """A cgroup of the test's own."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="cordon-test-", dir=cgroup_root()))
        return self

    def join(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def __exit__(self, *_):
        for pid in (self.path / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        wait_for(lambda: not (self.path / "cgroup.procs").read_text(), "the cgroup is empty")
        # The kernel may still hold it for a moment.
        wait_for(self._removed, "the cgroup can be removed")

    def _removed(self):
        try:
            self.path.rmdir()
        except OSError:
            return False
        return True


class Namespace:
    """A network namespace with nothing but loopback; programs in it are started in the cgroup."""

    def __init__(self, cgroup):
        self.cgroup = cgroup
        self.name = f"cordon-{os.getpid()}-{id(self):x}"
        self.children = []

    def __enter__(self):
        run(*need("ip"), "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        self.fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        self.resolver = tempfile.NamedTemporaryFile("w", suffix=".conf")
        self.resolver.write("nameserver 127.0.0.1\n")
        self.resolver.flush()
        os.chmod(self.resolver.name, 0o644)
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream:
                    stream.close()
        self.resolver.close()
        os.close(self.fd)
        run("ip", "netns", "del", self.name)

    def start(self, *command, watched=True, resolver=False, **options):
        """Starts it; the child's pid is the command's own, since all before it only exec. With
        resolver it has a mount namespace, in which its resolver is the responder."""
        if resolver:
            script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, "sh", self.resolver.name,
                       *command]

        def enter():
            if watched:
                self.cgroup.join()
            if LIBC.setns(self.fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        child = subprocess.Popen([str(part) for part in command], text=True, preexec_fn=enter,
                                 **options)
        self.children.append(child)
        return child

    def run(self, *command, seconds=DEADLINE, **options):
        """Runs it in the cgroup and returns the finished process."""
        child = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        output, errors = child.communicate(timeout=seconds)
        self.children.remove(child)
        return subprocess.CompletedProcess(command, child.returncode, output, errors)

    def respond(self, port=53):
        """Starts the responder, outside the cgroup: what it sends is not watched."""
        child = self.start(RESPONDER, "-a", ANSWERED, port, watched=False,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout.readline() == "ready\n"

    def look_up(self, mode, name, address="127.0.0.1", port=53, wait=None):
        """One lookup by a process of its own. Who sent it, and with wait the outcome, too."""
        options = [] if wait is None else ["-w", wait]
        done = self.run(SENDER, *options, mode, address, port, name)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, f"the sender did not start: {done.stderr}"
        return lines[0] if wait is None else {**lines[0], **lines[1]}

    def answered(self, mode, name, **options):
        """Whether the lookup got its answer; the time is given to the answer, not to the test."""
        outcome = self.look_up(mode, name, wait=0.3, **options)
        return any(answer["id"] == SENDER_ID_ASKED for answer in outcome["answers"])


class Agent:
    """cordond, watching one cgroup with one list."""

    def __init__(self, folder, cgroup, entries, mode="audit", policy=None, **sections):
        self.folder, self.cgroup = Path(folder), cgroup
        self.state, self.runtime = self.folder / "state", self.folder / "run"
        self.pack = self.folder / "intel.pack"
        self.config = self.folder / "cordon.yaml"
        self.log = self.folder / "cordond.log"
        self.process = None
        self.environment = {}  # of its unit, beside the test's own
        for path in (self.state, self.runtime):
            path.mkdir(parents=True, exist_ok=True)
        self.compile(entries)
        self.configure(mode, policy, **sections)

    def configure(self, mode="audit", policy=None, **sections):
        """Writes the configuration, for the next start."""
        policy_file = self.folder / "policy.yaml"
        policy_file.write_text(policy or BLOCKING_POLICY)
        config = {
            "mode": mode, "state_dir": str(self.state), "runtime_dir": str(self.runtime),
            "intel": {"pack": str(self.pack)}, "policy": {"files": [str(policy_file)]},
            "report": {"journald": False, "screen": False}, **sections,
        }
        # Ctrl-C, kill and the end of a test leave nothing behind.
        config["sensor"] = {"cgroup": str(self.cgroup.path), "pin": False,
                            **config.get("sensor", {})}
        self.config.write_text(json.dumps(config, indent=1) + "\n")  # JSON is YAML

    def compile(self, entries):
        """The pack from a list; it is replaced in one step."""
        source = self.folder / "cordon-test.list"
        source.write_text("".join(entry + "\n" for entry in entries))
        run(CORDON, "intel", "compile", "-o", self.pack, source)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self, output=None):
        """output: a descriptor for what it prints and logs, instead of its log."""
        self.launch(output)
        self.wait_ready()

    def launch(self, output=None, **environment):
        """Starts it and does not wait."""
        with open(self.log, "a") as log:
            output = log if output is None else output
            self.process = subprocess.Popen(
                [CORDOND, "--foreground", "--config", self.config], stdin=subprocess.DEVNULL,
                stdout=output, stderr=output,
                env={**os.environ, **self.environment, **environment})

    def wait_ready(self):
        wait_for(self._is_ready, "cordond answers on its control socket")

    def _is_ready(self):
        if self.process.poll() is not None:
            pytest.fail(f"cordond ended at its start:\n{self.log.read_text()}")
        return self.answers()

    def answers(self):
        return self._status().returncode in (0, 1)  # 1: it has something to complain of

    def stop(self):
        """As systemd does it; it must end by itself."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.kill()
                pytest.fail("cordond did not end when it was told to")
            assert self.process.returncode == 0, self.log.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def _status(self):
        return subprocess.run([CORDON, "status", "--json", "--socket", self.runtime / "control"],
                              capture_output=True, text=True)

    def status(self):
        result = self._status()
        assert result.returncode in (0, 1), result.stderr + self.log.read_text()
        return json.loads(result.stdout)

    def ledger(self):
        """The ledger when the ring is empty, checked."""
        wait_for(lambda: self.status()["ledger"]["waiting"] == 0, "the ring is read")
        return Ledger(self.status()["ledger"])

    def process_folder(self, name):
        return Path(f"/proc/{self.process.pid}") / name

    def resident_bytes(self):
        status = self.process_folder("status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1]) * 1024

    def findings(self, name=None):
        """All findings in the journal, or those with evidence of that name being asked."""
        result = subprocess.run([CORDON, "findings", "--json", "--state-dir", self.state],
                                capture_output=True, text=True)
        assert result.returncode in (0, 1), result.stderr
        found = [json.loads(line) for line in result.stdout.splitlines()]
        if name is None:
            return found
        return [finding for finding in found if name.lower() in hostnames(finding)]

    def finding(self, name, exe=None):
        """Waits for the finding about a name (by a program)."""
        def look():
            return [finding for finding in self.findings(name)
                    if exe is None or executable(finding) == str(exe)]
        return wait_for(look, f"a finding about {name}")[0]

    def follow(self):
        """`cordon findings --follow`, one line a finding on its output."""
        return subprocess.Popen(
            [CORDON, "findings", "--follow", "--json", "--state-dir", self.state], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Ledger:
    """Counters of `cordon status`, and the equations of agent/sensor/ledger.h."""

    OUTCOMES = ("clean", "allowed", "matched", "observed", "response", "empty", "partial",
                "unread", "malformed", "fragment", "gap", "watched")
    RECORDED = ("matched", "observed", "unread", "malformed", "watched")

    def __init__(self, status):
        self.status = status
        self.probes = status["probes"]
        for name, probe in self.probes.items():
            assert probe["seen"] == sum(probe[outcome] for outcome in self.OUTCOMES), name
            assert sum(probe[outcome] for outcome in self.RECORDED) == \
                probe["submitted"] + probe["ring_full"] + probe["limited"], name
        flows = self.flows = status["flows"]
        assert flows["seen"] == sum(flows[name] for name in ("tls", "http", "quic", "other"))
        assert flows["pieces"] == flows["submitted"] + flows["ring_full"] + flows["limited"]
        assert self["submitted"] + flows["submitted"] == status["read"] + status["waiting"]
        assert status["read"] == status["events"] + status["rejected"]
        assert status["balances"]

    def __getitem__(self, counter):
        """Sum over the probes."""
        return sum(probe[counter] for probe in self.probes.values())

    def since(self, before):
        """What was added, zeros left out: {"egress.matched": 1}."""
        return {f"{name}.{counter}": value - before.probes[name][counter]
                for name, probe in self.probes.items() for counter, value in probe.items()
                if value != before.probes[name][counter]}


BLOCKING_POLICY = """\
name: system-tests
version: 1
rules:
  - name: test-indicators
    match: { detector: indicator }
    severity: high
    response: block
"""


def evidences(finding):
    return finding.get("evidences", [])


def hostnames(finding):
    return {evidence["query"]["hostname"].lower() for evidence in evidences(finding)
            if "query" in evidence}


def process(finding):
    """The process of the last evidence."""
    return evidences(finding)[-1].get("process", {})


def executable(finding):
    return process(finding).get("file", {}).get("path")
