"""A drive that fails: what cannot be written or read is told with the drive's name, what was sealed before stays as it is, and the
other drives get their snapshots."""

import shutil

from machine.stick import KINDS, MIB
from machine.writes import Writes
from plugging import FULL, Plugging
from replicator import SAFE
from support.lifeboat import DAMAGED

FAILED = 'the snapshot failed: '
FAILING = 'Input/output error; the drive is failing: use another one'
HOOK = '#!/bin/sh\necho "$1 $LIFEBOAT_MESSAGE" >>/run/heard\n'


class Failing(Plugging):
    def setUp(self):
        super().setUp()
        self.machine.write('/etc/lifeboat/hooks/tell', HOOK, '755')
        self.machine.run('rm -f /run/heard')
        self.start()

    def drive(self, kind):
        """With one snapshot, whose bytes lie from `low` to `high`, and more to be taken."""
        stick = self.stick(kind)
        stick.record()
        self.take_out(stick, self.add(stick))
        large = [write for write in Writes(stick.log) if write.length > 1 << 15]
        stick.log = None
        self.low, self.high = min(write.offset for write in large), max(write.offset + write.length for write in large)
        self.held = self.capture()
        self.couch.attach(self.medic, 'new-' + stick.serial, None, 'x', self.random.randbytes(600000), 'image/jpeg')
        return stick

    def fails(self, stick, said):
        name = self.insert(stick, FAILED)
        drive = self.replicator.drive(stick.id)
        self.assertNotIn(drive['exit'], (0, 3))
        self.assertRegex(drive['message'], said)
        told = "drive 'BLUE' (%s): %s%s; %s" % (stick.id, FAILED, drive['message'], SAFE)
        self.assertIn(told, self.replicator.lines_with(FAILED)[-1])
        self.assertEqual('failed ' + told, self.machine.run('tail -n 1 /run/heard').rstrip('\n'))
        self.machine.pull(name)
        stick.faults, stick.protected = [], False

    def serves_others(self):
        other = self.stick('ext4', label='RED')
        self.take_out(other, self.add(other))
        self.look(other, self.capture(), 1)

    def goes_on(self, stick):
        """The trouble was its plug's, say."""
        self.look(stick, self.held, 1, rest=True)
        self.take_out(stick, self.insert(stick))
        self.look(stick, self.capture(), 2)

    def test_that_cannot_write_in_some_places(self):
        for kind in KINDS if FULL else ['vfat']:
            with self.subTest(kind=kind):
                stick = self.drive(kind)
                stick.fail('write', self.high, 64 * MIB)
                self.fails(stick, '(cannot .*|not all that was written to .* arrived there): ' + FAILING)
                self.goes_on(stick)

    def test_that_cannot_write_at_all(self):
        for kind in KINDS if FULL else ['ext4']:
            with self.subTest(kind=kind):
                stick = self.drive(kind)
                stick.fail('write')
                self.fails(stick, 'failing')
                self.goes_on(stick)

    def test_that_cannot_read_what_it_wrote(self):
        stick = self.drive('vfat')
        stick.fail('read', self.high, 64 * MIB)
        self.fails(stick, "cannot read 'data.000' at byte [0-9]+: " + FAILING)
        self.serves_others()
        self.goes_on(stick)

    def test_that_cannot_read_what_it_held_gets_a_whole_state_and_that_is_told(self):
        stick = self.drive('vfat')
        stick.fail('read', self.low, self.high)
        name = self.insert(stick)
        drive = self.replicator.drive(stick.id)
        self.assertEqual(0, drive['exit'])
        self.assertRegex(drive['message'], "snapshot .* cannot be restored any more: .*cannot read .*: " + FAILING)
        self.assertIn(drive['message'], self.machine.run('tail -n 1 /run/heard'))
        self.machine.pull(name)
        with self.mounted(stick, self.reader, ',ro'):
            self.fetch(self.reader)
        self.assertIn('the newest that can be restored is ' + self.site.snapshots()[-1], self.site.verify(expect=DAMAGED).said)
        shutil.rmtree(self.site.snapshot_folder(self.site.snapshots()[0]))
        self.site.verify()
        self.assert_store_holds(self.capture())

    def test_whose_switch_is_on_protected(self):
        stick = self.drive('vfat')
        before = stick.digest()
        stick.protected = True
        self.fails(stick, 'the drive is write-protected: slide its switch, or use another drive')
        self.assertEqual(before, stick.digest())
        self.serves_others()
        self.goes_on(stick)


if __name__ == '__main__':
    import unittest
    unittest.main()
