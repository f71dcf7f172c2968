"""Snapshots: a full one holds all, an increment fetches only what differs, and nothing is written for nothing."""

import json
import os
import unittest

import oracle
from support import cht, faulty, server
from support.case import Case
from support.lifeboat import FAILED, INCOMPLETE, USAGE


class Full(Case):
    def test_holds_every_leaf_path_attachment_and_setting(self):
        self.couch.set_revs_limit(self.medic, 321)
        before = self.capture()
        self.site.snapshot(self.server)
        state = self.assert_store_holds(before)
        self.assertEqual(321, state[self.medic]['revs_limit'])

    def test_leaves_checkpoints_out_and_keeps_other_local_documents(self):
        self.site.snapshot(self.server)
        state = oracle.Store.of(self.site).state()
        self.assertEqual([('value', '"123-g1AAAA"')],
                         state[self.clinic.name('medic-sentinel')]['local']['_local/transitions-seq'])
        self.assertNotIn('_local/checkpoint', state[self.medic]['local'])

    def test_tells_no_name_id_or_data_in_clear_text(self):
        self.site.snapshot(self.server)
        telling = [self.medic, 'medic-user-anna-meta', self.clinic.contact_ids[0], 'Mbanza', 'transitions-seq']
        for folder, _, files in os.walk(self.site.lifeboat_folder):
            for name in files:
                with open(os.path.join(folder, name), 'rb') as file:
                    data = file.read()
                for text in telling:
                    self.assertNotIn(text.encode(), data, name)

    def test_takes_only_what_include_and_exclude_say(self):
        self.site.snapshot(self.server.url, '--include', self.clinic.name('medic*'), '--exclude', '*-meta',
                           '--exclude', self.clinic.name('medic-logs'))
        state = oracle.Store.of(self.site).state()
        self.assertEqual([self.medic, self.clinic.name('medic-sentinel')], sorted(state))

    def test_an_include_that_matches_nothing_is_refused_before_anything_is_written(self):
        mistyped = self.clinic.name('medik*')
        run = self.site.snapshot(self.server.url, '--include', mistyped, expect=USAGE)
        self.assert_says(run, "no database on the server matches --include '%s'" % mistyped)
        self.assertEqual([], os.listdir(self.site.store))

    def test_one_of_several_includes_that_matches_nothing_is_named_as_missing(self):
        mistyped = self.clinic.name('logz')
        run = self.site.snapshot(self.server.url, '--include', mistyped, '--include', self.medic, expect=INCOMPLETE)
        self.assert_says(run, "--include '%s'" % mistyped)
        self.assertEqual([self.medic], sorted(oracle.Store.of(self.site).state()))

    def test_an_exclude_that_matches_nothing_is_told(self):
        mistyped = self.clinic.name('logz')
        run = self.site.snapshot(self.server, '--exclude', mistyped)
        self.assert_says(run, "--exclude '%s'" % mistyped)

    def test_no_store_is_begun_inside_a_store(self):
        self.site.snapshot(self.server)
        before = sorted(os.listdir(self.site.lifeboat_folder))
        run = self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.lifeboat_folder,
                            '--keys', self.site.keys, *self.server.options, expect=USAGE)
        self.assert_says(run, "hint: name the folder that holds 'lifeboat/': --to '%s'" % self.site.store)
        self.assertEqual(before, sorted(os.listdir(self.site.lifeboat_folder)))

    def test_a_drive_that_is_not_there_is_asked_for(self):
        self.site.store = self.site.path('nowhere')
        self.assert_says(self.site.snapshot(self.server, expect=FAILED), 'is the drive mounted?')

    def test_keeps_files_and_folders_with_their_modes(self):
        os.makedirs(self.site.path('cht', 'tls'))
        for name, mode in (('.env', 0o600), ('tls/key.pem', 0o400), ('tls/cert.pem', 0o644)):
            with open(self.site.path('cht', name), 'w') as file:
                file.write(name * 100)
            os.chmod(self.site.path('cht', name), mode)
        self.site.snapshot(self.server, '--file', self.site.path('cht', '.env'), '--file', self.site.path('cht', 'tls'))
        entries = oracle.Store.of(self.site).tip().by_name
        for name, mode in (('.env', 0o600), ('tls/key.pem', 0o400), ('tls/cert.pem', 0o644)):
            entry = entries['server/files' + self.site.path('cht', name)]
            self.assertEqual((name.encode() * 100, mode), (entry.data, entry.mode))

    def write(self, *names):
        """Files in a folder, which is returned."""
        for name in names:
            os.makedirs(os.path.dirname(self.site.path('cht', name)), exist_ok=True)
            with open(self.site.path('cht', name), 'w') as file:
                file.write(name)
        return self.site.path('cht')

    def held_files(self):
        """The extra files of the newest snapshot, without the folder that they lie in."""
        prefix = 'server/files' + self.site.path('cht') + '/'
        return sorted(name[len(prefix):] for name in oracle.Store.of(self.site).tip().by_name if name.startswith(prefix))

    def test_a_file_that_is_not_there_is_named_and_the_rest_is_taken(self):
        folder = self.write('.env')
        run = self.site.snapshot(self.server, '--file', '/no/such/file', '--file', folder, expect=INCOMPLETE)
        self.assert_says(run, "extra file '/no/such/file' cannot be read", 'hint: mend `files` in [snapshot], or --file')
        self.assertEqual(['.env'], self.held_files())
        self.assertEqual(1, run.summary['files'])
        self.assert_store_holds(self.capture())

    def test_files_that_the_last_snapshot_has_are_not_left_out_in_silence(self):
        folder = self.write('.env', 'key.pem')
        self.site.snapshot(self.server, '--file', folder)
        os.unlink(os.path.join(folder, 'key.pem'))
        self.assertNotIn('left out', self.site.snapshot(self.server, '--file', folder).said)
        run = self.site.snapshot(self.server)
        self.assert_says(run, '1 extra file that the last snapshot has is left out', '`files` in [snapshot]')
        self.assertEqual(0, run.summary['files'])

    def test_the_store_in_a_folder_that_is_taken_along_is_left_out(self):
        folder = self.write('.env')
        self.site.store = os.path.join(folder, 'drive')
        os.mkdir(self.site.store)
        for _ in range(2):
            self.site.snapshot(self.server, '--file', folder)
        self.assertEqual(['.env'], self.held_files())
        self.assertEqual(1, len(self.site.snapshots()))

    def test_a_person_reads_one_database_and_no_zeros(self):
        run = self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store, '--keys',
                            self.site.keys, '--include', self.medic, '--file', self.write('.env'))
        self.assertIn(' from 1 database, 1 extra file, ', run.out)

    def test_keeps_the_settings_that_a_rebuilt_server_needs(self):
        self.site.snapshot(self.server)
        settings = json.dumps(oracle.Store.of(self.site).tip().by_name['server/config.json'].json())
        for wanted in ('secret', 'admins', '-pbkdf2:', 'uuid'):
            self.assertIn(wanted, settings)

    @unittest.skipIf(server.REAL, 'such a server is not empty')
    def test_of_an_empty_server_is_a_snapshot_too(self):
        self.server.wipe()
        self.site.snapshot(self.server)
        self.assertEqual(1, len(self.site.snapshots()))
        self.site.verify()

    def test_finds_hundreds_of_databases(self):
        for number in range(150):
            name = self.couch.create(self.clinic.name('medic-user-u%d-meta' % number))
            self.couch.put(name, {'_id': 'telemetry', 'n': number})
        self.site.snapshot(self.server)
        state = oracle.Store.of(self.site).state()
        self.assertEqual(150, sum('medic-user-u' in name for name in state))

    def test_the_last_json_line_is_a_summary(self):
        run = self.site.snapshot(self.server)
        self.assertEqual('summary', run.summary['event'])

    def test_quiet_says_nothing_when_all_is_well(self):
        run = self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store,
                            '--keys', self.site.keys, '--quiet', *self.server.options)
        self.assertEqual('', run.said)


