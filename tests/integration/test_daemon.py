"""The daemon: snapshots at their times, what was missed is made up for, and it says how things stand."""

import json
import os
import signal
import socket
import threading
import time

from support import faulty
from support.case import Case
from support.daemon import Daemon
from support.lifeboat import FAILED, INCOMPLETE, LATER, USAGE

NEVER = '2199-12-31'  # a time that no test lives to see
DAY = 24 * 3600


class Watching(Case):
    scripted = True
    people = 6

    def daemon(self, schedule=NEVER, url=None, **settings):
        return Daemon(self.site, url or self.server.url, schedule, **settings)

    def logbook(self, **entry):
        """What an earlier daemon is to have written."""
        self.write_logbook(json.dumps({self.site.store: dict({'good': 0, 'ended': 0, 'exit': 0}, **entry)}))

    def write_logbook(self, text):
        with open(os.path.join(self.site.state, 'last-runs.json'), 'w') as file:
            file.write(text)


class Schedule(Watching):
    def test_the_first_snapshot_is_taken_at_start_and_the_next_at_its_time(self):
        before = self.capture()
        daemon = self.daemon('*:*:*')
        daemon.wait_for('the snapshot is done')
        self.assertGreaterEqual(len(self.site.snapshots()), 1)
        self.assert_store_holds(before)
        self.clinic.change()
        after = self.capture()
        daemon.wait_for('the snapshot is done', len([line for line in daemon.lines if 'the snapshot is done' in line]) + 2)
        self.assert_store_holds(after)
        daemon.end()

    def test_what_was_missed_is_made_up_for_at_start_once(self):
        now = int(time.time())
        self.logbook(ended=now - 2 * DAY, good=now - 2 * DAY)
        daemon = self.daemon('daily')
        daemon.wait_for('the snapshot is done')
        daemon.end()
        again = self.daemon('yearly')
        again.wait_for_listening()
        self.assertIsNone(again.store()['doing'])
        again.end()
        self.assertNotIn('taking a snapshot', again.log)
        self.assertEqual(1, len(self.site.snapshots()))

    def test_a_run_that_failed_is_repeated_at_the_next_start(self):
        self.logbook(ended=int(time.time()), exit=FAILED)
        daemon = self.daemon('yearly')
        daemon.wait_for('the snapshot is done')
        daemon.end()

    def test_west_of_greenwich_too(self):
        """Where 1970 has not begun yet when it does in UTC."""
        daemon = Daemon(self.site, self.server.url, 'hourly', env={'TZ': 'America/Guatemala'})
        daemon.wait_for('the snapshot is done')
        self.assertIn('-06', daemon.store()['next'])
        daemon.end()

    def test_without_a_schedule_nothing_runs(self):
        daemon = self.daemon('')
        daemon.wait_for('no schedule is set')
        self.assertIn('no schedule is set', daemon.status())
        daemon.end()
        self.assertEqual([], self.site.snapshots())

    def test_a_logbook_of_the_future_or_damaged_puts_nothing_off(self):
        for text in (json.dumps({self.site.store: {'good': 2 ** 40, 'ended': 2 ** 40, 'exit': 0}}), '{"cut', '[]', ''):
            with self.subTest(text):
                self.write_logbook(text)
                daemon = self.daemon('*:*:*')
                daemon.wait_for('the snapshot is done')
                daemon.end()


