"""A USB stick as it is bought becomes a drive with one command: formatted, taken by the daemon, with a snapshot on it, powered
off. To ext4, vfat and exfat; one that holds something of somebody stays as it is."""

import subprocess

from case import Case
from support.lifeboat import FAILED
from support.server import wait_until

MAKE = 'lifeboat drive add %s --format %s --yes --label Monday'


class Adding(Case):
    def setUp(self):
        super().setUp()
        self.machine.run('chown -R lifeboat /var/lib/lifeboat /etc/lifeboat/couchdb-credentials')
        self.machine.run('setsid lifeboat-replicator run >/run/log 2>&1 & echo $! >/run/pid')
        self.addCleanup(self.machine.run, 'kill $(cat /run/pid) 2>/dev/null || true')
        self.wait_for('watching for drives')

    def wait_for(self, text):
        if not wait_until(lambda: text in self.machine.run('cat /run/log'), 60):
            self.fail('%s\nis not in\n%s' % (text, self.machine.run('cat /run/log')))

    def plug(self, kind, **how):
        """Gives QEMU's name for a new stick, the whole disk and the partition on it, and the stick."""
        stick = self.stick(kind, **how)
        name, device = self.machine.plug(stick)
        self.addCleanup(self.machine.pull, name)
        return name, device.rstrip('0123456789'), device, stick

    def test_to_ext4(self):
        self.become('ext4', 'Monday', of='vfat')

    def test_to_vfat(self):
        self.become('vfat', 'MONDAY', of='ext4', partitioned=False)

    def test_to_exfat(self):
        self.become('exfat', 'Monday', of='exfat')

    def become(self, kind, label, of, **how):
        name, disk, part, stick = self.plug(of, **how)
        said = self.machine.run(MAKE % (disk, kind))
        self.assertIn("making %s 'Monday' on %s\n" % (kind, disk), said)
        self.assertRegex(said, r"%s is drive [0-9a-f]{8} 'Monday' from now on\n" % disk)
        self.wait_for('it is safe to remove')
        self.machine.pull(name)
        stick.kind, stick.start, stick.part = kind, 0, ''
        told = subprocess.run(['blkid', '-p', '-o', 'export', stick.image], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertIn('TYPE=%s\n' % kind, told)
        self.assertIn('LABEL=%s\n' % label, told)
        self.assertEqual('', stick.check())
        wanted = self.capture()
        self.machine.run('kill $(cat /run/pid); true >/run/pid')
        with self.mounted(stick):
            self.fetch()
        self.site.verify()
        self.assert_store_holds(wanted)

    def test_what_is_somebodys_stays(self):
        for kind in ('vfat', 'exfat'):
            name, disk, part, stick = self.plug(kind)
            self.machine.run('mount -t %s %s /mnt && touch /mnt/picture && umount /mnt' % (kind, part))
            before = stick.digest()
            said = self.machine.run(MAKE % (disk, 'ext4'), expect=FAILED)
            self.assertIn("%s 'BLUE' in %s holds 'picture'" % (kind, part), said)
            self.machine.pull(name)
            self.assertEqual(before, stick.digest())

    def test_what_windows_left_is_nobodys_and_as_it_is_nothing_of_it_goes(self):
        name, disk, part, stick = self.plug('vfat')
        self.machine.run("mount -t vfat %s /mnt && mkdir '/mnt/SYSTEM~1' '/mnt/System Volume Information' ; umount /mnt" % part)
        self.assertIn("holds 'SYSTEM~1'", self.machine.run(MAKE % (disk, 'vfat'), expect=FAILED))
        self.machine.run("mount -t vfat %s /mnt && rmdir '/mnt/SYSTEM~1' && umount /mnt" % part)
        said = self.machine.run('lifeboat drive add ' + disk)
        self.assertIn("%s (67.1\u00a0MB, QEMU QEMU HARDDISK) holds vfat 'BLUE', which is used as it is" % part, said)
        self.wait_for('it is safe to remove')


if __name__ == '__main__':
    import unittest
    unittest.main()
