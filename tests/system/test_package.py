# SPDX-License-Identifier: Apache-2.0
"""The Debian package that `make deb` made, installed into an overlay of this host's root in a mount
namespace of its own: what is there after each of install, upgrade, remove and purge."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["CORDON_BUILD"])
UNIT = "/etc/systemd/system/sysinit.target.wants/cordond.service"
# Where dpkg and the tools that it calls keep notes of their own.
NOTES = re.compile(r"^/(var/lib/(dpkg|apt|systemd/deb-systemd-helper)|var/(log|cache)|etc/ld\.so\.cache"
                   r"|etc/(passwd|group|shadow|gshadow)-?$|etc/\.pwd\.lock|etc/subuid-?$|etc/subgid-?$"
                   r"|run/netns)")


class Root:
    def __init__(self, folder):
        self.folder = folder
        for name in ("disk", "root"):
            (folder / name).mkdir()

    def enter(self, script):
        """Runs a script in the overlay; what it changes stays from one call to the next."""
        mounts = """set -e
            mkdir -p "$1/disk/upper" "$1/disk/work"
            mount -t overlay none -o "lowerdir=/,upperdir=$1/disk/upper,workdir=$1/disk/work" "$1/root"
            mount -t proc none "$1/root/proc"
            mount --rbind /sys "$1/root/sys"
            # Of its own: what others have pinned is not here.
            mount -t bpf none "$1/root/sys/fs/bpf"
            mkdir -p "$1/root/hand"
            mount --bind "$1/hand" "$1/root/hand"
            exec chroot "$1/root" /bin/sh -ec "$2"
            """
        return subprocess.run(["unshare", "-m", "-p", "-f", "/bin/sh", "-c", mounts, "sh",
                               str(self.folder), script],
                              capture_output=True, text=True, timeout=300, check=False)

    def run(self, script):
        done = self.enter(script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self):
        found = self.run("find /boot /etc /home /opt /run /srv /usr /var -xdev")
        return {line for line in found.splitlines() if not NOTES.match(line)}

    def install(self, name):
        return self.run(f"DEBIAN_FRONTEND=noninteractive dpkg --force-confold --force-unsafe-io "
                        f"-i /hand/{name}")


def newer_make(package, folder):
    """The next version, whose configuration is another one."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99", control.read_text()))
    with open(tree / "etc/cordon/cordon.yaml", "a", encoding="utf-8") as file:
        file.write("# another default\n")
    subprocess.run(["dpkg-deb", "-b", "-Znone", tree, folder / "hand/newer.deb"], check=True,
                   capture_output=True)


@pytest.fixture
def root(tmp_path):
    packages = sorted((BUILD / "packages").glob("cordon_*.deb"))
    if not packages:
        pytest.skip("no package: make deb")
    if os.geteuid() != 0:
        pytest.skip("an overlay needs root")
    (tmp_path / "hand").mkdir()
    shutil.copy(packages[-1], tmp_path / "hand/cordon.deb")
    root = Root(tmp_path)
    if root.enter("true").returncode != 0:
        pytest.skip("no overlay of / here")
    # Nothing is started from here, as in an image that is being made; and no earlier installation.
    root.run("printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d;"
             "rm -rf /etc/cordon /var/lib/cordon /run/cordon; userdel cordon 2>/dev/null || true")
    return root


def test_life_of_the_package(root, tmp_path):
    before = root.files()
    accounts = root.run("cat /etc/passwd /etc/group")

    root.install("cordon.deb")
    assert re.match(r"cordon:x:\d+:\d+:cordon workers:/:/usr/sbin/nologin",
                    root.run("getent passwd cordon"))
    assert root.run("stat -c '%a %U' /var/lib/cordon") == "750 root\n"
    assert root.run(f"readlink {UNIT}").endswith("/systemd/system/cordond.service\n")
    assert root.run("cordon --version; cordond --version").startswith("cordon 0")
    for program in ("cordon-scan", "cordon-cloud", "cordon-gate", "cordon-evidence"):
        assert "not found" not in root.run(f"ldd /usr/libexec/cordon/{program}")
    root.run("cordon policy check /usr/share/cordon/default.yaml;"
             "cordon intel compile -o /var/lib/cordon/intel.pack /usr/share/cordon/starter.list")

    # The units hold together, and are no more exposed than SECURITY.md says (in tenths).
    verified = root.run("systemd-analyze verify cordond.service cordond-again.timer 2>&1 |"
                        "grep -v \"Command 'man \" || true")
    assert "cordond" not in verified
    root.run("systemd-analyze security --offline=true --threshold=48 cordond.service")
    root.run("for page in /usr/share/man/man[58]/cordon*; do gzip -t $page; done")

    # An administrator's configuration outlives an upgrade that brings another one.
    root.run("echo 'mode: enforce' >/etc/cordon/cordon.yaml; touch /etc/cordon/cordon.d/10-own.yaml")
    newer_make(tmp_path / "hand/cordon.deb", tmp_path)
    root.install("newer.deb")
    assert root.run("cat /etc/cordon/cordon.yaml") == "mode: enforce\n"
    assert "99" in root.run("dpkg-query -W cordon")

    root.run("dpkg -r cordon")
    left = {path for path in root.files() - before if "cordon" in path}
    assert not any(path.startswith(("/usr/", "/lib/")) for path in left), left
    assert {"/etc/cordon/cordon.yaml", "/etc/cordon/cordon.d/10-own.yaml",
            "/var/lib/cordon/intel.pack"} <= left

    root.run("dpkg -P cordon")
    assert root.files() == before
    assert root.run("cat /etc/passwd /etc/group") == accounts
    assert root.run("find /etc /usr /run /var -xdev -name '*cordond*' "
                    "! -path '/var/lib/dpkg/*' ! -path '/var/cache/*'") == ""
    assert root.run("ls /var/lib/dpkg/info | grep '^cordon\\.' || true") == ""


def test_account_of_somebody_else_stays(root):
    root.run("useradd -r -d / -s /bin/sh -c 'Somebody' cordon")
    root.install("cordon.deb")
    root.run("dpkg -P cordon")
    assert "Somebody" in root.run("getent passwd cordon")


def test_removal_takes_what_is_pinned(root, cgroup, tmp_path):
    """After a daemon that was killed, too; an upgrade leaves it."""
    newer_make(tmp_path / "hand/cordon.deb", tmp_path)
    config = {"sensor": {"cgroup": str(cgroup.path)}, "report": {"journald": False}}
    (tmp_path / "hand/cordon.yaml").write_text(json.dumps(config))
    done = root.run(r"""
        dpkg -i /hand/cordon.deb >/dev/null
        cp /hand/cordon.yaml /etc/cordon/cordon.yaml
        mkdir -p /run/cordon
        cordond >/hand/log 2>&1 & daemon=$!
        left=100
        until cordon status >/dev/null 2>&1 || [ $left = 0 ]; do sleep 0.2; left=$((left - 1)); done
        kill -KILL $daemon
        wait $daemon || true
        ls /sys/fs/bpf/cordon/links | wc -l
        dpkg --force-confold -i /hand/newer.deb >/dev/null
        ls /sys/fs/bpf/cordon/links | wc -l
        dpkg -r cordon >/dev/null
        dpkg -P cordon >/dev/null
        ls -A /sys/fs/bpf | grep -v '^\(maps\|progs\)\.debug$' || true  # the kernel's own
        """)
    before, upgraded, *left = done.split()
    assert int(before) > 0 and upgraded == before, (tmp_path / "hand/log").read_text()
    assert left == []
