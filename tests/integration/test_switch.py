"""What is done with CouchDB when the active node changes: the daemon's role, and the steps that netsvc asks for.

Phones are checkpoints as PouchDB leaves them; test_switch_phones has real ones.
"""

import json
import os
import random
import subprocess
import threading
import unittest

from support import faulty
from support.case import slow
from support.couch import Couch, quote
from support.daemon import Daemon
from support.pair import Pair
from support.server import wait_until


class Role(Pair):
    def test_only_the_standby_follows(self):
        self.start()
        self.assertFalse(self.is_followed())
        self.assertIsNone(self.role('active')['lag'])
        self.assertFalse(self.is_followed())
        self.wait_until_equal()
        self.standby.assert_equal()
        self.role('switching')
        self.assertFalse(self.is_followed())

    def test_nothing_is_purged_while_it_is_unmerged(self):
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        self.couch.put(self.medic, {'_id': 'purged'})
        self.start()
        self.wait_until_equal()
        self.role('standby', unmerged=True)
        rev = self.couch.get('/%s/purged' % quote(self.medic))['_rev']
        self.couch.ask('POST', '/%s/_purge' % quote(self.medic), {'purged': [rev]})
        self.couch.put(self.medic, {'_id': 'after'})
        self.arrives(self.medic, 'after')
        self.assertTrue(self.standby.has(self.medic, 'purged'))
        self.role('standby')
        self.assertTrue(wait_until(lambda: not self.standby.has(self.medic, 'purged'), 60), self.daemon.log)

    def test_the_answer_tells_how_far_behind_it_is(self):
        self.start()
        self.wait_until_equal()
        lag = self.role('standby')['lag']
        self.assertEqual((0, 0, 0, True, None), tuple(lag[name] for name in ('seconds', 'databases', 'changes', 'counted', 'trouble')))
        self.assertRegex(lag['contact'], '^20')

    def mistake(self, path):
        done = subprocess.run([self.site.program('lifeboat'), 'standby', 'check', '--config', path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(2, done.returncode, done.stdout)
        return done.stdout

    def test_the_status_says_what_this_node_is(self):
        self.start()
        self.assertIn('this node is waiting for a word of lifeboat-netsvc', self.daemon.status())
        self.role('active', term=6, unmerged=True)
        said = self.daemon.status(expect=3)
        self.assertIn('this node is active, term 6', said)
        self.assertIn('UNMERGED', said)

    @slow
    def test_when_no_word_comes_it_goes_on_and_says_so(self):
        self.start()
        self.wait_until_equal()
        self.daemon.wait_for('lifeboat-netsvc has said nothing for', seconds=120)
        self.assertIn('SILENT', self.daemon.status(expect=1))
        self.assertTrue(self.is_followed())
        self.role('standby')
        self.daemon.wait_for('is heard again')

    def test_a_role_that_is_none_is_refused(self):
        self.start()
        self.step('role', role='king', expect='no such role')
        self.step('dance', expect='no such step')
        self.step('pull', attempt='a b', expect="'attempt' is missing, or no such thing")
        self.step('fresh', expect="'token' is missing")

    def test_the_other_node_told_twice_is_a_mistake(self):
        path = self.site.path('twice.conf')
        with open(path, 'w') as file:
            file.write('[source]\nurl = %s\n[node]\nname = b\n[standby]\nfollow = %s\n[peer a]\naddresses = 127.0.0.1\n'
                       '[peer b]\naddresses = 127.0.0.1\n' % (self.other.url, self.couch.url))
        said = self.mistake(path)
        self.assertIn('there are [peer] sections as well', said)
        self.assertIn('twice.conf:6', said)

    def test_a_node_that_is_no_peer_is_a_mistake(self):
        path = self.site.path('third.conf')
        with open(path, 'w') as file:
            file.write('[source]\nurl = %s\n[node]\nname = c\n[peer a]\naddresses = 127.0.0.1\n[peer b]\naddresses = 127.0.0.1\n'
                       % self.other.url)
        said = self.mistake(path)
        self.assertIn("this node is 'c', and there is no [peer c]", said)


class Pull(Pair):
    def test_all_is_here_and_the_answer_names_the_other_server(self):
        self.start()
        answer = self.step('pull', attempt='0a1b')
        self.assertEqual(self.uuid(self.couch), answer['uuid'])
        self.assertEqual(64, len(answer['sequences']))
        self.standby.assert_equal()
        again = self.step('pull', attempt='0a1b')
        self.assertEqual((answer['sequences'], 0), (again['sequences'], again['revisions']))

    def test_what_is_written_while_the_standby_follows_is_pulled(self):
        self.start()
        self.wait_until_equal()
        self.couch.put(self.medic, {'_id': 'last', 'v': 1})
        self.couch.put(self.medic, {'_id': '_local/transitions-seq', 'value': '77-last'})
        self.step('pull', attempt='0a1b')
        self.assertTrue(self.standby.has(self.medic, 'last'))
        self.assertEqual('77-last', self.other.get('/%s/_local/transitions-seq' % quote(self.medic))['value'])

    def test_all_that_writers_were_told_is_here_when_they_have_stopped(self):
        self.start()
        self.step('pull', attempt='0a1a')
        end, told = threading.Event(), []

        def write(number):
            couch, i = Couch(self.couch.url), 0
            while not end.is_set():
                i += 1
                rev = couch.put(self.medic, {'_id': 'w-%d-%d' % (number, i), 'n': i})
                told.append(('w-%d-%d' % (number, i), rev))
            couch.close()
        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        timer = threading.Timer(1.5, end.set)
        timer.start()
        self.step('pull', attempt='0a1b')
        end.set()
        for writer in writers:
            writer.join()
        self.step('pull', attempt='0a1c')
        self.assertGreater(len(told), 20)
        self.assertEqual([], [id for id, rev in told if not self.standby.has(self.medic, id, rev)])

    def test_a_document_that_cannot_come_is_an_error_that_names_it(self):
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        with faulty.Faulty(self.couch.url) as a:
            self.couch.put(self.medic, {'_id': 'broken', 'v': 1})
            a.on('POST', '/%s/_bulk_get' % quote(self.medic), faulty.bulk_get_error('broken'), times=None)
            a.on('GET', '/%s/broken' % quote(self.medic), faulty.status(500), times=None)
            self.start(a.url)
            self.step('pull', attempt='0a1b', expect="of document 'broken' for one")

    def test_a_database_that_was_made_anew_over_there_is_not_mixed_with_the_former_one(self):
        """Whose documents would be there again, and hide those that were written less often since."""
        said = "database '%s' was dropped and made anew on the active node" % self.medic
        self.start()
        self.step('pull', attempt='0a1b')
        self.couch.delete(self.medic)
        self.couch.put(self.couch.create(self.medic), {'_id': 'of now'})
        self.step('pull', attempt='0a1c', expect=said)
        self.assertIn(said, str(self.step('check', **{'as': 'to'})['problems']))
        self.step('pull', attempt='0a1d', expect=said)
        self.other.delete(self.medic)
        self.step('pull', attempt='0a1e')
        self.assertNotIn(said, str(self.step('check', **{'as': 'to'})['problems']))
        self.assertEqual(['of now'], list(self.other.leaf_sets(self.medic)))

    def test_a_database_that_was_made_anew_with_the_same_in_it_is_no_matter(self):
        name, document = self.couch.create(self.clinic.name('small')), {'_id': 'one', 'v': 1}
        self.couch.put(name, document)
        self.start()
        self.step('pull', attempt='0a1b')
        self.couch.delete(name)
        self.couch.put(self.couch.create(name), document)
        self.step('pull', attempt='0a1c')

    def test_a_second_question_waits_for_the_same_answer_and_another_one_takes_its_place(self):
        with faulty.Faulty(self.couch.url) as a:
            until = threading.Event()
            self.addCleanup(until.set)
            rule = a.on('GET', '/_all_dbs', lambda x: (until.wait(30), x.pass_on()), times=None)
            self.start(a.url)
            answers = {}

            def ask(name, **members):
                answers[name] = self.daemon.request(ask='switch/pull', **members)
            threads = [threading.Thread(target=ask, args=(name,), kwargs={'attempt': attempt})
                       for name, attempt in (('one', '01'), ('two', '01'))]
            for thread in threads:
                thread.start()
            self.assertTrue(wait_until(lambda: rule.hits, 30))
            third = threading.Thread(target=ask, args=('three',), kwargs={'attempt': '02'})
            third.start()
            for thread in threads:
                thread.join(30)
            self.assertEqual(2, sum("'pull' took the place of 'pull'" in answers[name].get('error', '') for name in ('one', 'two')))
            until.set()
            third.join(60)
            self.assertIn('sequences', answers['three'])


class Clients(Pair):
    """What phones left in a, and find in b."""

    def pull(self):
        self.start()
        return self.step('pull', attempt='0a1b')

    def test_a_phone_that_had_all_goes_on_from_where_the_second_is(self):
        self.leave('pull', self.sequence(), older=[{'session_id': 'older', 'last_seq': '1-older'}])
        answer = self.pull()
        found = self.checkpoint('pull')
        self.assertEqual(self.sequence(self.other), found['last_seq'])
        self.assertEqual([{'session_id': 'session-pull', 'last_seq': self.sequence(self.other)}],
                         [{key: entry[key] for key in ('session_id', 'last_seq')} for entry in found['history']])
        self.assertEqual(('session-pull', 'pouchdb', 1), (found['session_id'], found['replicator'], found['version']))
        self.assertEqual((1, 0), (answer['pulls'], answer['pushes']))
        self.assertEqual([], self.other.changes(self.medic, since=found['last_seq'])['results'])

    def test_a_phone_that_was_a_little_behind_goes_on_from_before_what_it_lacks(self):
        self.start()
        self.step('pull', attempt='0a1a')
        self.leave('behind', self.sequence())
        self.couch.bulk(self.medic, [{'_id': 'since-%02d' % i} for i in range(30)])
        self.step('pull', attempt='0a1b')
        since = self.other.changes(self.medic, since=self.checkpoint('behind')['last_seq'])['results']
        self.assertEqual({'since-%02d' % i for i in range(30)}, {row['id'] for row in since})

    def test_whatever_a_phone_lacked_is_listed_since_where_it_goes_on(self):
        """Phones at many places, documents that change again and again, in rounds that the second node follows."""
        chance = random.Random(os.environ.get('LIFEBOAT_TEST_SEED', '1'))
        places, revs = [], {}
        self.start()
        for round in range(8):
            for _ in range(chance.randrange(3, 10)):
                some = ['r-%03d' % chance.randrange(150) for _ in range(chance.randrange(1, 20))]
                for id in dict.fromkeys(some):
                    if id in revs and chance.random() < 0.1:
                        self.couch.remove(self.medic, id)
                        del revs[id]
                    else:
                        known = {'_rev': revs[id]} if id in revs else {}
                        revs[id] = self.couch.put(self.medic, {'_id': id, **known, 'n': chance.random()})
                rows = self.couch.changes(self.medic)['results']
                places += [self.sequence(), chance.choice(rows)['seq']]  # one in the midst of a pull, too
            if round < 7:
                self.step('pull', attempt='%02x' % round)
        for i, place in enumerate(places):
            self.leave('phone-%d' % i, place)
        answer = self.step('pull', attempt='ff')
        carried = 0
        for i, place in enumerate(places):
            found = self.checkpoint('phone-%d' % i)
            carried += found is not None
            if found:
                lacked = {row['id'] for row in self.couch.changes(self.medic, since=place)['results']}
                listed = {row['id'] for row in self.other.changes(self.medic, since=found['last_seq'])['results']}
                self.assertLessEqual(lacked, listed)
        self.assertEqual(carried, answer['pulls'])
        self.assertGreater(carried, len(places) // 3)

    def test_a_phone_that_was_behind_begins_from_zero(self):
        self.leave('behind', self.sequence())
        self.couch.put(self.medic, {'_id': 'since then'})
        self.leave('nonsense', '17-nonsense')
        self.assertEqual(0, self.pull()['pulls'])
        self.assertIsNone(self.checkpoint('behind'))
        self.assertIsNone(self.checkpoint('nonsense'))

    def test_what_a_phone_pushed_stays_as_it_is(self):
        older = [{'session_id': 'older', 'last_seq': 3}]
        self.leave('push', 41, older=older)
        self.assertEqual(1, self.pull()['pushes'])
        found = self.checkpoint('push')
        self.assertEqual((41, older), (found['last_seq'], found['history'][1:]))

    def test_what_stood_in_the_second_before_goes(self):
        self.other.create(self.medic)
        self.leave('stale', '5-stale', couch=self.other)
        self.leave('push', 5, couch=self.other)
        self.leave('push', 41)
        self.pull()
        self.assertIsNone(self.checkpoint('stale'))
        self.assertEqual(41, self.checkpoint('push')['last_seq'])

    def test_where_the_second_has_more_the_phones_look_through_all(self):
        self.other.create(self.medic)
        self.other.put(self.medic, {'_id': 'only here'})
        self.leave('pull', self.sequence())
        self.leave('push', 41)
        self.pull()
        self.assertIsNone(self.checkpoint('pull'))

    def test_ours_and_those_of_others_are_no_clients(self):
        self.couch.put(self.medic, {'_id': '_local/lifeboat-x-0', 'session_id': 'x', 'history': []})
        self.pull()
        self.assertIsNone(self.checkpoint('lifeboat-x-0'))
        self.assertIsNotNone(self.checkpoint('lifeboat-x-0', self.couch))

    def test_a_thousand_are_carried_over(self):
        sequence = self.sequence()
        self.couch.bulk(self.medic, [{'_id': '_local/many-%04d' % i, 'session_id': 's%d' % i, 'last_seq': sequence if i % 2 else i,
                                      'history': [{'session_id': 's%d' % i, 'last_seq': sequence if i % 2 else i}]}
                                     for i in range(2500)])
        answer = self.pull()
        self.assertEqual((1250, 1250), (answer['pulls'], answer['pushes']))
        self.assertEqual(self.sequence(self.other), self.checkpoint('many-2499')['last_seq'])
        self.assertEqual(2498, self.checkpoint('many-2498')['last_seq'])


class Identity(Pair):
    def setUp(self):
        super().setUp()
        if not self.server.standin:
            self.before = self.uuid(self.couch)

    def test_the_second_takes_over_the_uuid(self):
        self.leave('push', 41)
        self.start()
        uuid = self.step('pull', attempt='0a1b')['uuid']
        self.assertEqual(uuid, self.step('adopt', uuid=uuid)['uuid'])
        self.assertEqual(uuid, self.uuid(self.other))
        self.step('adopt', uuid=uuid)
        self.assertIsNotNone(self.checkpoint('push'))

    def test_without_a_pull_before_no_checkpoint_is_left(self):
        self.other.create(self.medic)
        self.leave('push', 41, couch=self.other)
        self.start()
        self.assertEqual(1, self.step('adopt', uuid='0123456789abcdef0123456789abcdef')['dropped'])
        self.assertIsNone(self.checkpoint('push'))

    def test_what_is_no_uuid_is_not_set(self):
        self.start()
        before = self.uuid(self.other)
        self.step('adopt', uuid='zebra-crossing', expect='no uuid')
        self.assertEqual(before, self.uuid(self.other))

    def test_a_fresh_one_is_drawn_once_for_a_token(self):
        before = self.uuid(self.other)
        self.other.create(self.medic)
        for id, last in (('pull', '5-x'), ('push', 41)):
            self.leave(id, last, couch=self.other)
        self.other.put(self.medic, {'_id': '_local/background-seq', 'value': '5-x'})
        self.start()
        first = self.step('fresh', token='t1')
        self.assertEqual((first['uuid'], 2), (self.uuid(self.other), first['dropped']))
        self.assertNotEqual(before, first['uuid'])
        self.assertRegex(first['uuid'], '^[0-9a-f]{32}$')
        self.assertIsNone(self.checkpoint('push'))
        self.assertIsNotNone(self.checkpoint('background-seq'))
        self.assertEqual(first['uuid'], self.step('fresh', token='t1')['uuid'])
        self.assertNotEqual(first['uuid'], self.step('fresh', token='t2')['uuid'])

    def test_a_uuid_that_is_not_taken_is_an_error(self):
        with faulty.Faulty(self.other.url) as b:
            b.on('PUT', '/_config/couchdb/uuid', faulty.status(403), times=None)
            self.daemon = Daemon(self.site, b.url, node='b', peers={'a': self.couch.url, 'b': b.url})
            self.daemon.wait_for_listening()
            self.step('fresh', token='t1', expect='cannot be set')
            b.clear()
            drawn = json.load(open(os.path.join(self.site.state, 'switch.json')))['uuid']
            self.assertEqual(drawn, self.step('fresh', token='t1')['uuid'])


class Merge(Pair):
    """b became active by force; a comes back with what b has not. b's daemon pulls from a."""

    def setUp(self):
        super().setUp()
        self.start()
        self.step('pull', attempt='0a1b')
        self.other.put(self.medic, {'_id': 'b-only', 'v': 1})

    def both(self, id):
        """Written in both since they were parted."""
        self.couch.put(self.medic, {'_id': id, 'where': 'a'})
        self.other.put(self.medic, {'_id': id, 'where': 'b'})

    def test_what_only_the_other_has_comes_and_conflicts_are_told(self):
        for i in range(20):
            self.couch.put(self.medic, {'_id': 'a-only-%02d' % i})
        self.both('clash')
        self.couch.put(self.medic, {'_id': '_local/transitions-seq', 'value': 'of a'})
        self.other.put(self.medic, {'_id': '_local/transitions-seq', 'value': 'of b'})
        self.other.set_security(self.medic, {'admins': {'names': ['b'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        answer = self.step('merge')
        self.assertEqual((21, [{'db': self.medic, 'id': 'clash'}]), (answer['documents'], answer['conflicts']))
        lines = [json.loads(line) for line in open(answer['report'])]
        self.assertEqual(21, len(lines))
        self.assertEqual(['clash'], [line['id'] for line in lines if line['conflict']])
        self.assertEqual(1, len(self.other.get('/%s/clash' % quote(self.medic), conflicts='true')['_conflicts']))
        self.assertTrue(self.standby.has(self.medic, 'a-only-19') and self.standby.has(self.medic, 'b-only'))
        self.assertEqual('of b', self.other.get('/%s/_local/transitions-seq' % quote(self.medic))['value'])
        self.assertEqual(['b'], self.other.get('/%s/_security' % quote(self.medic))['admins']['names'])
        self.assertIn("database '%s': its _security is another one on the other node; this node's stays" % self.medic, self.daemon.log)
        self.assertIn('21 documents of the other node came, 1 with a conflict; see ' + answer['report'], self.daemon.status())
        merged = self.daemon.request(ask='status')['switch']['merged']
        self.assertEqual((21, 1, answer['report']), (merged['documents'], merged['conflicts'], merged['report']))

    def test_again_brings_nothing_and_keeps_the_report(self):
        self.couch.put(self.medic, {'_id': 'a-only'})
        report = self.step('merge')['report']
        again = self.step('merge')
        self.assertEqual((0, None), (again['documents'], again['report']))
        self.assertEqual(report, self.daemon.request(ask='status')['switch']['merged']['report'])

    def test_a_database_that_only_the_other_has_comes_as_it_is_there(self):
        name = self.couch.create(self.clinic.name('parted'))
        self.couch.put(name, {'_id': 'one'})
        self.couch.set_security(name, {'admins': {'names': ['a'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        self.step('merge')
        self.standby.assert_equal([name])

    def test_nothing_is_purged_or_dropped(self):
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        self.couch.put(self.medic, {'_id': 'purged'})
        self.step('pull', attempt='0a1c')
        rev = self.couch.get('/%s/purged' % quote(self.medic))['_rev']
        self.couch.ask('POST', '/%s/_purge' % quote(self.medic), {'purged': [rev]})
        self.step('merge')
        self.assertTrue(self.standby.has(self.medic, 'purged'))

    def test_a_settings_that_differ_stay(self):
        before = self.other.get('/_node/_local/_config')['chttpd_auth']['secret']
        self.other.ask('PUT', '/_node/_local/_config/chttpd_auth/secret', '"another"')
        self.step('merge')
        self.assertEqual('another', self.other.get('/_node/_local/_config')['chttpd_auth']['secret'])
        self.other.ask('PUT', '/_node/_local/_config/chttpd_auth/secret', json.dumps(before))


class Backwards(Pair):
    def test_so_is_one_that_lost_only_what_came_last(self):
        """After its last tokens, which are all there."""
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        self.start()
        self.wait_until_equal()
        saved = self.server.standin.databases[self.medic].save()
        self.couch.put(self.medic, {'_id': 'lost'})
        self.arrives(self.medic, 'lost')
        self.assertTrue(wait_until(lambda: self.role('standby')['lag']['databases'] == 0, 30))
        self.server.standin.stop()
        self.server.standin.databases[self.medic].roll_back(saved)
        self.server.standin.start()
        self.assertTrue(wait_until(lambda: self.role('standby')['backwards'], 60), self.daemon.log)

    def test_so_is_one_that_lost_what_was_written_while_it_was_listed(self):
        """It comes back to where it stood when it was looked at, and what was listed after that is here."""
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        database, saved = self.server.standin.databases[self.medic], []

        def write():
            saved.append(database.save())
            self.couch.put(self.medic, {'_id': 'lost'})

        with faulty.Faulty(self.couch.url) as a:
            self.start(url=a.url)
            self.wait_until_equal()
            a.on('GET', '/%s/_changes[?]style' % self.medic, faulty.first(write))
            again = a.on('GET', '/%s$' % self.medic, faulty.hang_up(), times=None, after=1)
            self.couch.put(self.medic, {'_id': 'kept'})
            self.arrives(self.medic, 'lost')
            self.assertTrue(wait_until(lambda: again.hits, 30))
            self.server.standin.stop()
            database.roll_back(saved[0])
            a.clear()
            self.server.standin.start()
            self.assertTrue(wait_until(lambda: self.role('standby')['backwards'], 60), self.daemon.log)

    def test_a_source_that_was_rolled_back_is_told_until_it_has_a_fresh_uuid(self):
        if self.server.standin is None:
            self.skipTest('the source is scripted')
        saved = self.server.standin.databases[self.medic].save()
        self.start()
        self.wait_until_equal()
        self.couch.put(self.medic, {'_id': 'lost'})
        self.arrives(self.medic, 'lost')
        self.assertFalse(self.role('standby')['backwards'])
        self.server.standin.stop()
        self.server.standin.databases[self.medic].roll_back(saved)
        self.server.standin.start()
        self.assertTrue(wait_until(lambda: self.role('standby')['backwards'], 60), self.daemon.log)
        self.assertTrue(self.standby.has(self.medic, 'lost'))
        self.server.standin.config['couchdb']['uuid'] = 'f' * 32
        self.server.standin.stop()
        self.server.standin.start()
        self.assertTrue(wait_until(lambda: not self.role('standby')['backwards'], 60), self.daemon.log)


class Check(Pair):
    """What would stop a planned switch is said before it, with how to mend it."""

    def setUp(self):
        super().setUp()
        self.start()
        self.step('pull', attempt='0a1b')
        if self.server.standin is None or self.standby.standin is None:
            self.skipTest('settings of both servers are to be changed')

    def problems(self, side='to'):
        return self.step('check', **{'as': side})['problems']

    def assert_problem(self, text):
        for side in ('to', 'from'):
            found = [problem for problem in self.problems(side) if text in problem]
            self.assertEqual(1, len(found), '%s is not in %s' % (text, self.problems(side)))

    def test_nothing_is_in_the_way(self):
        self.assertEqual([], self.problems('to'))
        self.assertEqual([], self.problems('from'))

    def test_who_looks_writes_nothing(self):
        """The one that follows writes there at the same moment."""
        path = os.path.join(self.standby.state, 'standby.json')
        if os.path.exists(path):
            os.unlink(path)
        self.problems()
        self.assertFalse(os.path.exists(path))

    def test_a_secret_that_differs_and_none_of_them_is_told(self):
        self.standby.standin.config['chttpd_auth']['secret'] = 'b-secret'
        self.assert_problem('have different secrets')
        self.assertNotIn('b-secret', str(self.problems()))

    def test_a_secret_in_the_other_section_is_the_same_one(self):
        secret = self.server.standin.config['chttpd_auth'].pop('secret')
        self.server.standin.config['couch_httpd_auth'] = {'secret': secret}
        self.assertEqual([], [problem for problem in self.problems() if 'secret' in problem])

    def test_each_setting_that_sessions_hang_on(self):
        for section, key, value in (('chttpd_auth', 'timeout', '5'), ('chttpd_auth', 'hash_algorithms', 'sha512'),
                                    ('couch_httpd_auth', 'iterations', '7'), ('jwt_keys', 'hmac:_default', 'abc'),
                                    ('admins', 'second', '-pbkdf2:sha256-00,00,10')):
            with self.subTest(key=key):
                before = dict(self.standby.standin.config.get(section, {}))
                self.standby.standin.config.setdefault(section, {})[key] = value
                self.assert_problem('[%s] %s is not the same' % (section, key))
                self.standby.standin.config[section] = before

    def test_one_uuid_for_both(self):
        self.standby.standin.config['couchdb']['uuid'] = self.server.standin.config['couchdb']['uuid']
        self.assert_problem('both CouchDBs have the same uuid')

    def test_a_server_that_is_not_there(self):
        self.server.standin.stop()
        self.assert_problem("the other node's CouchDB cannot be used")
        self.server.standin.start()

    def test_a_database_that_was_not_copied(self):
        self.couch.put(self.couch.create('newer'), {'_id': 'one'})
        self.assertIn("database 'newer' was not copied to this node yet", self.problems()[0])
        self.assertEqual([], self.problems('from'))

    def test_what_came_since_is_only_noted(self):
        self.couch.put(self.medic, {'_id': 'newer'})
        answer = self.step('check', **{'as': 'to'})
        self.assertEqual([], answer['problems'])
        self.assertEqual(['1 database is behind by about 1 change'], answer['notes'])

    def test_what_comes_back_with_the_switch_is_noted(self):
        self.couch.delete(self.medic)
        self.other.create('only-here')
        answer = self.step('check', **{'as': 'to'})
        self.assertEqual([], answer['problems'])
        self.assertIn("2 databases of this node are not on the other one (any more), '%s' for one" % self.medic, answer['notes'][0])
        self.assertEqual([], self.step('check', **{'as': 'from'})['notes'])

    def test_replications_that_do_not_go_on_are_noted(self):
        self.couch.put('_replicator', {'_id': 'to the district', 'source': 'x', 'target': 'y', 'continuous': True})
        notes = self.step('check', **{'as': 'to'})['notes']
        self.assertEqual(1, sum("1 replications stand in '_replicator'" in note for note in notes), notes)

    def test_a_clock_that_is_wrong(self):
        with faulty.Faulty(self.couch.url) as a:
            def late(x):
                status, headers, body = x.ask()
                x.send(status, [h for h in headers if h[0].lower() != 'date'] + [('Date', 'Thu, 01 Jan 2026 00:00:00 GMT')], body)
            a.on('GET', '/_session', late, times=None)
            self.daemon.end()
            self.start(a.url)
            self.assertTrue(any("the clock of this node's CouchDB is" in problem and 'ahead of' in problem
                                for problem in self.problems()), self.problems())

    def test_a_database_that_is_a_copy_of_the_others_files(self):
        for here, there in zip(self.standby.standin.databases[self.medic].shards, self.server.standin.databases[self.medic].shards):
            here.file = there.file
        self.assertIn('was made by copying the other one', self.problems()[0])
        self.step('pull', attempt='0a1c', expect='was made by copying the other one')


if __name__ == '__main__':
    unittest.main()
