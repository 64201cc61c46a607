# SPDX-License-Identifier: Apache-2.0
"""Files that are written, moved in, executed or mounted are scanned, found, and put out of the way;
nothing on the host ever waits for that longer than it is told to. On file systems in memory that
each test mounts for itself."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import pytest

from agent import BUILD, CORDON, DEADLINE, missing, run, wait_for

import ocsf_validate

# In two parts, so that this file is not one itself.
BAD = "cordon-test-" + "bad-content"
RULE = f"""
rule cordon_test_bad : test
{{
	meta:
		severity = "high"
		description = "the file of the tests"
	strings:
		$bad = "{BAD}"
	condition:
		$bad
}}
"""
POLICY = """\
name: files
version: 1
rules:
  - name: bad-files
    match: {{ detector: yara }}
    response: {response}
severities: {{ high: none, critical: none }}
"""
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def mounted(tmp_path):
    """A file system of the test's own."""
    if os.geteuid() != 0:
        missing("mounts and fanotify need root")
    path = tmp_path / "files"
    path.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs", path)
    yield path
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if line.split()[1].startswith(str(path)):
            subprocess.run(["umount", "-l", line.split()[1]], check=False)


@pytest.fixture
def start(make_agent, mounted, tmp_path):
    """Starts an agent that watches that file system, and waits until its rules are in force."""
    rules = tmp_path / "rules.yar"
    rules.write_text(RULE)

    def begin(response="none", mode="audit", **scan):
        made = make_agent(["files.cordon-test.invalid"], mode=mode,
                          policy=POLICY.format(response=response),
                          scan={"rules": [str(rules)], "watch": [str(mounted)], "settle": 50,
                                "containers": False, **scan})
        made.start()
        wait_for(lambda: (files(made) or {}).get("engine", {}).get("rules"), "rules in force")
        return made

    return begin


def files(agent):
    return agent.status()["files"]


def balanced(agent):
    """The counters when nothing waits, checked."""
    wait_for(lambda: files(agent)["waiting"] == 0, "nothing waits")
    counts = files(agent)
    assert counts["balances"], counts
    watch = counts["watch"]
    assert watch["seen"] == sum(watch[name] for name in
                                ("told", "outside", "excluded", "own", "other", "failed")), watch
    return counts


def nices(agent):
    """Of all its processes."""
    workers = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text().split()
    return [int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[16])
            for pid in workers]


def found(agent, path, trigger=None):
    """Waits for the finding about a file."""
    def look():
        return [finding for finding in agent.findings()
                if any(evidence.get("file", {}).get("path") == str(path)
                       for evidence in finding.get("evidences", []))
                and (trigger is None or finding["unmapped"]["trigger"] == trigger)]
    return wait_for(look, f"a finding about {path} ({trigger})")[0]


def script(path, text):
    """A program that can be executed, with that text inside."""
    shutil.copy("/bin/true", path)
    with open(path, "ab") as file:
        file.write(text.encode())
    path.chmod(0o755)


def elsewhere(code, *arguments):
    """Runs Python in a process of its own."""
    return subprocess.run(["/usr/bin/python3", "-c", code, *map(str, arguments)], check=True,
                          timeout=DEADLINE)


WRITE = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"


