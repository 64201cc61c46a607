# SPDX-License-Identifier: Apache-2.0
"""`cordon watch`: the picture on a terminal of 80 columns, its end, and lines where there is no
terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

from agent import CORDON, DEADLINE, wait_for

BAD = "bad.cordon-test.invalid"
COLUMNS, LINES = 80, 24


class Terminal:
    """`cordon watch` on a pseudo terminal, and the screen as it stands."""

    def __init__(self, agent, columns=COLUMNS, lines=LINES):
        self.main, self.other = pty.openpty()
        fcntl.ioctl(self.other, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self.other)
        self.text = ""
        command = [CORDON, "watch", "--state-dir", agent.state, "--socket",
                   agent.runtime / "control"]
        self.process = subprocess.Popen([str(part) for part in command], stdin=self.other,
                                        stdout=self.other, stderr=self.other,
                                        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})

    def read(self):
        while select.select([self.main], [], [], 0.05)[0]:
            self.text += os.read(self.main, 65536).decode(errors="replace")
        return self.text

    def picture(self):
        """The lines of the last whole picture."""
        pictures = self.read().split("\x1b[H")
        whole = [text for text in pictures if text.endswith("\x1b[J")]
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", whole[-1]).split("\r\n") if whole else []

    def shows(self, *words):
        return wait_for(lambda: any(all(word in line for word in words)
                                    for line in self.picture()), f"the picture shows {words}")

    def ended(self):
        self.process.wait(DEADLINE)
        self.read()
        assert self.text.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(self.other) == self.before
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.main)
        os.close(self.other)


@pytest.fixture
def watch(make_agent, namespace):
    """An agent, and terminals that watch it."""
    terminals = []
    with make_agent([BAD]) as agent:
        def start(**options):
            terminals.append(Terminal(agent, **options))
            return terminals[-1]
        start.agent = agent
        yield start
        for terminal in terminals:
            terminal.close()


def test_picture(watch, namespace):
    """Proves that a finding is shown as it comes, with program and name, the ledger and the feeds'
    age, that nothing is wider than the terminal, and that q leaves it as it was."""
    terminal = watch()
    terminal.shows("cordon watch", "mode audit", "q: quit")
    terminal.shows("ledger", "balances")
    terminal.shows("feeds", "1 names")
    namespace.look_up("sendto", BAD)
    terminal.shows(BAD, "high", "sender")
    for _ in range(3):
        namespace.look_up("sendto", BAD)
    terminal.shows(BAD, "4x")
    picture = terminal.picture()
    assert len(picture) <= LINES
    assert max(len(line) for line in picture) <= COLUMNS
    os.write(terminal.main, b"q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ends_of_signals(watch, number):
    """Proves that a signal ends it, with the terminal as it was."""
    terminal = watch()
    terminal.shows("cordon watch")
    terminal.process.send_signal(number)
    assert terminal.ended() == 0


def test_control_c_and_resize(watch):
    """Proves that it takes the size that the terminal gets, and ends with Ctrl-C."""
    terminal = watch(columns=200, lines=50)
    terminal.shows("cordon watch")
    fcntl.ioctl(terminal.other, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
    terminal.process.send_signal(signal.SIGWINCH)
    wait_for(lambda: len(terminal.picture()) <= 10, "it is ten lines high")
    assert max(len(line) for line in terminal.picture()) <= 60
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ended() == 0


def test_without_daemon(watch):
    """Proves that it goes on without the daemon, and says so."""
    terminal = watch()
    terminal.shows("mode audit")
    watch.agent.stop()
    terminal.shows("the daemon does not answer")


def test_lines(watch, namespace):
    """Proves that where there is no terminal each finding is a line, without any sequences."""
    command = [CORDON, "watch", "--state-dir", watch.agent.state]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    try:
        def asked():
            namespace.look_up("sendto", BAD)
            return select.select([process.stdout], [], [], 0.5)[0]
        wait_for(asked, "a line is told")
        line = process.stdout.readline()
        assert BAD in line and "\x1b" not in line
    finally:
        process.terminate()
        process.wait()
