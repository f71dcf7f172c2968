"""QEMU as a child process: its console as lines, its monitor (QMP) as calls and events.

The processor is emulated, so that no KVM is needed. It ends with the test's process, however that does.
"""

import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from support.server import wait_until

from .kernel import Lacking

PATIENCE = 120  # seconds for what must come
COMMAND_LINE = ('console=ttyS0 rdinit=/sbin/init quiet loglevel=1 tsc=reliable no_timer_check mitigations=off nokaslr '
                'random.trust_cpu=on cryptomgr.notests panic=-1')


class QmpError(Exception):
    pass


class Qemu:
    def __init__(self, kernel, initrd, memory, *arguments):
        program = shutil.which('qemu-system-x86_64')
        if not program:
            raise Lacking('no qemu-system-x86_64: install qemu-system-x86')
        self.folder = tempfile.mkdtemp(prefix='lifeboat-vm-')
        self.lines, self.events, self.answers = [], [], []
        self.changed = threading.Condition()
        monitor = os.path.join(self.folder, 'monitor')
        self.process = subprocess.Popen(
            [program, '-M', 'q35,usb=off,vmport=off', '-accel', 'tcg', '-smp', '1', '-m', str(memory), '-nodefaults',
             '-no-user-config', '-display', 'none', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE,
             '-device', 'qemu-xhci,id=usb,p2=8,p3=8', '-serial', 'stdio', '-qmp', 'unix:%s,server=on,wait=off' % monitor,
             *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=_end_with_parent)
        self.monitor = socket.socket(socket.AF_UNIX)
        wait_until(lambda: self.process.poll() is not None or self.monitor.connect_ex(monitor) == 0, PATIENCE, 0.01)
        self._follow(self.process.stdout, self._read_console)
        self._follow(self.monitor.makefile('rb'), self._read_monitor)
        self.ask('qmp_capabilities')

    @staticmethod
    def _follow(stream, read):
        threading.Thread(target=read, args=(stream,), daemon=True).start()

    def _read_console(self, stream):
        for line in stream:
            self._tell(self.lines, line.decode('utf-8', 'replace').rstrip('\r\n'))
        self._tell(self.lines, None)

    def _read_monitor(self, stream):
        try:
            for line in stream:
                message = json.loads(line)
                self._tell(self.events if 'event' in message else self.answers, message)
        except (OSError, ValueError):  # it was killed while it spoke
            pass

    def _tell(self, what, message):
        with self.changed:
            what.append(message)
            self.changed.notify_all()

    @property
    def console(self):
        return '\n'.join(filter(None, self.lines))

    def wait(self, condition, what, patience=PATIENCE):
        """Until the condition gives something, tried anew at each line and event; gives that."""
        with self.changed:
            self.changed.wait_for(lambda: condition() or None in self.lines, patience)
            found = condition()
        if not found:
            raise AssertionError('%s did not come; the console:\n%s' % (what, self.console[-4000:]))
        return found

    def ask(self, command, **arguments):
        """One command to the monitor; gives what it returns."""
        self.monitor.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        self.wait(lambda: [a for a in self.answers if 'return' in a or 'error' in a], 'an answer to ' + command)
        with self.changed:
            answer = next(a for a in self.answers if 'return' in a or 'error' in a)
            self.answers.clear()
        if 'error' in answer:
            raise QmpError('%s: %s' % (command, answer['error']['desc']))
        return answer['return']

    def give(self, name, descriptor):
        """Its own copy of an open file, by that name in other commands."""
        socket.send_fds(self.monitor, [b' '], [descriptor])
        self.ask('getfd', fdname=name)

    def wait_for_event(self, name, **data):
        """The next event of that name and those data, which is then forgotten."""
        def found():
            return [e for e in self.events if e['event'] == name and data.items() <= e['data'].items()]
        event = self.wait(found, 'event %s %s' % (name, data))[0]
        with self.changed:
            self.events.remove(event)
        return event

    def save(self, path):
        """All that it is, into a file from which another goes on with `-incoming`; it goes on too."""
        partial = path + '.partial'
        self.ask('stop')
        self.ask('migrate-set-parameters', **{'max-bandwidth': 1 << 34})
        self.ask('migrate', uri='exec:cat >' + shlex.quote(partial))
        wait_until(lambda: self.ask('query-migrate')['status'] in ('completed', 'failed'), PATIENCE)
        if self.ask('query-migrate')['status'] == 'failed':
            raise AssertionError('the machine cannot be saved: %s' % self.ask('query-migrate').get('error-desc'))
        os.rename(partial, path)
        self.ask('cont')

    def forget_events(self):
        with self.changed:
            self.events.clear()

    def end(self, number=signal.SIGKILL):
        """Ends the process at once: to the machine, a power cut."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.monitor.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
