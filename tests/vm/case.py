"""What the tests in a machine begin with: a clinic on a server, a site's keys, and a machine with both."""

import atexit
import contextlib
import io
import os
import random
import shutil
import tarfile

from machine import initrd
from machine.machine import HOST, Machine
from machine.stick import Stick
from support import case
from support.lifeboat import DONE

CONFIGURATION = '''[source]
url = http://%s:%d
credentials = /etc/lifeboat/couchdb-credentials
[node]
patience = 0
'''
# Of what cannot be read, which an interrupted run may have left on FAT, so much as can.
FETCH = ('rm -rf /tmp/copy && mkdir /tmp/copy && cd /mnt && [ ! -e lifeboat ] || '
         '{ cp -a lifeboat /tmp/copy 2>/dev/null; tar -c -C /tmp/copy lifeboat; }')
MOUNT = 'mount -t %s -o nosuid,nodev,noexec,noatime,errors=%s%s %s /mnt'
ERRORS = {'ext4': 'remount-ro', 'vfat': 'continue', 'exfat': 'continue'}  # as the mounter mounts


_shared = {}


def shared_machine(name, **how):
    """One that is booted when it is first asked for, and stays for all tests of this process."""
    if name not in _shared:
        _shared[name] = Machine(**how)
        atexit.register(_shared[name].close)
    return _shared[name]


class Case(case.Case):
    """`self.machine` is one for all tests of a file; it forgets the test before."""

    people = 6
    tree = initrd.under_busybox

    @classmethod
    def setUpClass(cls):
        cls.machine = shared_machine('clinic', tree=cls.tree)

    def setUp(self):
        super().setUp()
        self.machine.forget()
        self.random = random.Random(self.id())
        for number in range(12):  # something to write, that cannot be compressed
            self.couch.attach(self.medic, 'picture-%d' % number, None, 'x.jpg', self.random.randbytes(100000), 'image/jpeg')
        self.install(self.machine)

    def install(self, machine, more=''):
        """The site's keys and configuration, on a machine that knows nothing else."""
        machine.run('cd /var/lib/lifeboat && rm -rf * && mkdir keys && tar -x -C keys && sync', packed(self.site.keys))
        self.configure(machine, more)

    def configure(self, machine, more=''):
        """What lies in memory, and is gone with the power."""
        machine.write('/etc/lifeboat/couchdb-credentials', '%s:%s\n' % (self.couch.user, self.couch.password), '600')
        include = '[snapshot]\ninclude = %s*\n' % self.server.prefix if self.server.prefix else ''
        machine.write('/etc/lifeboat/lifeboat.conf', CONFIGURATION % (self.host, self.couch.port) + include + more)
        machine.run('chown -R lifeboat:lifeboat /var/lib/lifeboat /etc/lifeboat/couchdb-credentials')

    @property
    def host(self):
        """The CouchDB's, as the machine reaches it."""
        return HOST if self.couch.host in ('127.0.0.1', 'localhost') else self.couch.host

    def stick(self, kind, **how):
        return Stick(self.site.folder, kind, **how)

    # ---- a stick in the machine, by hand ----

    @contextlib.contextmanager
    def mounted(self, stick, machine=None, options=''):
        """Plugs it in and mounts it at /mnt, and leaves it unmounted and unplugged. Gives QEMU's name for it."""
        machine = machine or self.machine
        name, device = machine.plug(stick)
        try:
            machine.run(MOUNT % (stick.kind, ERRORS[stick.kind], options, device))
            try:
                yield name
            finally:
                machine.run('umount /mnt')
        finally:
            machine.pull(name)

    def snapshot(self, expect=DONE):
        self.server.settle()
        return self.machine.run('lifeboat-replicator snapshot --to /mnt', expect=expect)

    def fetch(self, machine=None):
        """Brings the store that is mounted at /mnt here, to be looked at from outside."""
        shutil.rmtree(self.site.store)
        os.mkdir(self.site.store)
        archive = (machine or self.machine).ask(FETCH)
        self.assertEqual(0, archive.code, archive.text[-300:].strip(' \0'))
        if archive.data:
            with tarfile.open(fileobj=io.BytesIO(archive.data)) as file:
                file.extractall(self.site.store)

    def assert_holds_one_of(self, states):
        """The fetched store's newest state."""
        for state in states[:-1]:
            try:
                return self.assert_store_holds(state)
            except AssertionError:
                pass
        return self.assert_store_holds(states[-1])

    def signed(self):
        """Of the snapshots in the fetched store those whose signature has been written: FAT may show an empty one."""
        return [name for name in self.site.snapshots()
                if os.path.getsize(os.path.join(self.site.snapshot_folder(name), 'snapshot.json.minisig'))]

    def unsealed(self):
        """Names in the fetched store's snapshots/ that are no sealed snapshot."""
        folder = os.path.join(self.site.lifeboat_folder, 'snapshots')
        return sorted(set(os.listdir(folder)) - set(self.site.snapshots()))


def packed(folder):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as file:
        file.add(folder, '.')
    return data.getvalue()
