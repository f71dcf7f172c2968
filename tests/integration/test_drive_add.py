"""`lifeboat drive …`: a medium becomes a drive when it is fit for it, and what is somebody's stays as it is."""

import glob
import json
import os
import pty
import pwd
import subprocess
import unittest

from support import medium
from support.bay import Bay
from support.case import Case
from support.control import Control
from support.daemon import Daemon
from support.lifeboat import DONE, FAILED, USAGE, Site
from support.medium import Medium, run

DRIVE = {'id': '1a2b3c4d', 'label': 'monday', 'attached': True, 'doing': None, 'safe': True, 'last_good': None, 'exit': 0}
NOT_HERE = medium.why_not()


class Asking(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.site = Site(self, keys=False)
        self.socket = self.site.path('control')
        self.control = None

    def listen(self, **answers):
        self.control = Control(self, self.socket, **answers)

    def drive(self, *arguments, **how):
        return self.site.run('lifeboat', 'drive', *arguments, '--control', self.socket, **how)


class Command(Asking):
    def test_the_list_is_what_the_daemon_tells(self):
        self.listen(status={'stores': [], 'drives': [DRIVE], 'unknown': [{'device': '/dev/sdc1', 'type': 'vfat'}], 'more': 1})
        said = self.drive('list').out
        self.assertRegex(said, r'1a2b3c4d +monday +safe to remove +never\n')
        self.assertIn('lifeboat drive add /dev/sdc1\n', said)
        self.assertEqual({'drives': [DRIVE], 'unknown': [{'device': '/dev/sdc1', 'type': 'vfat'}]},
                         json.loads(self.drive('list', '--json').out))

    def test_a_daemon_that_keeps_no_drives_has_none(self):
        self.listen(status={'stores': []})
        self.assertIn('no drives yet', self.drive('list').out)
        self.assertEqual({'drives': None, 'unknown': None}, json.loads(self.drive('list', '--json').out))

    def test_remove_and_eject_pass_the_name_on(self):
        self.listen(drive_remove={'drive': '1a2b3c4d', 'label': 'monday'},
                    drive_eject={'drive': '1a2b3c4d', 'label': 'mon\x1bday', 'powered_off': True})
        self.assertIn("1a2b3c4d 'monday' is forgotten", self.drive('remove', 'mon "day').out)
        self.assertIn("1a2b3c4d 'mon\\x1bday' is powered off: it is safe to remove", self.drive('eject', '1a2b').out)
        self.assertEqual([{'ask': 'drive remove', 'drive': 'mon "day'}, {'ask': 'drive eject', 'drive': '1a2b'}], self.control.asked)

    def test_what_the_daemon_refuses_is_told(self):
        self.listen(drive_eject={'error': "there is no drive 'x'"})
        self.assertIn("there is no drive 'x'", self.drive('eject', 'x', expect=FAILED).err)

    def test_without_a_daemon_all_say_what_to_do(self):
        for arguments in (['list'], ['remove', 'x'], ['eject', 'x']):
            self.assertIn('systemctl start lifeboat-replicator', self.drive(*arguments, expect=FAILED).err)


@unittest.skipIf(NOT_HERE, NOT_HERE)
class Adding(Asking):
    def setUp(self):
        super().setUp()
        self.listen(drive_add={'drive': '1a2b3c4d', 'label': 'monday', 'fresh': True})

    def add(self, device, *options, **how):
        return self.drive('add', device, '--device', '/dev/loop*', *options, **how)

    def format(self, device, *options, **how):
        return self.add(device, '--format', 'ext4', '--yes', *options, **how)

    def assert_refused(self, stick, *texts, act=None, code=FAILED):
        """Formatting is, and changes not one bit."""
        before = stick.digest()
        said = (act or self.format)(stick.path, expect=code).err
        for text in texts:
            self.assertIn(text, said)
        self.assertEqual(before, stick.digest())
        self.assertEqual([], self.control.of('drive add'))
        self.assertEqual('0', run('blockdev', '--getro', stick.path).strip() if code == FAILED and not stick.read_only else '0')

    def assert_added(self, device, **more):
        self.assertEqual([dict({'ask': 'drive add', 'device': device}, **more)], self.control.of('drive add'))


class AsItIs(Adding):
    def test_the_file_system_that_is_there_is_used_and_not_touched(self):
        stick = Medium(self)
        stick.ext4()
        before = stick.digest()
        said = self.add(stick.path, '--label', 'Monday').out
        self.assertEqual(before, stick.digest())
        self.assert_added(stick.path, label='Monday')
        self.assertIn("holds ext4 'photos', which is used as it is", said)
        self.assertIn("is drive 1a2b3c4d 'monday' from now on\n", said)
        self.assertIn("wait for 'safe to remove'", said)

    def test_a_link_leads_to_the_device(self):
        stick = Medium(self)
        stick.ext4()
        os.symlink(stick.path, self.site.path('link'))
        self.add(self.site.path('link'))
        self.assert_added(stick.path)

    def test_of_a_disk_with_partitions_the_one_that_fits_is_used(self):
        stick = Medium(self)
        stick.table('label: dos', '2048,20480,ef', '22528,20480,82', '43008,,c')
        run('mkswap', stick.partition(2))
        stick.ext4(stick.partition(1), 'boot')  # for booting: passed over
        stick.ext4(stick.partition(3))
        self.add(stick.path)
        self.assert_added(stick.partition(3))

    def test_of_several_that_fit_one_has_to_be_named(self):
        stick = Medium(self)
        stick.table('label: gpt', '2048,40960', '43008,')
        stick.ext4(stick.partition(1), 'one')
        stick.ext4(stick.partition(2), 'two')
        said = self.add(stick.path, expect=USAGE).err
        self.assertRegex(said, r"hint: lifeboat drive add %s +\(ext4 'one', 21.0.MB\)\n" % stick.partition(1))
        self.assertIn("hint: lifeboat drive add %s   (ext4 'two'" % stick.partition(2), said)
        self.add(stick.partition(2))
        self.assert_added(stick.partition(2))

    def test_a_file_system_under_a_table_is_not_used(self):
        stick = Medium(self)
        stick.ext4()
        stick.table('label: dos', '40960,,c')
        self.assert_refused(stick, "it holds ext4 'photos' and dos", act=self.add)

    def test_what_holds_none_that_fits_says_what_and_how_to_make_one(self):
        stick = Medium(self)
        hint = 'lifeboat drive add %s --format ext4' % stick.path
        self.assert_refused(stick, 'holds no file system that a drive can use\n', hint, act=self.add)
        run('mkswap', stick.path)
        self.assert_refused(stick, 'it holds swap', hint, act=self.add)
        run('wipefs', '--all', stick.path)
        stick.table('label: dos', '2048,,83')
        self.assert_refused(stick, 'has no partition that a drive can use\n', hint, act=self.add)
        run('mkswap', stick.partition(1))
        self.assert_refused(stick, 'it holds swap in %s' % stick.partition(1), hint, act=self.add)

    def test_a_file_system_that_this_kernel_lacks_is_named(self):
        for name, make in (('exfat', 'mkfs.exfat'), ('vfat', 'mkfs.vfat')):
            if not medium.kernel_has(name):
                stick = Medium(self)
                run(make, stick.path)
                self.assert_refused(stick, 'this kernel cannot mount ' + name, act=self.add)
                self.assert_refused(stick, 'this kernel cannot mount ' + name)

    def test_mounted_elsewhere_it_is_used_all_the_same(self):
        stick = Medium(self)
        stick.ext4()
        with stick.mounted():
            self.add(stick.path)
            self.assert_added(stick.path)

    def test_a_switch_against_writing_is_told(self):
        stick = Medium(self, options=['--read-only'])
        self.assert_refused(stick, 'cannot be written to', 'switch', act=self.add)

    def test_what_the_daemon_says_is_told(self):
        stick = Medium(self)
        stick.ext4()
        self.control.answers['drive add'] = {'error': 'the drive belongs to another site'}
        self.assertIn('the drive belongs to another site', self.add(stick.path, expect=FAILED).err)

    def test_a_drive_of_old_comes_back(self):
        stick = Medium(self)
        stick.ext4()
        self.control.answers['drive add'] = {'drive': '1a2b3c4d', 'label': 'monday', 'fresh': False}
        self.assertIn("from now on, with the snapshots that it holds\n", self.add(stick.path).out)


class Mistakes(Adding):
    def test_what_is_no_device_is_told(self):
        for path, text in ((self.site.folder, 'set `path` in [store]'), ('/dev/null', '`lsblk`'), (self.socket, 'no block device')):
            self.assertIn(text, self.add(path, expect=USAGE).err)
        self.assertIn('No such file', self.add('/dev/there-is-none', expect=FAILED).err)
        self.assertEqual([], self.control.asked[1:] and self.control.of('drive add'))

    def test_a_disk_that_is_built_in_is_none_unless_it_is_listed(self):
        stick = Medium(self)
        stick.ext4()
        for options in ([], ['--device', '/dev/sd*'], ['--device', '/dev/*/x']):
            said = self.drive('add', stick.path, *options, expect=USAGE).err
            self.assertIn('neither on USB nor removable', said)
            self.assertIn('devices = %s' % stick.path, said)
        with open(self.site.path('lifeboat.conf'), 'w') as file:
            file.write('[drive]\ndevices = /dev/sdx;/dev/loop*\n')
        subprocess.run([self.site.program('lifeboat'), 'drive', 'add', stick.path, '--control', self.socket,
                        '--config', self.site.path('lifeboat.conf')], check=True, stdout=subprocess.DEVNULL,
                       env=self.site.in_environment())
        self.assert_added(stick.path)

    def test_the_disk_that_this_system_runs_from_never_is(self):
        device = run('findmnt', '--noheadings', '--nofsroot', '--output', 'SOURCE', '/').strip()
        if not device.startswith('/dev/'):
            self.skipTest('the root file system is on no disk')
        for options in ([], ['--format', 'ext4', '--yes']):
            said = self.drive('add', device, '--device', '/dev/*', '--device', '/dev/mapper/*', *options, expect=FAILED).err
            self.assertRegex(said, 'is a disk of this system|is in use')

    def test_labels_and_formats_are_checked_before_anything_else(self):
        stick = Medium(self)
        for options in (['--format', 'ntfs'], ['--format', 'ext4', '--label', 'seventeen letters'],
                        ['--format', 'vfat', '--label', 'Müller'], ['--label', 'a\x1bb'], ['--label', 'x' * 65],
                        ['--format', 'ext4', '--user', 'nobody-of-that-name']):
            self.assert_refused(stick, options[-2], code=USAGE, act=lambda path, **how: self.add(path, *options, '--yes', **how))
        self.assertEqual([], self.control.asked)

    def test_others_than_root_are_sent_to_sudo(self):
        nobody = pwd.getpwnam('nobody')
        stick = Medium(self)
        os.chmod(self.site.folder, 0o755)
        self.site.before = ['setpriv', '--reuid', str(nobody.pw_uid), '--clear-groups', '--']
        before = stick.digest()
        try:
            self.assertIn('sudo lifeboat drive add', self.add(stick.path, expect=FAILED).err)
        finally:
            self.site.before = []
        self.assertEqual(before, stick.digest())

    def test_without_a_daemon_nothing_is_erased(self):
        stick = Medium(self)
        self.control.close()
        before = stick.digest()
        self.assertIn('is it running?', self.format(stick.path, expect=FAILED).err)
        self.assertEqual(before, stick.digest())


class Format(Adding):
    def test_a_blank_disk_gets_a_file_system_of_the_daemons_user(self):
        stick = Medium(self)
        said = self.format(stick.path, '--label', 'Blue one', '--user', 'nobody').out
        self.assertEqual(('ext4', 'Blue one'), (stick.told('TYPE'), stick.told('LABEL')))
        nobody = pwd.getpwnam('nobody')
        self.assertEqual((nobody.pw_uid, nobody.pw_gid), stick.owner())
        self.assert_added(stick.path, label='Blue one')
        self.assertRegex(said, r'checking that %s holds 67.1.MB\nmaking ext4 .Blue one. on ' % stick.path)
        run('e2fsck', '-fn', stick.path)

    def test_it_is_called_lifeboat_and_the_disk_loses_its_partitions(self):
        stick = Medium(self)
        stick.table('label: gpt', '2048,40960', '43008,')
        stick.ext4(stick.partition(2))
        self.format(stick.path)
        self.assertEqual('LIFEBOAT', stick.told('LABEL'))
        self.assertEqual([], glob.glob(stick.path + 'p*'))
        self.assert_added(stick.path)

    def test_one_partition_is_made_anew_and_the_others_stay(self):
        stick = Medium(self)
        stick.table('label: gpt', '2048,40960', '43008,')
        stick.ext4(stick.partition(2))
        with stick.mounted(stick.partition(2)) as folder, open(os.path.join(folder, 'picture'), 'w') as file:
            file.write('x' * 100000)
        with open(stick.partition(2), 'rb') as device:
            before = device.read()
        self.format(stick.partition(1))
        with open(stick.partition(2), 'rb') as device:
            self.assertEqual(before, device.read())
        self.assertEqual('LIFEBOAT', stick.told('LABEL', stick.partition(1)))
        self.assert_added(stick.partition(1))

    def test_what_systems_leave_on_a_drive_is_nobodys(self):
        stick = Medium(self)
        stick.ext4()
        with stick.mounted() as folder:
            os.makedirs(os.path.join(folder, 'System Volume Information', 'x'))
            open(os.path.join(folder, '.DS_Store'), 'w').close()
        self.format(stick.path)
        self.assertEqual('LIFEBOAT', stick.told('LABEL'))

    def test_what_holds_a_file_is_not_formatted_until_it_is_wiped(self):
        stick = Medium(self)
        stick.ext4()
        with stick.mounted() as folder:
            open(os.path.join(folder, 'pic\nture'), 'w').close()
        self.assert_refused(stick, "ext4 'photos' holds 'pic\\", 'hint: whoever is sure that nothing on it is needed: wipefs --all ' + stick.path)
        run('wipefs', '--all', stick.path)
        self.format(stick.path)
        self.assertEqual('LIFEBOAT', stick.told('LABEL'))

    def test_nor_is_a_disk_with_such_a_partition(self):
        stick = Medium(self)
        stick.table('label: dos', '2048,40960,c', '43008,,c')
        stick.ext4(stick.partition(2))
        with stick.mounted(stick.partition(2)) as folder:
            os.mkdir(os.path.join(folder, 'lost+found', '#12'))
        self.assert_refused(stick, "ext4 'photos' in %s holds 'lost+found'" % stick.partition(2), 'wipefs --all %s\n' % stick.path)

    def test_a_store_is_never_formatted(self):
        stick = Medium(self)
        stick.ext4()
        with stick.mounted() as folder:
            os.mkdir(os.path.join(folder, 'lifeboat'))
        self.assert_refused(stick, 'holds a store of Lifeboat', 'hint: to use it as it is: lifeboat drive add %s\n' % stick.path)

    def test_what_cannot_be_looked_into_is_not_formatted(self):
        stick = Medium(self)
        run('mkswap', stick.path)
        self.assert_refused(stick, 'holds swap, which cannot be looked into', 'wipefs --all')
        run('wipefs', '--all', stick.path)
        stick.write(0, b'LUKS\xba\xbe\x00\x01')
        self.assert_refused(stick, 'holds crypto_LUKS', 'wipefs --all')
        stick.write(0, bytes(1 << 20))
        stick.write(512, b'LABELONE' + (1).to_bytes(8, 'little') + bytes(4) + (32).to_bytes(4, 'little') + b'LVM2 001' + b'x' * 32)
        self.assert_refused(stick, 'holds LVM2_member', 'wipefs --all')
        stick.write(0, bytes(1 << 20))
        stick.write(32768, b'\x01CD001\x01')
        self.assert_refused(stick, 'iso9660', 'wipefs --all')

    def test_what_looks_encrypted_is_not_formatted(self):
        stick = Medium(self)
        stick.write(0, os.urandom(1 << 20))
        self.assert_refused(stick, 'looks encrypted', 'dd if=/dev/zero of=%s bs=1M count=1' % stick.path)
        stick.write(0, bytes(1 << 20))
        self.format(stick.path)

    def test_a_damaged_file_system_is_not_formatted(self):
        stick = Medium(self)
        stick.ext4(None, 'photos', '-b', '4096')
        stick.write(4096, bytes(4096))  # the group descriptors
        self.assert_refused(stick, 'cannot mount', 'wipefs --all')

    def test_what_a_journal_still_holds_is_not_lost(self):
        stick = Medium(self)
        stick.ext4()
        run('debugfs', '-w', '-R', 'feature needs_recovery', stick.path)
        self.assert_refused(stick, 'was pulled out while it was in use', 'hint: mount it')

    def test_two_file_systems_in_one_place_are_not_formatted(self):
        stick = Medium(self)
        stick.ext4()
        stick.write(65536 + 64, b'_BHRfS_M')  # a btrfs that was, or is
        self.assert_refused(stick, 'cannot be looked into')
        self.assert_refused(stick, "it holds ext4 'photos' and btrfs", act=self.add)

    def test_a_partition_that_the_kernel_does_not_show_may_hold_anything(self):
        stick = Medium(self)
        stick.table('label: dos', '2048,40960,c', '43008,,c')
        run('partx', '--delete', '--nr', '2', stick.path)
        self.assert_refused(stick, 'has a partition 2 that this system does not show', 'wipefs --all')

    def test_what_is_in_use_is_not_formatted(self):
        stick = Medium(self)
        stick.table('label: dos', '2048,40960,c', '43008,,c')
        stick.ext4(stick.partition(2))
        with stick.mounted(stick.partition(2)) as folder:
            for path in (stick.path, stick.partition(1), stick.partition(2)):
                self.assertIn("is mounted at '%s'\nhint: umount" % folder, self.format(path, expect=FAILED).err)
        held = os.open(stick.partition(1), os.O_RDONLY | os.O_EXCL)
        self.addCleanup(os.close, held)
        self.assertIn('is in use', self.format(stick.path, expect=FAILED).err)
        self.assertEqual([], self.control.of('drive add'))

    def test_where_nobody_can_be_asked_nothing_is_erased(self):
        stick = Medium(self)
        self.assert_refused(stick, '--yes', code=USAGE, act=lambda path, **how: self.add(path, '--format', 'ext4', **how))
        self.assertEqual([], self.control.asked)

    def at_terminal(self, stick, typed):
        ours, theirs = pty.openpty()
        process = self.site.start('lifeboat', 'drive', 'add', stick.path, '--device', '/dev/loop*', '--format', 'ext4',
                                  '--control', self.socket, stdin=theirs)
        os.close(theirs)
        os.write(ours, typed)
        done = self.site.finish(process)
        os.close(ours)
        return done

    def test_only_a_yes_erases(self):
        stick = Medium(self)
        before = stick.digest()
        for typed in (b'\n', b'y\n', b'no\n', b'yes please\n', b'yesyesyesyesyesyesyes\n', b'\x04'):
            done = self.at_terminal(stick, typed)
            self.assertEqual(FAILED, done.code, str(done))
            self.assertRegex(done.out, r'%s \(67.1.MB\) will be erased' % stick.path)
            self.assertIn('stays as it is', done.err)
            self.assertEqual(before, stick.digest())
        done = self.at_terminal(stick, b'yes\n')
        self.assertEqual(DONE, done.code, str(done))
        self.assertEqual('ext4', stick.told('TYPE'))

    def test_a_fake_that_holds_less_than_it_claims_is_found(self):
        folder = self.site.path('small')
        os.mkdir(folder)
        run('mount', '-t', 'tmpfs', '-o', 'size=96m', 'none', folder)
        self.addCleanup(run, 'umount', folder)
        fake = Medium(self, 1024, folder)
        with open(os.path.join(folder, 'full'), 'wb') as file:  # nothing more can be written but what is there
            fake.write(0, bytes(32 << 20))
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                pass
        said = self.format(fake.path, expect=FAILED).err
        self.assertRegex(said, r'claims to hold 1.1.GB, but what is written beyond about 33\.\d.MB is lost')
        self.assertEqual([], self.control.of('drive add'))

    def test_a_missing_tool_is_named_with_its_package(self):
        stick = Medium(self)
        self.site.before = ['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null "$(readlink -f /usr/sbin/mkfs.ext4)" && exec "$@"', 'sh']
        try:
            said = self.format(stick.path, expect=FAILED).err
        finally:
            self.site.before = []
        self.assertIn("'mkfs.ext4' is missing\nhint: apt install e2fsprogs", said)

    @unittest.skipUnless(medium.kernel_has('vfat') and medium.kernel_has('exfat'), 'this kernel has no vfat or no exfat')
    def test_vfat_and_exfat_are_made_too(self):
        for name, label in (('vfat', 'MONDAY'), ('exfat', 'Monday')):
            stick = Medium(self)
            stick.ext4()
            self.add(stick.path, '--format', name, '--yes', '--label', 'Monday')
            self.assertEqual((name, label), (stick.told('TYPE'), stick.told('LABEL')))


class WithTheDaemon(Case):
    """From a blank stick to one that may be pulled out with a snapshot on it."""

    people = 6

    def setUp(self):
        super().setUp()
        self.bay = Bay(self)
        options = {'include': self.server.options[1]} if self.server.options else {}
        self.daemon = Daemon(self.site, self.bay.url(self.server.url), bay=self.bay, stores=None, **options)
        self.daemon.wait_for('watching for drives')

    def drive(self, *arguments, expect=0):
        return self.bay.run(self.daemon.program('lifeboat'), 'drive', *arguments, '--config', self.daemon.config, expect=expect)

    def test_a_blank_stick_becomes_a_drive(self):
        stick = self.bay.stick('stick', type=None)
        self.bay.plug(stick)
        self.assertIn('--format ext4', self.drive('add', stick.device, expect=FAILED))
        said = self.drive('add', stick.device, '--format', 'ext4', '--yes', '--label', 'Monday')
        id = self.daemon.request(ask='status')['drives'][0]['id']
        self.assertIn("%s is drive %s 'Monday' from now on\n" % (stick.device, id), said)
        self.daemon.wait_for("drive 'Monday' (%s): the snapshot is done; it is safe to remove" % id)
        self.assertRegex(self.drive('list'), r'\n%s  Monday +safe to remove  \d{4}-' % id)
        self.assertIn("%s 'Monday'" % id, self.drive('eject', 'Monday'))
        self.assertIn('holds a store of Lifeboat', self.drive('add', stick.device, '--format', 'ext4', '--yes', expect=FAILED))
        self.bay.unplug(stick)
        self.daemon.wait_for('has left')
        before = self.capture()

        def look(folder):
            self.site.store = folder
            self.site.verify()
            self.assert_store_holds(before)
            return os.stat(folder).st_uid
        self.assertEqual(self.bay.USER, self.bay.files(stick, look))
        self.daemon.end()

    def test_it_is_not_offered_to_the_daemon_before_udev_knows_it(self):
        stick = self.bay.stick('stick', type=None)
        self.bay.plug(stick)
        self.bay.run('udevadm', 'control', '--stop-exec-queue')
        adding = subprocess.Popen([*self.bay.before, self.daemon.program('lifeboat'), 'drive', 'add', stick.device, '--format',
                                   'ext4', '--yes', '--config', self.daemon.config], stdout=subprocess.PIPE, text=True)
        with adding:
            while 'making' not in adding.stdout.readline():
                pass
            with self.assertRaises(subprocess.TimeoutExpired):
                adding.wait(1)
            self.bay.run('udevadm', 'control', '--start-exec-queue')
            said = adding.communicate(timeout=60)[0]
        self.assertEqual(DONE, adding.returncode, said + self.daemon.log)
        self.daemon.wait_for('safe to remove')
        self.daemon.end()

    def test_a_drive_that_was_removed_comes_back_with_its_snapshots(self):
        stick = self.bay.stick('photos')
        self.bay.plug(stick)
        self.assertIn("lifeboat drive add %s\n" % stick.device, self.drive('list'))
        self.drive('add', stick.device)
        self.daemon.wait_for('safe to remove')
        self.assertIn("'photos' is forgotten", self.drive('remove', 'photos'))
        self.assertIn('no drives yet', self.drive('list'))
        self.assertIn('with the snapshots that it holds', self.drive('add', stick.device, '--label', 'Tuesday'))
        self.daemon.wait_for("drive 'Tuesday'")
        self.daemon.end()


if __name__ == '__main__':
    unittest.main()
