"""Restores: all comes back, beside what is there, in part, twice, and after an interruption."""

import datetime
import os
import pwd
import re
import shutil
import signal
import threading
import time
import unittest

import oracle
from support import cht, cluster, compare, faulty, server
from support.case import Case
from support.couch import quote
from support.lifeboat import DONE, FAILED, INCOMPLETE, USAGE


class Whole(Case):
    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.at_first = self.capture()
        self.clinic.change()
        self.site.snapshot(self.server)
        self.before = self.capture()
        self.first, self.second = self.site.snapshots()

    def test_into_an_empty_server_everything_is_the_same_again(self):
        target = self.empty_target()
        run = self.site.restore(target)
        self.assert_same(self.before, self.capture(target.couch))
        self.assertEqual('summary', run.summary['event'])

    def test_on_a_bare_machine_the_recovery_sheet_is_enough(self):
        target = self.empty_target()
        self.site.run('lifeboat-restore', 'run', self.site.store, '--target', target.url,
                      '--key', self.site.recovery_file, '--signer', self.site.signer)
        self.assert_same(self.before, self.capture(target.couch))

    def test_the_whole_saved_sheet_serves_as_key_file(self):
        sheet = self.site.path('sheet.txt')
        with open(sheet, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(self.site.sheet)
        target = self.empty_target()
        self.site.run('lifeboat-restore', 'run', self.site.store, '--target', target.url,
                      '--key', sheet, '--signer', self.site.signer)
        self.assert_same(self.before, self.capture(target.couch))

    def test_run_again_it_changes_nothing(self):
        target = self.empty_target()
        self.site.restore(target)
        sequences = {name: cluster.sequences(target.couch, name) for name in self.clinic.databases}
        self.site.restore(target)
        self.assertEqual(sequences, {name: cluster.sequences(target.couch, name) for name in self.clinic.databases})
        self.assert_same(self.before, self.capture(target.couch))

    def test_killed_in_the_middle_it_goes_on(self):
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('POST', '/_bulk_docs', faulty.stall(threading.Event()), after=2)
            process = self.site.start('lifeboat-restore', 'run', self.site.store, '--target', proxy.url,
                                      '--keys', self.site.keys)
            self.assertTrue(proxy.wait_for('POST', '/_bulk_docs'))
            process.send_signal(signal.SIGKILL)
            self.site.finish(process)
        self.site.restore(target)
        self.assert_same(self.before, self.capture(target.couch))

    def test_killed_when_it_had_just_made_a_database_it_goes_on_and_opens_it_in_the_end(self):
        shape = self.before[self.medic]['shape']
        target = self.empty_target()
        target.couch.create(self.medic, q=shape['q'], n=shape['n'])
        self.site.restore(target)
        self.assert_same(self.before, self.capture(target.couch))

    def test_what_a_single_node_had_comes_with_as_many_copies_as_the_target_has_by_default(self):
        if self.before[self.medic]['shape']['n'] > 1:
            self.skipTest('the source is a cluster')
        with faulty.Faulty(self.empty_target().url) as proxy:
            self.site.run('lifeboat-restore', 'run', self.site.store, '--target', proxy.url, '--keys', self.site.keys)
            self.assertEqual(1, proxy.count('PUT', '^/%s[?]q=' % quote(self.medic)))
            self.assertEqual(0, proxy.count('PUT', '[?&]n='))

    def test_an_empty_database_that_somebody_set_up_keeps_its_security(self):
        target, mine = self.empty_target(), {'admins': {'names': ['me'], 'roles': []}, 'members': {'names': [], 'roles': []}}
        target.couch.create(self.medic)
        target.couch.set_security(self.medic, mine)
        run = self.site.restore(target)
        self.assert_says(run, '_security')
        self.assertEqual(mine, target.couch.get('/%s/_security' % quote(self.medic)))

    def test_newer_data_in_the_target_is_not_overwritten(self):
        id = self.clinic.contact_ids[0]
        document = self.couch.get(self.couch.path(self.medic, id))
        newer = self.couch.put(self.medic, dict(document, phone='newer'))
        self.site.restore(self.server)
        self.assertEqual({newer}, self.couch.leaf_sets(self.medic)[id])

    def test_an_earlier_state_by_snapshot_id(self):
        target = self.empty_target()
        self.site.restore(target, '--snapshot', self.first)
        self.assert_same(self.at_first, self.capture(target.couch))

    def test_an_earlier_state_by_time(self):
        second = int(time.time())
        self.assertTrue(server.wait_until(lambda: int(time.time()) > second, 2))
        between = datetime.datetime.now(datetime.timezone.utc)
        self.assertTrue(server.wait_until(lambda: int(time.time()) > second + 1, 2))
        self.clinic.change()
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target, '--at', between.strftime('%Y-%m-%dT%H:%M:%SZ'))
        self.assert_same(self.before, self.capture(target.couch))

    def test_dry_run_says_what_and_changes_nothing(self):
        target = self.empty_target()
        before = set(target.databases())
        run = self.site.restore(target, '--dry-run')
        self.assert_says(run, self.medic)
        self.assertEqual(before, set(target.databases()))

    def test_drill_proves_it_and_leaves_no_trace(self):
        before = self.capture()
        def scratch():  # of others too, who test on the same server
            return {name for name in self.couch.databases() if name.startswith(('lifeboat-drill-', 'lifeboat-trial-'))}
        there, own = scratch(), self.server.databases()
        self.site.drill(self.server)
        self.assertEqual(own, self.server.databases())
        self.assertTrue(server.wait_until(lambda: scratch() <= there, 30))
        self.assert_same(before, self.capture())

    def test_extract_writes_bodies_that_can_be_posted(self):
        folder = self.site.path('out')
        self.site.extract(folder)
        found = b''
        for path, _, files in os.walk(folder):
            for name in files:
                with open(os.path.join(path, name), 'rb') as file:
                    found += file.read()
        for id in self.clinic.contact_ids:
            self.assertIn(('"_id":"%s"' % id).encode(), found)

    def test_lifeboat_restore_runs_the_other_program(self):
        folder = self.site.path('bin')
        os.mkdir(folder)
        for name in ('lifeboat', 'lifeboat-restore'):
            shutil.copy(self.site.program(name), folder)
        self.site.program = lambda name: os.path.join(folder, name)
        run = self.site.run('lifeboat', 'restore', 'list', self.site.store)
        self.assert_says(run, 'full', 'increment')
        self.site.run('lifeboat', 'verify', self.site.store, '--keys', self.site.keys)


