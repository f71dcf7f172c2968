"""Ways to lose something on the second node that somebody thought of: each is tried here, and nothing is lost."""

import collections
import json
import os
import time
import unittest

from support import faulty
from support.cht import revision
from support.couch import Couch
from support.lifeboat import INCOMPLETE
from support.server import wait_until
from support.standby import Following


class Scripted(Following):
    scripted = True

    def restart(self, standin, meanwhile):
        """A server that goes down, as `meanwhile` finds it, and comes back."""
        standin.stop()
        meanwhile()
        standin.start()
        self.couch.close()
        self.standby.couch.close()

    def note(self, prefix, count):
        """Writes so many documents; their ids."""
        ids = ['%s-%d' % (prefix, i) for i in range(count)]
        self.couch.bulk(self.medic, [{'_id': id, 'v': 1} for id in ids])
        return ids

    def assert_has(self, ids):
        self.assertEqual([], [id for id in ids if not self.standby.has(self.medic, id)])


class Once(Scripted):
    """Nothing is done twice."""

    people = 200

    def test_a_document_is_written_once_in_a_first_copy(self):
        with faulty.Faulty(self.standby.couch.url) as into:
            self.standby.catch_up(into=into.url)
            written = collections.Counter((path, doc['_id'], doc['_rev']) for _, path, body in into.requests if '_bulk_docs' in path
                                          for doc in json.loads(body)['docs'])
        self.assertGreater(len(written), 600)
        self.assertEqual([], [what for what, times in written.items() if times > 1][:5])


class TargetThatForgot(Scripted):
    """The second node's server is one of before, while the follower remembers what it gave it."""

    def setUp(self):
        super().setUp()
        self.follower = self.standby.follow()
        self.follower.wait_until_equal()
        self.here = self.standby.standin.databases[self.medic]

    def test_a_database_removed_by_mistake_is_made_again(self):
        self.follower.stop()
        self.standby.couch.delete(self.medic)
        self.standby.catch_up()
        self.standby.assert_equal()


class MadeAnew(Scripted):
    """A database that is dropped, and perhaps made again, in the midst of its first copy."""

    def setUp(self):
        super().setUp()
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def make_anew(self):
        self.couch.delete(self.medic)
        self.couch.create(self.medic)
        self.new = self.note('new', 60)

    def test_at_once_what_is_new_is_copied(self):
        rule = self.proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.first(self.make_anew))
        follower = self.standby.follow(source=self.proxy.url)
        self.assertTrue(wait_until(lambda: rule.hits, 30))
        for id in self.new:
            self.arrives(self.medic, id)
        follower.wait_until_equal()


class Refusing(Scripted):

    def test_a_refused_document_that_was_changed_since_is_lacking_no_more(self):
        self.standby.standin.max_document_size = 100000
        rev = self.couch.put(self.medic, {'_id': 'big', 'text': 'x' * 200000})
        self.standby.catch_up(expect=INCOMPLETE)
        self.couch.put(self.medic, {'_id': 'big', '_rev': rev, 'text': 'x'})
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_full_disk_is_waited_for(self):
        with faulty.Faulty(self.standby.couch.url) as into:
            follower = self.standby.follow(into=into.url)
            follower.wait_until_equal()
            full = into.on('.*', '_bulk_docs', faulty.status(507, '{"error":"insufficient_storage","reason":"the disk is full"}'), times=None)
            ids = self.note('late', 30)
            self.assertTrue(wait_until(lambda: full.hits > 1, 30))
            into.clear()
            self.arrives(self.medic, ids[-1])
            self.assert_has(ids)
            follower.wait_until_equal()


class Odd(Following):
    def test_a_thousand_conflicts_come_over(self):
        self.couch.bulk(self.medic, [revision('torn', 2, ['%032x' % i, 'ab' * 16], v=i) for i in range(1000)], new_edits=False)
        self.standby.catch_up()
        self.standby.assert_equal([self.medic])

    def test_very_long_ids_come_over_with_their_attachments(self):
        for length in (1000, 2000, 5000):
            id = 'é' * length
            self.couch.bulk(self.medic, [{'_id': id, 'v': 1}, {'_id': id + '-file', '_attachments': {
                'note.txt': {'content_type': 'text/plain', 'data': 'c28gaXQgZ29lcyBzbyBpdCBnb2VzIHNvIGl0IGdvZXM='},
                'x.bin': {'content_type': 'application/octet-stream', 'data': 'AAECAw=='}}}])
        self.standby.catch_up()
        with_long = {id: revs for id, revs in self.couch.leaf_sets(self.medic).items() if len(id) > 500}
        there = self.standby.couch.leaf_sets(self.medic)
        self.assertEqual(with_long, {id: there.get(id) for id in with_long})

    def test_attachments_with_odd_names_come_over(self):
        names = ['a/b', 'a b', 'quote"x', 'back\\slash', 'ünï', '日本', 'per%2Fcent', 'q?x=1&y#z', "it's", '+', '.', '..', 'x' * 300, '\u0001', 'line\nend',
                 ';semi', '--boundary']
        self.couch.bulk(self.medic, [{'_id': 'odd-%d' % i, '_attachments': {name: {'content_type': 'text/plain', 'data': 'c28gaXQgZ29lcyE='}}}
                                     for i, name in enumerate(names)])
        self.couch.bulk(self.medic, [{'_id': 'all', '_attachments': {
            name: {'content_type': 'application/octet-stream', 'data': 'c28gaXQgZ29lcyE='} for name in names}}])
        self.standby.catch_up()
        self.standby.assert_equal([self.medic])


if __name__ == '__main__':
    unittest.main()
