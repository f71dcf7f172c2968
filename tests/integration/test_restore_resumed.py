"""Restores that were interrupted, wherever, and what the next one makes of their half-made databases."""

import os

from support import compare, faulty
from support.case import slow
from support.lifeboat import INCOMPLETE
from support.small import Small

REFUSE_ALL = "function(doc) { throw({forbidden: 'no'}); }"


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