class Part(Case):
    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.before = self.capture()

    def test_one_database_beside_the_live_one(self):
        copy = self.clinic.name('medic-copy')
        self.site.restore(self.server, '--db', '%s=%s' % (self.medic, copy))
        compare.assert_same(self, self.before[self.medic], compare.capture(self.couch, copy))
        self.assert_same(self.before, self.capture())

    def test_only_the_databases_that_are_named(self):
        target = self.empty_target()
        self.site.restore(target, '--db', self.medic)
        self.assertTrue(target.couch.exists(self.medic))
        self.assertFalse(target.couch.exists(self.clinic.name('medic-logs')))

    def test_a_database_that_the_store_does_not_have_is_named(self):
        run = self.site.restore(self.server, '--db', 'no-such-database', expect=None)
        self.assertNotEqual(DONE, run.code)
        self.assert_says(run, 'no-such-database')

    def test_a_single_document_comes_back(self):
        id = self.clinic.contact_ids[1]
        self.couch.purge(self.medic, id, list(self.couch.leaf_sets(self.medic)[id]))
        other = self.clinic.contact_ids[2]
        self.couch.purge(self.medic, other, list(self.couch.leaf_sets(self.medic)[other]))
        self.site.restore(self.server, '--doc', '%s/%s' % (self.medic, id))
        leaves = self.couch.leaf_sets(self.medic)
        self.assertIn(id, leaves)
        self.assertNotIn(other, leaves)

    def test_a_document_with_attachments_comes_back_whole(self):
        self.couch.purge(self.medic, 'resources', list(self.couch.leaf_sets(self.medic)['resources']))
        self.site.restore(self.server, '--doc', self.medic + '/resources')
        self.assert_same(self.before, self.capture())

    def test_files_go_below_the_folder_that_is_given(self):
        with open(self.site.path('.env'), 'w') as file:
            file.write('COUCHDB_SECRET=x\n')
        os.chmod(self.site.path('.env'), 0o600)
        self.site.snapshot(self.server, '--file', self.site.path('.env'))
        folder = self.site.path('files')
        self.site.restore(self.empty_target(), '--files', folder)
        written = folder + self.site.path('.env')
        with open(written) as file:
            self.assertEqual('COUCHDB_SECRET=x\n', file.read())
        self.assertEqual(0o600, os.stat(written).st_mode & 0o777)

    @unittest.skipUnless(shutil.which('strace'), 'there is no strace')
    def test_a_file_is_written_out_again_under_its_name_which_fat_needs(self):
        with open(self.site.path('.env'), 'w') as file:
            file.write('COUCHDB_SECRET=x\n')
        self.site.snapshot(self.server, '--file', self.site.path('.env'))
        trace, target = self.site.path('trace'), self.empty_target()
        self.site.before = ['strace', '-f', '-y', '-e', 'trace=fsync,rename,renameat,renameat2', '-o', trace]
        try:
            self.site.restore(target, '--files', self.site.path('files'), env={'ASAN_OPTIONS': 'detect_leaks=0'})
        finally:
            self.site.before = []
        with open(trace) as file:
            calls = re.findall(r'(fsync|rename)[a-z0-9]*\(.*?\.env', file.read())
        self.assertEqual(['fsync', 'rename', 'fsync'], calls)

    @unittest.skipUnless(os.geteuid() == 0, 'only root can give files away')
    def test_files_belong_to_whom_they_belonged_the_name_before_the_number(self):
        known = pwd.getpwnam('daemon')
        for name, uid, gid, mode in (('numbers', 12345, 54321, 0o640), ('setuid', 12345, 54321, 0o4755),
                                     ('names', known.pw_uid, known.pw_gid, 0o600)):
            with open(self.site.path(name), 'w') as file:
                file.write(name)
            os.chown(self.site.path(name), uid, gid)
            os.chmod(self.site.path(name), mode)
        names = [self.site.path(name) for name in ('numbers', 'setuid', 'names')]
        self.site.snapshot(self.server, *[option for name in names for option in ('--file', name)])
        held = oracle.Store.of(self.site).tip().by_name
        self.assertEqual((12345, 54321, '', ''), held['server/files' + names[0]].owner)
        self.assertEqual((known.pw_uid, known.pw_gid, 'daemon', 'daemon'), held['server/files' + names[2]].owner)
        self.site.restore(self.empty_target(), '--files', self.site.path('files'))
        found = [os.stat(self.site.path('files') + name) for name in names]
        self.assertEqual([(12345, 54321, 0o640), (12345, 54321, 0o755), (known.pw_uid, known.pw_gid, 0o600)],
                         [(info.st_uid, info.st_gid, info.st_mode & 0o7777) for info in found])

    @unittest.skipUnless(os.geteuid() == 0, 'needs a file of somebody else, and to be nobody')
    def test_without_root_the_files_are_ours_and_that_is_told_once(self):
        names = [self.site.path(name) for name in ('one', 'two')]
        for name in names:
            with open(name, 'w') as file:
                file.write(name)
            os.chown(name, 12345, 54321)
        self.site.snapshot(self.server, *[option for name in names for option in ('--file', name)])
        program = shutil.copy(self.site.program('lifeboat-restore'), self.site.folder)
        self.site.program = lambda name: program
        nobody = pwd.getpwnam('nobody')
        for folder, folders, files in os.walk(self.site.folder):
            for name in ['.'] + files:
                os.chown(os.path.join(folder, name), nobody.pw_uid, nobody.pw_gid)
        target = self.empty_target()
        process = self.site.start('lifeboat-restore', 'run', self.site.store, '--target', target.url, '--keys', self.site.keys,
                                  '--files', self.site.path('files'), user='nobody', group='nogroup', extra_groups=[])
        run = self.site.finish(process)
        self.assertEqual(DONE, run.code, str(run))
        self.assertEqual(1, run.said.count('only root can'), str(run))