class Status(Watching):
    def test_it_tells_of_a_good_run(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        store = daemon.store()
        self.assertEqual((self.site.store, 0, None, False, None), tuple(
            store[key] for key in ('path', 'exit', 'message', 'overdue', 'doing')))
        self.assertTrue(store['next'].startswith(NEVER))
        self.assertEqual(store['snapshot'][:4], self.site.snapshots()[0][-4:])
        self.assertRegex(daemon.status(), r'last good +\d{4}-\d\d-\d\d \d\d:\d\d, \d+ seconds? ago\n +next +2199-12-31')
        daemon.end()

    def test_it_tells_of_a_failure_and_tries_again_in_a_minute(self):
        daemon = self.daemon(url='http://admin:pass@127.0.0.1:9')
        daemon.wait_for('the snapshot failed')
        store = daemon.store(expect=FAILED)
        self.assertIn('127.0.0.1:9', store['message'])
        self.assertNotIn('pass', daemon.log)
        self.assertLess(time.time(), time.mktime(time.strptime(store['next'][:19], '%Y-%m-%dT%H:%M:%S')) - time.timezone + 61)
        self.assertIn('FAILED: ', daemon.status(expect=FAILED))
        daemon.end()
        self.assertEqual([], self.site.snapshots())

    def test_a_failure_is_told_with_what_to_do(self):
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/', faulty.status(401, '{"error":"unauthorized","reason":"Name or password is incorrect."}'), times=None)
            daemon = self.daemon(url=proxy.url)
            daemon.wait_for('the snapshot failed')
            self.assertRegex(daemon.status(expect=FAILED), r'last run +[^\n]*FAILED: [^\n]*incorrect[^\n]* \(')
            daemon.end()

    def test_it_tells_of_what_is_missing(self):
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '/medic-sentinel/_changes', faulty.status(400, '{"error":"bad_request","reason":"strike"}'), times=None)
            daemon = self.daemon(url=proxy.url)
            daemon.wait_for('the snapshot is incomplete')
            self.assertIn("medic-sentinel", daemon.store(expect=INCOMPLETE)['message'])
            self.assertIn('INCOMPLETE: ', daemon.status(expect=INCOMPLETE))
            daemon.end()

    def test_it_tells_when_the_last_good_one_is_too_long_ago(self):
        now = int(time.time())
        self.logbook(ended=now, good=now - 3 * DAY - 60)
        daemon = self.daemon()
        daemon.wait_for_listening()
        self.assertIn('3 days ago  OVERDUE', daemon.status(expect=FAILED))
        daemon.end()
        daemon = self.daemon(overdue=4)
        daemon.wait_for_listening()
        self.assertNotIn('OVERDUE', daemon.status())
        daemon.end()

    def test_what_never_ended_well_is_overdue_through_restarts(self):
        now = int(time.time())
        for good in (0, now + 9000 * DAY):  # the second was booked when the clock was wrong
            self.logbook(since=now - 4 * DAY, ended=now, good=good)
            daemon = self.daemon()
            daemon.wait_for_listening()
            self.assertIn('OVERDUE', daemon.status(expect=FAILED))
            daemon.end()

    def test_when_the_store_was_first_seen_is_kept(self):
        self.daemon(url='http://admin:pass@127.0.0.1:9').wait_for('the snapshot failed')
        with open(os.path.join(self.site.state, 'last-runs.json')) as file:
            self.assertLess(abs(json.load(file)[self.site.store]['since'] - time.time()), 60)

    def test_a_message_cannot_write_on_the_terminal(self):
        self.logbook(ended=int(time.time()), exit=INCOMPLETE, message='x\x1b[2Jy\nroot# ok')
        daemon = self.daemon('')
        daemon.wait_for_listening()
        self.assertIn('INCOMPLETE: x\\x1b[2Jy\\nroot# ok\n', daemon.status(expect=INCOMPLETE))
        daemon.end()

    def test_a_schedule_that_is_over_is_told(self):
        self.logbook(ended=int(time.time()))
        daemon = self.daemon('2020-01-01')
        daemon.wait_for('all times of the schedule are past')
        self.assertIn('all times of the schedule are past', daemon.status())
        daemon.end()

    def test_it_tells_what_is_going_on(self):
        until = threading.Event()
        self.addCleanup(until.set)
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/medic/_bulk_get', faulty.stall(until), times=None)
            daemon = self.daemon(url=proxy.url)
            self.assertTrue(proxy.wait_for('POST', '/medic/_bulk_get'))
            self.assertEqual('snapshot', daemon.store()['doing'])
            self.assertIn('taking a snapshot', daemon.status())
            until.set()
            daemon.wait_for('the snapshot is done')
            daemon.end()

    def test_nobody_answers(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        daemon.end()
        self.assertIn('systemctl start lifeboat-replicator', daemon.status(expect=FAILED))


class Life(Watching):
    def stalled(self):
        """A daemon in the midst of a run."""
        self.until = threading.Event()
        self.addCleanup(self.until.set)
        proxy = faulty.Faulty(self.server.url)
        self.addCleanup(proxy.close)
        proxy.on('POST', '/medic/_bulk_get', faulty.stall(self.until))
        daemon = self.daemon(url=proxy.url)
        self.assertTrue(proxy.wait_for('POST', '/medic/_bulk_get'))
        return daemon

    def test_told_to_end_it_ends_the_run_and_goes_on_at_the_next_start(self):
        before = self.capture()
        self.stalled().end()
        self.assertEqual([], os.listdir(os.path.join(self.site.lifeboat_folder, 'snapshots')))
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        daemon.end()
        self.assert_store_holds(before)

    def test_told_to_end_it_tells_those_who_wait_for_an_answer(self):
        daemon = self.stalled()
        with daemon.connect() as client, client.makefile() as lines:
            client.sendall(b'{"ask": "snapshot"}\n')
            for _ in range(3):  # it was read by then
                daemon.request(ask='status')
            daemon.end()
            self.assertEqual({'error': 'lifeboat-replicator was ended'}, json.loads(lines.readline()))

    def test_killed_it_takes_the_run_with_it_and_goes_on_at_the_next_start(self):
        before = self.capture()
        self.stalled().end(signal.SIGKILL, expect=-signal.SIGKILL)
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        daemon.end()
        self.assert_store_holds(before)

    def test_a_run_that_is_killed_is_told_and_the_daemon_lives(self):
        daemon = self.stalled()
        os.kill(daemon.run_under_way(), signal.SIGKILL)
        daemon.wait_for('the snapshot failed')
        self.assertEqual(128 + signal.SIGKILL, daemon.store(expect=FAILED)['exit'])
        daemon.end()

    def test_what_is_typed_for_it_reaches_the_runs_and_hides_passwords(self):
        daemon = Daemon(self.site, None, NEVER, arguments=('--source', self.server.url))
        daemon.wait_for('the snapshot is done')
        with open('/proc/%d/cmdline' % daemon.process.pid, 'rb') as file:
            self.assertNotIn(b':pass@', file.read())
        daemon.end()

    def test_there_is_one_daemon(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        second = self.daemon()
        self.assertEqual(LATER, second.process.wait(60))
        second.wait_for('is in use')
        daemon.status()
        daemon.end()

    def test_two_with_one_socket_do_not_take_it_from_each_other(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        os.mkdir(self.site.path('other'))
        second = Daemon(self.site, self.server.url, NEVER, arguments=('--state', self.site.path('other')))
        self.assertEqual(LATER, second.process.wait(60))
        second.wait_for('another daemon answers')
        daemon.status()
        daemon.end()
        self.assertFalse(os.path.exists(daemon.control))

    def test_the_socket_of_one_that_was_killed_is_replaced(self):
        daemon = self.daemon()
        daemon.wait_for('the snapshot is done')
        daemon.end(signal.SIGKILL, expect=-signal.SIGKILL)
        again = self.daemon()
        again.wait_for_listening()
        again.status()
        again.end()

    def test_started_by_one_who_ignores_the_end_of_children(self):
        daemon = Daemon(self.site, self.server.url, NEVER, before=('env', '--ignore-signal=CHLD'))
        daemon.wait_for('the snapshot is done')
        daemon.end()

    def test_mistakes_in_the_configuration_are_told_at_start(self):
        for schedule, settings, text in (('25:00', {}, '25 is no hour'), ('daily;now and then', {}, "'now and then'"),
                                         ('*-02-30', {}, 'never comes'), ('daily', {'delay': -1}, 'delay'), ('daily', {'overdue': 'x'}, 'overdue')):
            with self.subTest(schedule):
                daemon = self.daemon(schedule, **settings)
                self.assertEqual(USAGE, daemon.process.wait(60))
                daemon.wait_for(text)

    def test_systemd_is_told(self):
        path = self.site.path('notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(path)
            systemd.settimeout(60)
            daemon = self.daemon(env={'NOTIFY_SOCKET': path})
            self.assertIn(b'READY=1', systemd.recv(4096))
            self.assertIn(b'WATCHDOG=1', systemd.recv(4096))
            daemon.wait_for('the snapshot is done')
            daemon.process.send_signal(signal.SIGTERM)
            while b'STOPPING=1' not in systemd.recv(4096):
                pass
            daemon.end()


class Socket(Watching):
    def setUp(self):
        super().setUp()
        now = int(time.time())
        self.logbook(ended=now, good=now)
        self.running = self.daemon()
        self.running.wait_for_listening()

    def tearDown(self):
        self.assertIsNone(self.running.store()['doing'])
        self.running.end()
        super().tearDown()

    def test_what_is_no_question_is_told_so(self):
        for request in (b'\n', b'{\n', b'\xff\xfe\n', b'[]\n', b'{}\n', b'{"ask":7}\n', b'{"ask":"x"}\n', b'{"ask":"a\\u0000b"}\n'):
            with self.subTest(request):
                self.assertIn('error', json.loads(self.running.ask(request)))

    def test_a_question_that_is_too_long_is_hung_up_on(self):
        try:
            self.assertEqual(b'', self.running.ask(b'{"ask":"' + b'x' * 100000 + b'"}\n'))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def test_many_that_say_nothing_keep_nobody_out(self):
        idle = [self.running.connect() for _ in range(40)]
        asked = time.monotonic()
        self.running.status()
        self.assertLess(time.monotonic() - asked, 4)
        for client in idle:
            client.close()

    def test_nobody_else_may_ask(self):
        self.assertEqual(0o660, os.stat(self.running.control).st_mode & 0o777)
