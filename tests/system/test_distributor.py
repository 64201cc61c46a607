# SPDX-License-Identifier: Apache-2.0
"""The scripts of SSM Distributor do what they say, under dash and under bash, on a root of their own:
install, update, back from a failed update, remove, and find what was broken. What they call (dpkg,
apt-get, systemctl) is played by a script that keeps its state in files."""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD_PY = SOURCE / "packaging/distributor/build.py"

# One program under several names. $HOST holds: version (what is installed), works (versions that
# come up), conf (removed and not purged), enabled, active, pid, calls, and broken (files that differ).
STUB = r"""#!/bin/sh
name=${0##*/}
echo "$name $*" >>"$HOST/calls"
version_of() { head -n 1 "$1" | sed 's/^package //'; }
took() {
	version_of "$1" >"$HOST/version"
	: >"$HOST/broken"
	rm -f "$HOST/conf"
	start
}
start() {
	rm -f "$HOST/active"
	grep -qx "$(cat "$HOST/version")" "$HOST/works" || return 1
	touch "$HOST/active"
	echo x >>"$HOST/pid"
}
removed() {
	rm -f "$HOST/version" "$HOST/active" "$HOST/enabled"
}
case $name in
apt-get)
	[ ! -e "$HOST/apt-fails" ] || exit 100
	for last; do :; done
	case $1 in
	install) took "$last"; exit 0 ;;
	remove) removed; touch "$HOST/conf" ;;
	purge) removed; rm -f "$HOST/conf" ;;
	esac
	;;
dpkg-query)
	[ -e "$HOST/version" ] || exit 1
	printf 'ii %s' "$(cat "$HOST/version")"
	;;
dpkg)
	case $1 in
	--verify) cat "$HOST/broken" ;;
	--purge) rm -f "$HOST/conf" ;;
	esac
	;;
systemctl)
	case $1 in
	enable) touch "$HOST/enabled" ;;
	restart) start ;;
	stop) rm -f "$HOST/active" ;;
	is-active) [ -e "$HOST/active" ] ;;
	is-enabled) [ -e "$HOST/enabled" ] ;;
	show) wc -l <"$HOST/pid" ;;
	esac
	;;
esac
"""


class Host:
    def __init__(self, folder, shell):
        self.folder, self.shell = folder, shell
        self.root, self.state, bin_folder = folder / "root", folder / "host", folder / "bin"
        for path in (self.root, self.state, bin_folder):
            path.mkdir()
        for name in ("apt-get", "dpkg", "dpkg-query", "systemctl"):
            (bin_folder / name).write_text(STUB)
            (bin_folder / name).chmod(0o755)
        for name in ("calls", "broken", "works"):
            (self.state / name).touch()
        self.environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOST": str(self.state),
                            "CORDON_ROOT": str(self.root), "CORDON_START_TIME": "0",
                            "CORDON_STEADY_TIME": "0"}

    def works(self, *versions):
        (self.state / "works").write_text("".join(version + "\n" for version in versions))

    def run(self, package, script, **parameters):
        """As SSM's agent runs it: in the folder, with sh, whatever the first line says."""
        return subprocess.run([self.shell, script], cwd=package, text=True, capture_output=True,
                              env=self.environment | parameters, timeout=60, check=False)

    def installed(self):
        path = self.state / "version"
        return path.read_text().strip() if path.exists() else None

    def active(self):
        return (self.state / "active").exists()

    def path(self, path):
        return self.root / path.lstrip("/")


DROP_IN = "/etc/cordon/cordon.d/50-distributor.yaml"


@pytest.fixture(params=["dash", "bash"])
def host(tmp_path, request):
    if not shutil.which(request.param):
        pytest.fail(f"no {request.param}")
    host = Host(tmp_path, request.param)
    host.works("1.0", "2.0")
    return host


def package_make(folder, version):
    """What the agent unpacks: the scripts as they are shipped, and a package of the stub's kind."""
    package = folder / ("zip-" + version)
    package.mkdir()
    for script in (SOURCE / "packaging/distributor").glob("*.sh"):
        shutil.copy(script, package)
    (package / "cordon.deb").write_text(f"package {version}\n")
    (package / "VERSION").write_text(version + "\n")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in sorted(package.iterdir())]
    (package / "SHA256SUMS").write_text("".join(sums))
    return package


@pytest.fixture
def first(tmp_path):
    return package_make(tmp_path, "1.0")


@pytest.fixture
def second(tmp_path):
    return package_make(tmp_path, "2.0")


def test_install(host, first):
    done = host.run(first, "install.sh", SSM_CORDON_MODE="enforce")
    assert done.returncode == 0, done.stderr
    assert host.installed() == "1.0" and host.active()
    assert (host.state / "enabled").exists()
    assert "mode: enforce\n" in host.path(DROP_IN).read_text()
    assert host.path("/var/cache/cordon/installed.deb").read_text() == "package 1.0\n"
    assert host.run(first, "validate.sh").returncode == 0