class Scripted(Case):
    scripted = True

    def test_replications_come_back_disabled(self):
        self.couch.put('_replicator', {'_id': 'nightly', 'source': 'http://x/a', 'target': 'http://x/b'})
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target)
        self.assertEqual('failed', target.couch.get('/_replicator/nightly')['_replication_state'])

    def test_users_come_back_with_their_password_hashes(self):
        user = cht.revision('org.couchdb.user:anna', 1, ['a' * 32], name='anna', type='user', roles=['chw'],
                            password_scheme='pbkdf2', derived_key='d', salt='s', iterations=10)
        self.couch.bulk('_users', [user], new_edits=False)
        before = compare.capture(self.couch, '_users')
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target)
        compare.assert_same(self, before, compare.capture(target.couch, '_users'), ignore=('security',))

    def test_server_config_sets_secret_and_admins(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target, '--server-config')
        source, restored = self.server.standin.config, target.standin.config
        self.assertEqual(source['chttpd_auth']['secret'], restored['chttpd_auth']['secret'])
        self.assertEqual(source['admins'], restored['admins'])
        self.assertNotEqual(source['couchdb']['uuid'], restored['couchdb']['uuid'])

    def test_without_server_config_settings_stay(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        before = dict(target.standin.config['chttpd_auth'])
        self.site.restore(target)
        self.assertEqual(before, target.standin.config['chttpd_auth'])

    def test_a_failing_write_is_retried_and_all_arrives(self):
        self.site.snapshot(self.server)
        before = self.capture()
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('POST', '/medic/_bulk_docs', faulty.status(503))
            proxy.on('POST', '/medic/_bulk_docs', faulty.hang_up())
            self.site.restore(proxy.url)
        self.assert_same(before, self.capture(target.couch))

    def test_a_document_that_the_target_refuses_is_named_and_the_rest_restored(self):
        self.site.snapshot(self.server)
        target = self.empty_target()
        refused = self.clinic.contact_ids[0]

        def refuse(x):
            if refused.encode() in x.body:
                return x.send(413, [('Content-Type', 'application/json')],
                              b'{"error":"document_too_large","reason":"%s"}' % refused.encode())
            x.pass_on()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('(POST|PUT)', '/medic/', refuse, times=None)
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, refused)
        leaves = target.couch.leaf_sets('medic')
        self.assertNotIn(refused, leaves)
        self.assertIn(self.clinic.contact_ids[1], leaves)

    def test_a_partitioned_mismatch_is_refused_before_anything_is_written(self):
        self.couch.create('parts', partitioned='true')
        self.couch.put('parts', {'_id': 'a:b'})
        self.site.snapshot(self.server)
        target = self.empty_target()
        target.couch.create('parts')
        run = self.site.restore(target, expect=None)
        self.assertIn(run.code, (FAILED, USAGE), str(run))
        self.assert_says(run, 'partitioned')
        self.assertFalse(target.couch.exists('medic'))
