"""Sticks that are plugged into a machine where the daemon runs, made drives there, pulled out, and looked at from outside."""

import os
import re

from case import Case, shared_machine
from machine.writes import Writes
from replicator import SAFE, Replicator
from support.server import wait_until

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
MOMENTS = 8 if FULL else 1
TOO_EARLY = 'it was pulled out too early: earlier snapshots on it are intact; insert it again'
SPEED = 1000000  # bytes per second of a stick that is to be pulled out while it is written to


class Plugging(Case):
    """`self.reader` is a machine where no daemon runs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = shared_machine('reader')

    def start(self):
        self.replicator = Replicator(self, self.machine)
        self.addCleanup(self.replicator.end)

    def write_slowly(self, stick, size):
        """Plugs a drive in, and gives QEMU's name for it when so many bytes have been written to it."""
        stick.record()
        stick.speed = SPEED
        name = self.machine.insert(stick)
        if not wait_until(lambda: Writes(stick.log).size > size, 60, 0.02):
            self.fail('nothing is written\n' + self.machine.qemu.console[-3000:])
        return name

    def add(self, stick):
        """Makes a drive of a stick; its first snapshot is taken. Gives QEMU's name for it."""
        name, device = self.machine.plug(stick)
        said = self.replicator.lifeboat('drive', 'add', device, '--label', stick.label, '--yes')
        stick.id = re.search('is drive ([0-9a-f]{8}) ', said).group(1)
        self.replicator.wait_for("'%s' (%s): the snapshot is done; %s" % (stick.label, stick.id, SAFE))
        return name

    def interrupt(self, stick, moment=0):
        """Pulls it out while it is written to."""
        self.couch.attach(self.medic, 'new-%s-%d' % (stick.serial, moment), None, 'x', self.random.randbytes(600000), 'image/jpeg')
        early = len(self.replicator.lines_with(TOO_EARLY))
        name = self.write_slowly(stick, (moment + self.random.random()) / MOMENTS * 600000)
        self.machine.pull(name)
        stick.speed = stick.log = None
        if stick.kind != 'ext4':
            stick.lose_clusters()
        self.replicator.wait_for(TOO_EARLY, early + 1)
        drive = self.replicator.drive(stick.id)
        self.assertEqual((False, False, True), (drive['attached'], drive['safe'], drive['message'] is not None))

    def insert(self, stick, end=SAFE):
        """Plugs a drive in and waits for the end of its run. Gives QEMU's name for it."""
        times = len(self.replicator.lines_with(end))
        name = self.machine.insert(stick)
        self.replicator.wait_for(end, times + 1)
        return name

    def take_out(self, stick, name):
        """It was powered off, and its file system is sound."""
        self.machine.qemu.wait_for_event('DEVICE_TRAY_MOVED', **{'tray-open': True})
        self.machine.pull(name)
        self.assertEqual('', stick.check(), 'the file system is not sound')
        self.assertFalse(stick.dirty)

    def look(self, stick, wanted, snapshots, beside=(), rest=False):
        """From outside: so many snapshots, of which the newest is what was wanted, and what lies beside the store. `rest`: there may
        be one of a run that could not remove it."""
        before = stick.digest()
        with self.mounted(stick, self.reader, ',ro'):
            self.fetch(self.reader)
            names = set(self.reader.run('ls /mnt').split()) - {'lost+found', 'lifeboat-cert'}  # where a request for a certificate may lie
        self.assertEqual({'lifeboat', *beside}, names)
        self.assertEqual(snapshots, len(self.site.snapshots()), self.machine.qemu.console[-3000:])
        self.assertEqual([], [] if rest else self.unsealed())
        self.site.verify()
        self.assert_store_holds(wanted)
        if stick.kind != 'ext4':  # whose driver notes that it was here
            self.assertEqual(before, stick.digest(), 'looking changed it')
