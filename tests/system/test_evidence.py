# SPDX-License-Identifier: Apache-2.0
"""Evidence of an isolation: a bundle that holds what it should, signed, of which what is missing is
told, in S3 when it may; the process behind it frozen and not killed, and thawed by a release."""

import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile

import pytest

from agent import CORDON, SOURCE, need, run, wait_for

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

QUARANTINE, INSTANCE, BUCKET = "sg-0eeeeeeeeeeeeeee1", "i-0123456789abcdef0", "evidence-bucket"
POLICY = """\
name: evidence-tests
version: 1
rules:
  - name: bad
    match: {{ domain: bad.invalid }}
    severity: critical
    response: {response}
"""
# Says so, asks one name, for which it may be frozen at once, and goes on for as long as its input does.
ASKER = """\
import socket, sys, time
name = b"".join(bytes([len(l)]) + l for l in sys.argv[1].encode().split(b"."))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("asking", flush=True)
try:
    s.sendto(b"CD\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\0\\1\\0\\1", ("127.0.0.1", 53))
except PermissionError:
    pass  # it is blocked
for line in sys.stdin:
    print("alive", flush=True)
"""


@pytest.fixture
def aws():
    with Emulator() as emulator:
        ec2 = emulator.services["ec2"]
        ec2.add_group(QUARANTINE)
        ec2.interfaces.clear()
        ec2.add_interface(INSTANCE, ["sg-0aaaaaaaaaaaaaaa1"], 0)
        emulator.services["s3"].buckets[BUCKET] = {}
        yield emulator


@pytest.fixture
def host(make_agent, tmp_path):
    def make(aws, mode="enforce", response="isolate", **isolation):
        isolation = {"quarantine_security_group": QUARANTINE, "grace_after_boot": 0,
                     "never_isolate": {"file": str(tmp_path / "never")},
                     "budget": {"scope": "none"}, "probation": 0, **isolation}
        agent = make_agent(["bad.invalid"], mode=mode, policy=POLICY.format(response=response),
                           aws={}, isolation=isolation)
        agent.environment = aws.environment()
        return agent
    return make


@pytest.fixture
def culprit(cgroup, namespace):
    """Starts a process that asks for the bad name, in a cgroup of its own or in the shared one."""
    folder = cgroup.path / "culprit.service"
    folder.mkdir()
    children = []

    def start(own=True):
        script = 'echo $$ > "$1/cgroup.procs" && exec "$2" -c "$3" a.bad.invalid'
        child = namespace.start("sh", "-c", script, "sh", folder if own else cgroup.path,
                                sys.executable, ASKER, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout.readline() == "asking\n"
        return child
    start.folder = folder
    yield start
    (folder / "cgroup.freeze").write_text("0")
    for child in children:
        child.kill()
        child.wait()
        namespace.children.remove(child)
        child.stdin.close()
        child.stdout.close()
    wait_for(lambda: not (folder / "cgroup.procs").read_text(), "its cgroup is empty")
    folder.rmdir()


def isolation(agent):
    return agent.status()["isolation"]


def evidence(agent):
    return isolation(agent)["evidence"] or {}


def isolated(agent):
    wait_for(lambda: isolation(agent)["state"] == "isolated", "it is isolated")


def frozen(culprit):
    return "frozen 1" in (culprit.folder / "cgroup.events").read_text()


def stopped(child):
    status = open(f"/proc/{child.pid}/stat", encoding="utf-8").read()
    return status.rpartition(")")[2].split()[0] == "T"


def goes_on(child):
    child.stdin.write("?\n")
    child.stdin.flush()
    return child.stdout.readline() == "alive\n"


def unpack(body):
    """The files of a bundle, each of which has the digest that stands in its manifest."""
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}
    lines = files["MANIFEST"].decode().splitlines()
    digests = {name: digest for digest, _, name in
               (line.partition("  ") for line in lines if line and line[0] != "#")}
    assert digests == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()
                       if name != "MANIFEST"}
    return files


