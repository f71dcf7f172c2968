"""The second node follows the first: all is the same there, soon after every change and after every mishap."""

import json
import os
import re
import threading
import time
import unittest

from support import faulty
from support.couch import Couch, quote
from support.cht import odd, revision
from support.daemon import Daemon
from support.lifeboat import FAILED, INCOMPLETE, USAGE
from support import server
from support.server import REAL, wait_until
from support.standby import SECOND, Following


class Equality(Following):
    def test_a_first_copy_is_the_same_in_everything(self):
        self.couch.set_revs_limit(self.medic, 77)
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_odd_documents_come_out_with_the_same_bytes(self):
        self.couch.bulk(self.medic, odd())
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_what_changed_since_is_brought_by_the_next_run(self):
        self.standby.catch_up()
        self.clinic.change()
        self.couch.bulk(self.medic, [revision(self.clinic.conflict_id, 4, ['f4' * 16, 'c3' * 16, 'b2' * 16], name='later')],
                        new_edits=False)
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_run_that_finds_nothing_new_writes_nothing(self):
        self.standby.catch_up()
        before = {name: self.standby.couch.info(name)['update_seq'] for name in self.clinic.databases}
        self.standby.catch_up()
        self.assertEqual(before, {name: self.standby.couch.info(name)['update_seq'] for name in self.clinic.databases})

    def test_a_local_document_that_changes_alone_follows(self):
        self.standby.catch_up()
        self.couch.put(self.medic, {'_id': '_local/alone', 'value': 1})
        self.standby.catch_up()
        self.assertTrue(self.standby.has(self.medic, '_local/alone'))
        self.couch.put(self.clinic.databases[-1], {'_id': '_local/alone', 'value': 1})
        follower = self.standby.follow()
        self.assertTrue(wait_until(lambda: self.standby.has(self.clinic.databases[-1], '_local/alone'), 60), follower.said)

    def test_security_limit_and_local_documents_follow(self):
        self.standby.catch_up()
        self.couch.set_security(self.medic, {'admins': {'names': ['new'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        self.couch.set_revs_limit(self.medic, 12)
        self.couch.put(self.medic, {'_id': '_local/transitions-seq', 'value': '999-abc'})
        self.clinic.change()
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_database_is_made_with_the_same_shards(self):
        name = self.couch.create(self.clinic.name('shards'), q=4)
        self.standby.catch_up()
        self.standby.assert_equal([name])

    def test_a_large_attachment_comes_as_it_is_stored(self):
        data = os.urandom(3 << 20)
        self.couch.attach(self.medic, 'large', None, 'scan.bin', data, 'application/octet-stream')
        self.couch.attach(self.medic, 'text', None, 'log.txt', b'so it goes\n' * 300000, 'text/plain')
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_an_attachment_that_is_there_already_is_not_sent_again(self):
        rev = self.couch.attach(self.medic, 'photo', None, 'face.png', os.urandom(200000), 'image/png')
        self.standby.catch_up()
        rev = self.couch.put(self.medic, {'_id': 'photo', '_rev': rev, 'seen': True, '_attachments': {
            'face.png': {'stub': True, 'content_type': 'image/png'}}})
        self.couch.attach(self.medic, 'photo', rev, 'note.txt', b'new', 'text/plain')
        with faulty.Faulty(self.standby.couch.url) as into:
            self.standby.catch_up(into=into.url)
            sent = max(len(body or b'') for _, path, body in into.requests if self.medic in path)
        self.assertLess(sent, 100000)
        self.standby.assert_equal()

    def test_an_attachment_that_should_be_there_and_is_not_is_sent_whole(self):
        first = self.couch.attach(self.medic, 'photo', None, 'face.png', os.urandom(5000), 'image/png')
        self.standby.couch.create(self.medic)
        self.standby.couch.bulk(self.medic, [{'_id': 'photo', '_rev': first, '_revisions': {'start': 1, 'ids': [first[2:]]}}],
                                new_edits=False)
        self.couch.put(self.medic, {'_id': 'photo', '_rev': first, 'seen': True, '_attachments': {
            'face.png': {'stub': True, 'content_type': 'image/png'}}})
        self.standby.catch_up()
        self.assertEqual([], [d for d in self.standby.differences([self.medic])[self.medic] if 'photo' in d])

    def test_what_only_the_second_has_stays(self):
        self.standby.catch_up()
        self.standby.couch.put(self.medic, {'_id': 'only-here', 'v': 1})
        self.clinic.change()
        self.standby.catch_up()
        self.assertTrue(self.standby.has(self.medic, 'only-here'))


class Live(Following):
    def setUp(self):
        super().setUp()
        self.follower = self.standby.follow()
        self.follower.wait_until_equal()

    def test_every_kind_of_change_arrives(self):
        rev = self.couch.put(self.medic, {'_id': 'live', 'v': 1})
        self.arrives(self.medic, 'live', rev)
        self.clinic.change()
        gone = self.couch.remove(self.medic, 'live', why='test')
        self.arrives(self.medic, 'live', gone)
        self.follower.wait_until_equal()
        self.assertEqual([], [d for d in self.standby.differences([self.medic])[self.medic] if not d.startswith('local')])

    def test_a_new_database_is_there_within_seconds(self):
        name = self.couch.create(self.clinic.name('fresh'))
        self.couch.put(name, {'_id': 'one'})
        self.arrives(name, 'one')

    def test_a_database_made_anew_is_compared_and_the_old_documents_stay(self):
        name = self.clinic.name('medic-logs')
        self.couch.put(name, {'_id': 'old'})
        self.arrives(name, 'old')
        self.couch.delete(name)
        self.couch.create(name)
        self.couch.put(name, {'_id': 'new'})
        self.arrives(name, 'new')
        self.assertTrue(self.standby.has(name, 'old'))

    def test_indexes_are_warm_before_anybody_asks(self):
        if self.standby.standin:
            self.skipTest('the stand-in has no views')

        def pending():
            return self.standby.couch.get('/%s/_design/medic/_info' % quote(self.medic))['view_index']['updates_pending']['total']
        self.assertTrue(wait_until(lambda: pending() == 0, 60))

    def test_it_ends_when_told_to(self):
        self.assertEqual(0, self.follower.stop())


class UnderTheDaemon(Following):
    def setUp(self):
        super().setUp()
        settings = {'follow': self.server.url}
        if self.server.prefix:
            settings['include'] = self.server.prefix + '*'
        self.daemon = Daemon(self.site, self.standby.couch.url, standby=settings)
        self.daemon.wait_for_listening()

    def report(self):
        return self.daemon.request(ask='status').get('standby')

    def wait_until_equal(self):
        self.assertTrue(wait_until(lambda: (found := self.report()) and found['contact'] and not found['databases_behind'], 60),
                        str(self.report()) + self.daemon.log)

    def test_it_follows_and_tells_how_it_stands(self):
        self.wait_until_equal()
        self.standby.assert_equal()
        said = self.daemon.status()
        self.assertIn('standby of http://127.0.0.1:%d\n' % self.couch.port, said)
        self.assertIn('all up to date', said)
        self.assertRegex(said, r'contact +20\d\d-')
        self.couch.put(self.medic, {'_id': 'later'})
        self.arrives(self.medic, 'later')

    def test_a_follower_that_is_killed_is_started_again(self):
        self.wait_until_equal()
        os.kill(self.daemon.run_under_way(), 9)
        self.daemon.wait_for('following the other node ended with 137')
        self.couch.put(self.medic, {'_id': 'later'})
        self.arrives(self.medic, 'later')

    def test_a_database_that_was_dropped_is_told(self):
        self.wait_until_equal()
        self.couch.delete(self.medic)
        self.assertTrue(wait_until(lambda: (self.report() or {}).get('databases_gone'), 60), str(self.report()))
        self.assertRegex(self.daemon.status(), r'gone +1 database dropped there, kept here for `keep_dropped` days')

    def test_it_ends_with_the_daemon(self):
        self.wait_until_equal()
        pid = self.daemon.run_under_way()
        self.daemon.end()
        self.assertFalse(os.path.exists('/proc/%d' % pid))

    def test_a_source_that_does_not_answer_is_told(self):
        if not self.server.standin:
            self.skipTest('the source is to be stopped')
        self.wait_until_equal()
        self.server.standin.stop()
        self.assertTrue(wait_until(lambda: self.report()['trouble'], 60))
        self.assertIn('TROUBLE', self.daemon.status(expect=FAILED))
        self.server.standin.start()


class NotFollowing(Following):
    """What follows the other node under the daemon has ended, or follows what is not meant."""

    def start(self, source, **settings):
        self.daemon = Daemon(self.site, self.standby.couch.url, standby={'follow': source, **settings})
        self.daemon.wait_for_listening()

    def report(self):
        return self.daemon.request(ask='status').get('standby')

    def test_a_wrong_password_is_told_by_status_with_when_it_is_tried_again(self):
        if not self.server.standin:
            self.skipTest('it would lock the account')
        self.start(self.server.url.replace(':pass@', ':wrong@'))
        self.assertIn('incorrect', self.daemon.wait_for('following the other node ended with'))
        said = self.daemon.status(expect=FAILED)
        self.assertRegex(said, r'(?s)standby of .*contact +never  TROUBLE: .*incorrect.*next +20\d\d-')

    def test_a_mistyped_pattern_is_told_by_status(self):
        self.start(self.server.url, include='medik*')
        self.assertTrue(wait_until(lambda: (self.report() or {}).get('idle'), 60))
        self.assertIn("INCOMPLETE   no database there matches the include 'medik*'", self.daemon.status(expect=INCOMPLETE))

    def test_what_was_up_to_date_before_is_not_said_to_be(self):
        if not self.server.standin:
            self.skipTest('its password is to be changed')
        self.start(self.server.url)
        self.assertTrue(wait_until(lambda: (found := self.report()) and found['contact'] and not found['databases_behind'], 60))
        self.couch.put(self.medic, {'_id': 'later'})
        self.server.standin.users['admin'] = 'changed'
        self.addCleanup(self.server.standin.users.update, {'admin': 'pass'})
        self.daemon.wait_for('following the other node ended with')
        said = self.daemon.status(expect=FAILED)
        self.assertRegex(said, r'contact +20\d\d-.*TROUBLE: .*incorrect')
        self.assertIn('standby of http://127.0.0.1:%d' % self.couch.port, said)
        self.assertNotIn('up to date', said)


class HowFar(Following):
    """Behind: which databases, in changes and in seconds."""

    scripted = True

    def setUp(self):
        super().setUp()
        self.until = threading.Event()
        self.addCleanup(self.until.set)
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def behind(self, report, name):
        return next((database for database in report['behind'] if database['database'] == name), None)

    def wait_for(self, follower, name, **wanted):
        """A report that has these of that database."""
        def has(report):
            found = self.behind(report, name)
            return found and all(found[key] == value for key, value in wanted.items())
        return follower.wait_for_report(has)

    def fill(self, name, count):
        self.couch.bulk(name, [{'_id': 'more-%04d' % i} for i in range(count)])

    def slow_down(self):
        """Each request for bodies takes longer than other databases wait for their turn, and than until the next report."""
        self.proxy.on('POST', '/medic/_bulk_get', lambda x: (self.until.wait(1.5), x.pass_on()), times=None)

    def test_a_first_copy_counts_down_what_the_source_has(self):
        self.fill(self.medic, 3000)
        info = self.couch.info(self.medic)
        all = info['doc_count'] + info['doc_del_count']
        self.slow_down()
        follower = self.standby.follow(source=self.proxy.url)
        first = self.wait_for(follower, self.medic, changes=all, counted=True)
        self.assertEqual(sum(database['changes'] for database in first['behind']), first['changes_behind'])
        self.assertEqual(self.medic, first['behind'][0]['database'])  # the worst one
        follower.wait_for_report(lambda report: (found := self.behind(report, self.medic)) and 1 < found['changes'] < all - 400, after=first)
        self.until.set()
        equal = follower.wait_until_equal()
        self.assertEqual((0, True, []), (equal['changes_behind'], equal['changes_counted'], equal['behind']))

    def test_after_an_absence_it_is_what_came_since_and_others_are_none(self):
        self.standby.catch_up()
        self.fill(self.medic, 300)
        self.proxy.on('GET', '/medic/_changes.style', faulty.stall(self.until))
        follower = self.standby.follow(source=self.proxy.url)
        report = self.wait_for(follower, self.medic, changes=300, counted=True)
        self.assertEqual((1, 300), (report['databases_behind'], report['changes_behind']))
        self.until.set()
        follower.wait_until_equal()

    def test_what_cannot_be_copied_now_is_told_with_its_number_and_why(self):
        with faulty.Faulty(self.standby.couch.url) as into:
            daemon = Daemon(self.site, into.url, standby={'follow': self.server.url})
            daemon.wait_for_listening()

            def report():
                return daemon.request(ask='status').get('standby') or {'contact': None}
            self.assertTrue(wait_until(lambda: report()['contact'] and not report()['databases_behind'], 60), daemon.log)
            into.on('POST', '/medic/_revs_diff', faulty.status(400), times=None)
            self.fill(self.medic, 3)
            self.assertTrue(wait_until(lambda: (found := self.behind(report(), self.medic)) and found['changes'] == 3, 60), daemon.log)
            self.assertRegex(daemon.status(), r"  databases    \d+, 1 behind: about 3 changes, for up to \d+ s\n"
                                              r"  behind       '%s': about 3 changes, for \d+ s: .*status 400" % self.medic)
            daemon.end()

    def test_the_worst_few_are_shown_and_how_many_more_there_are(self):
        names = [self.couch.create(self.clinic.name('more-%d' % i)) for i in range(7)]
        for i, name in enumerate(names):
            self.fill(name, 300 + i)
        self.proxy.on('GET', '/more-./_changes.style', faulty.status(400), times=None)
        daemon = Daemon(self.site, self.standby.couch.url, standby={'follow': self.proxy.url})
        daemon.wait_for_listening()
        self.assertTrue(wait_until(lambda: (daemon.request(ask='status').get('standby') or {}).get('databases_behind') == 7, 60), daemon.log)
        report = daemon.request(ask='status')['standby']
        self.assertEqual(names[::-1], [database['database'] for database in report['behind']])
        said = daemon.status()
        self.assertIn("7 behind: about %d changes, for up to " % sum(range(300, 307)), said)
        self.assertEqual(5, said.count(' changes, for ') - 1)
        self.assertIn("  behind       'more-6': about 306 changes, for ", said)
        self.assertIn('  behind       and 2 more\n', said)
        daemon.end()

    def test_during_a_long_pass_it_is_not_begun_again(self):
        self.fill(self.medic, 3000)
        self.slow_down()
        self.standby.catch_up(source=self.proxy.url)
        self.assertEqual(1, self.proxy.count('GET', '/medic/_changes.style'))


class Rate(Following):
    """No faster than it may."""

    def test_a_copy_takes_as_long_as_the_rate_wants_and_is_the_same(self):
        size = 4 << 20
        self.couch.attach(self.medic, 'scan', None, 'scan.bin', os.urandom(size), 'application/octet-stream')
        began = time.monotonic()
        self.standby.catch_up('--rate', '2048')
        self.assertGreater(time.monotonic() - began, size / (2048 << 10) - 0.5)  # a quarter of a second's worth comes at once
        self.standby.assert_equal()

    def test_the_daemon_passes_what_was_typed_to_the_follower(self):
        daemon = Daemon(self.site, self.standby.couch.url, stores=False, arguments=(
            '--from', self.server.url, '--rate', '512', '--keep-dropped', '5'))
        self.addCleanup(daemon.end)
        daemon.wait_for('watching for drives')
        self.assertTrue(wait_until(lambda: daemon.request(ask='status').get('standby'), 60), daemon.log)
        pid = daemon.run_under_way()
        with open('/proc/%d/cmdline' % pid, 'rb') as file:
            arguments = file.read().split(b'\0')
        self.assertIn(b'--rate=512', arguments)
        self.assertIn(b'--keep-dropped=5', arguments)


class Checking(Following):
    def check(self, *options, **how):
        return self.site.run('lifeboat', 'standby', 'check', '--from', self.server.url, '--source', self.standby.couch.url, '--json',
                             *(['--include', self.server.prefix + '*'] if self.server.prefix else []), *options, **how)

    def setUp(self):
        super().setUp()
        self.standby.catch_up()

    def test_what_is_equal_is_called_equal(self):
        for options in ([], ['--deep']):
            summary = self.check(*options).summary
            self.assertTrue(summary['equal'])
            self.assertGreater(summary['leaves'], 40)

    def test_a_missing_a_strange_and_a_deleted_revision_are_named(self):
        self.couch.put(self.medic, {'_id': 'missing'})
        person = self.clinic.contact_ids[2]
        self.standby.couch.remove(self.medic, person)
        run = self.check(expect=INCOMPLETE)
        self.assert_says(run, "document 'missing' is missing", "document '%s': revision 1-" % person, 'is only here')
        self.assertFalse(run.summary['equal'])

    def test_a_missing_database_and_another_security_are_named(self):
        name = self.couch.create(self.clinic.name('other'))
        self.standby.couch.set_security(self.medic, {'admins': {'names': ['eve'], 'roles': []}, 'members': {}})
        self.assert_says(self.check(expect=INCOMPLETE), "_security differs", "it is not on both nodes", name)

    def test_a_document_that_only_the_second_has_is_no_difference(self):
        self.standby.couch.put(self.medic, {'_id': 'mine'})
        self.assertEqual(1, self.check().summary['only_here'])

    def test_other_content_under_the_same_revision_is_found_by_a_deep_check_only(self):
        for couch, value in ((self.couch, 1), (self.standby.couch, 2)):
            couch.bulk(self.medic, [revision('twisted', 1, ['ab' * 16], value=value)], new_edits=False)
        self.assertTrue(self.check().summary['equal'])
        self.assert_says(self.check('--deep', expect=INCOMPLETE), "document 'twisted': the content of revision 1-")


class Leaving(Following):
    """What goes from the first node."""

    def test_a_dropped_database_stays_for_its_time_and_is_removed_then(self):
        self.standby.catch_up()
        name = self.clinic.name('medic-logs')
        self.couch.delete(name)
        run = self.standby.catch_up()
        self.assert_says(run, "'%s' is gone from the source; it stays here for 30 days" % name)
        self.assertTrue(self.standby.couch.exists(name))
        path = os.path.join(self.standby.state, 'standby.json')
        with open(path) as file:
            memory = json.load(file)
        self.assertEqual([name], list(memory['gone']))
        memory['gone'][name] -= 31 * 86400
        with open(path, 'w') as file:
            json.dump(memory, file)
        run = self.standby.catch_up()
        self.assert_says(run, 'was removed')
        self.assertFalse(self.standby.couch.exists(name))

    def test_what_another_server_does_not_have_was_not_dropped_there(self):
        """Whoever mistypes the URL, or restores half of the first node, loses nothing here."""
        if not self.standby.standin:
            self.skipTest('the administrators of another server would be set on the second')
        self.standby.catch_up()
        other = server.start_standin().standin
        self.addCleanup(other.stop)
        Couch(other.url).create(self.clinic.name('alone'))
        self.assert_says(self.standby.catch_up(source=other.url), 'another CouchDB than before')
        self.standby.catch_up(source=other.url)
        with open(os.path.join(self.standby.state, 'standby.json')) as file:
            self.assertEqual({}, json.load(file)['gone'])

    def test_a_database_that_we_did_not_bring_is_never_removed(self):
        name = self.standby.couch.create(self.clinic.name('own'))
        self.standby.catch_up()
        self.assertTrue(self.standby.couch.exists(name))
        with open(os.path.join(self.standby.state, 'standby.json')) as file:
            self.assertEqual({}, json.load(file)['gone'])

    def test_what_was_purged_is_purged(self):
        self.couch.put(self.medic, {'_id': 'secret', 'v': 1})
        self.standby.catch_up()
        rev = self.couch.get(Couch.path(self.medic, 'secret'))['_rev']
        self.couch.purge(self.medic, 'secret', [rev])
        self.standby.catch_up()
        self.assertFalse(self.standby.has(self.medic, 'secret'))
        self.standby.assert_equal()

    def test_what_was_purged_and_came_back_stays(self):
        rev = self.couch.put(self.medic, {'_id': 'again', 'v': 1})
        self.standby.catch_up()
        self.couch.purge(self.medic, 'again', [rev])
        self.standby.catch_up()
        self.couch.bulk(self.medic, [{'_id': 'again', '_rev': rev, 'v': 1}], new_edits=False)
        self.standby.catch_up()
        self.couch.put(self.medic, {'_id': 'other'})
        self.couch.purge(self.medic, 'other', [self.couch.get(Couch.path(self.medic, 'other'))['_rev']])
        self.standby.catch_up()
        self.assertTrue(self.standby.has(self.medic, 'again'))


class RolledBack(Following):
    """A source that forgot what it had, and goes on from there with the same sequences."""

    scripted = True

    def roll_back(self, shards):
        database = self.server.standin.databases[self.medic]
        saved = database.save()
        self.couch.bulk(self.medic, [{'_id': 'lost-%d' % i} for i in range(20)])
        self.standby.catch_up()
        for number in shards:
            database.shards[number].roll_back(saved[number])
        self.lost = [id for id in ('lost-%d' % i for i in range(20)) if not database.document(id)]
        self.couch.bulk(self.medic, [{'_id': 'new-%d' % i} for i in range(40)])

    def check(self, run):
        self.assert_says(run, 'rolled back, replaced or made anew')
        for i in range(40):
            self.assertTrue(self.standby.has(self.medic, 'new-%d' % i))
        for id in self.lost:
            self.assertTrue(self.standby.has(self.medic, id))
        self.assertTrue(self.lost)

    def test_whole_nothing_new_is_skipped_and_nothing_old_is_lost(self):
        self.roll_back([0, 1])
        self.check(self.standby.catch_up())

    def test_one_shard_of_it_likewise(self):
        self.roll_back([1])
        self.check(self.standby.catch_up())

    def test_between_two_checkpoints_while_the_follower_looks_away(self):
        follower = self.standby.follow()
        follower.wait_until_equal()
        database = self.server.standin.databases[self.medic]
        saved = database.save()
        self.couch.bulk(self.medic, [{'_id': 'lost-%d' % i} for i in range(20)])
        self.arrives(self.medic, 'lost-19')
        follower.wait_until_equal()
        self.server.standin.stop()
        follower.wait_for_report(lambda report: report['trouble'])
        database.roll_back(saved)
        self.server.standin.start()
        self.couch.close()
        self.couch.bulk(self.medic, [{'_id': 'new-%d' % i} for i in range(40)])
        for i in range(40):
            self.arrives(self.medic, 'new-%d' % i)


class Mishaps(Following):
    def test_killed_at_any_request_to_the_second_the_next_run_completes_it(self):
        with faulty.Faulty(self.standby.couch.url) as proxy:
            for request in (1, 2, 3, 5, 8, 12, 17, 23, 30, 40, 55):
                with self.subTest(request=request):
                    proxy.clear()
                    self.clinic.change()
                    rule = proxy.on('.*', '', faulty.stall(threading.Event()), after=request)
                    process = self.standby.start_catching_up(into=proxy.url)
                    self.assertTrue(wait_until(lambda: rule.hits or process.poll() is not None, 30))
                    process.kill()
                    self.site.finish(process)
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_links_that_break_off_in_the_midst_are_gone_through(self):
        with faulty.Faulty(self.server.url) as proxy:
            for path in ('/_changes', '/_bulk_get', '/_all_dbs', '/medic$', '_local', '/_security'):
                proxy.on('.*', path, faulty.cut(0.5), times=2)
            self.standby.catch_up(source=proxy.url)
        self.standby.assert_equal()

    def test_a_source_that_goes_away_is_waited_for(self):
        if not self.server.standin:
            self.skipTest('the source is to be stopped')
        follower = self.standby.follow()
        follower.wait_until_equal()
        self.server.standin.stop()
        report = follower.wait_for_report(lambda report: report['trouble'])
        self.assertIn('127.0.0.1', report['trouble'])
        self.server.standin.start()
        self.couch.close()
        self.couch.put(self.medic, {'_id': 'after'})
        self.arrives(self.medic, 'after')

    def test_a_document_that_the_second_refuses_is_named_and_the_rest_goes_on(self):
        if not self.standby.standin:
            self.skipTest('the second server is to be told to refuse it')
        self.standby.standin.max_document_size = 100000
        self.couch.put(self.medic, {'_id': 'big', 'text': 'x' * 200000})
        self.couch.put(self.medic, {'_id': 'small'})
        run = self.standby.catch_up(expect=INCOMPLETE)
        self.assert_says(run, "document 'big' is not copied", 'too_large')
        self.assertTrue(self.standby.has(self.medic, 'small'))
        self.standby.standin.max_document_size = 8000000
        self.standby.catch_up()
        self.standby.assert_equal()

    def test_a_mistyped_pattern_is_named_and_nothing_is_called_equal(self):
        run = self.standby.catch_up('--include', self.medic, '--include', 'medik*', expect=INCOMPLETE)
        self.assert_says(run, "no database on the other node matches --include 'medik*'", 'INCOMPLETE')
        run = self.site.run('lifeboat', 'standby', 'check', '--from', self.server.url, '--source', self.standby.couch.url,
                            '--state', self.standby.state, '--include', 'medik*', expect=INCOMPLETE)
        self.assert_says(run, "no database on the other node matches --include 'medik*'", 'DIFFERENT')

    def test_a_server_does_not_follow_itself(self):
        run = self.site.run('lifeboat', 'standby', 'follow', '--from', self.server.url, '--source',
                            self.server.url.replace('127.0.0.1', 'localhost'), '--state', self.standby.state, '--once', expect=USAGE)
        self.assert_says(run, 'are one server')

    def test_without_credentials_the_hint_names_the_option_for_that_server(self):
        run = self.standby.catch_up(source=re.sub('//.*@', '//', self.server.url), expect=FAILED)
        self.assert_says(run, 'hint: give --from-credentials FILE')

    def test_a_wrong_password_is_tried_once(self):
        if not self.server.standin:
            self.skipTest('it would lock the account')
        before = len(self.server.standin.requests)
        run = self.standby.catch_up(source=self.server.url.replace(':pass@', ':wrong@'), expect=FAILED)
        self.assert_says(run, 'incorrect')
        self.assertEqual(1, len(self.server.standin.requests) - before)


class Replications(Following):
    scripted = True

    def test_a_replication_arrives_disabled(self):
        self.couch.put('_replicator', {'_id': 'job', 'source': 'a', 'target': 'b', 'continuous': True})
        self.standby.catch_up()
        self.assertEqual('failed', self.standby.couch.get('/_replicator/job')['_replication_state'])

    def test_users_follow_with_their_password_hashes(self):
        self.couch.put('_users', {'_id': 'org.couchdb.user:anna', 'name': 'anna', 'type': 'user', 'roles': ['chw'],
                                  'password_scheme': 'pbkdf2', 'derived_key': 'ab' * 20, 'salt': 'cd' * 16, 'iterations': 10})
        self.standby.catch_up()
        self.standby.assert_equal(['_users'])


@unittest.skipUnless(SECOND and REAL, 'two real servers are needed: LIFEBOAT_TEST_COUCHDB and LIFEBOAT_TEST_COUCHDB_STANDBY')
class People(Following):
    """Who is logged in on the first node, or may log in there, is so on the second."""

    def setUp(self):
        super().setUp()
        self.user = self.clinic.name('anna')
        self.user_id = 'org.couchdb.user:' + self.user
        self.couch.put('_users', {'_id': self.user_id, 'name': self.user, 'password': 'blue horse', 'type': 'user', 'roles': ['medic-access']})
        self.addCleanup(self.forget)
        self.standby.catch_up('--include', '_users')

    def forget(self):
        for couch in (self.couch, self.standby.couch):
            if couch.ask('GET', couch.path('_users', self.user_id), expect=(200, 404)).status == 200:
                couch.remove('_users', self.user_id)

    def log_in(self, couch):
        answer = Couch(couch.bare_url).ask('POST', '/_session', {'name': self.user, 'password': 'blue horse'})
        return answer.headers['Set-Cookie'].partition(';')[0]

    def who(self, couch, cookie):
        return Couch(couch.bare_url).ask('GET', '/_session', headers={'Cookie': cookie}).json()['userCtx']

    def test_a_user_of_the_first_logs_in_on_the_second(self):
        self.assertEqual(self.user, self.who(self.standby.couch, self.log_in(self.standby.couch))['name'])

    def test_a_session_of_the_first_is_good_on_the_second(self):
        cookie = self.log_in(self.couch)
        told = self.who(self.standby.couch, cookie)
        self.assertEqual((self.user, ['medic-access']), (told['name'], told['roles']))
        answer = Couch(self.standby.couch.bare_url).ask('GET', '/%s/%s' % (self.medic, self.clinic.contact_ids[0]), headers={'Cookie': cookie})
        self.assertEqual('person', answer.json()['type'])


if __name__ == '__main__':
    unittest.main()
