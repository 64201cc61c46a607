# SPDX-License-Identifier: Apache-2.0
"""Files to scan: what this host has, and what is made here, whole and mutated."""

import gzip
import io
import itertools
import random
import struct
import tarfile
import zipfile
from pathlib import Path

EICAR = (b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")


def elf(content=b"", segments=1):
    """A small ELF program for x86-64."""
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x400078, 64, 0, 0,
                       64, 56, segments, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 0x1000, 0x1000, 0x1000)
    return head + segment * segments + content


def pe(content=b""):
    """A small PE program with a section and an import directory that points into it."""
    dos = b"MZ" + b"\0" * 58 + struct.pack("<I", 64)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x14c, 1, 0x5e0be100, 0, 0, 224, 0x102)
    optional = struct.pack("<HBBIIIIII", 0x10b, 14, 0, 512, 0, 0, 0x1000, 0x1000, 0x2000)
    optional += struct.pack("<III6H4I2H6I", 0x400000, 0x1000, 512, 6, 0, 0, 0, 6, 0, 0, 0x3000,
                            512, 0, 2, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    optional += struct.pack("<II", 0, 0) + struct.pack("<II", 0x1000, 40) + b"\0" * 8 * 14
    section = struct.pack("<8sIIIIIIHHI", b".text", 0x1000, 0x1000, 512, 512, 0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + section).ljust(512, b"\0") + content.ljust(512, b"\x90")


def macho():
    head = struct.pack("<IiiIIIII", 0xfeedfacf, 0x01000007, 3, 2, 1, 72, 0, 0)
    return head + struct.pack("<II16sQQQQiiII", 0x19, 72, b"__TEXT", 0, 4096, 0, 4096, 7, 5, 0, 0)


def ole():
    head = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 16 + struct.pack("<HHHHH", 62, 3, 0xfffe, 9, 6)
    head += b"\0" * 10 + struct.pack("<9I", 1, 1, 0, 4096, 0xfffffffe, 0, 0xfffffffe, 0, 0)
    return head.ljust(512, b"\xff") + b"\xfd\xff\xff\xff" * 128 + b"R\0o\0o\0t\0".ljust(512, b"\0")


def pdf():
    return (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS "
            b"(app.alert\\(1\\)) >> >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\n"
            b"endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n")


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(mode="w", **members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


MADE = {
    "elf": elf(b"/bin/sh\0stratum+tcp://pool"), "pe": pe(b"KERNEL32.dll\0http://x.example/"),
    "macho": macho(), "ole": ole(), "pdf": pdf(),
    "zip": zipped(a=b"first" * 100, b=elf()), "tar": tarred(a=b"first", b=pe()),
    "tgz": tarred("w:gz", a=b"first" * 50), "gz": gzip.compress(b"zipped " * 1000),
}


def mutated(content, chance):
    """The content with some bytes changed, taken out, doubled, or cut off."""
    out = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(out)) if out else 0
        how = chance.randrange(5)
        if how == 0 and out:
            out[at] = chance.randrange(256)
        elif how == 1 and out:
            out[at:at + 4] = struct.pack("<I", chance.choice([0, 1, 0x7fffffff, 0xffffffff, 0x80000000]))
        elif how == 2:
            del out[at:at + chance.randint(1, 64)]
        elif how == 3:
            out[at:at] = out[at:at + chance.randint(1, 256)]
        elif how == 4:
            del out[max(1, at):]
    return bytes(out)


def mutations(count, seed):
    """Pairs of a name and mutated bytes."""
    chance = random.Random(seed)
    kinds = itertools.cycle(sorted(MADE))
    for number in range(count):
        kind = next(kinds)
        yield f"{number}.{kind}", mutated(MADE[kind], chance)


def system_files(count):
    """ELF files, scripts, documents and archives of this host."""
    places = [("/usr/bin", "*"), ("/usr/lib/python3", "**/*.py"), ("/usr/share/doc", "*/*.gz"),
              ("/usr/share/perl", "**/*.p[lm]"), ("/usr/share/man/man1", "*.gz"), ("/etc", "*.conf")]
    for folder, pattern in places:
        found = (path for path in sorted(Path(folder).glob(pattern))
                 if path.is_file() and not path.is_symlink() and path.stat().st_size < 2 << 20)
        yield from itertools.islice(found, count)
