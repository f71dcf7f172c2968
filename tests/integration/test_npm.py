"""pouchdb-server from npm, as source and as target. It has much less than CouchDB: no multipart, no tokens by shard,
deleted leaves on request, JSON of its own writing; and it takes names of databases that CouchDB does not."""

import hashlib
import json
import unittest

import oracle
from support import cht, compare, rawjson, server
from support.lifeboat import FAILED, USAGE, Site

# It drops what a file name may not hold on some system, such as quotes and control characters.
NAMES = ("o'ne", '日本語', 'Capital', 'sp ace', 'x#y', 'a&b;c', '-rf', '_own', 'é' * 60, 'x' * 240)


def meaning(couch, name):
    """What two servers that write JSON and keep attachments in their own ways must still agree on."""
    found = {}
    for id in couch.leaf_sets(name):
        for raw in couch.leaves(name, id):
            body, special = rawjson.body_and_special(raw)
            rev = json.loads(special['_rev'])
            attachments = {attachment: (told['content_type'], plain_digest(couch, name, id, rev, attachment))
                           for attachment, told in json.loads(special.get('_attachments', '{}')).items()}
            found[id, rev] = {'path': json.loads(special['_revisions']), 'deleted': special.get('_deleted') == 'true',
                              'body': {key: json.loads(value) for key, value in body}, 'attachments': attachments}
    return {'leaves': found, 'security': couch.get('%s/_security' % couch.path(name, '')[:-1])}


def plain_digest(couch, name, id, rev, attachment):
    path = '%s/%s' % (couch.path(name, id), attachment.replace('/', '%2F'))
    answer = couch.ask('GET', path, query={'rev': rev}, headers={'Accept': '*/*', 'Accept-Encoding': 'identity'})
    return hashlib.sha256(answer.body).hexdigest()


class Npm(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.npm = self.start()
        self.site = Site(self)

    def start(self):
        started = server.npm_or_skip()
        self.addCleanup(started.close)
        return started

    def fill(self, couch, prefix=''):
        self.clinic = cht.Clinic(couch, prefix, people=10)
        self.clinic.fill()

    def capture(self, couch):
        return {name: compare.capture(couch, name) for name in self.clinic.databases}

    def assert_means_the_same(self, one, other):
        for name in self.clinic.databases:
            with self.subTest(database=name):
                compare.assert_same(self, meaning(one, name), meaning(other, name))


class FromNpm(Npm):
    def test_a_snapshot_and_an_increment_hold_all(self):
        self.fill(self.npm.couch)
        for round in range(2):
            self.site.snapshot(self.npm)
            state = oracle.Store.of(self.site).state()
            for name in self.clinic.databases:
                held = set(state[name]['leaves'])
                leaf_sets = self.npm.couch.leaf_sets(name)
                self.assertEqual({(id, rev) for id, revs in leaf_sets.items() for rev in revs}, held)
            self.clinic.change()

    def test_a_chain_comes_back_to_another_one_and_a_second_restore_writes_nothing(self):
        self.fill(self.npm.couch)
        self.site.snapshot(self.npm)
        self.clinic.change()
        self.site.snapshot(self.npm)
        target = self.start()
        self.site.restore(target)
        before = self.capture(self.npm.couch)
        for name, captured in self.capture(target.couch).items():
            compare.assert_same(self, before[name], captured)
        self.assertEqual(0, self.site.restore(target).summary['written'])

    def test_a_drill_on_it_proves_the_store_and_leaves_no_trace(self):
        self.fill(self.npm.couch)
        self.site.snapshot(self.npm)
        before = self.npm.couch.databases()
        self.site.drill(self.npm)
        self.assertEqual(before, self.npm.couch.databases())

    def test_its_data_come_to_a_couchdb(self):
        couchdb = server.start()
        self.addCleanup(couchdb.close)
        self.fill(self.npm.couch, couchdb.prefix)
        self.site.snapshot(self.npm, *couchdb.options)
        self.site.restore(couchdb, *(option for name in self.clinic.databases for option in ('--db', name)))
        self.assert_means_the_same(self.npm.couch, couchdb.couch)

    def test_names_that_couchdb_does_not_take_come_back(self):
        couch, target = self.npm.couch, self.start()
        for name in NAMES:
            couch.create(name)
            couch.put(name, {'_id': 'x', 'in': name})
        self.site.snapshot(self.npm)
        self.site.restore(target)
        self.assertEqual(sorted(couch.databases()), sorted(target.couch.databases()))
        for name in NAMES:
            self.assertEqual(name, target.couch.get(couch.path(name, 'x'))['in'])

    def test_a_name_that_couchdb_does_not_take_is_refused_with_the_way_out_before_anything_is_written(self):
        couchdb = server.start_standin()
        self.addCleanup(couchdb.close)
        self.npm.couch.create('Capital')
        self.npm.couch.put('Capital', {'_id': 'x', 'v': 1})
        self.npm.couch.create('medic')
        self.site.snapshot(self.npm)
        run = self.site.restore(couchdb, expect=None)
        self.assertIn(run.code, (FAILED, USAGE), str(run))
        self.assertIn("--db 'Capital=", run.err)
        self.assertFalse(couchdb.couch.exists('medic'))
        self.site.restore(couchdb, '--db', 'Capital=capital')
        self.assertEqual(1, couchdb.couch.get('/capital/x')['v'])


class ToNpm(Npm):
    def test_a_couchdb_s_data_come_to_it(self):
        couchdb = server.start()
        self.addCleanup(couchdb.close)
        self.fill(couchdb.couch, couchdb.prefix)
        self.site.snapshot(couchdb)
        self.clinic.change()
        self.site.snapshot(couchdb)
        self.site.restore(self.npm)
        self.assert_means_the_same(couchdb.couch, self.npm.couch)
        local = self.npm.couch.path(self.clinic.name('medic-sentinel'), '_local/transitions-seq')
        self.assertEqual('123-g1AAAA', self.npm.couch.get(local)['value'])
