"""Ways to lose something on the second node that somebody thought of: each is tried here, and nothing is lost."""

import collections
import json
import os
import threading
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

    def look(self):
        """A new database makes the follower look at all of them."""
        self.couch.create(self.clinic.name('new'))

    def test_rolled_back_it_gets_everything_again(self):
        saved = self.here.save()
        ids = self.note('late', 1100)  # so many that the checkpoint is written
        self.arrives(self.medic, ids[-1])
        self.follower.wait_until_equal()
        self.restart(self.standby.standin, lambda: self.here.roll_back(saved))
        self.look()
        self.arrives(self.medic, ids[-1])
        self.follower.wait_until_equal()
        self.standby.assert_equal()

    def test_empty_it_gets_everything_again(self):
        self.restart(self.standby.standin, lambda: self.standby.standin.databases.pop(self.medic))
        self.look()
        self.arrives(self.medic, self.clinic.contact_ids[0])
        self.follower.wait_until_equal()
        self.standby.assert_equal()

    def test_one_shard_rolled_back_it_gets_what_is_missing_again(self):
        self.follower.stop()
        for shard in self.here.shards:
            with self.subTest(shard=shard.range):
                saved = shard.save()
                self.note('late-' + shard.range, 40)
                self.standby.catch_up()
                shard.roll_back(saved)
                self.standby.catch_up()
                self.standby.assert_equal()

    def test_a_database_removed_by_mistake_is_made_again(self):
        self.standby.couch.delete(self.medic)
        self.look()
        self.arrives(self.medic, self.clinic.contact_ids[0])


class SourceThatForgot(Scripted):
    """The first node's server went back, and on again to exactly as many changes as before."""

    def go_back(self, saved):
        self.couch_database.roll_back(saved)
        self.couch_database.put('{"_id":"report","v":"typed in again"}')

    def setUp(self):
        super().setUp()
        self.couch_database = self.server.standin.databases[self.medic]

    def test_between_two_runs_it_is_noticed(self):
        self.standby.catch_up()
        saved = self.couch_database.save()
        self.note('report', 0)
        lost = self.couch.put(self.medic, {'_id': 'report', 'v': 'typed in'})
        self.standby.catch_up()
        self.restart(self.server.standin, lambda: self.go_back(saved))
        rev = self.couch.get(Couch.path(self.medic, 'report'))['_rev']
        self.standby.catch_up()
        self.assertNotEqual(lost, rev)
        self.assertTrue(self.standby.has(self.medic, 'report', rev))

    def test_while_it_is_followed_it_is_noticed(self):
        follower = self.standby.follow()
        follower.wait_until_equal()
        saved = self.couch_database.save()
        lost = self.couch.put(self.medic, {'_id': 'report', 'v': 'typed in'})
        self.arrives(self.medic, 'report', lost)
        follower.wait_until_equal()
        self.restart(self.server.standin, lambda: self.go_back(saved))
        self.arrives(self.medic, 'report', self.couch.get(Couch.path(self.medic, 'report'))['_rev'])

    def test_in_the_midst_of_a_pass_nothing_new_is_skipped(self):
        with faulty.Faulty(self.standby.couch.url) as into:
            follower = self.standby.follow(into=into.url)
            follower.wait_until_equal()
            self.couch.put(self.medic, {'_id': 'gets-it-a-feed'})
            self.arrives(self.medic, 'gets-it-a-feed')
            saved = self.couch_database.save()
            back = threading.Event()

            def go_back():
                self.restart(self.server.standin, lambda: self.couch_database.roll_back(saved))
                back.set()
            into.on('POST', '/%s/_bulk_docs' % self.medic, faulty.first(go_back))
            self.note('late', 4000)
            self.assertTrue(back.wait(30))
            for id in self.note('new', 40):
                self.arrives(self.medic, id)
            self.assertEqual(0, follower.wait_until_equal()['revisions_lacking'])


