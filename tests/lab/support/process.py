"""A process in a namespace, which is listened to, and ends with the test, or with this process if that dies."""

import ctypes
import os
import signal
import subprocess
import threading

PATIENCE = 30  # seconds for what must come
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def _die_with_the_test():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """To be started by the main thread, with which it dies. `keeps`: descriptors that it gets."""

    def __init__(self, test, namespace, command, env=None, keeps=()):
        self.test, self.namespace, self.lines, self.arrived = test, namespace, [], threading.Condition()
        with namespace.entered():
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                            errors='replace', env={**os.environ, **(env or {})}, preexec_fn=_die_with_the_test, pass_fds=keeps)
        self.pid = self.process.pid
        test.addCleanup(self.close)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._add(line.rstrip('\n'))
        self._add(None)

    def _add(self, line):
        with self.arrived:
            self.lines.append(line)
            self.arrived.notify_all()

    @property
    def log(self):
        return '\n'.join(filter(None, self.lines))

    def wait_for(self, text, times=1, since=0):
        """Waits until that many lines, from the one numbered `since` on, have held the text; gives the last of them."""
        def found():
            return [line for line in self.lines[since:] if line and text in line]
        with self.arrived:
            self.arrived.wait_for(lambda: len(found()) >= times or None in self.lines, PATIENCE)
            self.test.assertGreaterEqual(len(found()), times, '%s\nis not in\n%s' % (text, self.log))
            return found()[times - 1]

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, expect=0):
        """Until it ends by itself."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        if expect is not None:
            self.test.assertEqual(expect, code, self.log)
        return code

    def end(self, number=signal.SIGTERM, expect=0):
        self.send(number)
        return self.wait(expect)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.namespace.end_all()  # what it left behind has its output, too
        self.reader.join(PATIENCE)
        self.process.stdout.close()
