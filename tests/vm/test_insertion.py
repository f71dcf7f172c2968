"""Insert a drive and a backup happens: sticks with ext4, vfat and exfat are plugged into a machine where the daemon runs, and what
is on them afterwards is looked at in another machine. Strangers stay as they are, bit for bit.

With LIFEBOAT_TEST_FULL set (tests/campaign vm) they are pulled out, and the power fails, at more moments.
"""

import subprocess

from machine.machine import Machine
from machine.stick import KINDS, disk
from plugging import FULL, MOMENTS, Plugging
from replicator import SAFE
from support.lifeboat import FAILED, Site

OURS = 'it was pulled out, or the power failed, before it was safe to remove: '
ELSEWHERE = 'it was pulled out too early where it was used last, here or on another computer: '
MENDED = 'its file system was mended'
SALVAGED = '; what was salvaged lies on it, '


class Insertion(Plugging):
    def setUp(self):
        super().setUp()
        self.start()

    def test_of_an_ext4_drive(self):
        self.insert_twice('ext4')

    def test_of_a_vfat_drive(self):
        self.insert_twice('vfat')

    def test_of_an_exfat_drive(self):
        self.insert_twice('exfat')

    def test_of_a_drive_without_partitions_that_caches(self):
        self.insert_twice('exfat', partitioned=False, caches=True)

    def insert_twice(self, kind, **how):
        stick = self.stick(kind, **how)
        self.take_out(stick, self.add(stick))
        self.look(stick, self.capture(), 1)
        self.clinic.change()
        name = self.insert(stick)
        drive = self.replicator.drive(stick.id)
        self.assertEqual((True, 0, None), (drive['safe'], drive['exit'], drive['message']))
        self.take_out(stick, name)
        self.look(stick, self.capture(), 2)

    def test_of_two_drives_at_once(self):
        blue, red = self.stick('vfat', label='BLUE'), self.stick('ext4', label='RED')
        for stick in (blue, red):
            self.take_out(stick, self.add(stick))
        self.clinic.change()
        done = len(self.replicator.lines_with(SAFE))
        names = [self.machine.insert(stick) for stick in (blue, red)]
        self.replicator.wait_for(SAFE, done + 2)
        for stick, name in zip((blue, red), names):
            self.take_out(stick, name)
            self.look(stick, self.capture(), 2)


