"""A long run is sealed in links: each counts at once, and an interrupted run goes on from the last."""

import random
import threading
import time

import oracle
from support import faulty, server
from support.case import Case

DOCUMENTS = 1500  # three requests of half a megabyte
LINKED = ('--link-size', '1')


class Links(Case):
    def setUp(self):
        super().setUp()
        rnd = random.Random(4)
        documents = [{'_id': 'bulk-%05d' % number, 'text': '%0900x' % rnd.getrandbits(3600)}
                     for number in range(DOCUMENTS)]
        for at in range(0, DOCUMENTS, 500):
            self.couch.bulk(self.medic, documents[at:at + 500])

    def entries(self):
        return [snapshot.catalogue for snapshot in oracle.Store.of(self.site).snapshots.values()]

    def test_each_stands_on_the_one_before_and_the_last_is_complete(self):
        before = self.capture()
        self.site.snapshot(self.server, *LINKED)
        entries = sorted(self.entries(), key=lambda entry: entry['number'])
        self.assertGreater(len(entries), 1)
        self.assertEqual([None] + [entry['id'] for entry in entries[:-1]], [entry['parent'] for entry in entries])
        self.assertEqual([False] * (len(entries) - 1) + [True], [entry['complete'] for entry in entries])
        self.assert_store_holds(before)
        self.site.verify()

    def test_one_is_sealed_after_a_time_however_little_it_holds(self):
        before = self.capture()
        began = time.monotonic()
        slowly = faulty.first(lambda: server.wait_until(lambda: time.monotonic() > began + 3, 5))
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/%s/_bulk_get' % self.medic, slowly, after=2)
            self.site.snapshot(proxy.url, *self.server.options, '--link-time', '2')
        self.assertEqual([False, True], sorted(entry['complete'] for entry in self.entries()))
        self.assert_store_holds(before)

    def test_nothing_changed_after_links_writes_nothing(self):
        self.site.snapshot(self.server, *LINKED)
        before = self.site.snapshots()
        self.site.snapshot(self.server, *LINKED)
        self.assertEqual(before, self.site.snapshots())

    def test_a_killed_run_goes_on_from_its_last_link(self):
        before, until = self.capture(), threading.Event()
        self.addCleanup(until.set)
        after_medic = '/' + self.clinic.name('medic-sentinel')
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', after_medic, faulty.stall(until), times=None)
            process = self.site.start('lifeboat', 'snapshot', '--source', proxy.url, '--to', self.site.store,
                                      '--keys', self.site.keys, *self.server.options, *LINKED)
            self.assertTrue(proxy.wait_for('GET', after_medic))
            process.kill()
            self.site.finish(process)
            until.set()
        self.assertEqual([False], [entry['complete'] for entry in self.entries()])
        with faulty.Faulty(self.server.url) as proxy:
            self.site.snapshot(proxy.url, *self.server.options)
            fetched = proxy.fetched(self.medic)
        self.assertTrue(any(id.startswith('bulk-') for id in fetched))
        self.assertLess(len(fetched), DOCUMENTS)
        self.assert_store_holds(before)
        self.site.verify()
