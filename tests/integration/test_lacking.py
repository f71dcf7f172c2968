"""What a snapshot lacks is named, whoever asks and however long ago it went missing; and what its chain still holds
comes back all the same, named as older."""

import json
import os
import random
import shutil
import threading

import oracle
from support import cht, compare, faulty
from support.case import Case
from support.lifeboat import DAMAGED, INCOMPLETE

LOGS = 'medic-logs'
PATIENCE = ('--patience', '2')


def problems(run):
    """What a run with --json named as missing: {(database, id)}"""
    return {(event.get('database'), event.get('id')) for event in run.lines if event['event'] == 'problem'}


def forget(site):
    """The node loses what it remembers of the chain."""
    shutil.rmtree(site.state)
    os.mkdir(site.state)


class Lacking(Case):
    scripted = True
    people = 8

    def setUp(self):
        super().setUp()
        self.couch.put(LOGS, {'_id': 'entry', 'v': 1})
        self.proxy = faulty.Faulty(self.server.url)
        self.addCleanup(self.proxy.close)

    def snapshot(self, *options, **how):
        return self.site.snapshot(self.proxy.url, *PATIENCE, *options, **how)

    def catalogue(self, name):
        with open(os.path.join(self.site.snapshot_folder(name), 'snapshot.json')) as file:
            return json.load(file)

    def logs_fail(self):
        self.proxy.on('.*', '/' + LOGS, faulty.status(500), times=None)

    def document_fails(self, id, database='medic'):
        self.proxy.on('GET', '/%s/%s' % (database, id), faulty.status(500), times=None)
        self.proxy.on('POST', '/%s/_bulk_get' % database, faulty.bulk_get_error(id, 'badmatch'), times=None)

    def attachment_fails(self, id, attachment):
        """The document can be read, but not this attachment of it."""
        self.proxy.on('POST', r'/medic/_bulk_get\?.*attachments=true', faulty.status(400), times=None)
        self.proxy.on('GET', '/medic/%s/%s' % (id, attachment), faulty.status(404), times=None)


