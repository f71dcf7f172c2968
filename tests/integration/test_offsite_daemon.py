"""`lifeboat-replicator run` brings the off-site copy up to date by itself, and holds nothing up for it."""

import json
import os
import threading
import time

from support import bucket, faulty
from support.daemon import PATIENCE, Daemon
from support.lifeboat import FAILED, INCOMPLETE, USAGE
from support.offsite import Offsite
from support.server import wait_until
from test_daemon import DAY, NEVER


class Daily(Offsite):
    scripted = True

    def daemon(self, schedule=NEVER, url=None, store=None, arguments=(), **offsite):
        return Daemon(self.site, self.server.url, schedule, arguments=arguments, offsite=dict(
            {'bucket': url or self.bucket.url, 'store': store or self.site.store, 'credentials': self.credentials}, **offsite))

    def logbook(self, **entry):
        with open(os.path.join(self.site.state, 'last-runs.json'), 'w') as file:
            now = int(time.time())
            json.dump({'offsite:%s %s' % (self.bucket.url, self.site.store): entry, self.site.store: {'good': now, 'ended': now, 'exit': 0}, '*': {'good': now}}, file)

    def told(self, daemon, expect=0):
        return json.loads(daemon.status('--json', expect=expect))['offsite']

    def wait_until_copied(self, daemon):
        """Until nothing is being copied, and the bucket holds what the store does."""
        def is_copied():
            if json.loads(daemon.status('--json'))['offsite']['doing'] is None:
                return self.files(self.site.store) == self.copied()
        self.assertTrue(wait_until(is_copied, PATIENCE), daemon.log)

    def snapshot_by(self, daemon):
        return daemon.request(ask='snapshot')

    def test_what_is_there_at_start_is_copied_and_so_is_each_snapshot(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        self.wait_until_copied(daemon)
        self.clinic.change()
        self.snapshot_by(daemon)
        self.wait_until_copied(daemon)
        told = self.told(daemon)
        self.assertEqual((0, False, None), (told['exit'], told['overdue'], told['message']))
        self.assertIsNotNone(told['newest'])
        shown = daemon.status()
        self.assertIn("off-site copy of '%s' in %s" % (self.site.store, self.bucket.url), shown)
        self.assertNotIn('put off', shown)
        daemon.end()

    def test_without_a_network_it_is_put_off_quietly_and_goes_on_later(self):
        self.bucket.on('.*', '', faulty.hang_up(), times=None)
        daemon = self.daemon()
        daemon.wait_for('off-site copy: put off')
        self.clinic.change()
        self.assertEqual(0, self.snapshot_by(daemon)['places'][0]['exit'])
        daemon.wait_for('off-site copy: put off', 2)
        shown = daemon.status()
        self.assertIn('put off', shown)
        self.assertNotIn('FAILED', shown)
        self.assertIn('in ', shown.split('off-site')[1].split('next')[1])
        self.bucket.clear()
        self.clinic.change()
        self.snapshot_by(daemon)
        self.wait_until_copied(daemon)
        daemon.end()

    def test_an_uplink_that_hangs_holds_no_snapshot_up(self):
        released = threading.Event()
        self.addCleanup(released.set)
        self.bucket.on('PUT', '', faulty.stall(released, 0), times=None)
        daemon = self.daemon()
        self.assertTrue(self.bucket.wait_for('PUT', ''))
        for _ in range(2):
            self.clinic.change()
            self.assertEqual(0, self.snapshot_by(daemon)['places'][0]['exit'])
        self.assertEqual('copying', self.told(daemon)['doing'])
        self.assertIn('now          copying', daemon.status())
        released.set()
        self.bucket.clear()
        self.wait_until_copied(daemon)
        daemon.end()

    def test_told_to_end_it_ends_though_the_uplink_hangs(self):
        released = threading.Event()
        self.addCleanup(released.set)
        self.bucket.on('PUT', '', faulty.stall(released, 0), times=None)
        daemon = self.daemon()
        self.assertTrue(self.bucket.wait_for('PUT', ''))
        daemon.end()

    def test_a_refusal_is_told_as_a_failure(self):
        self.bucket.on('.*', '', bucket.error(403, 'AccessDenied', 'not you'), times=None)
        daemon = self.daemon()
        daemon.wait_for('off-site copy: failed')
        shown = daemon.status(expect=FAILED)
        self.assertIn('FAILED', shown)
        self.assertIn('AccessDenied: not you', shown)
        daemon.end()

    def test_what_was_not_copied_is_told(self):
        path = os.path.join(self.site.snapshot_folder(self.site.snapshots()[0]), 'data.000')
        with open(path, 'r+b') as file:
            file.truncate(100)
        daemon = self.daemon()
        daemon.wait_for('off-site copy: incomplete')
        daemon.status(expect=INCOMPLETE)
        self.assertEqual(INCOMPLETE, self.told(daemon, INCOMPLETE)['exit'])
        daemon.end()

    def test_a_copy_that_is_too_old_is_overdue(self):
        self.bucket.on('.*', '', faulty.hang_up(), times=None)
        now = int(time.time())
        for since, good, days, overdue in ((9, 9, 7, True), (9, 0, 7, True), (9, 6, 7, False), (6, 0, 7, False), (99, 99, 0, False)):
            with self.subTest(since=since, good=good, days=days):
                self.logbook(since=now - since * DAY, good=now - good * DAY if good else 0, ended=now, exit=75)
                daemon = self.daemon(overdue=days)
                daemon.wait_for('off-site copy: put off')
                shown = daemon.status(expect=FAILED if overdue else 0)
                self.assertEqual(overdue, 'OVERDUE' in shown)
                self.assertEqual(overdue, self.told(daemon, FAILED if overdue else 0)['overdue'])
                if overdue:
                    daemon.wait_for('the off-site copy is overdue')
                daemon.end()

    def reload(self, daemon, old, new):
        with open(daemon.config) as file:
            text = file.read()
        self.assertIn(old, text)
        with open(daemon.config, 'w') as file:
            file.write(text.replace(old, new))
        daemon.lifeboat('reload')

    def test_the_configuration_is_read_again_without_an_end(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        self.wait_until_copied(daemon)
        self.reload(daemon, 'bucket = ' + self.bucket.url, 'bucket = %s/elsewhere' % self.bucket.url)
        self.folder = '/elsewhere'
        self.wait_until_copied(daemon)
        self.assertIn('/elsewhere', daemon.status())
        self.reload(daemon, 'bucket = %s/elsewhere' % self.bucket.url, 'bucket = http://127.0.0.1:1/away')
        daemon.wait_for('off-site copy: put off')
        told = json.loads(daemon.status('--json'))['offsite']
        self.assertEqual((None, None), (told['last_good'], told['newest']))  # those were of another bucket
        self.reload(daemon, 'bucket = http://127.0.0.1:1/away', 'bucket = %s/elsewhere' % self.bucket.url)
        self.assertIsNotNone(json.loads(daemon.status('--json'))['offsite']['last_good'])
        self.reload(daemon, '[offsite]', '[offsite]\noverdue = 3')
        self.reload(daemon, 'bucket = ', '#bucket = ')
        self.assertNotIn('off-site', daemon.status())
        self.clinic.change()
        self.snapshot_by(daemon)
        self.reload(daemon, '#bucket = ', 'bucket = ')
        self.wait_until_copied(daemon)
        daemon.end()

    def test_mistakes_in_the_configuration_are_told_at_start(self):
        for settings, text in (({'store': self.site.path('x')}, 'is none of `[store] path`'), ({'store': ''}, 'store')):
            daemon = self.daemon(**settings) if settings['store'] else Daemon(
                self.site, self.server.url, NEVER, offsite={'bucket': self.bucket.url})
            daemon.wait_for(text)
            daemon.process.wait(30)
            self.assertEqual(USAGE, daemon.process.returncode)
