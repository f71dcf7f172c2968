"""`lifeboat-netsvc run` in a host of the LAN, listened to, with a configuration of its own.

    netsvc = Netsvc(self, host, '''
        [dns]
        listen = 10.66.0.1
        ''')
    netsvc.configure('…'); netsvc.reload()
    netsvc.leases()['10.66.1.7']               # as `lifeboat net leases --json` tells
    netsvc.kill('dns')                         # a child, by SIGKILL

[net] is written here: state, control socket, and the user that its children become.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import textwrap

from .process import Process

READY = 'serving'
CHILDREN = ('dns', 'dhcp', 'address', 'failover', 'cert', 'web')
USER = 'nobody'
SANITIZERS = ('AddressSanitizer', 'LeakSanitizer', 'runtime error:')


def build_folder():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    return os.environ.get('LIFEBOAT_BUILD', os.path.join(root, 'build'))


def program(name):
    return os.path.join(build_folder(), 'netsvc' if name == 'lifeboat-netsvc' else 'replicator', name)


class Netsvc:
    def __init__(self, test, host, configuration, before=(), start=True, folder=None):
        self.test, self.host, self.before = test, host, before
        self.folder = folder or tempfile.mkdtemp(prefix='lifeboat-netsvc-')
        if not folder:
            test.addCleanup(shutil.rmtree, self.folder, True)
        os.chmod(self.folder, 0o755)
        self.config, self.control, self.state = self.path('lifeboat.conf'), self.path('control'), self.path('state')
        self.process = None
        self.configure(configuration)
        if start:
            self.start()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text):
        """A file beside the configuration, such as a zone's."""
        with open(self.path(name), 'w') as file:
            file.write(text)
        return self.path(name)

    def configure(self, configuration, net=''):
        text = textwrap.dedent(configuration).replace('FOLDER', self.folder)
        self.write('lifeboat.conf', '[net]\nstate = %s\ncontrol = %s\nuser = %s\n%s\n%s' % (self.state, self.control, USER, net, text))

    def start(self):
        self.process = Process(self.test, self.host, [*self.before, program('lifeboat-netsvc'), 'run', '--config', self.config])
        self.process.wait_for(READY)
        return self

    def move(self, host):
        """Ends here and begins there, with all that it knew."""
        self.end()
        self.host = host
        return self.start()

    def reload(self, says='reload'):
        """Until it says how that ended."""
        since = len(self.process.lines)
        self.process.send(signal.SIGHUP)
        return self.process.wait_for(says, since=since)

    def end(self, number=signal.SIGTERM):
        self.process.end(number)
        self.check_log()

    def crash(self):
        """The parent and all children at once, as a power cut would."""
        for pid in (self.process.pid, *self.children().values()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(expect=-signal.SIGKILL)

    def check_log(self):
        for bad in SANITIZERS:
            self.test.assertNotIn(bad, self.process.log)

    # ---- children ----

    def children(self):
        """{'dns': its process id}."""
        return {name: pid for pid, name in self._descendants()}

    def _descendants(self):
        for path in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(path) as file:
                    pid, _, rest = file.read().partition(' (')
                if int(rest.rpartition(') ')[2].split()[1]) != self.process.pid:
                    continue
                with open('/proc/%s/cmdline' % pid) as file:
                    words = file.read().split('\0')
            except OSError:  # it has ended
                continue
            yield int(pid), next((word for word in words[1:] if word in CHILDREN), rest.rpartition(') ')[0])

    def kill(self, name):
        pid = self.children()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    # ---- what it tells ----

    def ask(self, what, event):
        done = subprocess.run([program('lifeboat'), 'net', what, '--json', '--config', self.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.test.assertEqual(0, done.returncode, done.stdout + self.process.log)
        return [told for told in map(json.loads, done.stdout.splitlines()) if told['event'] == event]

    def leases(self):
        return {lease['address']: lease for lease in self.ask('leases', 'lease')}

    def zones(self):
        return {zone['name']: zone for zone in self.ask('zones', 'zone')}

    def check(self, *options):
        """What check-config finds: its exit code, and the findings as (level, text)."""
        done = self.host.run(program('lifeboat-netsvc'), 'check-config', '--json', '--config', self.config, *options, expect=None)
        told = [json.loads(line) for line in done.splitlines()]
        return told[-1]['exit'], [(each['level'], each['text']) for each in told[:-1]]