class MadeAnew(Scripted):
    """A database that is dropped, and perhaps made again, in the midst of its first copy."""

    def setUp(self):
        super().setUp()
        self.new = ()
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def make_anew(self):
        self.couch.delete(self.medic)
        self.couch.create(self.medic)
        self.new = self.note('new', 60)

    def test_at_once_what_is_new_is_copied(self):
        self.proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.first(self.make_anew))
        follower = self.standby.follow(source=self.proxy.url)
        self.assertTrue(wait_until(lambda: self.new, 30))
        for id in self.new:
            self.arrives(self.medic, id)
        follower.wait_until_equal()

    def test_between_two_runs_what_is_new_is_copied(self):
        def make_anew():
            created = self.server.standin.databases[self.medic].created
            self.make_anew()
            self.server.standin.databases[self.medic].created = created  # in the same second
        self.proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.first(make_anew))
        self.standby.catch_up(source=self.proxy.url, expect=None)
        self.standby.catch_up()
        self.assert_has(self.new)

    def test_not_there_for_a_moment_it_is_followed_again(self):
        follower = self.standby.follow()
        follower.wait_until_equal()
        name = self.clinic.name('medic-logs')
        self.couch.put(name, {'_id': 'old'})
        self.arrives(name, 'old')
        gone = self.server.standin.databases.pop(name)  # nobody is told
        self.couch.put(self.medic, {'_id': 'other'})
        self.arrives(self.medic, 'other')
        follower.wait_for_log("'%s' is gone" % name)
        self.server.standin.databases[name] = gone
        self.couch.put(name, {'_id': 'new'})
        self.arrives(name, 'new')

    def test_dropped_before_its_first_copy_it_is_not_waited_for(self):
        name = self.couch.create(self.clinic.name('brief'))
        self.proxy.on('GET', '/%s$' % name, faulty.first(lambda: self.couch.delete(name)))
        follower = self.standby.follow(source=self.proxy.url)
        follower.wait_until_equal()

    def test_dropped_in_its_first_copy_it_is_not_waited_for(self):
        self.proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.first(lambda: self.couch.delete(self.medic)))
        follower = self.standby.follow(source=self.proxy.url)
        follower.wait_until_equal()


class Purged(Scripted):
    def test_what_was_purged_before_the_first_checkpoint_goes(self):
        secret = self.couch.put(self.medic, {'_id': 'secret', 'v': 1})
        with faulty.Faulty(self.standby.couch.url) as into:  # the copy ends before it has a checkpoint
            stalled = into.on('PUT', '/%s/_local' % self.medic, faulty.stall(threading.Event()))
            process = self.standby.start_catching_up(into=into.url)
            self.assertTrue(wait_until(lambda: stalled.hits, 30))
            process.kill()
            self.site.finish(process)
        self.assertTrue(self.standby.has(self.medic, 'secret'))
        self.couch.purge(self.medic, 'secret', [secret])
        self.standby.catch_up()
        self.assertFalse(self.standby.has(self.medic, 'secret'))


    def test_what_was_changed_and_purged_before_it_was_looked_at_goes_with_what_it_was(self):
        rev = self.couch.put(self.medic, {'_id': 'secret', 'v': 1})
        kept = self.couch.put(self.medic, {'_id': 'torn', 'v': 1})
        self.standby.catch_up()
        rev = self.couch.put(self.medic, {'_id': 'secret', '_rev': rev, 'v': 2})
        self.couch.purge(self.medic, 'secret', [rev])
        mine = revision('torn', 1, ['ab' * 16], of='the second node')
        self.standby.couch.bulk(self.medic, [mine], new_edits=False)
        purged = revision('torn', 2, ['cd' * 16, 'ef' * 16])
        self.couch.bulk(self.medic, [purged], new_edits=False)
        self.couch.purge(self.medic, 'torn', [purged['_rev']])
        self.standby.catch_up()
        self.assertFalse(self.standby.has(self.medic, 'secret'))
        self.assertTrue(self.standby.has(self.medic, 'torn', kept))
        self.assertTrue(self.standby.has(self.medic, 'torn', mine['_rev']))


