"""A command at a terminal of its own, as a person runs it.

    shell = Terminal(self, host, ['lifeboat', 'failover', '--force'])
    shell.wait_for('to go on: ')
    shell.type('b\\n'); shell.press_ctrl_c()
    shell.wait(expect=1)
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

from .process import PATIENCE

CTRL_C = '\x03'


def _take_terminal():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell has its background jobs ignore
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    def __init__(self, test, namespace, command):
        self.test, self.said = test, ''
        self.ours, theirs = pty.openpty()
        with namespace.entered():
            self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal)
        os.close(theirs)
        test.addCleanup(self.close)

    def _read(self, seconds):
        """False: it has ended, or says nothing more."""
        try:
            part = os.read(self.ours, 65536) if select.select([self.ours], [], [], seconds)[0] else b''
        except OSError:  # nobody holds the other end
            part = b''
        self.said += part.decode(errors='replace').replace('\r\n', '\n')
        return part != b''

    def wait_for(self, text):
        """Gives all that was said."""
        end = time.monotonic() + PATIENCE
        while text not in self.said and self._read(max(0, end - time.monotonic())):
            pass
        self.test.assertIn(text, self.said)
        return self.said

    def type(self, text):
        os.write(self.ours, text.encode())

    def press_ctrl_c(self):
        self.type(CTRL_C)

    def wait(self, expect=0):
        """Until it ends by itself; gives all that it said."""
        while self._read(PATIENCE):
            pass
        self.test.assertEqual(expect, self.process.wait(PATIENCE), self.said)
        return self.said

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