class Older(Lacking):
    """A database that failed, or was left out, in the newest snapshot."""

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.first, = self.site.snapshots()
        self.then = compare.capture(self.couch, LOGS)
        self.clinic.change()
        self.couch.put(LOGS, {'_id': 'later', 'v': 2})

    def fail_once(self):
        self.logs_fail()
        self.snapshot(expect=INCOMPLETE)
        self.proxy.clear()
        self.proxy.rules.clear()

    def assert_older(self, run):
        """It is named with the snapshot that it stands at and that one's time."""
        self.assert_says(run, "database '%s'" % LOGS, 'older', self.first, self.catalogue(self.first)['started'])

    def assert_restored_as_it_stood(self):
        target = self.empty_target()
        run = self.site.restore(target, expect=INCOMPLETE)
        self.assert_older(run)
        self.assertEqual({(LOGS, None)}, problems(run))
        compare.assert_same(self, self.then, compare.capture(target.couch, LOGS))
        compare.assert_same(self, compare.capture(self.couch, 'medic'), compare.capture(target.couch, 'medic'))

    def test_one_that_failed_comes_back_as_it_stands_and_is_named_as_older(self):
        self.fail_once()
        self.assert_restored_as_it_stood()
        self.assert_store_holds({LOGS: self.then})

    def test_one_that_was_excluded_comes_back_as_it_stands_and_is_named_as_older(self):
        self.site.snapshot(self.server, '--exclude', LOGS)
        self.assert_restored_as_it_stood()
        self.assert_store_holds({LOGS: self.then})

    def test_one_that_failed_again_and_again_stands_where_it_last_was_read(self):
        self.fail_once()
        self.couch.put('medic', {'_id': 'more'})
        forget(self.site)
        self.fail_once()
        self.assertEqual(3, len(self.site.snapshots()))
        self.assert_restored_as_it_stood()

    def test_by_name_it_is_restored_and_its_age_is_the_exit_code(self):
        self.fail_once()
        target = self.empty_target()
        self.assert_older(self.site.restore(target, '--db', LOGS, expect=INCOMPLETE))
        compare.assert_same(self, self.then, compare.capture(target.couch, LOGS))
        self.assertFalse(target.couch.exists('medic'))

    def test_one_of_its_documents_comes_back(self):
        self.fail_once()
        target = self.empty_target()
        self.assert_older(self.site.restore(target, '--doc', LOGS + '/entry', expect=INCOMPLETE))
        self.assertEqual(['entry'], list(target.couch.leaf_sets(LOGS)))

    def test_others_by_name_are_no_older(self):
        self.fail_once()
        self.site.restore(self.empty_target(), '--db', 'medic')
        self.site.extract(self.site.path('out'), '--db', 'medic')

    def test_a_drill_goes_through_it_and_tells(self):
        self.fail_once()
        run = self.site.drill(self.server, '--json', expect=INCOMPLETE)
        self.assert_older(run)
        self.assertIn(LOGS, [event['database'] for event in run.lines if event['event'] == 'database'])

    def test_extract_writes_it_and_tells(self):
        self.fail_once()
        self.assert_older(self.site.extract(self.site.path('out'), expect=INCOMPLETE))
        with open(self.site.path('out', LOGS, 'docs.jsonl')) as file:
            self.assertEqual(['entry'], [json.loads(line)['_id'] for line in file])
        self.assert_older(self.site.extract(self.site.path('one'), '--db', LOGS, expect=INCOMPLETE))

    def test_read_again_without_a_change_it_is_no_older_any_more(self):
        self.couch.remove(LOGS, 'later')
        self.couch.purge(LOGS, 'later', list(self.couch.leaf_sets(LOGS)['later']))
        self.site.snapshot(self.server)
        self.couch.put('medic', {'_id': 'more'})
        self.fail_once()
        self.site.snapshot(self.server)
        self.assertEqual(4, len(self.site.snapshots()))
        self.site.restore(self.empty_target())

    def test_the_next_increment_goes_on_from_where_it_stood(self):
        self.fail_once()
        forget(self.site)
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())
        self.site.restore(self.empty_target())

    def test_one_that_no_snapshot_of_the_chain_holds_is_named_as_missing(self):
        self.logs_fail()
        self.snapshot('--full', expect=INCOMPLETE)
        target = self.empty_target()
        run = self.site.restore(target, expect=INCOMPLETE)
        self.assert_says(run, LOGS, 'not in the snapshot')
        self.assertFalse(target.couch.exists(LOGS))
        self.assertTrue(target.couch.exists('medic'))
        run = self.site.restore(self.empty_target(), '--db', LOGS, '--db', 'medic-sentinel', expect=INCOMPLETE)
        self.assertEqual({(LOGS, None)}, problems(run))
        self.assert_says(self.site.extract(self.site.path('out'), expect=INCOMPLETE), LOGS)

    def test_one_that_was_never_wanted_is_told_without_alarm(self):
        self.site.snapshot(self.server, '--full', '--exclude', LOGS)
        run = self.site.restore(self.empty_target())
        self.assert_says(run, LOGS, 'left out')

    def test_a_dry_run_ends_as_the_run_would(self):
        self.fail_once()
        with open(self.site.path('.env'), 'w') as file:
            file.write('x')
        self.site.snapshot(self.server, '--exclude', LOGS, '--file', self.site.path('.env'))
        target = self.empty_target()
        dry = self.site.restore(target, '--dry-run', '--files', self.site.path('files'), expect=INCOMPLETE)
        self.assert_older(dry)
        self.assert_says(dry, '1 extra file', self.site.path('files'))
        self.assertFalse(os.path.exists(self.site.path('files')))
        wet = self.site.restore(target, expect=INCOMPLETE)
        self.assertEqual(problems(wet), problems(dry))
        self.assertEqual(wet.summary['problems'], dry.summary['problems'])

    def test_list_shows_it(self):
        self.fail_once()
        self.assertEqual(['ok', 'incomplete'], [event['state'] for event in self.site.list().lines[:-1]])
        self.assertEqual([0, 1], [event['failed'] for event in self.site.list().lines[:-1]])
        run = self.site.run('lifeboat-restore', 'list', self.site.store)
        self.assert_says(run, 'incomplete, 1 database failed')


