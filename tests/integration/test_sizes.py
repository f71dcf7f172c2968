"""Large data: it goes in and comes out whole, within bounded memory.

Each test has two sizes: a small one that still is more than the programs may hold, and, with LIFEBOAT_TEST_FULL set
(tests/campaign sizes), the full one.
"""

import hashlib
import http.client
import os
import random
import shutil

from support import cht, cluster, compare
from support.case import Case

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
LIMIT = 64        # MiB, of any run
SANITIZERS = 2    # times as much with them, for their own tables
HOURS = 4 * 3600  # seconds


def size(small, full):
    return full if FULL else small


def leaf(id, rev):
    return int.from_bytes(hashlib.sha256(id.encode() + b'\0' + rev.encode()).digest(), 'big')


def noise(seed, length):
    """Text that no compression makes much smaller."""
    return '%0*x' % (length, random.Random(seed).getrandbits(4 * length))


class Pattern:
    """A file of any size, the same every time, that nobody holds in memory."""

    def __init__(self, length):
        self.length, self.at = length, 0
        self.block = random.Random(1).randbytes(1 << 20)

    def __len__(self):
        return self.length

    def read(self, wanted=1 << 20):
        start = self.at % len(self.block)
        data = self.block[start:start + min(wanted, self.length - self.at)]
        self.at += len(data)
        return data

    def sha256(self):
        digest, self.at = hashlib.sha256(), 0
        while data := self.read():
            digest.update(data)
        return digest.hexdigest()


