"""Drives: inserted, they get a snapshot by themselves, and may be pulled out; others are left alone."""

import glob
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from support import faulty
from support.bay import USER, Bay, Stick
from support.case import Case
from support.cht import in_base64
from support.daemon import Daemon
from support.lifeboat import FAILED, Site

SAFE = 'it is safe to remove'


class Plugging(Case):
    people = 6

    def setUp(self):
        super().setUp()
        self.bay = Bay(self)

    def daemon(self, stores=None, url=None, before=(), **settings):
        if self.server.options:
            settings.setdefault('include', self.server.options[1])
        daemon = Daemon(self.site, self.bay.url(url or self.server.url), bay=self.bay, stores=stores, before=before,
                        **settings)
        daemon.wait_for('watching for drives')
        return daemon

    def enrolled(self, daemon, label='blue'):
        """A stick that was made a drive, with a first snapshot, and pulled out."""
        stick = self.bay.stick(label)
        self.bay.plug(stick)
        added = daemon.request(ask='drive add', device=stick.device)
        self.assertNotIn('error', added, daemon.log)
        daemon.wait_for("drive '%s' (%s): the snapshot is done; %s" % (label, added['drive'], SAFE))
        self.bay.unplug(stick)
        daemon.wait_for("'%s' (%s) has left" % (label, added['drive']))
        stick.id, stick.store = added['drive'], added['store']
        return stick

    def insert(self, daemon, stick, end=SAFE):
        """Plugs it in and waits for what its run ends like."""
        times = daemon.log.count(end)
        self.bay.plug(stick)
        daemon.wait_for(end, times + 1)

    def hook(self, text, name='hook'):
        os.makedirs(self.site.path('hooks'), exist_ok=True)
        path = self.site.path('hooks', name)
        with open(path, 'w') as file:
            file.write('#!/bin/sh\n' + text)
        os.chmod(path, 0o755)
        return path

    def edit(self, stick, act):
        return self.bay.files(stick, act, 'rw')

    def assert_holds(self, stick, captured):
        """What stands on the stick, seen from outside, is what was captured."""
        def look(folder):
            self.site.store = folder
            self.site.verify()
            return self.assert_store_holds(captured)
        return self.bay.files(stick, look)

    def snapshots(self, stick):
        def look(folder):
            self.site.store = folder
            return self.site.snapshots()
        return self.bay.files(stick, look)


