# SPDX-License-Identifier: Apache-2.0
"""What the cages of cordon-scan and cordon-cloud amount to, in the measure that services have: a unit
file for each says what its process has, each line is shown on the running process, and systemd scores
the file. A line that nothing here shows may not stand in it."""

import os
import platform
import re
import socket
import subprocess
import sys

import pytest

from agent import SOURCE, need, wait_for
from caged import NUMBERS, Caged

sys.path.insert(0, str(SOURCE / "tests/aws"))

from emulator import Emulator  # noqa: E402

SCORE_MAX = 1.5
UNITS = SOURCE / "tests/data/units"
NOTHING = ["0" * 16]
CLONE_NEWUSER = 0x10000000
FAMILIES = {name: value for name, value in vars(socket).items() if name.startswith("AF_")}
PROT_WRITE, PROT_EXEC = 2, 4

# Calls that change what is on disk, or which names files have.
CHANGING = ("creat", "openat2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat",
            "renameat2", "link", "linkat", "symlink", "symlinkat", "truncate", "mknod", "mknodat",
            "chmod", "fchmod", "fchmodat", "chown", "lchown", "fchown", "fchownat", "setxattr",
            "lsetxattr", "fsetxattr", "removexattr", "utimensat", "open_by_handle_at", "execve",
            "execveat", "io_uring_setup")
MOUNTING = ("mount", "umount2", "pivot_root", "move_mount", "fsopen", "fsmount", "open_tree",
            "mount_setattr", "chroot")


def none_of(*names):
    return lambda it, value: not [name for name in names if it.may(name)]


def writes_nothing(it, value):
    flags = (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE & ~os.O_DIRECTORY)
    return none_of(*CHANGING, *MOUNTING)(it, value) and not any(
        it.may("open", None, flag) or it.may("openat", None, None, flag) for flag in flags)


def cannot_open(*paths):
    """Neither names what is there: the root folder is empty, or each try fails."""
    return lambda it, value: it.root_is_empty() or not it.opens(*paths)


def families_of(it):
    return {name for name, number in FAMILIES.items() if it.may("socket", number)}


def families_allowed(it, value):
    claimed = set() if value == "none" else {FAMILIES[name] for name in value.split()}
    return {FAMILIES[name] for name in families_of(it)} <= claimed


def network_is_empty(it, value):
    with open(f"/proc/{it.pid}/net/dev") as lines:
        devices = [line.split(":")[0].strip() for line in lines if ":" in line]
    return not it.namespace_shared("net") and devices == ["lo"]


def capabilities_are_none(it, value):
    return value == "" and all(it.status(kind) == NOTHING for kind in ("CapPrm", "CapEff", "CapBnd"))


def memory_is_not_executed(it, value):
    return not any(it.may(call, None, None, flags) for call in ("mmap", "mprotect", "pkey_mprotect")
                   for flags in (PROT_EXEC, PROT_EXEC | PROT_WRITE)) and \
        none_of("memfd_create", "shmat")(it, value)


def limit_is(name):
    return lambda it, value: it.limit(name) == [value, value]