class Unread(Lacking):
    """Documents that the source did not give stay named until they are there."""

    def assert_named(self, *ids):
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual(sorted(ids), sorted(row['id'] for row in tip.manifest['unread']))
        self.assertEqual(len(ids), tip.catalogue['counts']['unread'])
        expect = INCOMPLETE if ids else 0
        run = self.site.restore(self.empty_target(), expect=expect)
        self.assertEqual(set(ids), {id for _, id in problems(run)})
        self.assertEqual('incomplete' if ids else 'ok', self.site.list().lines[-2]['state'])

    def fill_links(self, count=1500):
        rnd = random.Random(4)
        documents = [{'_id': 'bulk-%05d' % n, 'text': '%0900x' % rnd.getrandbits(3600)} for n in range(count)]
        for at in range(0, count, 500):
            self.couch.bulk('medic', documents[at:at + 500])

    def test_in_an_early_link_of_a_run_it_is_named_by_the_last(self):
        self.fill_links()
        bad = min(self.clinic.contact_ids)  # before bulk-…
        self.document_fails(bad)
        run = self.snapshot('--link-size', '1', expect=INCOMPLETE)
        self.assertGreater(len(self.site.snapshots()), 1)
        self.assertEqual(1, run.summary['unread'])
        self.assert_named(bad)
        self.proxy.rules.clear()
        forget(self.site)
        self.snapshot()
        self.assert_named()
        self.assert_store_holds(self.capture())

    def test_in_the_database_that_a_run_is_killed_in_it_is_not_forgotten(self):
        self.fill_links()
        bad, until = min(self.clinic.contact_ids), threading.Event()
        self.addCleanup(until.set)
        self.document_fails(bad)
        self.proxy.on('GET', '/medic-sentinel', faulty.stall(until), times=None)
        process = self.site.start('lifeboat', 'snapshot', '--source', self.proxy.url, '--to', self.site.store, '--keys',
                                  self.site.keys, '--link-size', '1')
        self.assertTrue(self.proxy.wait_for('GET', '/medic-sentinel'))
        process.kill()
        self.site.finish(process)
        until.set()
        tip = oracle.Store.of(self.site).tip()
        self.assertFalse(tip.catalogue['complete'])
        self.assertEqual([bad], [row['id'] for row in tip.manifest['unread']])
        self.proxy.rules.clear()
        self.snapshot()
        self.assert_named()
        self.assert_store_holds(self.capture())

    def test_a_database_that_fails_after_links_of_it_is_named_as_a_part(self):
        self.fill_links(3000)
        self.proxy.on('POST', '/medic/_bulk_get', faulty.hang_up(), times=None, after=3)
        self.snapshot('--link-size', '1', expect=INCOMPLETE)
        self.assertGreater(len(self.site.snapshots()), 1)
        target = self.empty_target()
        run = self.site.restore(target, expect=INCOMPLETE)
        self.assertEqual({('medic', None)}, problems(run))
        self.assert_says(run, 'only a part', 'could not be read', self.site.snapshots()[0])
        held = set(target.couch.leaf_sets('medic'))
        self.assertTrue(held < set(self.couch.leaf_sets('medic')))
        self.proxy.rules.clear()
        forget(self.site)
        with faulty.Faulty(self.server.url) as proxy:
            self.site.snapshot(proxy.url)
            self.assertFalse(held & proxy.fetched('medic'))
        self.assert_named()
        self.assert_store_holds(self.capture())

    def test_after_links_a_node_that_forgot_a_later_database_reads_it_from_the_store(self):
        self.couch.put(self.couch.create('medic-zzz'), {'_id': 'a'})
        self.snapshot()
        forget(self.site)
        self.fill_links()
        self.snapshot('--link-size', '1')
        self.assertGreater(len(self.site.snapshots()), 2)
        self.assert_store_holds(self.capture())

    def test_what_stays_unread_is_named_by_every_snapshot(self):
        bad = self.clinic.contact_ids[0]
        self.document_fails(bad)
        self.snapshot(expect=INCOMPLETE)
        self.snapshot(expect=INCOMPLETE)
        self.assert_named(bad)
        self.couch.put(LOGS, {'_id': 'other'})
        self.snapshot(expect=INCOMPLETE)
        self.assert_named(bad)

    def test_of_a_database_that_failed_since_it_is_still_named(self):
        self.couch.put(LOGS, {'_id': 'torn'})
        self.document_fails('torn', LOGS)
        self.snapshot(expect=INCOMPLETE)
        self.proxy.rules.clear()
        self.couch.put('medic', {'_id': 'more'})
        self.logs_fail()
        self.snapshot(expect=INCOMPLETE)
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual(['torn'], [row['id'] for row in tip.manifest['unread']])
        run = self.site.restore(self.empty_target(), expect=INCOMPLETE)
        self.assertEqual({(LOGS, None), (LOGS, 'torn')}, problems(run))

    def test_of_a_database_that_fails_in_the_middle_nothing_is_named_twice(self):
        bad = self.clinic.contact_ids[0]
        self.snapshot()
        self.couch.put('medic', dict(self.couch.get('/medic/' + bad), v=2))
        self.document_fails(bad)
        self.proxy.on('GET', '/medic$', faulty.status(500), times=None, after=1)
        self.couch.put(LOGS, {'_id': 'more'})
        self.snapshot(expect=INCOMPLETE)
        self.assertEqual([], oracle.Store.of(self.site).tip().manifest['unread'])
        self.assertEqual({('medic', None)}, problems(self.site.restore(self.empty_target(), expect=INCOMPLETE)))

    def test_what_left_the_source_unread_is_not_named_for_ever(self):
        bad = self.clinic.contact_ids[0]
        self.document_fails(bad)
        self.snapshot(expect=INCOMPLETE)
        self.proxy.rules.clear()
        self.couch.purge('medic', bad, list(self.couch.leaf_sets('medic')[bad]))
        self.snapshot()
        self.assert_named()

    def test_an_attachment_is_read_again_by_a_node_that_forgot_everything(self):
        self.attachment_fails('resources', 'icon.png')
        self.snapshot(expect=INCOMPLETE)
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual(['resources'], [row['id'] for row in tip.manifest['unread']])
        self.site.verify(expect=INCOMPLETE)
        self.proxy.rules.clear()
        forget(self.site)
        self.snapshot()
        self.assert_named()
        self.assert_store_holds(self.capture())

    def test_extract_leaves_an_attachment_of_zeros_out_and_names_it(self):
        self.attachment_fails('resources', 'icon.png')
        self.snapshot(expect=INCOMPLETE)
        out = self.site.path('out')
        run = self.site.extract(out, '--json', expect=INCOMPLETE)
        self.assert_says(run, 'icon.png', 'resources')
        rev, = self.couch.leaf_sets('medic')['resources']
        self.assertEqual(['empty'], os.listdir(os.path.join(out, 'medic', 'attachments', 'resources', rev)))
        self.assertEqual(5, run.summary['attachments'])