def test_each_way_in_is_seen(start, mounted, tmp_path, figure):
    """Written, moved in, executed, in a memfd, in an overlay, in a zip: each is found, with
    what told of it; a clean one is not; the finding is OCSF; the counters add up."""
    agent = start(containers=True)
    began = time.monotonic()
    elsewhere(WRITE, mounted / "written", BAD)
    found(agent, mounted / "written", "written")
    figure(f"files: written to found {time.monotonic() - began:.2f} s (50 ms of it to settle)")

    elsewhere(WRITE, tmp_path / "outside", BAD)
    elsewhere("import sys, shutil; shutil.copy(sys.argv[1], sys.argv[2] + '.new');"
              "import os; os.rename(sys.argv[2] + '.new', sys.argv[2])",
              tmp_path / "outside", mounted / "moved")
    found(agent, mounted / "moved")

    folder = mounted / "sub"
    folder.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", folder)  # a rename within one file system, from outside
    wait_for(lambda: files(agent)["watch"]["named"] + files(agent)["watch"]["unnamed"] >= 2,
             "the new mount is watched")

    script(tmp_path / "program", BAD)
    began = time.monotonic()
    code = ("import os, sys; fd = os.memfd_create('x', 0);"
            "os.write(fd, open(sys.argv[1], 'rb').read());"
            "os.execve(fd, ['x'], {}) if os.fork() == 0 else os.wait()")
    sleeper = tmp_path / "sleeper"
    shutil.copy("/bin/sleep", sleeper)
    with open(sleeper, "ab") as file:
        file.write(BAD.encode())
    code = ("import os, sys, subprocess; fd = os.memfd_create('x', 0);"
            "os.write(fd, open(sys.argv[1], 'rb').read());"
            "os.execve(fd, ['x', '3'], {})")
    elsewhere(code, sleeper)
    memory = wait_for(lambda: [finding for finding in agent.findings()
                               if finding["unmapped"].get("trigger") == "memory"], "the memfd")[0]
    assert "memfd:x" in memory["evidences"][0]["file"]["path"]

    layers = [mounted / name for name in ("low", "up", "work", "merged")]
    for layer in layers:
        layer.mkdir()
    low, up, work, merged = layers
    run("mount", "-t", "overlay", "-o", f"lowerdir={low},upperdir={up},workdir={work}", "overlay",
        merged)
    wait_for(lambda: files(agent)["watch"]["named"] + files(agent)["watch"]["unnamed"] >= 3,
             "the overlay is watched")
    elsewhere(WRITE, merged / "contained", BAD)
    found(agent, merged / "contained", "written")

    code = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w').writestr('in/side', sys.argv[2])"
    elsewhere(code, mounted / "archive.zip", BAD)
    found(agent, mounted / "archive.zip", "written")

    elsewhere(WRITE, mounted / "clean", "nothing in it")
    counts = balanced(agent)
    assert counts["clean"] > 0 and counts["unnamed"]["told"] == 1
    for finding in agent.findings():
        assert list(ocsf_validate.errors(finding)) == []
        assert not any(evidence.get("file", {}).get("path") == str(mounted / "clean")
                       for evidence in finding["evidences"])


def test_what_runs_is_scanned_once(start, mounted):
    """An execution is told with its process; a clean program that runs again is known, and not
    scanned again, until it changes."""
    agent = start()
    script(mounted / "bad", BAD)
    wait_for(lambda: files(agent)["matched"] >= 1, "it was scanned when it was written")
    subprocess.run([mounted / "bad"], check=True)
    found(agent, mounted / "bad")
    wait_for(lambda: files(agent)["matched"] >= 2, "and when it was executed")
    script(mounted / "good", "harmless")
    wait_for(lambda: files(agent)["clean"] >= 1, "the good one is scanned")
    before = balanced(agent)
    for _ in range(20):
        subprocess.run([mounted / "good"], check=True)
    after = balanced(agent)
    assert after["clean"] - before["clean"] <= 1, (before, after)


def test_a_restart_knows_what_was_clean(start, mounted):
    """Verdicts outlive the daemon: what runs after a restart is not read again; other rules forget
    them."""
    agent = start()
    script(mounted / "tool", "harmless")
    wait_for(lambda: files(agent)["clean"] >= 1, "it is scanned")
    balanced(agent)
    time.sleep(0.05)  # ctime must be older than a tick when it is read: it is, after the settling
    subprocess.run([mounted / "tool"], check=True)
    wait_for(lambda: files(agent)["cache"]["stored"] >= 1, "its verdict is kept")
    balanced(agent)
    agent.stop()
    agent.start()
    wait_for(lambda: files(agent)["engine"]["rules"], "rules in force")
    subprocess.run([mounted / "tool"], check=True)
    assert wait_for(lambda: files(agent)["cached"], "it is known") >= 1
    assert files(agent)["clean"] == 0