def test_install_keeps_the_configuration(host, first):
    host.path(DROP_IN).parent.mkdir(parents=True)
    host.path("/etc/cordon/cordon.yaml").write_text("mode: enforce\n")
    assert host.run(first, "install.sh").returncode == 0
    assert host.path("/etc/cordon/cordon.yaml").read_text() == "mode: enforce\n"
    assert not host.path(DROP_IN).exists()


def test_install_that_does_not_come_up_leaves_nothing(host, first):
    host.works()
    done = host.run(first, "install.sh", SSM_CORDON_MODE="audit")
    assert done.returncode == 1 and "did not come up" in done.stdout
    assert host.installed() is None and not host.active()
    assert not host.path(DROP_IN).exists()


def test_install_for_an_image_is_enabled_and_stopped(host, first):
    assert host.run(first, "install.sh", SSM_CORDON_START="no").returncode == 0
    assert (host.state / "enabled").exists() and not host.active()
    assert host.run(first, "validate.sh").returncode == 1
    assert host.run(first, "validate.sh", SSM_CORDON_START="no").returncode == 0


@pytest.mark.parametrize("name, value", [
    ("SSM_CORDON_MODE", "enforce\nstate_dir: /"), ("SSM_CORDON_MODE", "$(touch x)"),
    ("SSM_CORDON_LOG_LEVEL", "loud"), ("SSM_CORDON_START", "maybe"), ("SSM_CORDON_PURGE", "y")])
@pytest.mark.parametrize("script", ["install.sh", "update.sh", "uninstall.sh", "validate.sh"])
def test_parameter_that_is_none_changes_nothing(host, first, script, name, value):
    done = host.run(first, script, **{name: value})
    assert done.returncode == 1 and name in done.stderr
    assert (host.state / "calls").read_text() == ""
    assert not any(host.root.iterdir())


def test_broken_zip_is_refused(host, first):
    (first / "cordon.deb").write_text("package 6.6\n")
    for script in ("install.sh", "update.sh"):
        assert host.run(first, script).returncode == 1
    assert host.installed() is None


def test_update_in_place(host, first, second):
    assert host.run(first, "install.sh", SSM_CORDON_MODE="enforce").returncode == 0
    (host.state / "calls").write_text("")
    done = host.run(second, "update.sh")
    assert done.returncode == 0, done.stderr
    assert host.installed() == "2.0" and host.active()
    assert "mode: enforce\n" in host.path(DROP_IN).read_text()
    calls = (host.state / "calls").read_text()
    # Neither stopped nor removed: that would be a gap.
    assert "systemctl stop" not in calls and "apt-get remove" not in calls
    assert host.run(second, "validate.sh").returncode == 0
    assert host.run(first, "validate.sh").returncode == 1


def test_update_of_nothing_installs(host, second):
    assert host.run(second, "update.sh").returncode == 0
    assert host.installed() == "2.0" and host.active()


def test_failed_update_goes_back(host, first, second):
    host.works("1.0")
    assert host.run(first, "install.sh", SSM_CORDON_MODE="audit").returncode == 0
    before = host.path(DROP_IN).read_text()
    done = host.run(second, "update.sh", SSM_CORDON_MODE="enforce")
    assert done.returncode == 1
    assert "version 2.0 was not taken; version 1.0 runs again" in done.stderr
    assert host.installed() == "1.0" and host.active()
    assert host.path(DROP_IN).read_text() == before
    assert host.run(first, "validate.sh").returncode == 0


def test_update_that_the_package_manager_refuses(host, first, second):
    assert host.run(first, "install.sh").returncode == 0
    (host.state / "apt-fails").touch()
    done = host.run(second, "update.sh")
    assert done.returncode == 1 and "version 1.0 goes on" in done.stderr
    assert host.installed() == "1.0" and host.active()


def test_update_without_a_way_back_says_so(host, first, second):
    host.works("1.0")
    assert host.run(first, "install.sh").returncode == 0
    shutil.rmtree(host.path("/var/cache/cordon"))
    done = host.run(second, "update.sh")
    assert done.returncode == 1 and "no copy of version 1.0" in done.stderr


def state_make(host):
    for path in ("/var/lib/cordon/journal.db", "/etc/cordon/cordon.yaml"):
        host.path(path).parent.mkdir(parents=True, exist_ok=True)
        host.path(path).write_text("x")


def test_uninstall_keeps_state(host, first):
    assert host.run(first, "install.sh").returncode == 0
    state_make(host)
    assert host.run(first, "uninstall.sh").returncode == 0
    assert host.installed() is None and not host.active()
    assert host.path("/var/lib/cordon/journal.db").exists()
    assert host.path("/etc/cordon/cordon.yaml").exists()
    # Again, as when SSM tries again: nothing is to be done, and that is no failure.
    assert host.run(first, "uninstall.sh").returncode == 0