class Insertion(Plugging):
    def test_a_drive_that_is_inserted_gets_what_changed_and_may_be_pulled_out(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.assert_holds(stick, self.capture())
        self.clinic.change()
        self.insert(daemon, stick)
        drive = daemon.drive(stick.id)
        self.assertEqual((True, True, 0, None, None), tuple(drive[key] for key in ('attached', 'safe', 'exit', 'message', 'doing')))
        self.assertNotIn(stick.device, self.bay.run('cat', '/proc/mounts'))
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        self.assertEqual(2, len(self.snapshots(stick)))
        daemon.end()

    def test_each_drive_carries_a_chain_of_its_own(self):
        daemon = self.daemon()
        blue = self.enrolled(daemon)
        self.clinic.change()
        red = self.enrolled(daemon, 'red')
        self.clinic.change()
        self.insert(daemon, blue)
        self.insert(daemon, red)
        for stick in (blue, red):
            self.bay.unplug(stick)
            self.assert_holds(stick, self.capture())
        self.assertNotEqual(blue.store, red.store)
        daemon.end()

    def test_one_that_is_there_at_start_is_served(self):
        first = self.daemon()
        stick = self.enrolled(first)
        first.end()
        self.clinic.change()
        self.bay.plug(stick)
        daemon = self.daemon()
        daemon.wait_for(SAFE)
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        daemon.end()

    def test_mounted_by_somebody_else_it_is_used_where_it_is(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.clinic.change()
        self.bay.attach(stick)
        self.bay.run('mkdir', '-p', '/run/media')
        self.bay.run('mount', stick.device, '/run/media')
        self.bay.tell(stick, 'add')
        daemon.wait_for('something else has it mounted: unmount it there')
        self.assertIn('/run/media', self.bay.run('cat', '/proc/mounts'))
        self.assertFalse(daemon.drive(stick.id)['safe'])
        self.bay.run('umount', '/run/media')
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        daemon.end()

    def test_it_is_mounted_privately_and_without_programs(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.hook('[ $1 = started ] && until grep %s /proc/mounts >%s; do :; done\n'
                  % (self.site.path('run'), self.site.path('seen')))
        self.insert(daemon, stick)
        daemon.end()
        with open(self.site.path('seen')) as file:
            options = file.read().split()[3].split(',')
        for option in ('rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow'):
            self.assertIn(option, options)


class Strangers(Plugging):
    def test_an_unknown_drive_is_not_touched_and_told_of(self):
        daemon = self.daemon()
        stick = self.bay.stick('holiday')
        before = stick.digest()
        self.bay.plug(stick)
        daemon.wait_for('is no drive of ours, and is left alone; to make it one: `lifeboat drive add %s`' % stick.device)
        unknown = daemon.request(ask='status')['unknown']
        self.assertEqual([('holiday', 'ext4', 64 << 20, 'Lifeboat Test Stick')],
                         [(each['label'], each['type'], each['size'], each['model']) for each in unknown])
        self.bay.unplug(stick)
        self.assertEqual(before, stick.digest())
        self.assertEqual([], daemon.request(ask='status')['unknown'])
        daemon.end()

    def test_a_file_system_of_ours_without_our_store_is_left_alone(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        def empty(folder):
            shutil.rmtree(os.path.join(folder, 'lifeboat'))
        self.edit(stick, empty)
        self.insert(daemon, stick, 'the store is gone from')
        self.bay.unplug(stick)
        self.assertEqual(['lifeboat-cert', 'lost+found'], sorted(self.bay.files(stick, os.listdir)))
        daemon.end()

    def test_a_store_of_another_site_is_refused_and_left_as_it_is(self):
        other = Site(self, 'elsewhere')
        stick = self.bay.stick('blue')
        def fill(folder):
            other.store = folder
            other.snapshot(self.server)
        self.edit(stick, fill)
        daemon = self.daemon()
        self.bay.plug(stick)
        answer = daemon.request(ask='drive add', device=stick.device)
        self.assertIn("belongs to site 'elsewhere'", answer['error'])
        self.assertEqual([], daemon.request(ask='status')['drives'])
        self.bay.unplug(stick)
        daemon.end()

    def test_another_store_on_our_file_system_is_left_alone(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        def change(folder):
            path = os.path.join(folder, 'lifeboat', 'store.json')
            with open(path) as file:
                store = json.load(file)
            shutil.rmtree(os.path.join(folder, 'lifeboat', 'snapshots'))
            os.mkdir(os.path.join(folder, 'lifeboat', 'snapshots'))
            store['store'] = '00000000' + store['store'][8:]
            with open(path, 'w') as file:
                json.dump(store, file)
        self.edit(stick, change)
        self.insert(daemon, stick, 'holds another store than it is known for')
        daemon.end()


class Copies(Plugging):
    """Of two copies of a store one is used."""

    def copy(self, stick, uuid=True):
        """Of a stick that is away; its file system gets a UUID of its own."""
        copy = Stick(stick.path + '.copy')
        shutil.copy(stick.path, copy.path)
        if uuid:
            subprocess.run(['e2fsck', '-fp', copy.path], stdout=subprocess.DEVNULL)
            subprocess.run(['tune2fs', '-U', 'random', copy.path], check=True, stdout=subprocess.DEVNULL)
        return copy

    def add(self, daemon, stick, expect=0):
        """As an operator does."""
        return self.bay.run(daemon.program('lifeboat'), 'drive', 'add', stick.device, '--label', 'blue', '--config', daemon.config, expect=expect)

    def test_while_the_original_is_here_a_copy_is_refused_and_the_original_stays_ours(self):
        for uuid in (True, False):
            with self.subTest(uuid=uuid):
                daemon = self.daemon()
                stick = self.enrolled(daemon, 'blue')
                copy = self.copy(stick, uuid)
                self.insert(daemon, stick)
                self.bay.plug(copy)
                said = self.add(daemon, copy, expect=FAILED)
                self.assertIn("'%s' is a copy of drive 'blue' (%s), which is here as '%s'" % (copy.device, stick.id, stick.device), said)
                self.assertIn('`lifeboat drive remove %s`' % stick.id, said)
                self.assertIn(copy.device, [each['device'] for each in daemon.request(ask='status')['unknown']])
                self.bay.unplug(copy)
                self.bay.unplug(stick)
                self.insert(daemon, stick)
                self.bay.plug(copy)
                daemon.lifeboat('drive', 'remove', stick.id)
                self.assertNotIn('takes the place', self.add(daemon, copy))
                self.assertEqual([copy.device], [drive['device'] for drive in daemon.request(ask='status')['drives']])
                daemon.end()
                self.bay.unplug(copy)
                self.bay.unplug(stick)
                os.remove(os.path.join(self.site.state, 'drives.json'))

    def test_while_the_original_is_away_a_copy_takes_its_place_and_says_so(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        copy, before = self.copy(stick), stick.digest()
        self.clinic.change()
        self.bay.plug(copy)
        self.assertIn('it takes the place of the one that held the same store before', self.add(daemon, copy))
        daemon.wait_for("drive 'blue' (%s): the snapshot is done; %s" % (stick.id, SAFE), 2)
        self.assertEqual([copy.device], [drive['device'] for drive in daemon.request(ask='status')['drives']])
        self.bay.unplug(copy)
        self.assert_holds(copy, self.capture())
        self.assertEqual(2, len(self.snapshots(copy)))
        unknown = daemon.log.count('is no drive of ours')
        self.bay.plug(stick)
        daemon.wait_for('is no drive of ours', unknown + 1)
        self.bay.unplug(stick)
        self.assertEqual(before, stick.digest())
        daemon.end()


class Hands(Plugging):
    """What people do with a drive while something goes on, or want done."""

    def stop_in_the_middle(self, label='blue'):
        """A drive whose second snapshot waits for the server; gives what lets it go on."""
        until = threading.Event()
        self.addCleanup(until.set)
        proxy = faulty.Faulty(self.server.url)
        self.addCleanup(proxy.close)
        daemon = self.daemon(url=proxy.url)
        stick = self.enrolled(daemon, label)
        self.clinic.change()
        proxy.clear()
        proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.stall(until), times=None)
        self.bay.plug(stick)
        self.assertTrue(proxy.wait_for('POST', '/%s/_bulk_get' % self.medic))
        return daemon, stick, lambda: (proxy.clear(), until.set())

    def test_pulled_out_in_the_middle_it_is_told_and_the_next_insertion_goes_on(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        before = self.snapshots_there(daemon, stick)
        self.bay.tell(stick, 'remove')
        daemon.wait_for('it was pulled out too early: earlier snapshots on it are intact; insert it again')
        daemon.wait_for('has left')
        self.bay.unplug(stick)
        self.assertEqual(before, len(self.snapshots(stick)))
        go_on()
        self.insert(daemon, stick)
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        daemon.end()

    def snapshots_there(self, daemon, stick):
        place = self.bay.run('findmnt', '-n', '-o', 'TARGET', stick.device).strip()
        return len(glob.glob('/proc/%d/root%s/lifeboat/snapshots/*/snapshot.json.minisig' % (self.bay.keeper.pid, place)))

    def test_killed_in_the_middle_the_drive_is_unmounted_and_the_next_start_tells_and_goes_on(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        daemon.end(signal.SIGKILL, expect=-signal.SIGKILL)
        self.bay.run('sh', '-c', 'while grep %s /proc/mounts; do :; done' % stick.device)
        go_on()
        again = self.daemon()
        again.wait_for('it was pulled out, or the power failed, before it was safe to remove')
        again.wait_for(SAFE)
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        again.end()

    def test_told_to_end_it_stops_cleanly_and_unmounts(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        daemon.end()
        self.assertNotIn(stick.device, self.bay.run('cat', '/proc/mounts'))
        go_on()
        again = self.daemon()
        again.wait_for(SAFE)
        self.assertNotIn('pulled out', again.log)
        again.end()

    def test_ejected_in_the_middle_it_is_stopped_cleanly_and_left_in_peace_until_it_comes_again(self):
        daemon, stick, go_on = self.stop_in_the_middle()
        self.assertIn("'blue'", daemon.lifeboat('drive', 'eject', stick.id))
        self.assertNotIn(stick.device, self.bay.run('cat', '/proc/mounts'))
        self.assertTrue(daemon.drive(stick.id)['safe'])
        self.assertIsNone(daemon.drive(stick.id)['next'])
        go_on()
        self.assertIn('no drive of ours is here', daemon.lifeboat('snapshot', expect=FAILED))
        self.bay.unplug(stick)
        self.insert(daemon, stick)
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        daemon.end()

    def test_ejecting_what_is_idle_away_or_unknown(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.assertIn('the drive is not here', daemon.lifeboat('drive', 'eject', 'blue', expect=FAILED))
        self.assertIn("no drive is 'green'; there are '%s' (blue)" % stick.id, daemon.lifeboat('drive', 'eject', 'green', expect=FAILED))
        self.insert(daemon, stick)
        daemon.lifeboat('drive', 'eject', 'blue')
        self.assertTrue(daemon.drive(stick.id)['safe'])
        daemon.end()

    def test_removed_it_is_a_stranger_and_keeps_its_snapshots(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.assertIn("'blue'", daemon.lifeboat('drive', 'remove', stick.id[:5]))
        self.assertEqual([], daemon.request(ask='status')['drives'])
        before = stick.digest()
        self.bay.plug(stick)
        daemon.wait_for('is no drive of ours', 2)
        self.bay.unplug(stick)
        self.assertEqual(before, stick.digest())
        self.assert_holds(stick, self.capture())
        self.bay.plug(stick)
        self.assertFalse(daemon.request(ask='drive add', device=stick.device)['fresh'])
        daemon.wait_for(SAFE, 2)
        daemon.end()

    def test_one_command_takes_a_snapshot_to_all_that_is_here(self):
        self.make_stores('one', 'two')
        daemon = self.daemon(stores=[self.site.path('one'), self.site.path('two')], drive={'keep_powered': 'yes'})
        blue = self.enrolled(daemon)
        self.enrolled(daemon, 'red')  # which is away then
        self.bay.plug(blue)
        daemon.wait_for(SAFE, 3)
        self.clinic.change()
        said = daemon.lifeboat('snapshot')
        for name in ("store '%s'" % self.site.path('one'), "store '%s'" % self.site.path('two'), "drive 'blue' (%s)" % blue.id):
            self.assertIn(name + ': the snapshot is done', said)
        self.assertIn(SAFE, said)
        self.assertNotIn('red', said)
        self.bay.unplug(blue)
        self.assert_holds(blue, self.capture())
        for name in ('one', 'two'):
            self.site.store = self.site.path(name)
            self.assert_store_holds(self.capture())
        daemon.end()

    def make_stores(self, *names):
        for name in names:
            os.mkdir(self.site.path(name))
            os.chown(self.site.path(name), USER, USER)


class Schedule(Plugging):
    def test_a_drive_that_stays_gets_one_whenever_it_is_time(self):
        daemon = self.daemon(schedule='*:*:*', drive={'keep_powered': 'yes'})
        stick = self.enrolled(daemon)
        self.clinic.change()
        after = self.capture()
        self.insert(daemon, stick)
        daemon.wait_for(SAFE, daemon.log.count(SAFE) + 2)
        daemon.end()
        self.bay.unplug(stick)
        self.assert_holds(stick, after)

    def test_drives_that_are_away_too_long_are_told_once(self):
        now = int(time.time())
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        daemon.end()
        path = os.path.join(self.site.state, 'last-runs.json')
        with open(path) as file:
            book = json.load(file)
        book['drive:' + stick.store]['good'] = now - 15 * 24 * 3600
        book['*']['good'] = now - 4 * 24 * 3600
        with open(path, 'w') as file:
            json.dump(book, file)
        self.hook('echo "$1 $LIFEBOAT_LABEL $LIFEBOAT_MESSAGE" >>%s\n' % self.site.path('told'))
        daemon = self.daemon()
        daemon.wait_for("drive 'blue' (%s) is overdue: the last good backup was 15 days ago" % stick.id)
        daemon.wait_for('a backup is overdue: the last good backup was 4 days ago')
        self.assertRegex(daemon.status(expect=FAILED), r"(?s)last good backup: .* 4 days ago  OVERDUE.*drive 'blue' .*15 days ago  OVERDUE")
        self.insert(daemon, stick)
        self.assertNotIn('OVERDUE', daemon.status())
        daemon.end()
        with open(self.site.path('told')) as file:
            self.assertEqual(2, file.read().count('overdue '))

    def test_what_is_due_is_tried_whether_it_restores(self):
        daemon = self.daemon(drill={'schedule': '*:*:*', 'target': self.bay.url(self.server.url)})
        stick = self.enrolled_with_drill(daemon)
        drive = daemon.drive(stick)
        self.assertEqual((0, None), (drive['drill_exit'], drive['drill_message']))
        self.assertRegex(daemon.status(), r'last drill +\S+ \S+, .*: it restores')
        self.assertEqual([], [name for name in self.couch.databases() if 'lifeboat-drill-' in name])
        daemon.end()

    def enrolled_with_drill(self, daemon):
        stick = self.bay.stick('blue')
        self.bay.plug(stick)
        added = daemon.request(ask='drive add', device=stick.device)
        daemon.wait_for('the drill is done: its newest snapshot restores, and is equal')
        daemon.wait_for(SAFE)
        return added['drive']

    def test_a_drill_that_fails_is_told(self):
        daemon = self.daemon(drill={'schedule': '*:*:*', 'target': 'http://127.0.0.1:9'})
        stick = self.bay.stick('blue')
        self.bay.plug(stick)
        daemon.request(ask='drive add', device=stick.device)
        daemon.wait_for('the drill failed: ')
        daemon.wait_for(SAFE)
        self.assertRegex(daemon.status(expect=FAILED), r'last drill +\S+ \S+, .*: FAILED: ')
        daemon.end()


class Trouble(Plugging):
    def test_a_drive_that_is_write_protected(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        before = stick.digest()
        self.bay.plug(stick, read_only=True)
        daemon.wait_for('the drive is write-protected: slide its switch, or use another drive')
        drive = daemon.drive(stick.id)
        self.assertEqual(('the drive is write-protected: slide its switch, or use another drive', True), (drive['message'], drive['safe']))
        self.bay.unplug(stick)
        self.assertEqual(before, stick.digest())
        daemon.end()

    def test_a_file_system_that_is_damaged(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        with open(stick.path, 'r+b') as file:
            file.seek(2048)  # the group descriptors, in blocks of 1 KiB
            file.write(b'\xff' * 2048)
        self.bay.plug(stick)
        daemon.wait_for('`fsck %s` may mend it' % stick.device)
        daemon.end()

    def test_a_full_drive_keeps_what_it_has(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        self.edit(stick, self.fill)
        before = self.capture()
        self.clinic.change()
        self.insert(daemon, stick, 'the snapshot failed')
        self.assertIn('No space left', daemon.drive(stick.id)['message'])
        self.bay.unplug(stick)
        self.assert_holds(stick, before)
        self.edit(stick, lambda folder: os.remove(folder + '/filler'))
        self.insert(daemon, stick)
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        daemon.end()

    def test_a_full_drive_lets_old_restore_points_go_and_takes_the_new_one(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        for _ in range(4):
            self.put_scan(1 << 20)
            self.insert(daemon, stick)
            self.bay.unplug(stick)
        daemon.end()
        self.edit(stick, lambda folder: self.fill(folder, but=3400 << 10))
        self.put_scan(5 << 20)
        daemon = self.daemon(retention={'keep_last': 1})
        self.insert(daemon, stick)
        daemon.wait_for('No space left on device; old restore points were let go, trying again')
        self.bay.unplug(stick)
        self.assert_holds(stick, self.capture())
        self.assertLess(len(self.snapshots(stick)), 5)
        daemon.end()

    def put_scan(self, size):
        """Replaces an attachment by one that does not compress."""
        path = self.couch.path(self.medic, 'scan')
        found = self.couch.ask('GET', path, expect=(200, 404))
        document = {'_id': 'scan', '_attachments': {'scan.jpg': {'content_type': 'image/jpeg', 'data': in_base64(
            self.clinic.random.randbytes(size))}}}
        if found.status == 200:
            document['_rev'] = found.json()['_rev']
        self.server.settle()
        self.couch.put(self.medic, document)

    def fill(self, folder, but=0):
        path = os.path.join(folder, 'filler')
        for size in ('64k', '512'):  # to the last block
            subprocess.run('dd if=/dev/zero bs=%s >>%s' % (size, path), shell=True, stderr=subprocess.DEVNULL)
        os.truncate(path, os.path.getsize(path) - but)

    def test_two_copies_of_one_drive(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        copy = Stick(stick.path + '.copy')
        shutil.copy(stick.path, copy.path)
        self.insert(daemon, stick)
        before = copy.digest()
        self.bay.plug(copy)
        daemon.wait_for('one is a copy of the other')
        self.bay.unplug(copy)
        self.assertEqual(before, copy.digest())
        daemon.end()

    def test_put_back_so_quickly_that_it_comes_before_it_has_left_it_is_served(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        again = Stick(stick.path + '.again')
        shutil.copy(stick.path, again.path)
        self.insert(daemon, stick)
        self.bay.plug(again)
        daemon.wait_for('one is a copy of the other')
        done = daemon.log.count(SAFE)
        self.clinic.change()
        self.bay.unplug(stick)
        daemon.wait_for("'blue' (%s) is here, as '%s'" % (stick.id, again.device))
        daemon.wait_for(SAFE, done + 1)
        self.bay.unplug(again)
        self.assert_holds(again, self.capture())
        daemon.end()

    def test_a_server_that_is_away_leaves_the_drive_here_and_is_tried_again(self):
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        daemon.end()
        daemon = self.daemon(url='http://admin:pass@127.0.0.1:9')
        self.insert(daemon, stick, 'the snapshot failed')
        drive = daemon.drive(stick.id)
        self.assertEqual((True, True), (drive['attached'], drive['safe']))
        self.assertIsNotNone(drive['next'])
        daemon.end()


class Rights(Plugging):
    def test_only_the_mounter_is_root(self):
        self.hook('id -u >%s\n' % self.site.path('hook'))
        until = threading.Event()
        self.addCleanup(until.set)
        proxy = faulty.Faulty(self.server.url)
        self.addCleanup(proxy.close)
        daemon = self.daemon(url=proxy.url)
        stick = self.enrolled(daemon)
        self.clinic.change()
        proxy.clear()
        proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.stall(until), times=None)
        self.bay.plug(stick)
        self.assertTrue(proxy.wait_for('POST', '/%s/_bulk_get' % self.medic))
        for process in (daemon.process.pid, daemon.run_under_way()):
            status = self.status_of(process)
            self.assertEqual({str(USER)}, set(status['Uid'].split()) | set(status['Gid'].split()))
            self.assertEqual('', status['Groups'])
            self.assertEqual({'0000000000000000'}, {status[kind] for kind in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb', 'CapBnd')})
        self.assertEqual({'0'}, set(self.status_of(self.mounter_of(daemon))['Uid'].split()))
        with open(self.site.path('hook')) as file:
            self.assertEqual('0\n', file.read())
        until.set()
        daemon.end()

    def status_of(self, process):
        with open('/proc/%d/status' % process) as file:
            return {name: value.strip() for name, _, value in (line.partition(':') for line in file)}

    def mounter_of(self, daemon):
        with open('/proc/%d/task/%d/children' % (daemon.process.pid, daemon.process.pid)) as file:
            return next(int(child) for child in file.read().split() if 'mounte' in self.status_of(int(child))['Name'])

    def test_extra_files_of_root_are_taken_along_and_nothing_else_may_be_read(self):
        secret = self.site.path('env')
        with open(secret, 'w', opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write('COUCHDB_PASSWORD=x\n')
        # as systemd starts it: with no way to more rights
        daemon = self.daemon(files=secret, before=('setpriv', '--no-new-privs'))
        stick = self.enrolled(daemon)
        self.assertEqual((0, None), (daemon.drive(stick.id)['exit'], daemon.drive(stick.id)['message']))
        self.assertEqual('0000000000000000', self.status_of(daemon.process.pid)['CapEff'])
        daemon.end()

    def test_what_root_does_by_hand_with_the_daemons_store_is_done_as_the_daemons_user(self):
        store = self.site.path('one')
        os.mkdir(store)
        os.chown(store, USER, USER)
        self.hook('exit 0\n')
        daemon = self.daemon(stores=[store])
        for folder in (store, self.site.store):  # the second is root's, and stays so
            self.bay.run(os.path.join(daemon.bin, 'lifeboat'), 'snapshot', '--config', daemon.config, '--to', folder, '--full')
        def owners(folder):
            return {os.lstat(os.path.join(above, name)).st_uid for above, folders, names in os.walk(folder) for name in folders + names}
        self.assertEqual({USER}, owners(store))
        self.assertEqual({0}, owners(self.site.store))
        daemon.lifeboat('snapshot')
        daemon.end()

    def test_a_store_s_folder_that_is_root_s_is_told_with_whom_to_give_it_to(self):
        store = self.site.path('one')
        os.mkdir(store)
        daemon = self.daemon(stores=[store])
        daemon.lifeboat('snapshot', expect=FAILED)
        daemon.wait_for("hint: give the folder to the user who writes to it: chown lifeboat '%s'" % store)
        daemon.end()

    def test_hooks_that_others_may_write_to_are_not_run(self):
        path = self.hook('touch %s\n' % self.site.path('ran'))
        os.chmod(path, 0o757)
        daemon = self.daemon()
        self.enrolled(daemon)
        daemon.wait_for("hook '%s' is not run: others than root may write to it" % path)
        daemon.end()
        self.assertFalse(os.path.exists(self.site.path('ran')))

    def test_hooks_hear_of_everything(self):
        self.hook('echo "$1,$LIFEBOAT_EVENT,$LIFEBOAT_DRIVE,$LIFEBOAT_LABEL,$LIFEBOAT_DEVICE,$LIFEBOAT_MESSAGE" >>%s\n' % self.site.path('told'))
        daemon = self.daemon()
        stick = self.enrolled(daemon)
        device = stick.device
        daemon.end()
        with open(self.site.path('told')) as file:
            told = file.read()
        who = ',%s,blue,%s,' % (stick.id, device)
        self.assertIn('unknown,unknown,,blue,%s,' % device, told)
        self.assertIn("started,started%sdrive 'blue' (%s): taking a snapshot\n" % (who, stick.id), told)
        self.assertIn("safe,safe%sdrive 'blue' (%s): the snapshot is done; it is safe to remove\n" % (who, stick.id), told)

    def test_status_json_says_what_status_says(self):
        daemon = self.daemon()
        self.enrolled(daemon)
        path = os.path.join(os.path.dirname(daemon.control), 'status.json')
        status = daemon.request(ask='status')  # first: what is logged is shown a moment later
        with open(path) as file:
            self.assertEqual(status, json.load(file))
        self.assertEqual(0o644, os.stat(path).st_mode & 0o777)
        daemon.end()
