# SPDX-License-Identifier: Apache-2.0
"""What a running process may do, asked of the kernel: its seccomp filters, read by ptrace and worked
through for each system call; and single system calls, made in its place. x86-64, as root."""

import ctypes
import errno
import os
import re
import struct
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
SINGLESTEP, GETREGS, SETREGS, DETACH = 9, 12, 13, 17
SEIZE, INTERRUPT, GET_FILTER = 0x4206, 0x4207, 0x420C
WALL = 0x40000000  # __WALL: threads, too

ARCHITECTURE = 0xC000003E  # AUDIT_ARCH_X86_64
ALLOW = 0x7FFF0000
NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
# struct user_regs_struct, as far as it is needed here.
REGISTERS = 27
RAX, RDX, RSI, RDI, ORIG_RAX, RIP, RSP = 10, 12, 13, 14, 15, 16, 19
AT_FDCWD = 2**64 - 100
RED_ZONE = 4096  # below the stack's end: more than anybody uses there


def numbers():
    """System calls by name."""
    return {name: int(number) for name, number in
            re.findall(r"#define __NR_(\w+) (\d+)", NUMBERS.read_text())}


def ptrace(request, pid, address=None, data=None):
    done = LIBC.ptrace(request, pid, address, data)
    if done < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
    return done


class Stopped:
    """The process is stopped meanwhile, and goes on as if nothing had been."""

    def __init__(self, pid):
        self.pid = pid

    def __enter__(self):
        ptrace(SEIZE, self.pid)
        ptrace(INTERRUPT, self.pid)
        os.waitpid(self.pid, WALL)
        return self

    def __exit__(self, *arguments):
        ptrace(DETACH, self.pid)

    def filters(self):
        """Each a list of instructions (code, jump if true, jump if false, value)."""
        found = []
        while True:
            try:
                size = ptrace(GET_FILTER, self.pid, len(found))
            except OSError as error:
                # There is no further one, or none at all.
                if error.errno in (errno.ENOENT, errno.EINVAL):
                    return found
                raise
            data = ctypes.create_string_buffer(size * 8)
            ptrace(GET_FILTER, self.pid, len(found), ctypes.cast(data, ctypes.c_void_p))
            found.append(list(struct.iter_unpack("=HBBI", data.raw)))

    def call(self, number, *arguments):
        """Makes a system call in its place; what it returns."""
        saved = (ctypes.c_ulonglong * REGISTERS)()
        ptrace(GETREGS, self.pid, None, ctypes.cast(saved, ctypes.c_void_p))
        there = (ctypes.c_ulonglong * REGISTERS)(*saved)
        there[RAX], there[ORIG_RAX], there[RIP] = number, 2**64 - 1, self.instruction()
        for register, value in zip((RDI, RSI, RDX), arguments):
            there[register] = value
        ptrace(SETREGS, self.pid, None, ctypes.cast(there, ctypes.c_void_p))
        ptrace(SINGLESTEP, self.pid)
        os.waitpid(self.pid, WALL)
        ptrace(GETREGS, self.pid, None, ctypes.cast(there, ctypes.c_void_p))
        ptrace(SETREGS, self.pid, None, ctypes.cast(saved, ctypes.c_void_p))
        return ctypes.c_longlong(there[RAX]).value

    def instruction(self):
        """Where its C library has a system call instruction."""
        for line in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            if "r-xp" in line and "libc.so" in line:
                start, end = (int(text, 16) for text in line.split()[0].split("-"))
                with open(f"/proc/{self.pid}/mem", "rb") as memory:
                    memory.seek(start)
                    return start + memory.read(end - start).index(b"\x0f\x05")
        raise LookupError("libc is not mapped")

    def opens(self, path, flags=os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY):
        """0, or the error with which it fails to open that."""
        registers = (ctypes.c_ulonglong * REGISTERS)()
        ptrace(GETREGS, self.pid, None, ctypes.cast(registers, ctypes.c_void_p))
        address = registers[RSP] - RED_ZONE
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(address)
            memory.write(path.encode() + b"\0")
        done = self.call(numbers()["openat"], AT_FDCWD, address, flags)
        if done >= 0:
            self.call(numbers()["close"], done)
        return -min(done, 0)


def outcomes(program, call, arguments=()):
    """The actions that one filter may come to: arguments that are None, or not there, may be
    anything."""
    data = {0: call, 4: ARCHITECTURE}
    for i, value in enumerate(arguments):
        if value is not None:
            data[16 + 8 * i], data[20 + 8 * i] = value & 0xFFFFFFFF, value >> 32
    found, seen, left = set(), set(), [(0, None)]
    while left:
        state = left.pop()
        if state in seen:
            continue
        seen.add(state)
        at, value = state
        code, yes, no, constant = program[at]
        if code == 0x06:  # return
            found.add(constant & 0xFFFF0000)
        elif code == 0x20:  # load
            left.append((at + 1, data.get(constant)))
        elif code == 0x54:  # and
            left.append((at + 1, None if value is None else value & constant))
        elif code == 0x05:  # jump
            left.append((at + 1 + constant, value))
        elif code in (0x15, 0x25, 0x35, 0x45):
            if value is None:
                left += [(at + 1 + yes, value), (at + 1 + no, value)]
            else:
                true = {0x15: value == constant, 0x25: value > constant, 0x35: value >= constant,
                        0x45: bool(value & constant)}[code]
                left.append((at + 1 + (yes if true else no), value))
        else:
            raise ValueError(f"instruction {code:#x}")
    return found


class Caged:
    """A process behind filters."""

    def __init__(self, pid):
        self.pid, self.numbers = pid, numbers()
        with Stopped(pid) as stopped:
            self.filters = stopped.filters()

    def may(self, name, *arguments):
        """Whether that call can get through all filters."""
        return all(
            ALLOW in outcomes(program, self.numbers[name], arguments) for program in self.filters)

    def allowed(self):
        return {name for name in self.numbers if self.may(name)}

    def status(self, key):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split(":", 1)[1].split() for line in lines if line.startswith(key + ":"))

    def limit(self, name):
        """Soft and hard."""
        for line in Path(f"/proc/{self.pid}/limits").read_text().splitlines():
            if line.startswith(name):
                return line[len(name):].split()[:2]
        raise LookupError(name)

    def namespace_shared(self, kind):
        return os.readlink(f"/proc/{self.pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")

    def root_is_empty(self):
        return os.listdir(f"/proc/{self.pid}/root") == []

    def environment(self):
        return Path(f"/proc/{self.pid}/environ").read_bytes()

    def opens(self, *paths):
        """Those that it can open to be read; one call each, made by itself."""
        with Stopped(self.pid) as stopped:
            return {path for path in paths if stopped.opens(path) == 0}