class Strangers(Plugging):
    def setUp(self):
        super().setUp()
        self.start()

    def test_an_unknown_stick_stays_as_it_is_bit_for_bit(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.leave_alone(self.stick(kind, label='HOLIDAY'))

    def test_a_drive_of_another_site_stays_as_it_is_bit_for_bit(self):
        stick = self.stick('vfat')
        ours, self.site = self.site, Site(self, 'elsewhere')
        self.install(self.reader)
        self.site = ours
        with self.mounted(stick, self.reader):
            self.reader.run('lifeboat-replicator snapshot --to /mnt')
        self.leave_alone(stick, then=self.refuse)

    def leave_alone(self, stick, then=None):
        before = stick.digest()
        name, device = self.machine.plug(stick)
        self.replicator.wait_for("'%s') is no drive of ours, and is left alone" % stick.label)
        self.assertEqual([(device, stick.label, stick.kind)], [
            (each['device'], each['label'], each['type']) for each in self.replicator.status()['unknown']])
        self.assertEqual('0', self.machine.run('grep -c %s /proc/mounts || true' % device).strip())
        self.machine.pull(name)
        self.assertEqual(before, stick.digest())
        if then:
            then(stick)

    def refuse(self, stick):
        """Nor is it made ours when somebody asks for that."""
        name, device = self.machine.plug(stick)
        said = self.replicator.lifeboat('drive', 'add', device, '--yes', expect=1)
        self.assertIn("belongs to site 'elsewhere'", said)
        self.machine.pull(name)
        self.assertEqual([], self.replicator.status()['drives'])


class Ntfs(Plugging):
    """Which Debian's kernel cannot mount."""

    def setUp(self):
        super().setUp()
        self.start()
        self.windows = self.stick('ntfs', label='WINDOWS')
        self.before = self.windows.digest()

    def test_a_stick_of_windows_is_left_alone_and_whoever_adds_it_hears_what_to_do(self):
        name, device = self.machine.plug(self.windows)
        self.replicator.wait_for("'WINDOWS') is no drive of ours, and is left alone")
        said = self.replicator.lifeboat('drive', 'add', device, '--yes', expect=FAILED)
        self.assertIn('this kernel cannot mount ntfs\nhint: to make one, which erases all that is on it: lifeboat drive add %s --format' % device, said)
        said = self.replicator.lifeboat('drive', 'add', device, '--yes', '--format', 'ext4', expect=FAILED)
        self.assertIn('hint: whoever is sure that nothing on it is needed: wipefs --all ' + device, said)
        self.machine.pull(name)
        self.assertEqual(self.before, self.windows.digest())

    def test_a_drive_that_was_one_with_another_kernel_fails_and_that_is_told(self):
        stick = self.stick('vfat')
        self.take_out(stick, self.add(stick))
        known = self.replicator.drive(stick.id)['filesystem']
        self.replicator.end()
        uuid = subprocess.run(['blkid', '-p', '-O', str(self.windows.start), '-s', 'UUID', '-o', 'value', self.windows.image],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        self.machine.run("sed -i 's/%s/%s/' /var/lib/lifeboat/drives.json" % (known, uuid))
        self.start()
        name = self.insert(self.windows, 'the snapshot failed')
        self.assertRegex(self.replicator.drive(stick.id)['message'], 'this kernel cannot mount ntfs; it stays as it is: use another drive, '
                         'or erase this one: `lifeboat drive add /dev/sd.1 --format ext4`')
        self.assertIn("'BLUE' (%s): the snapshot failed: this kernel" % stick.id, self.replicator.lines_with(SAFE)[-1])
        self.machine.pull(name)
        self.assertEqual(self.before, self.windows.digest())


class Misfortune(Plugging):
    def test_pulled_out_while_it_is_written_to_an_ext4_drive_goes_on(self):
        self.pull_out('ext4')

    def test_pulled_out_while_it_is_written_to_a_vfat_drive_goes_on(self):
        self.pull_out('vfat')

    def test_pulled_out_while_it_is_written_to_an_exfat_drive_goes_on(self):
        self.pull_out('exfat')

    def pull_out(self, kind):
        self.start()
        stick = self.stick(kind)
        self.take_out(stick, self.add(stick))
        for moment in range(MOMENTS):
            with self.subTest(moment=moment):
                self.interrupt(stick, moment)
                self.assertEqual(kind != 'ext4', stick.dirty)
                told = OURS + MENDED if stick.dirty else None
                self.take_out(stick, self.insert(stick))
                self.assertEqual(told, self.replicator.drive(stick.id)['message'])
                self.assertTrue(kind == 'ext4' or stick.has_them_back())
                self.look(stick, self.capture(), moment + 2)


class Elsewhere(Plugging):
    """A drive that was pulled out of another computer, where somebody put a picture on it."""

    def test_too_early_a_vfat_drive_is_mended_and_only_what_was_salvaged_of_ours_goes(self):
        self.mend('vfat', 'in files named FSCK0000.REC and so on', 'FSCK0000.REC')

    def test_too_early_an_exfat_drive_is_mended_and_only_what_was_salvaged_of_ours_goes(self):
        self.mend('exfat', 'in the folder LOST+FOUND', 'LOST+FOUND')

    def mend(self, kind, where, name):
        stick = self.pulled_out(kind)
        stick.lose_clusters()
        self.take_out(stick, self.insert(stick))
        self.assertEqual(ELSEWHERE + MENDED + SALVAGED + where, self.replicator.drive(stick.id)['message'])
        self.look(stick, self.capture(), 2, ['picture', name])
        self.assertFalse(stick.has_them_back())
        self.interrupt(stick)
        self.take_out(stick, self.insert(stick))
        self.assertEqual(OURS + MENDED, self.replicator.drive(stick.id)['message'])
        self.look(stick, self.capture(), 3, ['picture', name])
        self.assertTrue(stick.has_them_back())

    def pulled_out(self, kind):
        self.start()
        stick = self.stick(kind)
        self.take_out(stick, self.add(stick))
        self.clinic.change()
        name, device = self.reader.plug(stick)
        self.reader.run('mount -t %s %s /mnt && echo x >/mnt/picture && sync /mnt/picture' % (kind, device))
        self.reader.pull(name)
        self.reader.run('umount /mnt')
        self.assertTrue(stick.dirty)
        return stick


class PowerCut(Plugging):
    """The machine dies with the stick in it, and boots again with it."""

    def test_while_a_drive_is_written_to(self):
        for kind in KINDS if FULL else ['vfat']:
            with self.subTest(kind=kind):
                self.cut(kind)

    def cut(self, kind):
        stick = self.stick(kind)
        self.disk = disk(self.site.path('disk.img'))
        self.boot()
        self.install(self.machine)
        self.start()
        self.take_out(stick, self.add(stick))
        for moment in range(MOMENTS):
            with self.subTest(moment=moment):
                self.couch.attach(self.medic, 'new-%d' % moment, None, 'x', self.random.randbytes(600000), 'image/jpeg')
                self.write_slowly(stick, (moment + self.random.random()) / MOMENTS * 600000)
                self.machine.cut_power()
                stick.speed = stick.log = None
                self.boot(stick)
                self.configure(self.machine)
                self.start()
                self.replicator.wait_for('the power failed, before it was safe to remove')
                self.replicator.wait_for(SAFE)
                self.take_out(stick, *self.machine.plugged)
                self.look(stick, self.capture(), moment + 2)

    def boot(self, *sticks):
        self.machine = Machine(self.disk, sticks)
        self.addCleanup(self.machine.close)