class Increment(Case):
    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)

    def snapshot_through_proxy(self, *options):
        with faulty.Faulty(self.server.url) as proxy:
            self.site.snapshot(proxy.url, *self.server.options, *options)
            return proxy

    def test_fetches_only_what_differs(self):
        changed = self.clinic.change()
        proxy = self.snapshot_through_proxy()
        self.assertEqual(changed, proxy.fetched(self.medic))
        self.assertEqual(set(), proxy.fetched(self.clinic.name('medic-sentinel')))
        self.assert_store_holds(self.capture())

    def test_nothing_changed_writes_nothing_and_says_so(self):
        before = self.site.snapshots()
        run = self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store,
                            '--keys', self.site.keys, *self.server.options)
        self.assert_says(run, 'nothing')
        self.assertEqual(before, self.site.snapshots())

    def test_nothing_changed_stays_so_after_an_increment(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        before = self.site.snapshots()
        self.site.snapshot(self.server)
        self.assertEqual(before, self.site.snapshots())

    def test_full_starts_a_new_chain(self):
        self.site.snapshot(self.server, '--full')
        store = oracle.Store.of(self.site)
        self.assertEqual([None, None], [s.catalogue['parent'] for s in store.snapshots.values()])
        self.assertEqual({'full'}, {s.catalogue['kind'] for s in store.snapshots.values()})

    def test_carries_no_attachment_again_that_its_parent_holds(self):
        form = self.couch.get(self.couch.path(self.medic, 'form:delivery'))
        self.couch.put(self.medic, dict(form, title='renamed'))
        self.site.snapshot(self.server)
        leaf, = oracle.Store.of(self.site).tip().databases[self.medic].documents['form:delivery']
        self.assertEqual(({}, 2), (leaf.stored, len(leaf.told)))
        self.assert_store_holds(self.capture())

    def test_notices_settings_that_moved_no_sequence(self):
        self.couch.set_security(self.medic, {'admins': {'names': ['x'], 'roles': []}, 'members': {'names': [], 'roles': []}})
        self.couch.set_revs_limit(self.medic, 77)
        self.couch.ask('PUT', self.couch.path(self.clinic.name('medic-sentinel'), '_local/new-one'), {'v': 1})
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_knows_databases_that_came_and_went(self):
        gone = self.clinic.name('medic-logs')
        self.couch.delete(gone)
        new = self.couch.create(self.clinic.name('medic-new'))
        self.couch.put(new, {'_id': 'x'})
        self.site.snapshot(self.server)
        state = oracle.Store.of(self.site).state()
        self.assertNotIn(gone, state)
        self.assertIn(('x', self.couch.get(self.couch.path(new, 'x'))['_rev']), state[new]['leaves'])

    def test_a_database_dropped_and_made_again_is_read_anew(self):
        self.couch.delete(self.medic)
        self.couch.create(self.medic)
        self.couch.put(self.medic, {'_id': 'only-this', 'v': 1})
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture(databases=[self.medic]))

    def test_a_purged_document_is_recorded_as_purged(self):
        gone = self.clinic.contact_ids[5]
        self.couch.purge(self.medic, gone, list(self.couch.leaf_sets(self.medic)[gone]))
        self.site.snapshot(self.server)
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual({gone: 'purged'}, tip.databases[self.medic].gone)
        self.assert_store_holds(self.capture())

    def test_a_chain_of_many_increments_holds_each_last_state(self):
        for round in range(8):
            self.clinic.change()
            self.site.snapshot(self.server)
        self.assertEqual(9, len(self.site.snapshots()))
        self.assert_store_holds(self.capture())

    def test_a_lost_cache_costs_time_and_nothing_else(self):
        for folder, _, files in os.walk(self.site.state):
            for name in files:
                os.unlink(os.path.join(folder, name))
        changed = self.clinic.change()
        proxy = self.snapshot_through_proxy()
        self.assertEqual(changed, proxy.fetched(self.medic))
        self.assert_store_holds(self.capture())

    def test_conflicts_that_grow_replace_the_whole_leaf_set(self):
        id = self.clinic.conflict_id
        self.couch.bulk(self.medic, [
            cht.revision(id, 4, ['f4' * 16, 'c3' * 16, 'b2' * 16, 'a1' * 16], _deleted=True),
            cht.revision(id, 5, ['f5' * 16, 'e4' * 16, 'd3' * 16, 'b9' * 16, 'a1' * 16], name='later')], new_edits=False)
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_goes_to_the_store_of_this_site_only(self):
        other = type(self.site)(self, name='elsewhere')
        other.store = self.site.store
        run = other.snapshot(self.server, expect=None)
        self.assertNotEqual(0, run.code, str(run))
        self.assertEqual(1, len(self.site.snapshots()))


