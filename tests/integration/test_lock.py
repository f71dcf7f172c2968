"""One run at a time on a store: the second says who holds it, and what a dead run left behind is no obstacle."""

import os
import signal
import threading

from support import faulty
from support.case import Case
from support.lifeboat import DONE, LATER


class Lock(Case):
    people = 10

    def setUp(self):
        super().setUp()
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)
        self.until = threading.Event()
        self.addCleanup(self.until.set)

    def begin(self):
        """A run that has the store and waits for its source."""
        self.proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.stall(self.until))
        process = self.site.start('lifeboat', 'snapshot', '--source', self.proxy.url, '--to', self.site.store,
                                  '--keys', self.site.keys, *self.server.options)
        self.assertTrue(self.proxy.wait_for('POST', '/%s/_bulk_get' % self.medic))
        return process

    def test_the_second_run_says_who_holds_the_store(self):
        first = self.begin()
        second = self.site.snapshot(self.server, expect=LATER)
        self.assert_says(second, str(first.pid), 'snapshot')
        self.until.set()
        self.assertEqual(DONE, self.site.finish(first).code)
        self.assert_store_holds(self.capture())

    def test_the_second_run_does_not_disturb_the_first(self):
        first = self.begin()
        files = self.files()
        self.site.snapshot(self.server, expect=LATER)
        self.assertEqual(files, self.files())
        self.until.set()
        self.assertEqual(DONE, self.site.finish(first).code)

    def files(self):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.site.store) for name in names)

    def test_a_killed_run_leaves_no_obstacle(self):
        first = self.begin()
        first.send_signal(signal.SIGKILL)
        self.site.finish(first)
        self.until.set()
        self.site.snapshot(self.server)
        self.assertEqual(1, len(self.site.snapshots()))
        self.assert_store_holds(self.capture())

    def test_reading_a_store_that_is_being_written_is_possible(self):
        self.site.snapshot(self.server)
        self.clinic.change()
        first = self.begin()
        self.site.verify()
        self.assertEqual(DONE, self.site.list().code)
        self.until.set()
        self.site.finish(first)

    def test_two_stores_at_once_do_not_hinder_each_other(self):
        first = self.begin()
        self.site.store = self.site.path('other-drive')
        os.mkdir(self.site.store)
        self.site.snapshot(self.server)
        self.until.set()
        self.assertEqual(DONE, self.site.finish(first).code)
