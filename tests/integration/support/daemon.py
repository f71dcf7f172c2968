"""`lifeboat-replicator run`, started by a test and listened to."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

PATIENCE = 60  # seconds for what must come


class Daemon:
    """Runs with a configuration of its own; ends with the test. With a bay (bay.py), in there."""

    bin = None

    def __init__(self, site, url, schedule='', env=None, arguments=(), before=(), bay=None, stores=True, drive=None, drill=None, retention=None,
                 standby=None, offsite=None, peers=None, node=None, **settings):
        self.site, self.lines, self.arrived = site, [], threading.Condition()
        if bay:
            before = (*bay.before, *before)
            self._hand_over(bay.USER)
        self.config, self.control = site.path('lifeboat.conf'), site.path('run', 'control')
        self.notify = None
        with open(self.config, 'w') as file:
            file.write('[source]\nurl = %s\n' % url if url else '')
            file.write('[store]\npath = %s\n' % (site.store if stores is True else ';'.join(stores)) if stores else '')
            file.write('[keys]\nfolder = %s\n' % site.keys)
            file.write('[drive]\nhooks = %s\n' % site.path('hooks'))
            file.write('devices = /dev/loop*\n' if bay else '')
            file.write(''.join('%s = %s\n' % setting for setting in (drive or {}).items()))
            file.write('[drill]\n' + ''.join('%s = %s\n' % setting for setting in drill.items()) if drill else '')
            file.write('[standby]\n' + ''.join('%s = %s\n' % setting for setting in standby.items()) if standby else '')
            file.write('[offsite]\n' + ''.join('%s = %s\n' % setting for setting in offsite.items()) if offsite else '')
            file.write('[retention]\n' + ''.join('%s = %s\n' % setting for setting in retention.items()) if retention else '')
            for name, url in (peers or {}).items():
                file.write('[peer %s]\naddresses = 127.0.0.1\ncouchdb = %s\n' % (name, url))
            file.write('[node]\nname = %s\n' % node if node else '[node]\n')
            file.write('patience = 0\nstate = %s\ncontrol = %s\n[snapshot]\n' % (site.state, self.control))
            file.write('schedule = %s\n' % schedule if schedule else '')
            file.write(''.join('%s = %s\n' % setting for setting in settings.items()))
        self.process = subprocess.Popen([*before, self.program('lifeboat-replicator'), 'run', '--config', self.config, *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env=site.in_environment(env))
        site.test.addCleanup(self.close)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _hand_over(self, user):
        """The daemon becomes that user, who must get at the keys and at the programs."""
        os.chmod(self.site.folder, 0o711)
        for folder, _, names in os.walk(self.site.keys):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, user, user)
        self.bin = self.site.path('bin')
        if not os.path.exists(self.bin):
            os.mkdir(self.bin)
            for name in ('lifeboat', 'lifeboat-replicator', 'lifeboat-restore'):
                shutil.copy(self.site.program(name), self.bin)

    def program(self, name):
        return os.path.join(self.bin, name) if self.bin else self.site.program(name)

    def _read(self):
        for line in self.process.stderr:
            with self.arrived:
                self.lines.append(line.rstrip('\n'))
                self.arrived.notify_all()
        with self.arrived:
            self.lines.append(None)
            self.arrived.notify_all()

    def wait_for(self, text, times=1, seconds=PATIENCE):
        """Waits until that many lines of its log have held the text; gives the last of them."""
        def found():
            return [line for line in self.lines if line and text in line]
        with self.arrived:
            self.arrived.wait_for(lambda: len(found()) >= times or None in self.lines, seconds)
            self.site.test.assertGreaterEqual(len(found()), times, '%s\nis not in\n%s' % (text, self.log))
            return found()[times - 1]

    @property
    def log(self):
        return '\n'.join(filter(None, self.lines))

    def wait_for_listening(self):
        self.wait_for('watching store')

    def status(self, *options, expect=0):
        """What `lifeboat status` shows."""
        done = subprocess.run([self.site.program('lifeboat'), 'status', '--config', self.config, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.site.in_environment())
        self.site.test.assertEqual(expect, done.returncode, done.stdout)
        return done.stdout

    def request(self, **request):
        """What the daemon answers."""
        answer = self.ask(json.dumps(request).encode() + b'\n')
        self.site.test.assertTrue(answer, 'no answer\n' + self.log)
        return json.loads(answer)

    def lifeboat(self, *arguments, expect=0, **popen):
        """`lifeboat` as an operator runs it."""
        done = subprocess.run([self.site.program('lifeboat'), *arguments, '--config', self.config], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.site.in_environment(), **popen)
        self.site.test.assertEqual(expect, done.returncode, done.stdout + self.log)
        return done.stdout

    def drive(self, id, expect=None):
        """What the status tells of a drive."""
        return next(drive for drive in self.request(ask='status')['drives'] if drive['id'] == id)

    def store(self, expect=0):
        return json.loads(self.status('--json', expect=expect))['stores'][0]

    def run_under_way(self):
        """The process of its child that is no mounter."""
        for path in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(path) as file:
                    pid, _, rest = file.read().partition(' (')
            except OSError:  # it has ended
                continue
            name, _, fields = rest.rpartition(') ')
            if int(fields.split()[1]) == self.process.pid and not name.startswith('lifeboat-mount'):
                return int(pid)
        return self.site.test.fail('nothing is under way')

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(self.control)
        return client

    def ask(self, data):
        """Sends bytes as they are; gives all that comes back."""
        with self.connect() as client:
            client.sendall(data)
            answer = b''
            while True:
                got = client.recv(65536)
                if not got:
                    return answer
                answer += got

    def end(self, number=signal.SIGTERM, expect=0):
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.site.test.assertEqual(expect, code, self.log)
        for bad in ('AddressSanitizer', 'LeakSanitizer', 'runtime error:'):
            self.site.test.assertNotIn(bad, self.log)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stderr.close()