class Rolled(Case):
    """Sources whose sequences look right and are not: only a scripted server does that on demand."""

    scripted = True

    def setUp(self):
        super().setUp()
        self.database = self.server.standin.databases['medic']

    def prepare(self, save):
        """A state to go back to, then a snapshot of what came after it."""
        saved = save()
        self.clinic.change()
        self.site.snapshot(self.server)
        return saved

    def new_documents(self, count=12):
        ids = ['after-%d' % number for number in range(count)]
        self.couch.bulk('medic', [{'_id': id, 'v': 1} for id in ids])
        return set(ids)

    def test_one_shard_rolled_back_is_noticed_and_nothing_is_lost(self):
        shard = self.database.shards[0]
        saved = self.prepare(shard.save)
        shard.roll_back(saved)
        self.new_documents()
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_a_whole_file_rolled_back_is_noticed_and_what_vanished_is_recorded(self):
        saved = self.prepare(self.database.save)
        before = set(self.couch.leaf_sets('medic'))
        self.database.roll_back(saved)
        vanished = before - set(self.couch.leaf_sets('medic'))
        self.new_documents()
        self.site.snapshot(self.server)
        tip = oracle.Store.of(self.site).tip()
        self.assertEqual({id: 'vanished' for id in vanished}, tip.databases['medic'].gone)
        self.assert_store_holds(self.capture())

    def test_after_a_roll_back_only_what_differs_is_fetched(self):
        saved = self.prepare(self.database.save)
        held = self.couch.leaf_sets('medic')
        self.database.roll_back(saved)
        self.new_documents()
        now = self.couch.leaf_sets('medic')
        with faulty.Faulty(self.server.url) as proxy:
            self.site.snapshot(proxy.url)
            differing = {id for id in now.keys() | held.keys() if now.get(id) != held.get(id)}  # gone ones are asked for too
        self.assertEqual(differing, proxy.fetched('medic'))

    def test_dropped_and_recreated_within_a_second_is_noticed(self):
        self.prepare(lambda: None)
        created = self.database.created
        self.couch.delete('medic')
        self.couch.create('medic')
        self.server.standin.databases['medic'].created = created
        self.couch.bulk('medic', [{'_id': 'n%d' % n} for n in range(300)])
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture(databases=['medic']))

    def test_another_server_in_its_place_is_read_as_it_is(self):
        self.prepare(lambda: None)
        self.server.wipe()
        clinic = cht.Clinic(self.couch, seed=7)
        clinic.fill()
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def test_a_read_only_account_is_reconciled_and_writes_nothing(self):
        self.server.standin.users['auditor'] = 'look'
        self.server.standin.read_only.add('auditor')
        url = self.server.url.replace('admin:pass', 'auditor:look')
        self.site.snapshot(url, expect=None)
        self.clinic.change()
        run = self.site.snapshot(url, expect=None)
        self.assertIn(run.code, (0, 3), str(run))
        self.assert_store_holds(self.capture())

    def test_users_are_kept(self):
        self.couch.bulk('_users', [cht.revision('org.couchdb.user:anna', 1, ['a' * 32], name='anna', type='user',
                                                roles=['chw'], derived_key='d', salt='s', iterations=10)], new_edits=False)
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture(databases=['_users']))