# Each directive, and what shows that the process has it.
SHOWN = {
    "User": lambda it, value: len(set(it.status("Uid"))) == 1 and "0" not in it.status("Uid"),
    "SupplementaryGroups": lambda it, value: it.status("Groups") == [],
    "CapabilityBoundingSet": capabilities_are_none,
    "AmbientCapabilities": lambda it, value: it.status("CapAmb") == NOTHING,
    "NoNewPrivileges": lambda it, value: it.status("NoNewPrivs") == ["1"],
    "NotifyAccess": lambda it, value: b"NOTIFY_SOCKET" not in it.environment(),
    "UMask": writes_nothing,
    "OOMScoreAdjust": lambda it, value: open(f"/proc/{it.pid}/oom_score_adj").read().strip() == value,
    "LimitNOFILE": limit_is("Max open files"),
    "LimitFSIZE": limit_is("Max file size"),
    "LimitNPROC": limit_is("Max processes"),
    "LimitCORE": limit_is("Max core file size"),
    "LimitMEMLOCK": limit_is("Max locked memory"),
    "SystemCallArchitectures": lambda it, value: it.status("Seccomp") == ["2"] and all(
        # The first thing that each filter looks at is whose numbers they are.
        program[0][0::3] == (0x20, 4) and program[1][3] == 0xC000003E for program in it.filters),
    "SystemCallFilter": lambda it, value: it.allowed() <= set(value.split()),
    "RestrictAddressFamilies": families_allowed,
    "PrivateNetwork": network_is_empty,
    "IPAddressDeny": lambda it, value: network_is_empty(it, value) and not families_of(it),
    "RestrictNamespaces": lambda it, value: none_of("unshare", "setns", "clone3")(it, value) and
        not it.may("clone", CLONE_NEWUSER) and capabilities_are_none(it, ""),
    "RestrictRealtime": none_of("sched_setscheduler", "sched_setparam", "sched_setattr"),
    "RestrictSUIDSGID": writes_nothing,
    "LockPersonality": none_of("personality"),
    "MemoryDenyWriteExecute": memory_is_not_executed,
    "ProtectHostname": lambda it, value: not it.namespace_shared("uts") and
        none_of("sethostname", "setdomainname")(it, value),
    "ProtectClock": none_of("clock_settime", "settimeofday", "adjtimex", "clock_adjtime"),
    "ProtectKernelLogs": lambda it, value: none_of("syslog")(it, value) and
        cannot_open("/dev/kmsg", "/proc/kmsg")(it, value),
    "ProtectKernelModules": lambda it, value:
        none_of("init_module", "finit_module", "delete_module")(it, value) and
        cannot_open("/usr/lib/modules")(it, value),
    "ProtectKernelTunables": writes_nothing,
    "ProtectControlGroups": writes_nothing,
    "ProtectSystem": writes_nothing,
    "PrivateMounts": none_of(*MOUNTING),
    "PrivateTmp": cannot_open("/tmp", "/var/tmp"),
    "PrivateDevices": cannot_open("/dev", "/dev/mem", "/dev/port", "/dev/vda", "/dev/sda", "/dev/tty1"),
    "ProtectHome": cannot_open("/home", "/root", "/run/user", "/root/.bashrc"),
    "ProtectProc": cannot_open("/proc", "/proc/1/status", "/proc/1/cmdline"),
    "ProcSubset": cannot_open("/proc/cpuinfo", "/proc/meminfo", "/proc/sys/kernel/hostname"),
    "RemoveIPC": lambda it, value: not it.namespace_shared("ipc") and
        none_of("shmget", "semget", "msgget", "mq_open")(it, value),
}


def directives(unit):
    """Lines that end with a backslash go on."""
    text = (UNITS / unit).read_text().replace("\\\n", " ")
    return re.findall(r"(?m)^(\w+)=[ \t]*(.*?)[ \t]*$", text.split("[Service]")[1])


def score(unit):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / unit],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)[1]), done.stdout


def check(unit, agent, pid, figure):
    off = [layer["layer"] for layer in agent.status()["workers"]["cage"] if not layer["on"]]
    if "landlock" in off:
        pytest.skip("the kernel has no Landlock")
    claimed = [(key, value) for key, value in directives(unit) if key != "ExecStart"]
    it = Caged(pid)
    assert it.filters and claimed
    assert not [key for key, _ in claimed if key not in SHOWN], "nothing shows these"
    assert not [(key, value) for key, value in claimed if not SHOWN[key](it, value)], \
        ("the process has not what the unit says", sorted(it.allowed()))
    exposure, said = score(unit)
    figure(f"{unit}: systemd says {exposure} of what its cage amounts to")
    assert exposure < SCORE_MAX, said


@pytest.fixture(autouse=True)
def possible():
    need("systemd-analyze")
    if platform.machine() != "x86_64" or not NUMBERS.exists():
        pytest.skip("registers and numbers here are x86-64's")


@pytest.fixture
def aws():
    with Emulator() as emulator:
        yield emulator


def test_a_worker(make_agent, figure):
    """cordon-scan: an empty root, no network, some fifteen system calls."""
    agent = make_agent(["worker.cordon-test.invalid"])
    agent.start()
    workers = wait_for(lambda: (lambda it: it["cage"] and it)(agent.status()["workers"]),
                       "a worker has told of its cage")
    check("cordon-scan.service", agent, workers["processes"][0]["pid"], figure)


def test_another_process_is_shown_to_have_nothing():
    """Each proof can fail: a program that anybody starts has what costs nothing, at most."""
    with subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: "libc.so" in open(f"/proc/{process.pid}/maps").read(), "it runs")
            it = Caged(process.pid)
            has = {key for unit in ("cordon-scan.service", "cordon-cloud.service")
                   for key, value in directives(unit) if key != "ExecStart" and SHOWN[key](it, value)}
        finally:
            process.kill()
    assert has <= {"SupplementaryGroups", "AmbientCapabilities", "NotifyAccess", "LimitCORE"}


def test_who_talks_to_aws(make_agent, aws, figure):
    """cordon-cloud: the host's network, and files to be read that names and TLS need. It goes on after
    it was looked at so closely."""
    agent = make_agent(["cloud.cordon-test.invalid"],
                       report={"journald": False, "screen": False,
                               "cloudwatch": {"group": "/cordon/findings"}})
    agent.environment = aws.environment()
    agent.start()

    def running():
        process = agent.status()["deliveries"].get("process") or {}
        return process.get("cage") and process["pid"]
    pid = wait_for(running, "cordon-cloud has told of its cage")
    check("cordon-cloud.service", agent, pid, figure)
    assert running() == pid
