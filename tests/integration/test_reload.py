"""The configuration is read again without an end: what runs goes on, what begins next obeys, and a mistake changes nothing."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import unittest

from support import faulty
from support.daemon import Daemon
from support.lifeboat import FAILED, USAGE
from support.server import wait_until
from support.standby import Standby
from test_daemon import NEVER, Watching
from test_drive import Plugging

AGAIN = 'the configuration was read again, and is in force'


class Reloading(Watching):
    def rewrite(self, daemon, change):
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, 'w') as file:
            file.write(change(text))

    def set(self, daemon, section, key, value):
        """Replaces a key, or adds it; None: takes it away."""
        line = '%s = %s\n' % (key, value) if value is not None else ''

        def change(text):
            if '[%s]\n' % section not in text:
                return '%s[%s]\n%s' % (text, section, line)
            before, head, after = text.partition('[%s]\n' % section)
            own, bracket, rest = after.partition('\n[')
            return before + head + line + re.sub(r'(?m)^%s = .*\n?' % key, '', own) + bracket + rest
        self.rewrite(daemon, change)

    def reload(self, daemon):
        times = daemon.log.count(AGAIN)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(AGAIN, times + 1)

    def started(self, *arguments, **settings):
        daemon = self.daemon(*arguments, **settings)
        daemon.wait_for('the snapshot is done')
        return daemon

    def configuration(self, daemon):
        return daemon.request(ask='status')['configuration']


class InForce(Reloading):
    def test_another_schedule_and_overdue_time_hold_at_once(self):
        daemon = self.started()
        self.set(daemon, 'snapshot', 'schedule', '2198-01-01')
        self.set(daemon, 'snapshot', 'overdue', '9')
        self.reload(daemon)
        self.assertTrue(daemon.store()['next'].startswith('2198-01-01'))
        self.set(daemon, 'snapshot', 'schedule', '*:*:*')
        self.reload(daemon)
        daemon.wait_for('the snapshot is done', 2)
        daemon.end()

    def test_stores_that_are_new_get_a_snapshot_and_those_that_are_not_named_are_left_alone(self):
        daemon = self.started()
        other = self.site.path('other')
        os.mkdir(other)
        self.set(daemon, 'store', 'path', other)
        self.reload(daemon)
        daemon.wait_for("store '%s': the snapshot is done" % other)
        self.assertEqual([other], [store['path'] for store in daemon.request(ask='status')['stores']])
        before = self.site.snapshots()
        self.clinic.change()
        daemon.lifeboat('snapshot')
        self.assertEqual(before, self.site.snapshots())
        daemon.end()

    def test_another_source_is_what_the_next_run_reads_and_a_failed_one_is_repeated_at_once(self):
        daemon = self.daemon(url='http://admin:pass@127.0.0.1:9')
        daemon.wait_for('the snapshot failed')
        self.set(daemon, 'source', 'url', self.server.url)
        self.reload(daemon)
        daemon.wait_for('the snapshot is done')
        self.assert_store_holds(self.capture())
        daemon.end()

    def test_other_retention_is_what_the_next_run_keeps(self):
        daemon = self.started()
        for _ in range(2):
            self.clinic.change()
            daemon.lifeboat('snapshot')
        self.assertEqual(3, len(self.site.snapshots()))
        self.set(daemon, 'retention', 'keep_last', '1')
        self.reload(daemon)
        self.clinic.change()
        daemon.lifeboat('snapshot')
        self.assertEqual(1, len(self.site.snapshots()))
        daemon.end()

    def test_before_it_is_read_again_an_edit_has_no_effect(self):
        daemon = self.started()
        self.set(daemon, 'source', 'url', 'http://admin:pass@127.0.0.1:9')
        self.clinic.change()
        daemon.lifeboat('snapshot')
        self.assert_store_holds(self.capture())
        daemon.end()

    def test_what_was_typed_stays_with_its_password(self):
        daemon = Daemon(self.site, None, NEVER, arguments=('--source', self.server.url))
        daemon.wait_for('the snapshot is done')
        self.set(daemon, 'snapshot', 'overdue', '9')
        self.reload(daemon)
        self.clinic.change()
        daemon.request(ask='snapshot')
        self.assert_store_holds(self.capture())
        daemon.end()

    def test_lifeboat_reload_waits_and_tells(self):
        daemon = self.started()
        self.set(daemon, 'snapshot', 'schedule', '2198-01-01')
        self.assertEqual(AGAIN + '\n', daemon.lifeboat('reload'))
        self.assertTrue(daemon.store()['next'].startswith('2198-01-01'))
        daemon.end()

    def test_systemd_is_told_when_it_begins_and_when_it_is_done(self):
        path = self.site.path('notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(path)
            systemd.settimeout(60)
            daemon = self.started(env={'NOTIFY_SOCKET': path})
            for text in ('snapshot]\n', 'snapshot]\nmistake\n'):
                daemon.process.send_signal(signal.SIGHUP)
                while not (told := systemd.recv(4096)).startswith(b'RELOADING=1\nMONOTONIC_USEC='):
                    pass
                self.assertGreater(int(told.rpartition(b'=')[2]), 0)
                self.assertEqual(b'READY=1', systemd.recv(4096))
                self.rewrite(daemon, lambda old: old.replace('snapshot]\n', text))
            daemon.end()

    def test_what_takes_a_restart_is_told_and_nothing_of_it_changes(self):
        daemon = self.started()
        state = self.site.path('elsewhere')
        self.set(daemon, 'node', 'state', state)
        self.set(daemon, 'drive', 'hooks', self.site.path('elsewhere'))
        self.reload(daemon)
        self.assertEqual(['[drive] hooks', '[node] state'], self.configuration(daemon)['waiting'])
        daemon.wait_for("'[node] state' was changed: that takes effect at a restart: `systemctl restart lifeboat-replicator`")
        self.assertIn("'[node] state' was changed: that takes effect at a restart: ", daemon.status())
        self.clinic.change()
        daemon.lifeboat('snapshot')
        self.assertFalse(os.path.exists(state))
        self.set(daemon, 'node', 'state', self.site.state)
        self.set(daemon, 'drive', 'hooks', self.site.path('hooks'))
        self.reload(daemon)
        self.assertEqual([], self.configuration(daemon)['waiting'])
        daemon.end()


class UnderWay(Reloading):
    def setUp(self):
        super().setUp()
        self.until = threading.Event()
        self.addCleanup(self.until.set)
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)
        self.proxy.on('POST', '/medic/_bulk_get', faulty.stall(self.until))
        self.running = self.daemon(url=self.proxy.url)
        self.assertTrue(self.proxy.wait_for('POST', '/medic/_bulk_get'))

    def test_a_run_goes_on_and_the_next_one_is_by_the_new_schedule(self):
        pid = self.running.run_under_way()
        self.set(self.running, 'snapshot', 'schedule', '2198-01-01')
        self.reload(self.running)
        self.assertIn('what is under way goes on as it was begun', self.running.log)
        self.assertEqual(pid, self.running.run_under_way())
        self.until.set()
        self.assertIn('next 2198-01-01', self.running.wait_for('the snapshot is done'))
        self.assert_store_holds(self.capture())
        self.running.end()

    def test_a_run_at_a_store_that_is_no_longer_configured_comes_to_its_end(self):
        other = self.site.path('other')
        os.mkdir(other)
        self.set(self.running, 'store', 'path', other)
        self.reload(self.running)
        self.assertEqual([self.site.store, other], [store['path'] for store in self.running.request(ask='status')['stores']])
        self.until.set()
        self.running.wait_for("store '%s': the snapshot is done" % self.site.store)
        self.running.wait_for("store '%s': the snapshot is done" % other)
        self.assertEqual([other], [store['path'] for store in self.running.request(ask='status')['stores']])
        self.running.end()

    def test_who_waits_for_a_store_that_goes_is_told(self):
        other = self.site.path('other')
        os.mkdir(other)
        self.set(self.running, 'store', 'path', '%s;%s' % (self.site.store, other))
        self.reload(self.running)
        with self.running.connect() as client, client.makefile() as lines:
            client.sendall(b'{"ask": "snapshot"}\n')
            for _ in range(3):  # it was read by then
                self.running.request(ask='status')
            self.set(self.running, 'store', 'path', self.site.store)
            self.reload(self.running)
            self.until.set()
            places = {place['name']: place['message'] for place in json.loads(lines.readline())['places']}
        self.assertEqual({"store '%s'" % self.site.store: None, "store '%s'" % other: 'it is no longer configured'}, places)
        self.running.end()


class Mistakes(Reloading):
    def assert_told(self, daemon, text):
        line = daemon.wait_for('the configuration has a mistake: ')
        self.assertIn(text, line)
        self.assertIn('stays in force', line)
        self.assertIn(text, self.configuration(daemon)['problem'])
        said = daemon.status(expect=FAILED)
        self.assertIn('configuration: MISTAKE: %s' % text, said)
        self.assertRegex(said, r'\n  in force     as it was read \d{4}-\d\d-\d\d .*; mend it, then: lifeboat reload\n')
        self.assertIn(text, json.loads(daemon.status('--json', expect=FAILED).splitlines()[-1])['configuration']['problem'])

    def test_one_is_told_with_its_line_until_it_is_mended_and_what_was_read_before_holds(self):
        daemon = self.started()
        self.rewrite(daemon, lambda text: '# for the new server\n[source]\nulr = http://elsewhere\n' + text)
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_told(daemon, "%s:3: unknown key 'ulr' in [source]" % daemon.config)
        self.assertEqual("did you mean 'url'?", self.configuration(daemon)['hint'])
        self.assertTrue(daemon.request(ask='status')['stores'][0]['next'].startswith(NEVER))
        self.clinic.change()
        daemon.request(ask='snapshot')
        self.assert_store_holds(self.capture())
        self.rewrite(daemon, lambda text: text.partition('ulr = http://elsewhere\n')[2])
        self.reload(daemon)
        self.assertIsNone(self.configuration(daemon)['problem'])
        self.assertNotIn('configuration', daemon.status())
        daemon.end()

    def test_a_time_that_is_none_is_told_with_its_line(self):
        daemon = self.started()
        self.set(daemon, 'snapshot', 'schedule', '25:00')
        with open(daemon.config) as file:
            line = file.read().split('\n').index('schedule = 25:00') + 1
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_told(daemon, '%s:%d: schedule: ' % (daemon.config, line))
        daemon.end()

    def test_a_file_that_is_gone_or_lacks_what_is_needed_is_told(self):
        daemon = self.started()
        self.set(daemon, 'source', 'url', None)
        daemon.process.send_signal(signal.SIGHUP)
        self.assert_told(daemon, '--source URL is missing')
        os.rename(daemon.config, daemon.config + '.away')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("'%s'" % daemon.config)
        os.rename(daemon.config + '.away', daemon.config)
        daemon.end()

    def test_lifeboat_reload_fails_and_says_why(self):
        daemon = self.started()
        self.rewrite(daemon, lambda text: text + 'overdue = many\n')
        said = daemon.lifeboat('reload', expect=USAGE)
        self.assertIn("overdue: 'many' is not a whole number", said)
        self.assertIn('what was read before stays in force', said)
        daemon.end()

    def test_where_no_copy_can_be_made_nothing_changes(self):
        daemon = self.started()
        copy = os.path.join(os.path.dirname(daemon.control), 'lifeboat.conf')
        self.assertEqual(0o600, os.stat(copy).st_mode & 0o777)
        os.mkdir(copy + '.partial')
        self.set(daemon, 'snapshot', 'schedule', '2198-01-01')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for('the configuration has a mistake: ')
        self.assertTrue(daemon.request(ask='status')['stores'][0]['next'].startswith(NEVER))
        daemon.end()


class TheOtherNode(Reloading):
    def follows(self, daemon, url):
        return wait_until(lambda: (found := daemon.request(ask='status').get('standby')) and found['contact']
                          and url.rpartition('@')[2] in found['source'], 60)

    def test_whom_it_follows_may_change_and_cease(self):
        standby = Standby(self)
        settings = {'include': self.server.prefix + '*'} if self.server.prefix else {}
        daemon = Daemon(self.site, standby.couch.url, NEVER, stores=False, standby=dict(settings, follow='http://admin:pass@127.0.0.1:9'))
        daemon.wait_for('watching for drives')
        self.assertTrue(wait_until(lambda: daemon.request(ask='status').get('standby'), 60))
        self.set(daemon, 'standby', 'follow', self.server.url)
        self.reload(daemon)
        self.assertTrue(self.follows(daemon, self.server.url), daemon.log)
        pid = daemon.run_under_way()
        self.set(daemon, 'snapshot', 'overdue', '9')
        self.reload(daemon)
        self.assertEqual(pid, daemon.run_under_way())
        self.set(daemon, 'standby', 'follow', None)
        self.reload(daemon)
        self.assertNotIn('standby', daemon.request(ask='status'))
        self.assertFalse(os.path.exists('/proc/%d' % pid))
        daemon.end()


class Drives(Plugging, Reloading):
    def test_as_another_user_it_reads_again_and_a_drive_that_stays_gets_what_is_new(self):
        daemon = Plugging.daemon(self)
        stick = self.enrolled(daemon)
        self.insert(daemon, stick)
        self.set(daemon, 'drive', 'keep_powered', 'yes')
        self.set(daemon, 'snapshot', 'schedule', '*:*:*')
        os.chmod(daemon.config, 0o644)
        self.reload(daemon)
        daemon.wait_for("drive 'blue' (%s): the snapshot is done" % stick.id, 4)
        daemon.end()


if __name__ == '__main__':
    unittest.main()
