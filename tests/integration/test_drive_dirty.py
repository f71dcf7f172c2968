"""Drives that were not unmounted, or have errors: mended before they are mounted, by a checker without rights, and told."""

import os
import subprocess

from support.lifeboat import LATER
from support.server import wait_until
from test_drive import SAFE, Plugging

NOBODY = '65534'
MENDED = 'its file system was mended'
ELSEWHERE = 'it was pulled out too early where it was used last, here or on another computer: '
MAKE = {'vfat': ['mkfs.vfat', '-F', '32'], 'exfat': ['mkfs.exfat']}
FLAGS = {'vfat': (0x41, 1), 'exfat': (106, 2)}  # place, bit


class Dirty(Plugging):
    def mark(self, stick, state):
        """As ext4 marks it: 0 is not unmounted, 2 has errors."""
        subprocess.run(['debugfs', '-w', '-R', 'set_super_value state %d' % state, stick.path], check=True, stderr=subprocess.DEVNULL)

    def state(self, stick):
        with open(stick.path, 'rb') as file:
            file.seek(1024 + 0x3a)
            return file.read(1)[0]

    def marked(self, state=2):
        """A drive of ours with one snapshot on it that lacks something new, and marked."""
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.mark(stick, state)
        self.clinic.change()
        return daemon, stick

    def assert_goes_on(self, daemon, stick, told):
        self.insert(daemon, stick)
        self.assertEqual((0, told), tuple(daemon.drive(stick.id)[key] for key in ('exit', 'message')))
        daemon.wait_for("'%s': %s" % (stick.device, told))
        daemon.wait_for("drive 'blue' (%s): the snapshot is done: %s; %s" % (stick.id, told, SAFE))
        self.assertIn('well, but: ' + told, daemon.status())
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())

    def test_one_with_errors_is_mended_and_told_once(self):
        daemon, stick = self.marked()
        self.assert_goes_on(daemon, stick, 'errors were noted on it: ' + MENDED)
        self.assertEqual(1, self.state(stick))
        self.insert(daemon, stick)
        self.assertIsNone(daemon.drive(stick.id)['message'])
        daemon.end()

    def test_one_that_was_not_unmounted_elsewhere_is_mended_and_told(self):
        daemon, stick = self.marked(state=0)
        self.assert_goes_on(daemon, stick, ELSEWHERE + MENDED)
        self.assertEqual(1, self.state(stick))
        daemon.end()

    def test_one_that_was_not_unmounted_by_us_is_told_as_that(self):
        daemon, stick = self.marked(state=0)
        daemon.end()
        path = os.path.join(self.site.state, 'drives.json')
        with open(path) as file:
            text = file.read()
        with open(path, 'w') as file:
            file.write(text.replace('"in_use":false', '"in_use":true'))
        daemon = self.daemon()
        self.assert_goes_on(daemon, stick, 'it was pulled out, or the power failed, before it was safe to remove: ' + MENDED)
        daemon.end()

    def test_without_a_checker_it_goes_on_and_says_what_to_install(self):
        daemon, stick = self.marked()
        self.bay.run('sh', '-c', 'mount --bind /dev/null "$(readlink -f /usr/sbin/e2fsck)"')
        self.assert_goes_on(daemon, stick, "errors were noted on it: its file system was not checked, for 'e2fsck' is missing: "
                                           '`apt install e2fsprogs`')
        daemon.end()

    def checker(self, text):
        """What is run in e2fsck's place; it can start nothing itself."""
        path = self.site.path('checker')
        with open(path, 'w') as file:
            file.write('#!/bin/sh\n' + text)
        os.chmod(path, 0o755)
        self.bay.run('sh', '-c', 'mount --bind %s "$(readlink -f /usr/sbin/e2fsck)"' % path)

    def test_a_checker_that_fails_is_told_with_what_to_type_and_has_no_rights(self):
        daemon, stick = self.marked()
        told = self.site.path('told')
        open(told, 'w').close()
        os.chmod(told, 0o666)
        self.checker('exec >%s; echo "Arguments: $*"; '
                     'while read -r line; do echo "$line"; done </proc/self/status; /bin/true; echo "More: a child"; exit 4\n' % told)
        self.bay.plug(stick)
        daemon.wait_for(SAFE, 2)
        self.assertIn("could not be mended: `fsck %s` may, while lifeboat-replicator is stopped" % stick.device,
                      daemon.drive(stick.id)['message'])
        self.assertEqual(0, daemon.drive(stick.id)['exit'])
        with open(told) as file:
            status = {name: value.split() for name, _, value in (line.partition(':') for line in file)}
        self.assertEqual(['-p', './' + os.path.basename(stick.device)], status['Arguments'])
        self.assertEqual({NOBODY}, set(status['Uid'] + status['Gid'] + status['Groups']))
        self.assertEqual({'0' * 16}, {status[key][0] for key in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb')})
        self.assertEqual(['1'], status['NoNewPrivs'])
        self.assertNotIn('More', status)
        daemon.end()

    def slow(self, when_asked):
        """A checker that comes to no end by itself, and what it tells: a line when it has begun, and more if it likes."""
        told, never = self.site.path('told'), self.site.path('never')
        open(told, 'w').close()
        os.mkfifo(never)
        for path in (told, never):
            os.chmod(path, 0o666)
        self.checker('exec >>%s 3<>%s\ntrap "%s" TERM\necho begun\nwhile :; do read -r line <&3; done\n' % (told, never, when_asked))
        return told

    def checking(self, when_asked='echo asked; exit 32'):
        """In the midst of a check."""
        daemon, stick = self.marked(state=0)
        told = self.slow(when_asked)
        self.bay.plug(stick)
        self.assertTrue(wait_until(lambda: self.lines(told), 30), daemon.log)
        return daemon, stick, told

    def lines(self, path):
        with open(path) as file:
            return file.read().split()

    def test_one_that_is_checked_is_told_as_that_with_how_long_it_may_take(self):
        heard = self.site.path('heard')
        self.hook('echo "$1 $LIFEBOAT_MESSAGE" >>%s\n' % heard)
        daemon, stick, _ = self.checking()
        daemon.wait_for("'%s' is checked by e2fsck, for it was not unmounted, or has errors; that may take up to 10 minutes" % stick.device)
        self.assertEqual('checking', daemon.drive(stick.id)['doing'])
        self.assertIn('now          checking its file system, which may take up to 10 minutes\n', daemon.status())
        daemon.end()
        with open(heard) as file:
            self.assertIn("progress drive 'blue' (%s): its file system is checked first, for it was not unmounted, or has errors; "
                          'that may take up to 10 minutes\n' % stick.id, file.read())

    def test_told_to_end_during_a_check_it_lets_it_end_and_the_next_insertion_checks_again(self):
        daemon, stick, told = self.checking()
        daemon.end()
        self.assertEqual(['begun', 'asked'], self.lines(told))
        daemon.wait_for("the check of its file system was stopped; it begins anew the next time")
        self.assertNotIn('is killed', daemon.log)
        self.bay.run('umount', os.path.realpath('/usr/sbin/e2fsck'))
        self.assertEqual(0, self.state(stick))
        daemon = self.daemon()
        daemon.wait_for("drive 'blue' (%s): the snapshot is done: %s" % (stick.id, ELSEWHERE + MENDED))
        self.assertEqual(1, self.state(stick))
        daemon.end()

    def test_it_is_ejected_during_a_check(self):
        daemon, stick, told = self.checking()
        daemon.lifeboat('drive', 'eject', 'blue')
        self.assertEqual(['begun', 'asked'], self.lines(told))
        drive = daemon.drive(stick.id)
        self.assertEqual((True, LATER, None), (drive['safe'], drive['exit'], drive['doing']))
        self.assertEqual(0, self.state(stick))
        daemon.end()

    def test_inserted_again_during_a_check_it_is_checked_once_more_and_not_twice(self):
        daemon, stick, told = self.checking()
        for _ in range(2):
            self.bay.tell(stick, 'remove')
            self.bay.tell(stick, 'add')
        self.bay.run('udevadm', 'settle', '--timeout=30')
        self.assertTrue(wait_until(lambda: len(self.lines(told)) >= 3, 30), daemon.log)
        self.assertEqual('checking', daemon.drive(stick.id)['doing'])
        daemon.end()
        self.assertEqual(['begun', 'asked'] * 2, self.lines(told))

    def test_what_could_not_be_mended_is_checked_again_at_the_next_insertion_only(self):
        daemon, stick = self.marked()
        told = self.site.path('told')
        open(told, 'w').close()
        os.chmod(told, 0o666)
        self.checker('echo begun >>%s; exit 4\n' % told)
        self.bay.plug(stick)
        daemon.wait_for(SAFE, 2)
        daemon.lifeboat('snapshot')
        self.assertIn('could not be mended', daemon.drive(stick.id)['message'])
        self.assertEqual(['begun'], self.lines(told))
        self.bay.unplug(stick)
        self.bay.plug(stick)
        daemon.wait_for(SAFE, 4)
        self.assertEqual(['begun'] * 2, self.lines(told))
        daemon.end()

    def test_what_is_write_protected_is_not_checked(self):
        daemon, stick = self.marked()
        before = stick.digest()
        self.bay.plug(stick, read_only=True)
        daemon.wait_for('the drive is write-protected: slide its switch, or use another drive')
        self.assertNotIn('checked', daemon.log)
        self.bay.unplug(stick)
        self.assertEqual(before, stick.digest())
        daemon.end()

    def test_one_that_is_to_be_added_is_mended_too(self):
        daemon = self.daemon()
        stick = self.bay.stick('blue')
        self.mark(stick, 0)
        self.bay.plug(stick)
        said = self.bay.run(daemon.program('lifeboat'), 'drive', 'add', stick.device, '--config', daemon.config)
        self.assertIn('%s: %s%s\n' % (stick.device, ELSEWHERE, MENDED), said)
        daemon.wait_for(SAFE)
        daemon.end()

    def test_vfat_and_exfat_are_mended_whatever_this_kernel_can_mount(self):
        daemon = self.daemon()
        for kind, (place, bit) in FLAGS.items():
            stick = self.bay.stick(kind, type=None)
            subprocess.run([*MAKE[kind], stick.path], check=True, stdout=subprocess.DEVNULL)
            with open(stick.path, 'r+b') as file:
                file.seek(place)
                file.write(bytes([bit]))
            self.bay.plug(stick)
            daemon.request(ask='drive add', device=stick.device)
            daemon.wait_for("'%s': %s%s" % (stick.device, ELSEWHERE, MENDED))
            self.bay.unplug(stick)
            with open(stick.path, 'rb') as file:
                file.seek(place)
                self.assertEqual(b'\0', file.read(1))
        daemon.end()