class Sizes(Case):
    people = 2

    def setUp(self):
        super().setUp()
        self.site.environment['ASAN_OPTIONS'] = 'detect_leaks=1:exitcode=99:quarantine_size_mb=4:malloc_context_size=2'
        self.large = self.couch.create(self.clinic.name('large'))

    def bounded(self, act):
        given, peak = self.site.peak_of(act)
        limit = LIMIT * (SANITIZERS if self.site.has_sanitizers else 1)
        print('        %s: %.0f MiB' % (' '.join(given.arguments[6:8]).rpartition('/')[2], peak))
        self.assertLess(peak, limit, 'MiB of memory')
        return given

    def snapshot(self, *options):
        return self.bounded(lambda: self.site.snapshot(self.server, *options, timeout=HOURS))

    def round_trip(self):
        """Snapshot, verify, restore, each within bounded memory; the restored server."""
        self.snapshot()
        self.bounded(lambda: self.site.verify(timeout=HOURS))
        return self.restore()

    def restore(self):
        target = self.empty_target()
        run = self.bounded(lambda: self.site.restore(target, timeout=HOURS))
        self.assertTrue(run.summary['verified'], str(run))
        return target

    def state(self, couch):
        """The state digest, FORMAT.md's way, and how many documents and leaves; from the feed alone."""
        if cluster.is_cluster(couch):
            cluster.settle(couch, self.large)
        total = documents = leaves = 0
        for id, revs in couch.leaf_sets(self.large).items():
            documents += 1
            leaves += len(revs)
            total += sum(leaf(id, rev) for rev in revs)
        return '%064x' % (total % (1 << 256)), documents, leaves

    def same_round_trip(self):
        """The same with a comparison of every byte."""
        before = compare.capture(self.couch, self.large)
        target = self.round_trip()
        compare.assert_same(self, before, compare.capture(target.couch, self.large))
        return before

    def test_conflict_of_very_many_leaves(self):
        count, text = size(200, 2000), noise(1, 500000 if not FULL else 50000)
        for start in range(0, count, 20):
            self.couch.bulk(self.large, [
                cht.revision('wide', 2, ['%032x' % number, '0' * 32], v=number, text=text) for number in range(start, start + 20)],
                new_edits=False)
        self.assertEqual(count, len(self.same_round_trip()['leaves']))

    def test_leaves_of_long_paths(self):
        leaves, path = size(60, 300), 1000
        self.couch.set_revs_limit(self.large, path)
        for number in range(leaves):
            ids = ['%04x%028x' % (number, position) for position in range(path, 1, -1)] + ['0' * 32]
            self.couch.bulk(self.large, [cht.revision('deep', path, ids, v=number)], new_edits=False)
        before = self.same_round_trip()
        self.assertEqual({path}, {len(found['path']['ids']) for found in before['leaves'].values()})
        self.assertEqual(leaves, len(before['leaves']))

    def test_paths_of_5000_revisions(self):
        self.couch.set_revs_limit(self.large, 10000)
        for number in range(size(3, 40)):
            path = ['%08x%024x' % (number, position) for position in range(5000, 0, -1)]
            self.couch.bulk(self.large, [cht.revision('old-%d' % number, 5000, path, v=1)], new_edits=False)
        before = self.same_round_trip()
        self.assertEqual({5000}, {len(found['path']['ids']) for found in before['leaves'].values()})

    def test_very_many_tiny_documents(self):
        count, rnd = size(30000, 1000000), random.Random(3)
        more = size('n' * 2000, '')  # to the ids, so that fewer are more than may be held
        for start in range(0, count, 2000):
            self.couch.bulk(self.large, [{'_id': '%08x-%d%s' % (rnd.getrandbits(32), n, more), 'v': n}
                                         for n in range(start, start + 2000)])
        before = self.state(self.couch)
        self.assertEqual(count, before[1])
        target = self.round_trip()
        self.assertEqual(before, self.state(target.couch))

    def test_very_large_attachment_and_a_small_one_beside_it(self):
        length = size(200 << 20, 3 << 30 if not self.server.standin else 600 << 20)
        rev = self.couch.put(self.large, {'_id': 'video'})
        rev = self.couch.attach(self.large, 'video', rev, 'small', b'x', 'image/png')
        self.upload(rev, Pattern(length))
        before = self.state(self.couch)
        target = self.round_trip()
        self.assertEqual(before, self.state(target.couch))
        self.assertEqual(Pattern(length).sha256(), self.download(target.couch))

    def upload(self, rev, data):
        connection = http.client.HTTPConnection(self.couch.host, self.couch.port)
        connection.request('PUT', '%s/v.mp4?rev=%s' % (self.couch.path(self.large, 'video'), rev), data,
                           {'Authorization': self.couch.authorization, 'Content-Type': 'video/mp4',
                            'Content-Length': str(len(data))})
        answer = connection.getresponse()
        self.assertEqual(201, answer.status, answer.read())
        connection.close()

    def download(self, couch):
        connection, digest = http.client.HTTPConnection(couch.host, couch.port), hashlib.sha256()
        connection.request('GET', couch.path(self.large, 'video') + '/v.mp4', headers={'Authorization': couch.authorization})
        answer = connection.getresponse()
        self.assertEqual(200, answer.status)
        while data := answer.read(1 << 20):
            digest.update(data)
        connection.close()
        return digest.hexdigest()

    def test_chain_of_very_many_snapshots(self):
        count, rnd = size(25, 1000), random.Random(5)
        ids = ['%08x' % rnd.getrandbits(32) for _ in range(200)]
        revs = {}
        for number in range(count):
            for id in rnd.sample(ids, 5):
                document = {'_id': id, 'v': number, 'text': 'x' * rnd.randrange(200)}
                revs[id] = self.couch.put(self.large, dict(document, _rev=revs[id]) if id in revs else document)
            if not FULL:  # so that each takes as much memory to read as any
                self.couch.put(self.large, {'_id': 'long-%d' % number, 'text': noise(number, 1 << 10) * 3000})
            self.site.snapshot(self.server)
        self.couch.remove(self.large, ids[0])
        shutil.rmtree(self.site.state)  # so that the snapshot has to read the whole chain as well
        os.mkdir(self.site.state)
        self.same_round_trip()
        self.assertEqual(count + 1, len(self.site.snapshots()))
