"""SIGTERM and SIGINT: a restore ends at once, whatever the target is doing, and the same command goes on."""

import os
import signal
import threading

from support import faulty
from support.case import Case
from support.lifeboat import LATER

AT_ONCE = 5  # seconds; what takes longer was not heeded


class Stop(Case):
    scripted = True

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.before = self.capture()
        self.target = self.empty_target()
        self.proxy = faulty.Faulty(self.target.url)
        self.addCleanup(self.proxy.close)

    def stopped_at(self, method, path, fault, program='run', number=signal.SIGTERM, times=1):
        """A run that is stopped when that request has come."""
        self.proxy.on(method, path, fault, times=times)
        process = self.site.start('lifeboat-restore', program, self.site.store, '--target', self.proxy.url,
                                  '--keys', self.site.keys)
        self.assertTrue(self.proxy.wait_for(method, path))
        process.send_signal(number)
        run = self.site.finish(process, timeout=AT_ONCE)
        self.assertEqual(LATER, run.code, str(run))
        self.assert_says(run, 'stopped')
        return run

    def assert_goes_on(self):
        self.proxy.clear()
        self.site.restore(self.proxy.url)
        self.assert_same(self.before, self.capture(self.target.couch))

    def test_while_the_target_stalls(self):
        for method, path in (('PUT', '/medic'), ('PUT', '/medic/_security'), ('POST', '/medic/_bulk_docs'),
                             ('GET', '/medic/_changes'), ('PUT', '/medic-sentinel/_local'), ('POST', '/medic/_bulk_get')):
            with self.subTest(method + ' ' + path):
                self.target.wipe()
                self.proxy.clear()
                run = self.stopped_at(method, path, faulty.stall(threading.Event()))
                self.assert_says(run, 'run the same command again')
                self.assertNotIn('refused', run.said)
        self.assert_goes_on()

    def test_while_the_target_stalls_before_anything_is_written(self):
        run = self.stopped_at('GET', '/medic', faulty.stall(threading.Event()))
        self.assert_says(run, 'run the same command again')
        self.assert_goes_on()

    def test_by_ctrl_c(self):
        self.stopped_at('POST', '/medic/_bulk_docs', faulty.stall(threading.Event()), number=signal.SIGINT)
        self.assert_goes_on()

    def test_while_a_failing_request_is_repeated(self):
        for fault in (faulty.hang_up(), faulty.status(503), faulty.status(500)):
            with self.subTest(fault):
                self.target.wipe()
                self.proxy.clear()
                self.stopped_at('POST', '/medic/_bulk_docs', fault, times=None)
                self.assertLess(self.proxy.count('POST', '/medic/_bulk_docs'), 6)
        self.assert_goes_on()

    def test_a_drill_that_is_stopped_removes_its_scratch_databases(self):
        before = self.target.couch.databases()
        self.stopped_at('POST', '/lifeboat-drill-[^/]*/_bulk_get', faulty.stall(threading.Event()), program='drill')
        self.assertEqual(before, self.target.couch.databases())


class StopSnapshot(Case):
    scripted = True

    def setUp(self):
        super().setUp()
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def start(self, *options):
        return self.site.start('lifeboat', 'snapshot', '--source', self.proxy.url, '--to', self.site.store,
                               '--keys', self.site.keys, '--json', *options)

    def stopped_at(self, method, path, fault, number=signal.SIGTERM, times=1):
        self.proxy.on(method, path, fault, times=times)
        process = self.start()
        self.assertTrue(self.proxy.wait_for(method, path))
        process.send_signal(number)
        run = self.site.finish(process, timeout=AT_ONCE)
        self.assertEqual(LATER, run.code, str(run))
        self.assert_says(run, 'stopped; the store is as it was', 'the next run goes on')
        self.assertEqual((LATER, 'summary'), (run.summary['exit'], run.summary['event']))
        self.assertFalse(os.path.exists(os.path.join(self.site.lifeboat_folder, 'lock')))
        return run

    def folders(self):
        return sorted(os.listdir(os.path.join(self.site.lifeboat_folder, 'snapshots')))

    def assert_goes_on(self):
        self.proxy.clear()
        self.site.snapshot(self.proxy.url)
        self.assert_store_holds(self.capture())

    def test_while_the_source_stalls(self):
        for method, path in (('GET', '/_all_dbs'), ('GET', '/medic'), ('GET', '/medic/_changes'), ('POST', '/medic/_bulk_get')):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest('%s %s %d' % (method, path, number)):
                    self.proxy.clear()
                    self.stopped_at(method, path, faulty.stall(threading.Event()), number)
                    self.assertEqual([], self.folders())
        self.assert_goes_on()

    def test_while_a_failing_request_is_repeated(self):
        self.stopped_at('POST', '/medic/_bulk_get', faulty.status(503), times=None)
        self.assertEqual([], self.folders())
        self.assert_goes_on()

    def test_what_was_there_stays_and_the_next_run_goes_on(self):
        self.site.snapshot(self.server)
        before = self.folders()
        self.clinic.change()
        self.stopped_at('POST', '/medic/_bulk_get', faulty.stall(threading.Event()))
        self.assertEqual(before, self.folders())
        self.assert_goes_on()
