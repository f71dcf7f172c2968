"""One child of netsvc alone, with this process for its parent: what it is asked, by whom, and when, is the test's.

    child = Child(self, host, 'address', configuration)
    child.role('active')                          # what MESSAGE_ROLE tells; before that it has begun, and knows nothing
    child.ask('address/take')                     # its answer; Refused with its words where it was not done
    child.tell('address/keep')                    # nobody waits
    child.asked('dhcp/clients')                   # waits until it asks that of others; gives the body
    child.alerts['added']                         # as it was told last

The numbers of messages are read from netsvc/message.h and task.h, so that they cannot differ.
"""

import json
import os
import re
import shutil
import signal
import socket
import struct
import tempfile
import textwrap
import threading

from .netsvc import program
from .process import PATIENCE, Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HEAD, TASK, DONE = struct.Struct('=II'), struct.Struct('=I64s'), struct.Struct('=II')
STATE = struct.Struct('=IIQIIIIII')
CHANNEL = 3  # CHILD_CHANNEL, and CHILD_CONFIG behind it


def numbers(header, name):
    """{'MESSAGE_SOCKET': 0, …} of an enum."""
    with open(os.path.join(ROOT, 'netsvc', header)) as file:
        body = re.search(r'enum %s \{(.*?)\};' % name, file.read(), re.S).group(1)
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.S)
    return {word: number for number, word in enumerate(re.findall(r'\w+', body))}


MESSAGES, ROLES = numbers('message.h', 'message_kind'), numbers('task.h', 'task_role')
KINDS = {number: word for word, number in MESSAGES.items()}


class Refused(Exception):
    """What a child did not do, and why."""


class Child:
    def __init__(self, test, host, name, configuration, role=None):
        self.test, self.host, self.name = test, host, name
        self.folder = tempfile.mkdtemp(prefix='lifeboat-child-')
        test.addCleanup(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        self.state = os.path.join(self.folder, 'state')
        os.makedirs(os.path.join(self.state, name))
        os.chmod(os.path.join(self.state, name), 0o777)
        self.configuration = '[net]\nstate = %s\nuser = nobody\n%s' % (self.state, textwrap.dedent(configuration))
        self.alerts, self.asked_for, self.answers = {}, [], {}
        self.arrived, self.number, self.ready = threading.Condition(), 0, False
        self.start()
        if role:
            self.role(role)

    # ---- from its start to its end ----

    def start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = os.path.join(self.folder, 'lifeboat.conf')
        with open(path, 'w') as file:
            file.write(self.configuration)
        config = os.open(path, os.O_RDONLY)
        self.socket, self.ready = ours, False
        command = [program('lifeboat-netsvc'), 'child', self.name, '--in-force=/proc/self/fd/%d' % (CHANNEL + 1), '--config', path]
        # the shell puts both where they belong
        shell = 'exec %d<&%d %d<&%d; exec "$@"' % (CHANNEL, theirs.fileno(), CHANNEL + 1, config)
        self.process = Process(self.test, self.host, ['bash', '-c', shell, 'child', *command], keeps=(theirs.fileno(), config))
        theirs.close()
        os.close(config)
        self.thread = threading.Thread(target=self._listen, args=(ours,), daemon=True)
        self.thread.start()
        self._send('MESSAGE_SERVE')
        self._wait(lambda: self.ready, 'it does not begin')
        return self

    def hang_up(self):
        """As the parent does when it is replaced, or ends."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.process.wait(expect=None)
        self.socket.close()

    def kill(self, number=signal.SIGKILL):
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait(expect=-signal.SIGKILL)

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    # ---- messages ----

    def _send(self, kind, body=b''):
        self.socket.send(HEAD.pack(MESSAGES[kind], len(body)) + body)

    def _listen(self, ours):
        while True:
            try:
                packet = ours.recv(65536)
            except OSError:
                packet = b''
            with self.arrived:
                if packet:
                    self._take(KINDS[HEAD.unpack_from(packet)[0]], packet[HEAD.size:])
                self.arrived.notify_all()
            if not packet:
                return

    def _take(self, kind, body):
        if kind == 'MESSAGE_READY':
            self.ready = True
        elif kind == 'MESSAGE_ALERT':
            name, text = body.split(b'\0')[:2]
            self.alerts[name.decode()] = text.decode()
        elif kind == 'MESSAGE_TASK':
            number, name = TASK.unpack_from(body)
            self.asked_for.append((name.rstrip(b'\0').decode(), body[TASK.size:]))
        elif kind == 'MESSAGE_DONE':
            number, done = DONE.unpack_from(body)
            self.answers[number] = (done, body[DONE.size:])
        elif kind == 'MESSAGE_REFUSED':
            self.alerts['refused'] = body.decode()

    def _wait(self, found, otherwise, patience=PATIENCE):
        with self.arrived:
            self.arrived.wait_for(lambda: found() or self.process.process.poll() is not None, patience)
            self.test.assertTrue(found(), '%s\n%s\n%s' % (otherwise, self.alerts, self.process.log))

    # ---- what it is told and asked ----

    def role(self, name, peer=0, term=1):
        self._send('MESSAGE_ROLE', STATE.pack(ROLES['TASK_' + name.upper()], peer, term, 0, 0, 0, 0, 0, 0))

    def tell(self, task, body=b''):
        self._send('MESSAGE_TASK', TASK.pack(0, task.encode()) + body)

    def ask(self, task, body=b'{}', patience=PATIENCE):
        self.number += 1
        number = self.number
        self._send('MESSAGE_TASK', TASK.pack(number, task.encode()) + body)
        self._wait(lambda: number in self.answers, '%s is not answered' % task, patience)
        done, text = self.answers.pop(number)
        if not done:
            raise Refused(text.decode())
        return json.loads(text)

    def asked(self, task, times=1, patience=PATIENCE):
        def found():
            return [body for name, body in self.asked_for if name == task]
        self._wait(lambda: len(found()) >= times, 'it does not ask for %s' % task, patience)
        return found()[times - 1]

    def wait_alert(self, name, text):
        """Until the alert of that name holds the text; '' is its end."""
        self._wait(lambda: (text in self.alerts.get(name, '\0')) if text else not self.alerts.get(name), 'no alert %s: %s' % (name, text))

