#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the zips of SSM Distributor and their manifest.

    build.py --version VERSION --output DIR PLATFORM:RELEASE:ARCH:FILE...

PLATFORM, RELEASE and ARCH as SSM's agent names them (debian:12:x86_64, amazon:2023:arm64,
redhat:9.*:x86_64); FILE is the .deb or .rpm for it. Builds of the same files are the same bytes.
"""
import argparse
import hashlib
import json
import pathlib
import re
import stat
import subprocess
import sys
import zipfile

SCRIPTS = ["common.sh", "install.sh", "uninstall.sh", "update.sh", "validate.sh"]
PLATFORMS = {"amazon", "debian", "ubuntu", "redhat", "rocky", "almalinux", "centos", "oracle",
             "suse", "fedora"}
# The oldest that a zip can say.
EPOCH = (1980, 1, 1, 0, 0, 0)


def package_version(path):
    commands = {".deb": ["dpkg-deb", "-f", path, "Version"],
                ".rpm": ["rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE}", path]}
    if path.suffix not in commands:
        sys.exit(f"{path}: neither .deb nor .rpm")
    return subprocess.run(commands[path.suffix], check=True, capture_output=True,
                          text=True).stdout.strip()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def zip_write(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            mode = 0o755 if name.endswith(".sh") else 0o644
            # SSM's agent gives files the mode that stands here.
            entry.external_attr = (stat.S_IFREG | mode) << 16
            target.writestr(entry, content)


def zip_contents(package):
    folder = pathlib.Path(__file__).parent
    contents = {name: (folder / name).read_bytes() for name in SCRIPTS}
    contents["cordon" + package.suffix] = package.read_bytes()
    contents["VERSION"] = package_version(package).encode() + b"\n"
    sums = "".join(f"{sha256(content)}  {name}\n" for name, content in contents.items())
    contents["SHA256SUMS"] = sums.encode()
    return contents


def target_read(text):
    platform, release, arch, file = text.split(":", 3)
    if platform not in PLATFORMS or arch not in ("x86_64", "arm64"):
        sys.exit(f"{text}: no such platform or architecture")
    if not re.fullmatch(r"[0-9.]+|[0-9.]+\.\*|_any", release):
        sys.exit(f"{text}: no such release")
    return platform, release, arch, pathlib.Path(file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("packages", nargs="+")
    options = parser.parse_args()
    manifest = {"schemaVersion": "2.0", "version": options.version, "publisher": "cordon",
                "packages": {}, "files": {}}
    options.output.mkdir(parents=True, exist_ok=True)
    for platform, release, arch, package in map(target_read, options.packages):
        name = f"cordon-{platform}{release.replace('.*', '')}-{arch}.zip"
        zip_write(options.output / name, zip_contents(package))
        content = (options.output / name).read_bytes()
        manifest["packages"].setdefault(platform, {}).setdefault(release, {})[arch] = {"file": name}
        manifest["files"][name] = {"checksums": {"sha256": sha256(content)}, "size": len(content)}
    (options.output / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


main()
