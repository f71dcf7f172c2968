"""Restores that were interrupted, wherever, and what the next one makes of their half-made databases."""

import copy
import os

from support import cluster, compare, faulty
from support.case import slow
from support.lifeboat import INCOMPLETE
from support.small import ADMINS, MEMBERS, Small

REFUSE_ALL = "function(doc) { throw({forbidden: 'no'}); }"


class Interrupted(Small):
    def setUp(self):
        super().setUp()
        self.couch.bulk(self.medic, [{'_id': 'd%03d' % n, 'v': 'right'} for n in range(50)])
        self.couch.set_revs_limit(self.medic, 5)

    def snapshot(self):
        self.site.snapshot(self.server)
        self.before = compare.capture(self.couch, self.medic)

    def assert_whole(self, target):
        compare.assert_same(self, self.before, compare.capture(target.couch, self.medic))

    def test_killed_before_a_new_database_was_closed_it_is_still_our_own(self):
        self.snapshot()
        target = self.empty_target()
        self.kill_at(target, 'PUT', '/%s/_security' % self.medic)
        self.assertEqual(0, target.couch.info(self.medic)['doc_count'])
        with faulty.Faulty(target.url) as proxy:
            run = self.site.restore(proxy.url)
            self.assertEqual(ADMINS, {k: v for k, v in proxy.bodies('PUT', '/_security')[0].items() if k != 'lifeboat'})
        self.assert_whole(target)
        self.assertNotIn('stays as it is', run.said)

    def test_killed_at_every_step_it_goes_on(self):
        self.snapshot()
        for method, path, after in (('PUT', '/_revs_limit', 0), ('POST', '/_bulk_docs', 0), ('GET|POST', '/_changes', 0),
                                    ('PUT', '/_revs_limit', 1), ('PUT', '/_security', 1)):
            with self.subTest(path=path, after=after):
                target = self.empty_target()
                self.kill_at(target, method, '/%s%s' % (self.medic, path), after=after)
                self.assertIn('lifeboat', self.security(target.couch))
                self.site.restore(target)
                self.assert_whole(target)

    def test_the_database_is_listed_before_the_server_begins_to_build_its_indexes(self):
        design = {'_id': '_design/app', 'views': {'v': {'map': 'function(doc) { emit(doc.v); }'}}}
        self.couch.bulk(self.medic, [design, {'_id': '_design/other', 'language': 'javascript'}])
        self.snapshot()
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            self.site.restore(proxy.url)
            asked = [(method, path, b'_design/' in body) for method, path, body in proxy.requests if '/%s/' % self.medic in path]
        self.assert_whole(target)
        designs = next(n for n, (_, path, design) in enumerate(asked) if '_bulk_docs' in path and design)
        listings = [n for n, (method, path, _) in enumerate(asked) if method == 'GET' and '_changes' in path]
        self.assertTrue(listings)
        if not cluster.is_cluster(target.couch):  # which is looked at once more when all is written
            self.assertLess(max(listings), designs)

    def test_a_design_document_that_does_not_stay_is_missed(self):
        self.couch.bulk(self.medic, [{'_id': '_design/app', 'language': 'javascript'}])
        self.snapshot()
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            swallow = faulty.status(201, '[]')
            proxy.on('POST', '/_bulk_docs', lambda x: swallow(x) if b'_design/' in x.body else x.pass_on(), times=9)
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assertIn("document '_design/app'", run.said)
        self.assertIn('it is not in the target', run.said)

    def test_an_empty_database_that_somebody_set_up_stays_as_it_is(self):
        self.snapshot()
        target = self.empty_target()
        mine = dict(MEMBERS, members={'names': ['me'], 'roles': []})
        target.couch.create(self.medic)
        target.couch.set_security(self.medic, mine)
        run = self.person(target)
        self.assertEqual(mine, self.security(target.couch))
        self.assert_says(run, '_security', 'stays as it is')
        self.assertNotIn('everything is there', run.said)

    def two_snapshots(self):
        self.snapshot()
        first, = self.site.snapshots()
        self.couch.bulk(self.medic, [{'_id': 'wrong%d' % n} for n in range(20)])
        self.couch.put(self.medic, dict(self.couch.get('/%s/d000' % self.medic), v='wrong'))
        self.site.snapshot(self.server)
        return first

    def test_begun_from_another_snapshot_a_database_is_made_again_and_nothing_is_mixed(self):
        first = self.two_snapshots()
        target = self.empty_target()
        self.kill_at(target, 'GET|POST', '/%s/_changes' % self.medic)
        self.assertIn('wrong1', target.couch.leaf_sets(self.medic))
        run = self.site.restore(target, '--snapshot', first, '--dry-run')
        self.assert_says(run, 'another snapshot')
        self.assertEqual((50, 1), (run.summary['written'], run.summary['created']))
        self.assertIn('wrong1', target.couch.leaf_sets(self.medic))
        run = self.site.restore(target, '--snapshot', first)
        self.assert_says(run, 'another snapshot', 'made again')
        self.assert_whole(target)

    def test_begun_from_another_snapshot_it_is_no_matter_for_a_database_of_others(self):
        first = self.two_snapshots()
        target = self.empty_target()
        target.couch.create(self.medic)
        copied = dict(ADMINS, lifeboat={'restore': 'another', 'into': 'elsewhere'})  # copied from another database
        target.couch.set_security(self.medic, copied)
        target.couch.put(self.medic, {'_id': 'mine'})
        self.site.restore(target, '--snapshot', first)
        self.assertIn('mine', target.couch.leaf_sets(self.medic))
        self.assertEqual(copied, self.security(target.couch))

    def test_a_snapshot_of_a_half_made_database_leaves_no_mark_when_it_is_restored(self):
        self.snapshot()
        target = self.empty_target()
        self.kill_at(target, 'GET|POST', '/%s/_changes' % self.medic)
        self.site.snapshot(target, '--include', self.medic, '--full')
        target.couch.delete(self.medic)
        self.site.restore(target, '--db', self.medic)
        self.assertEqual(ADMINS, self.security(target.couch))

    def test_single_documents_leave_a_half_made_database_closed(self):
        self.snapshot()
        target = self.empty_target()
        self.kill_at(target, 'POST', '/%s/_bulk_docs' % self.medic)
        marked = self.security(target.couch)
        run = self.person(target, '--doc', self.medic + '/d007')
        self.assertEqual({'d007'}, set(target.couch.leaf_sets(self.medic)))
        self.assertEqual(marked, self.security(target.couch))
        self.assert_says(run, 'not finished', 'closed')
        self.assertNotIn('everything is there', run.said)
        self.site.restore(target)
        self.assert_whole(target)

    def test_a_killed_restore_of_single_documents_finishes_what_it_made(self):
        self.snapshot()
        target = self.empty_target()
        single = '--doc', self.medic + '/d007'
        self.kill_at(target, 'POST', '/%s/_bulk_docs' % self.medic, *single)
        self.assertIn('lifeboat', self.security(target.couch))
        self.site.restore(target, *single)
        self.assertEqual((MEMBERS, {'d007'}), (self.security(target.couch), set(target.couch.leaf_sets(self.medic))))


