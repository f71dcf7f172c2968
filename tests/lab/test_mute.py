"""Nobody reads what it logs: a journal that hangs, a pipe that is full. Nothing that it serves waits for that."""

import contextlib
import ctypes
import os
import signal
import socket
import time

from support import clinic
from support.case import Case
from support.dhcp import Wire
from support.dns import Asker
from support.netsvc import READY, Netsvc, program
from support.process import PATIENCE, Process
from support.until import until


SYS_PIDFD_GETFD = 438
AS_STANDARD_ERROR = '''import os, socket, sys
journal = socket.socket(socket.AF_UNIX)
journal.connect(sys.argv[1])
os.dup2(journal.fileno(), 2)
os.execv(sys.argv[2], sys.argv[2:])'''


class Mute(Case):
    """`self.netsvc` serves, and its standard error is full."""

    def setUp(self):
        super().setUp()
        self.server = self.lan.host(*clinic.ADDRESSES)
        self.netsvc = Netsvc(self, self.server, clinic.whole(dhcp='probe = no'), start=False)
        command = self.connect(self.netsvc.path('journal'))
        self.netsvc.process = Process(self, self.server, [*command, program('lifeboat-netsvc'), 'run', '--config', self.netsvc.config])
        self.accept()
        self.addCleanup(os.close, self.journal)
        self.read_until(READY)
        self.fill()

    def accept(self):
        """What is there once it runs."""

    def read(self):
        try:
            return os.read(self.journal, 65536).decode()
        except BlockingIOError:
            return ''

    def read_until(self, text):
        seen, begun = '', time.monotonic()
        while text not in seen:
            self.assertLess(time.monotonic() - begun, PATIENCE, seen)
            seen += self.read()
        return seen

    def wait_for_new(self, name, old):
        """Until that child is another, and serves."""
        until(lambda: self.netsvc.children().get(name, old) != old, '%s is the old one' % name)

    def answers(self):
        return Asker(self, self.lan.host('10.66.0.77/16'), '10.66.0.1').ask('clinic.example').answer[0][0].address


class Tests:
    def test_a_child_that_dies_is_started_again_although_nobody_reads_the_log(self):
        wire = Wire(self, self.lan.host())
        for name in ('dns', 'dhcp'):
            self.wait_for_new(name, self.netsvc.kill(name))
        self.assertEqual('10.66.0.10', self.answers())
        wire.client().get()

    def test_a_reload_comes_to_its_end_although_nobody_reads_the_log(self):
        old = self.netsvc.children()['dns']
        self.netsvc.configure(clinic.whole(dhcp='probe = no').replace('=10.66.0.10', '=10.66.0.11'))
        self.netsvc.process.send(signal.SIGHUP)
        self.wait_for_new('dns', old)
        until(lambda: self.answers() == '10.66.0.11', 'it is not reloaded')
        self.assertIn('clinic.example', self.netsvc.zones())

    def test_how_much_was_not_logged_is_told_when_somebody_reads_again(self):
        self.wait_for_new('dns', self.netsvc.kill('dns'))
        self.answers()
        while self.read():
            pass
        self.netsvc.kill('dns')
        self.assertRegex(self.read_until("'dns' serves"), r'\d+ lines? could not be logged')


class Pipe(Tests, Mute):
    def connect(self, path):
        os.mkfifo(path)
        self.journal = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        return ['sh', '-c', 'exec "$@" 2>%s' % path, 'sh']

    def fill(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.journal, b'x')


class Journal(Tests, Mute):
    """Of systemd: a socket."""

    def connect(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.bind(path)
        self.listener.listen()
        return ['/usr/bin/python3', '-c', AS_STANDARD_ERROR, path]

    def accept(self):
        self.journal = self.listener.accept()[0].detach()
        os.set_blocking(self.journal, False)

    def fill(self):
        """By its own end of it."""
        process = os.pidfd_open(self.netsvc.process.pid)
        self.addCleanup(os.close, process)
        with socket.socket(fileno=ctypes.CDLL(None).syscall(SYS_PIDFD_GETFD, process, 2, 0)) as end, contextlib.suppress(BlockingIOError):
            while True:
                end.send(b'x' * 4000, socket.MSG_DONTWAIT)