def test_a_storm_of_files_is_scanned_or_counted(start, mounted, figure):
    """Ten thousand files: each is scanned, merged or counted as dropped; all bad ones that were not
    dropped are found; memory stays where it was."""
    agent = start()
    elsewhere(WRITE, mounted / "first", "x")
    balanced(agent)
    before, memory = files(agent), agent.resident_bytes()
    began = time.monotonic()
    elsewhere("import sys\nfor i in range(10000):\n"
              "    open(f'{sys.argv[1]}/f{i}', 'w').write('small ' * 20 + str(i))\n", mounted)
    wrote = time.monotonic() - began
    counts = balanced(agent)
    took = time.monotonic() - began
    new = {name: counts[name] - before[name] for name in
           ("seen", "clean", "merged", "changed", "dropped", "skipped_gone", "skipped_empty")}
    grown = agent.resident_bytes() - memory
    figure(f"files: 10,000 written in {wrote:.1f} s, scanned after {took:.1f} s: {new}, overflows "
           f"{counts['watch']['overflows']}, memory +{grown >> 10} KiB")
    assert counts["watch"]["overflows"] or new["clean"] + new["dropped"] >= 10000, new
    assert grown < 16 << 20
    assert 10 in nices(agent) and 15 not in nices(agent)  # they yield only while it lasts


def test_what_was_missed_is_looked_for(start, mounted):
    """When files were changed while nobody could follow, a walk finds them; a folder that is moved in
    is walked as a whole."""
    agent = start()
    outside = mounted.parent / "folder"
    outside.mkdir()
    (outside / "deep").mkdir()
    (outside / "deep" / "bad").write_text(BAD)
    # Within the file system, from where nothing is watched.
    agent.stop()
    agent.configure("audit", POLICY.format(response="none"), scan={
        "rules": [str(mounted.parent / "rules.yar")], "watch": [str(mounted / "in")],
        "settle": 50, "containers": False})
    (mounted / "in").mkdir()
    shutil.copytree(outside, mounted / "out")
    agent.start()
    wait_for(lambda: files(agent)["engine"]["rules"], "rules in force")
    elsewhere("import os, sys; os.rename(sys.argv[1], sys.argv[2])", mounted / "out",
              mounted / "in" / "came")
    found(agent, mounted / "in/came/deep/bad", "listed")
    balanced(agent)


def test_an_overflow_is_made_up_for(start, mounted):
    """More files than the kernel's queue holds, while nobody reads it: it is told, and what was missed
    is looked for, and found."""
    agent = start()
    limit = int(Path("/proc/sys/fs/fanotify/max_queued_events").read_text())
    if limit > 100000:
        missing("the kernel's queue is too long here")
    agent.process.send_signal(signal.SIGSTOP)
    try:
        elsewhere("import sys\nfor i in range(int(sys.argv[2])):\n"
                  "    open(f'{sys.argv[1]}/f{i}', 'w').close()\n"
                  "open(sys.argv[1] + '/bad', 'w').write(sys.argv[3])\n", mounted, limit + 500, BAD)
    finally:
        agent.process.send_signal(signal.SIGCONT)
    found(agent, mounted / "bad", "listed")
    assert files(agent)["watch"]["overflows"] >= 1
    balanced(agent)


def test_a_finding_ends_with_its_file(start, mounted):
    """Proves that the finding about a file is over when the file is gone, and no other is."""
    agent = start()
    policy = agent.folder / "policy.yaml"
    policy.write_text("rules:\n  - { name: all, severity: high, close: { file_gone: yes } }\n")
    wait_for(lambda: "policy in force: 1 rules" in agent.log.read_text(), "it is in force")
    paths = [mounted / "goes", mounted / "stays"]
    for path in paths:
        elsewhere(WRITE, path, BAD)
        assert found(agent, path)["activity_id"] != 3
    paths[0].unlink()
    wait_for(lambda: found(agent, paths[0])["activity_id"] == 3, "it is closed")
    assert found(agent, paths[0])["status_detail"] == "its file is gone"
    assert found(agent, paths[1])["activity_id"] != 3