class Refusing(Scripted):
    def test_more_refused_documents_than_can_be_named_come_when_they_are_taken(self):
        follower = self.standby.follow()
        follower.wait_until_equal()
        self.standby.standin.max_document_size = 100
        ids = ['big-%d' % i for i in range(1300)]
        self.couch.bulk(self.medic, [{'_id': id, 'text': 'x' * 200} for id in ids])
        follower.wait_for_report(lambda report: report['revisions_lacking'] >= 1300)
        self.standby.standin.max_document_size = 8000000
        for id in ids[::100]:
            self.arrives(self.medic, id)
        self.assertEqual(0, follower.wait_until_equal()['revisions_lacking'])
        self.assert_has(ids)

    def test_a_refused_document_that_was_changed_since_is_lacking_no_more(self):
        self.standby.standin.max_document_size = 100000
        rev = self.couch.put(self.medic, {'_id': 'big', 'text': 'x' * 200000})
        self.standby.catch_up(expect=INCOMPLETE)
        self.couch.put(self.medic, {'_id': 'big', '_rev': rev, 'text': 'x'})
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_refused_document_that_was_purged_since_is_lacking_no_more(self):
        self.standby.standin.max_document_size = 100000
        rev = self.couch.put(self.medic, {'_id': 'big', 'text': 'x' * 200000})
        self.standby.catch_up(expect=INCOMPLETE)
        self.couch.purge(self.medic, 'big', [rev])
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_document_purged_while_it_was_to_be_read_is_not_lacking(self):
        rev = self.couch.put(self.medic, {'_id': 'brief', 'v': 1})
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/%s/_bulk_get' % self.medic, faulty.first(lambda: self.couch.purge(self.medic, 'brief', [rev])))
            self.standby.catch_up(source=proxy.url, expect=None)
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_an_account_that_was_deleted_and_came_back_is_not_refused(self):
        """The validator of _users is shown the deleted revision that came before."""
        account = {'_id': 'org.couchdb.user:jane', 'name': 'jane', 'type': 'user', 'roles': []}
        rev = self.couch.put('_users', account)
        self.standby.catch_up()
        for _ in range(2):
            self.couch.remove('_users', account['_id'])
            self.standby.catch_up()
            rev = self.couch.put('_users', account)
            self.standby.catch_up()
            self.standby.assert_equal(['_users'])
        self.assertTrue(self.standby.has('_users', account['_id'], rev))

    def test_an_account_that_came_back_here_too_is_not_purged_for_it(self):
        account = {'_id': 'org.couchdb.user:jane', 'name': 'jane', 'type': 'user', 'roles': []}
        self.couch.put('_users', account)
        self.couch.remove('_users', account['_id'])
        self.standby.catch_up()
        ours = self.standby.couch.put('_users', {**account, 'roles': ['of the second node']})
        self.couch.put('_users', account)
        self.standby.catch_up(expect=INCOMPLETE)
        self.assertTrue(self.standby.has('_users', account['_id'], ours))

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


class Clock(Scripted):
    def test_one_that_jumps_removes_nothing(self):
        self.standby.catch_up()
        name = self.clinic.name('medic-logs')
        self.couch.delete(name)
        path = os.path.join(self.standby.state, 'standby.json')
        self.standby.catch_up()
        with open(path) as file:
            memory = json.load(file)
        memory['gone'][name] = memory['looked'] = 1000000  # it was 1970 then: a clock without a battery
        with open(path, 'w') as file:
            json.dump(memory, file)
        self.standby.catch_up()
        self.assertTrue(self.standby.couch.exists(name))
        with open(path) as file:
            self.assertLess(time.time() - json.load(file)['gone'][name], 3600)


class Versions(Scripted):
    def test_a_source_that_cannot_tell_what_was_purged_is_followed_all_the_same(self):
        self.standby.catch_up()
        self.couch.put(self.medic, {'_id': 'other', 'v': 1})
        rev = self.couch.put(self.medic, {'_id': 'secret', 'v': 1})
        self.couch.purge(self.medic, 'secret', [rev])
        with faulty.Faulty(self.server.url) as proxy:  # CouchDB before 3.4
            proxy.on('GET', '_purged_infos', faulty.status(404, '{"error":"not_found","reason":"missing"}'), times=None)
            run = self.standby.catch_up(source=proxy.url)
        self.assert_says(run, 'cannot tell which')
        self.assertTrue(self.standby.has(self.medic, 'other'))


class Histories(Following):
    def test_of_one_longer_than_the_source_remembers_the_newest_wins(self):
        """An older leaf stays, as it does with CouchDB's own replication: it may be somebody's work."""
        self.couch.set_revs_limit(self.medic, 5)
        rev = self.couch.put(self.medic, {'_id': 'busy', 'v': 0})
        self.standby.catch_up()
        for v in range(1, 20):
            rev = self.couch.put(self.medic, {'_id': 'busy', '_rev': rev, 'v': v})
        run = self.standby.catch_up()
        self.assertEqual(rev, self.standby.couch.get(Couch.path(self.medic, 'busy'))['_rev'])
        self.assert_says(run, "1 documents, 'busy' for one, changed more often than _revs_limit")
        self.clinic.change()
        self.assertNotIn('changed more often', self.standby.catch_up().said)


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