def release(agent):
    done = subprocess.run([CORDON, "release", "--socket", agent.runtime / "control"],
                          capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def told(agent, word):
    return [f for f in agent.findings() if word in f["finding_info"]["title"]]


def test_bundle(aws, host, culprit, tmp_path):
    """Isolated, frozen, bundled, signed; S3 denies it first, which is told; then it is there, and
    the same bytes. A release lets the process go on where it was."""
    key = tmp_path / "key"
    public = run(CORDON, "intel", "keygen", "-o", key).stdout.split("public ")[1].strip()
    aws.fault("s3", "error", "PutObject", code="AccessDenied", status=403)
    agent = host(aws, culprit="freeze", evidence={
        "memory": "32M", "signing_key": str(key), "s3": {"bucket": BUCKET, "prefix": "e/"}})
    agent.start()
    wait_for(lambda: isolation(agent)["instance"], "the instance is known")
    child = culprit()
    isolated(agent)
    wait_for(lambda: frozen(culprit), "the culprit is frozen")
    wait_for(lambda: evidence(agent).get("state") == "made", "the bundle is made")
    made = evidence(agent)
    [trouble] = wait_for(lambda: told(agent, "not in S3"), "that S3 denies it is told")
    assert "AccessDenied" in json.dumps(trouble)
    body = open(made["file"], "rb").read()
    assert os.stat(made["file"]).st_mode & 0o777 == 0o600
    assert hashlib.sha256(body).hexdigest() == made["sha256"] and made["signed"]
    files = unpack(body)
    assert str(child.pid) in files["culprit/ancestors.tsv"].decode()
    assert b"a.bad.invalid" in files["culprit/cmdline"] and b"[stack]" in files["culprit/maps"]
    assert b"a.bad.invalid" in files["culprit/memory"]
    assert b"a.bad.invalid" in files["findings.jsonl"]
    assert {"net/tcp", "users/passwd", "processes.tsv", "open-files.tsv"} <= set(files)
    manifest = tmp_path / "MANIFEST"
    manifest.write_bytes(files["MANIFEST"])
    verified = run(CORDON, "intel", "verify", "--kind", "evidence", "--key", public, manifest)
    assert "good" in verified.stdout
    wait_for(lambda: evidence(agent).get("s3"), "it is in S3")
    [(where, there)] = aws.services["s3"].buckets[BUCKET].items()
    assert there == body and where == f"e/{INSTANCE}/{os.path.basename(made['file'])}"
    assert evidence(agent)["s3"] == f"s3://{BUCKET}/{where}"
    # Who comes after does none of it again.
    agent.stop()
    agent.start()
    wait_for(lambda: isolation(agent)["phase"] == "watch", "it has gone on")
    assert evidence(agent)["state"] == "made" and frozen(culprit)
    assert os.stat(made["file"]).st_size == len(body)
    assert len(aws.calls("PutObject")) == 1 and child.poll() is None
    assert "released" in release(agent)
    wait_for(lambda: not frozen(culprit), "it is thawed")
    assert goes_on(child) and not (agent.state / "frozen").exists()


def test_disk_full_and_shared_cgroup(aws, host, culprit, tmp_path):
    """No room for a bundle: isolated all the same, and told. The culprit shares its cgroup with
    others, so it alone is stopped; and it is killed when nothing more is to be read of it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    run(*need("mount"), "-t", "tmpfs", "-o", "size=4M", "tmpfs", disk)
    try:
        agent = host(aws, culprit="kill")
        agent.start()
        wait_for(lambda: isolation(agent)["instance"], "the instance is known")
        (agent.state / "evidence").symlink_to(disk)
        child = culprit(own=False)
        isolated(agent)
        [trouble] = wait_for(lambda: told(agent, "could not be gathered"), "it is told")
        assert "too little room" in json.dumps(trouble)
        assert evidence(agent)["state"] == "failed" and os.listdir(disk) == []
        assert wait_for(lambda: child.poll(), "it is killed") == -signal.SIGKILL
        assert not frozen(culprit)
        agent.stop()
    finally:
        run("umount", disk)


def test_policy_freezes(aws, host, culprit):
    """freeze as a response: by the policy alone; in audit mode only said."""
    agent = host(aws, mode="audit", response="freeze")
    agent.start()
    child = culprit()
    assert agent.finding("a.bad.invalid")["unmapped"]["would_have"] == "freeze"
    assert not frozen(culprit) and goes_on(child)
    agent.stop()
    enforcing = host(aws, response="freeze")
    enforcing.start()
    culprit(own=True)
    wait_for(lambda: frozen(culprit), "it is frozen")
    assert (enforcing.state / "frozen").read_text().startswith("boot ")
    release(enforcing)
    wait_for(lambda: not frozen(culprit), "it is thawed")
    assert goes_on(child) and isolation(enforcing)["state"] == "none"


def test_by_hand(culprit, tmp_path):
    """`cordon evidence` needs no daemon, and leaves nothing where it cannot write."""
    child = culprit()
    output = tmp_path / "by-hand.tar.gz"
    command = [CORDON, "evidence", "--pid", child.pid, "--state-dir", tmp_path, "-o"]
    done = subprocess.run([str(part) for part in [*command, output]], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 1, done.stderr  # there is no journal
    files = unpack(output.read_bytes())
    assert b"a.bad.invalid" in files["culprit/cmdline"] and "culprit/memory" not in files
    assert b"# not collected: findings.jsonl" in files["MANIFEST"]
    assert base64.b16encode(hashlib.sha256(output.read_bytes()).digest()).lower() in \
        done.stdout.encode()
    failed = subprocess.run([str(part) for part in [*command, tmp_path / "none/x"]],
                            capture_output=True, text=True, timeout=120)
    assert failed.returncode == 2 and "No such file" in failed.stderr