class Partial(Lacking):
    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.first, = self.site.snapshots()
        self.new = self.couch.create('medic-zzz')
        Unread.fill_links(self)
        self.interrupt('/medic-sentinel')

    def interrupt(self, where):
        until = threading.Event()
        self.addCleanup(until.set)
        self.proxy.on('GET', where, faulty.stall(until), times=None)
        process = self.site.start('lifeboat', 'snapshot', '--source', self.proxy.url, '--to', self.site.store, '--keys',
                                  self.site.keys, '--link-size', '1')
        self.assertTrue(self.proxy.wait_for('GET', where))
        process.kill()
        self.site.finish(process)
        until.set()

    def test_names_each_database_that_the_run_had_not_come_to_or_ended(self):
        run = self.site.restore(self.empty_target(), '--partial', expect=INCOMPLETE)
        unfinished = {'medic', LOGS, 'medic-sentinel', 'medic-user-anna-meta', 'medic-user-bo-meta', 'medic-users-meta',
                      'medic-zzz'}
        self.assertEqual({(name, None) for name in unfinished | {None}}, problems(run))
        said = {event['database']: event['reason'] for event in run.lines if event['event'] == 'problem' and
                event.get('database')}
        self.assertIn('in the middle', said['medic'])
        self.assertIn('had not come to it', said[LOGS])
        self.assertIn(self.first, said[LOGS])
        self.assertIn('not in the snapshot', said['medic-zzz'])
        self.assertTrue(run.summary['partial'])

    def test_says_the_same_in_a_dry_run(self):
        target = self.empty_target()
        dry = self.site.restore(target, '--partial', '--dry-run', expect=INCOMPLETE)
        wet = self.site.restore(target, '--partial', expect=INCOMPLETE)
        self.assertEqual(problems(wet), problems(dry))


class Hints(Lacking):
    def test_after_damage_another_try_is_not_advised(self):
        self.couch.bulk('medic', [{'_id': 'd%05d' % n, 'v': os.urandom(300).hex()} for n in range(3000)])
        self.site.snapshot(self.server)
        path = os.path.join(self.site.snapshot_folder(self.site.snapshots()[0]), 'data.000')
        with open(path, 'r+b') as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        run = self.site.restore(self.empty_target(), expect=DAMAGED)
        self.assertNotIn('run the same command again', run.said)
        self.assert_says(run, "hint: ", "lifeboat-restore verify '%s'" % self.site.store, '--snapshot', '--db')