class Attachments(Small):
    """A large attachment streams, so a failure means another pass; validators must not come before it."""

    def setUp(self):
        super().setUp()
        rev = self.couch.put(self.medic, {'_id': 'big'})
        self.couch.attach(self.medic, 'big', rev, 'x', os.urandom(3_000_000), 'application/octet-stream')
        self.couch.put(self.medic, {'_id': 'zebra'})
        self.couch.put(self.medic, {'_id': '_design/v', 'validate_doc_update': REFUSE_ALL})
        self.site.snapshot(self.server)
        self.before = compare.capture(self.couch, self.medic)

    def test_one_that_was_interrupted_arrives_before_the_validators(self):
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('PUT', '/%s/big' % self.medic, faulty.hang_up(), times=2)
            run = self.site.restore(proxy.url)
        compare.assert_same(self, self.before, compare.capture(target.couch, self.medic))
        self.assert_says(run, 'interrupted')
        self.assertNotIn('rewind', run.said)

    @slow
    def test_one_that_never_arrives_keeps_the_database_closed_and_another_run_completes_it(self):
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('PUT', '/%s/big' % self.medic, faulty.hang_up(), times=None)
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, 'big', '_design/v', 'closed', 'run the same command again')
        self.assertEqual({'zebra'}, set(target.couch.leaf_sets(self.medic)))
        self.assertIn('lifeboat', self.security(target.couch))
        self.site.restore(target)
        compare.assert_same(self, self.before, compare.capture(target.couch, self.medic))


class Cluster(Small):
    scripted = True

    def test_documents_that_a_cluster_took_and_lost_are_written_again(self):
        self.couch.bulk(self.medic, [{'_id': 'd%03d' % n} for n in range(20)])
        self.site.snapshot(self.server)
        before = compare.capture(self.couch, self.medic)
        target = self.empty_target()
        target.standin.peers = {'b@127.0.0.1': copy.deepcopy(target.standin.config)}
        with faulty.Faulty(target.url) as proxy:
            lost = proxy.on('POST', '/%s/_bulk_docs' % self.medic, faulty.status(201, '[]'))
            run = self.site.restore(proxy.url)
        self.assertEqual(1, lost.hits)
        self.assert_says(run, 'written again')
        compare.assert_same(self, before, compare.capture(target.couch, self.medic))
