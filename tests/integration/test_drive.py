"""Drives: inserted, they get a snapshot by themselves, and may be pulled out; others are left alone."""

import json
import os
import shutil
import subprocess

import oracle
from support.bay import Bay
from support.case import Case
from support.daemon import Daemon
from support.lifeboat import Site

SAFE = 'it is safe to remove'


class Plugging(Case):
    people = 6

    def setUp(self):
        super().setUp()
        self.bay = Bay(self)

    def daemon(self, stores=None, **settings):
        if self.server.options:
            settings.setdefault('include', self.server.options[1])
        return Daemon(self.site, self.bay.url(self.server), bay=self.bay, stores=stores, **settings)

    def enrolled(self, daemon, label='blue'):
        """A stick that was made a drive, with a first snapshot, and pulled out."""
        daemon.wait_for('watching for drives')
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
        seen = []
        os.mkdir(self.site.path('hooks'))
        hook = self.site.path('hooks', 'look')
        with open(hook, 'w') as file:
            file.write('#!/bin/sh\n[ $1 = started ] && until grep %s /proc/mounts >%s; do :; done\n'
                       % (self.site.path('run'), self.site.path('seen')))
        os.chmod(hook, 0o755)
        self.insert(daemon, stick)
        daemon.end()
        with open(self.site.path('seen')) as file:
            for option in ('rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nosymfollow'):
                self.assertIn(option, file.read().split()[3].split(','))
                file.seek(0)


class Strangers(Plugging):
    def test_an_unknown_drive_is_not_touched_and_told_of(self):
        daemon = self.daemon()
        daemon.wait_for('watching for drives')
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
        self.writable(stick, empty)
        self.insert(daemon, stick, 'the store is gone from')
        self.bay.unplug(stick)
        self.assertEqual(['lost+found'], self.bay.files(stick, os.listdir))
        daemon.end()

    def test_a_store_of_another_site_is_refused_and_left_as_it_is(self):
        other = Site(self, 'elsewhere')
        stick = self.bay.stick('blue')
        def fill(folder):
            other.store = folder
            other.snapshot(self.server)
        self.writable(stick, fill)
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
        self.writable(stick, change)
        self.insert(daemon, stick, 'holds another store than it is known for')
        daemon.end()

    def writable(self, stick, act):
        folder = self.site.path('edit')
        os.mkdir(folder)
        subprocess.run(['mount', '-o', 'loop', stick.path, folder], check=True)
        try:
            act(folder)
        finally:
            subprocess.run(['umount', folder], check=True)