def activities(agent):
    lines = (agent.state / "findings.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines if json.loads(line)["category_uid"] == 7]


def test_quarantine_takes_and_gives_back(start, mounted, tmp_path):
    """In enforce mode a bad file is moved out of the way, across file systems; the list shows it;
    given back with --allow it is as it was, and stays."""
    agent = start(response="quarantine", mode="enforce")
    bad = mounted / "bad"
    elsewhere("import os, sys\nfile = open(sys.argv[1], 'w')\nfile.write(sys.argv[2])\n"
              "os.fchmod(file.fileno(), 0o640)\nos.fchown(file.fileno(), 1234, 2345)\n", bad, BAD)
    wait_for(lambda: not bad.exists(), "it is out of the way")
    finding = found(agent, bad)
    assert finding["unmapped"]["ordered"] == "quarantine"

    def listed():
        result = subprocess.run([CORDON, "quarantine", "list", "--json", "--state-dir",
                                 agent.state], capture_output=True, text=True)
        return json.loads(result.stdout)["items"]
    item = wait_for(listed, "it is listed")[0]
    assert item["path"] == str(bad) and item["rule"] == "cordon_test_bad"
    assert item["mode"] == "0640" and item["owner"] == "1234:2345"
    done = wait_for(lambda: activities(agent), "what was done is told")
    assert done[0]["class_uid"] == 7002 and done[0]["status_id"] == 1
    assert done[0]["disposition"] == "Quarantined"
    assert done[0]["unmapped"]["quarantine_id"] == item["id"]
    for activity in done:
        assert list(ocsf_validate.errors(activity)) == []

    run(CORDON, "quarantine", "restore", "--allow", "--state-dir", agent.state, item["id"][:8])
    assert bad.read_text() == BAD and bad.stat().st_mode & 0o7777 == 0o640
    assert bad.stat().st_uid == 1234
    wait_for(lambda: files(agent)["acts"]["allowed"], "it was seen again, and left")
    assert bad.exists() and listed() == []
    balanced(agent)


def test_audit_mode_only_says(start, mounted):
    """In audit mode the same policy changes nothing, and says what it would have done."""
    agent = start(response="quarantine-and-kill")
    script(mounted / "bad", BAD)
    finding = found(agent, mounted / "bad")
    assert finding["unmapped"]["would_have"] == "quarantine-and-kill"
    subprocess.run([mounted / "bad"], check=True)
    balanced(agent)
    assert (mounted / "bad").exists() and not (agent.state / "quarantine").exists()


def test_what_runs_it_is_killed(start, mounted):
    """Killed by policy: the process that runs the file, and no other."""
    agent = start(response="quarantine-and-kill", mode="enforce")
    shutil.copy("/bin/sleep", mounted / "sleeper")
    innocent = subprocess.Popen(["/bin/sleep", "600"])
    try:
        with open(mounted.parent / "bad", "wb") as file:
            file.write(Path("/bin/sleep").read_bytes() + BAD.encode())
        shutil.copy(mounted.parent / "bad", mounted / "bad.new")
        os.chmod(mounted / "bad.new", 0o755)
        # Before it is quiet, it runs.
        running = subprocess.Popen([mounted / "bad.new", "600"])
        assert running.wait(DEADLINE) == -signal.SIGKILL
        wait_for(lambda: not (mounted / "bad.new").exists(), "it is in quarantine")
        assert innocent.poll() is None
        assert files(agent)["acts"]["killed"] == 1
        wait_for(lambda: {7002, 7003} <= {activity["class_uid"] for activity in activities(agent)},
                 "both are told")
        for activity in activities(agent):
            assert list(ocsf_validate.errors(activity)) == []
    finally:
        innocent.kill()
        innocent.wait()


def execute(path):
    """Seconds until it has run, or why it did not."""
    began = time.monotonic()
    try:
        subprocess.run([path], check=True, timeout=DEADLINE)
    except PermissionError:
        return "refused"
    return time.monotonic() - began


def gate(agent):
    return files(agent)["gate"]


def test_a_bad_program_does_not_run(start, mounted):
    """With on_exec: before, in enforce mode, a bad program is refused, and told as blocked; a good
    one runs."""
    agent = start(response="block", mode="enforce", on_exec="before", exec_limit=10000)
    script(mounted / "bad", BAD)
    script(mounted / "good", "harmless")
    wait_for(lambda: gate(agent)["running"], "the gate runs")

    def asked():
        execute(mounted / "good")
        return gate(agent)["asked"]
    wait_for(asked, "executions are held")
    assert execute(mounted / "bad") == "refused"
    finding = found(agent, mounted / "bad", "held")
    assert finding["disposition"] == "Blocked"
    assert isinstance(execute(mounted / "good"), float)
    assert gate(agent)["denied"] == 1
    wait_for(lambda: any(activity["class_uid"] == 7002 for activity in activities(agent)), "told")
    balanced(agent)


class Load:
    """Threads that execute programs, each another one every time, so that each is asked about."""

    def __init__(self, folder, threads=4):
        self.folder, self.slowest, self.count, self.failed = folder, 0.0, 0, []
        self.going = True
        # With vfork(), Python's threads wait for each other's executions, and each for all limits.
        subprocess._USE_VFORK = False
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        turn = 0
        while self.going:
            turn += 1
            path = self.folder / f"load-{number}-{turn % 8}"
            shutil.copy("/bin/true", path)
            path.chmod(0o755)
            try:
                took = execute(path)
            except OSError as error:  # a copy still open for writing in a forked child
                if error.errno != 26:
                    self.failed.append(error)
                continue
            if took == "refused":
                self.failed.append(took)
                continue
            self.slowest, self.count = max(self.slowest, took), self.count + 1

    def end(self):
        self.going = False
        subprocess._USE_VFORK = True
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "an execution hangs"
        assert not self.failed, self.failed


def held(start):
    return start(response="block", mode="enforce", on_exec="before", exec_limit=300)


def more(load, count=20):
    """Waits until the load has run so many programs more."""
    target = load.count + count
    wait_for(lambda: load.count >= target, "programs run")


def test_a_stopped_daemon_holds_up_nothing(start, mounted, figure):
    """While the daemon is stopped (SIGSTOP), executions go on after the limit, and soon are not held
    any more; when it goes on, so does everything."""
    agent = held(start)
    wait_for(lambda: gate(agent)["running"], "the gate runs")
    load = Load(mounted)
    try:
        wait_for(lambda: gate(agent)["asked"] > 20, "executions are held")
        agent.process.send_signal(signal.SIGSTOP)
        # More than four threads get done before the daemon counts as silent.
        more(load, 100)
        figure(f"files: daemon stopped, limit 0.3 s: slowest of {load.count} executions "
               f"{load.slowest:.2f} s")
        agent.process.send_signal(signal.SIGCONT)
        more(load)
    finally:
        agent.process.send_signal(signal.SIGCONT)
        load.end()
    # The limit, and what a busy machine adds.
    assert load.slowest < 10
    for counter in ("expired", "unheard"):
        assert wait_for(lambda: gate(agent)[counter], "it is told that some went on") > 0
    wait_for(lambda: gate(agent)["waiting"] == 0, "nobody waits")
    counts = gate(agent)
    assert counts["asked"] == (counts["answered"] + counts["expired"] + counts["unheard"] +
                               counts["full"])


@pytest.mark.parametrize("victim", ["cordond", "cordon-gate", "gate stopped"])
def test_a_killed_process_holds_up_nothing(start, mounted, victim):
    """kill -9 of the daemon, or of the gate, under load: nothing hangs, and with the gate's death a
    new one takes its place. Stopped, the gate is replaced."""
    agent = held(start)
    wait_for(lambda: gate(agent)["running"], "the gate runs")
    load = Load(mounted)
    try:
        wait_for(lambda: gate(agent)["asked"] > 20, "executions are held")
        children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
        gates = [int(pid) for pid in children.read_text().split()
                 if os.readlink(f"/proc/{pid}/exe") == str(BUILD / "cordon-gate")]
        assert len(gates) == 1
        if victim == "cordond":
            agent.kill()
        else:
            os.kill(gates[0], signal.SIGKILL if victim == "cordon-gate" else signal.SIGSTOP)
        more(load)
        if victim != "cordond":
            wait_for(lambda: gate(agent)["restarts"] == 1 and gate(agent)["running"],
                     "there is a new one")
            more(load)
    finally:
        load.end()
    if victim == "cordond":
        wait_for(lambda: not Path(f"/proc/{gates[0]}").exists() or
                 Path(f"/proc/{gates[0]}/stat").read_text().split()[2] == "Z", "the gate ends")


def test_a_process_that_is_gone_costs_no_descriptor(start, namespace):
    """Its memory cannot be opened any more. What was open before stays so: the first is /dev/null."""
    agent = start()
    for _ in range(3):
        asked = namespace.start(BUILD / "tests/system/sender", "sendto", "127.0.0.1", "53",
                                "files.cordon-test.invalid", stdout=subprocess.DEVNULL)
        asked.wait(DEADLINE)
    wait_for(lambda: files(agent)["acts"]["suspects"] > 0, "a process is looked at")
    assert os.readlink(f"/proc/{agent.process.pid}/fd/0") == "/dev/null"
    assert files(agent)["engine"]["broken"] == 0


def test_what_asks_for_a_bad_name_is_scanned(start, mounted, namespace):
    """The process behind a bad lookup: its executable is scanned, and told by that."""
    agent = start()
    sender = mounted / "asks"
    shutil.copy(BUILD / "tests/system/sender", sender)
    with open(sender, "ab") as file:
        file.write(BAD.encode())
    sender.chmod(0o755)
    found(agent, sender)
    child = namespace.start(sender, "-w", "10", "sendto", "127.0.0.1", "53",
                            "files.cordon-test.invalid", stdout=subprocess.PIPE)
    agent.finding("files.cordon-test.invalid")
    wait_for(lambda: files(agent)["acts"]["suspects"] == 1, "its process is looked at")
    wait_for(lambda: files(agent)["matched"] >= 3, "executable, and what is mapped of it")
    scanned(agent, "files.cordon-test.invalid", "rules match", "High")
    child.kill()


def scanned(agent, name, why, severity):
    """The finding of the lookup, when what its process is has been told of it."""
    def look():
        return [finding for finding in agent.findings(name)
                if finding["unmapped"].get("process_scan", "").endswith(why)]
    finding = wait_for(look, f"{name}: {why}")[0]
    assert finding["severity"] == severity
    assert list(ocsf_validate.errors(finding)) == []
    return finding


def test_a_clean_process_is_less_severe(start, mounted, namespace):
    """Nothing matches in the process behind a bad lookup: its finding is one step less severe, tells
    why, and stays so when the same process asks again."""
    agent = start()
    child = namespace.start(BUILD / "tests/system/sender", "-w", "10", "sendto", "127.0.0.1", "53",
                            "files.cordon-test.invalid", stdout=subprocess.PIPE)
    finding = scanned(agent, "files.cordon-test.invalid", "no rule matches", "Low")
    assert finding["activity_id"] == 2
    child.kill()


def walk_file(agent):
    return json.loads((agent.state / "walk.json").read_text())


def listed(agent):
    """Paths that a walk has found to be bad."""
    return {Path(finding["evidences"][0]["file"]["path"]).name for finding in agent.findings()
            if finding["unmapped"].get("trigger") == "listed"}


def test_a_schedule_goes_on_where_it_was(start, mounted):
    """A full walk scans what was there before the agent, by workers that make room for others; a
    restart in its midst goes on where it was, and leaves out nothing; the next one, of what has
    changed, scans only that."""
    folders = [mounted / f"folder{number:02}" for number in range(12)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        for each in range(9):
            (folder / f"file{each}").write_text("harmless" * 500)
        (folder / f"bad{number:02}").write_text(BAD)
    agent = start(full_every=1)
    assert 10 in nices(agent)
    wait_for(lambda: files(agent)["walk"]["files"] >= 30, "it is under way")
    agent.stop()
    place = walk_file(agent)
    before = listed(agent)
    if len(before) < len(folders):  # it is so far in next to no time on a fast host
        assert place["active"] and place["full"] and place["place"]
    agent.start()
    wait_for(lambda: walk_file(agent)["full_done"], "all has been walked over")
    assert listed(agent) == {f"bad{number:02}" for number in range(12)}
    again = files(agent)["walk"]["files"]
    assert again <= 10 * (12 - max(0, len(before) - 2)), (again, before)
    balanced(agent)
    agent.stop()

    # The next one is due an hour after it: by then, all but one file is older than that.
    place = walk_file(agent)
    assert place["changed_done"] == place["full_done"]
    since = max(path.stat().st_ctime_ns for path in mounted.glob("folder*/*")) + 1
    (mounted / "folder07/changed").write_text(BAD)
    agent.configure("audit", POLICY.format(response="none"), scan={
        "rules": [str(mounted.parent / "rules.yar")], "watch": [str(mounted)], "settle": 50,
        "containers": False, "changed_every": 1})
    (agent.state / "walk.json").write_text(json.dumps(
        {**place, "active": True, "full": False, "since": since, "place": "", "begun": since}))
    agent.start()
    found(agent, mounted / "folder07/changed", "listed")
    wait_for(lambda: files(agent)["walk"]["ended"], "it is over")
    assert files(agent)["walk"]["files"] == 1
    balanced(agent)