@pytest.mark.parametrize("removed_before", [False, True])
def test_purge_leaves_nothing(host, first, removed_before):
    assert host.run(first, "install.sh", SSM_CORDON_MODE="audit").returncode == 0
    state_make(host)
    if removed_before:
        assert host.run(first, "uninstall.sh").returncode == 0
    assert host.run(first, "uninstall.sh", SSM_CORDON_PURGE="yes").returncode == 0
    assert not (host.state / "conf").exists()
    assert [path for path in host.root.rglob("*") if "cordon" in path.name] == []


@pytest.mark.parametrize("broken, code", [
    ("missing     /usr/sbin/cordond\n", 1), ("??5?????? /usr/libexec/cordon/cordon-scan\n", 1),
    ("??5?????? c /etc/cordon/cordon.yaml\n", 0)])
def test_validate_finds_what_was_broken(host, first, broken, code):
    assert host.run(first, "install.sh").returncode == 0
    (host.state / "broken").write_text(broken)
    done = host.run(first, "validate.sh")
    assert done.returncode == code
    # What SSM does then mends it.
    assert host.run(first, "install.sh").returncode == 0
    assert host.run(first, "validate.sh").returncode == 0


def test_validate_finds_a_stopped_service(host, first):
    assert host.run(first, "validate.sh").returncode == 1
    assert host.run(first, "install.sh").returncode == 0
    (host.state / "active").unlink()
    assert host.run(first, "validate.sh").returncode == 1


def deb_make(folder):
    """A package as dpkg-deb reads it."""
    (folder / "tree/DEBIAN").mkdir(parents=True)
    (folder / "tree/DEBIAN/control").write_text(
        "Package: cordon\nVersion: 3.1\nArchitecture: all\nMaintainer: x <x@x.invalid>\n"
        "Description: x\n")
    subprocess.run(["dpkg-deb", "-b", folder / "tree", folder / "x.deb"], check=True,
                   capture_output=True)
    return folder / "x.deb"


def build(output, *targets):
    return subprocess.run([sys.executable, BUILD_PY, "--version", "3.1.0", "--output", output,
                           *targets], capture_output=True, text=True, check=False)


def test_zips_and_manifest(tmp_path):
    deb, output = deb_make(tmp_path), tmp_path / "out"
    made = build(output, f"debian:12:x86_64:{deb}", f"ubuntu:24.04:arm64:{deb}")
    assert made.returncode == 0, made.stderr
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["schemaVersion"] == "2.0" and manifest["version"] == "3.1.0"
    assert manifest["packages"]["debian"]["12"]["x86_64"]["file"] == "cordon-debian12-x86_64.zip"
    assert set(manifest["files"]) == {path.name for path in output.glob("*.zip")}
    for name, file in manifest["files"].items():
        content = (output / name).read_bytes()
        assert file["checksums"]["sha256"] == hashlib.sha256(content).hexdigest()
        with zipfile.ZipFile(output / name) as archive:
            modes = {entry.filename: entry.external_attr >> 16 & 0o777
                     for entry in archive.infolist()}
        # A file of this name SSM's agent would take for its own.
        assert "manifest" not in modes and "manifest.json" not in modes
        assert modes["install.sh"] == 0o755 and modes["cordon.deb"] == 0o644
    first = (output / "cordon-debian12-x86_64.zip").read_bytes()
    assert build(output, f"debian:12:x86_64:{deb}").returncode == 0
    assert (output / "cordon-debian12-x86_64.zip").read_bytes() == first


@pytest.mark.parametrize("target", ["plan9:1:x86_64:x.deb", "debian:12:amd64:x.deb",
                                    "debian:../x:arm64:x.deb"])
def test_target_that_ssm_does_not_know(tmp_path, target):
    assert build(tmp_path / "out", target).returncode != 0


def test_unpacked_zip_installs(tmp_path, host):
    """The sums, the names and the version that build.py writes are those that the scripts read."""
    deb = deb_make(tmp_path)
    assert build(tmp_path / "out", f"debian:12:x86_64:{deb}").returncode == 0
    with zipfile.ZipFile(tmp_path / "out/cordon-debian12-x86_64.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    host.works("3.1")
    # The stub reads versions from a first line, which a real package does not have.
    stub = pathlib.Path(host.environment["PATH"].split(":")[0]) / "apt-get"
    stub.write_text(STUB.replace("version_of() { head -n 1 \"$1\" | sed 's/^package //'; }",
                                 "version_of() { dpkg-deb -f \"$1\" Version; }"))
    done = host.run(tmp_path / "unpacked", "install.sh")
    assert done.returncode == 0, done.stderr
    assert host.installed() == "3.1"
    assert host.run(tmp_path / "unpacked", "validate.sh").returncode == 0
