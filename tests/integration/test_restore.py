"""Restores: all comes back, beside what is there, in part, twice, and after an interruption."""

import copy
import datetime
import json
import os
import pwd
import shutil
import signal
import threading
import time
import unittest

import oracle
from support import cht, compare, faulty, server
from support.case import Case
from support.lifeboat import DONE, FAILED, INCOMPLETE, USAGE
from support.standin_store import Attachment


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
        sequences = {name: target.couch.changes(name)['last_seq'] for name in self.clinic.databases}
        self.site.restore(target)
        self.assertEqual(sequences, {name: target.couch.changes(name)['last_seq'] for name in self.clinic.databases})
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
        before = set(target.couch.databases())
        run = self.site.restore(target, '--dry-run')
        self.assert_says(run, self.medic)
        self.assertEqual(before, set(target.couch.databases()))

    def test_drill_proves_it_and_leaves_no_trace(self):
        before = self.capture()
        databases = set(self.couch.databases())
        self.site.drill(self.server)
        self.assertEqual(databases, set(self.couch.databases()))
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


class Drill(Case):
    """What a drill reads back beside documents: each thing that comes out otherwise is named."""

    scripted = True
    people = 2

    def setUp(self):
        super().setUp()
        self.couch.create('parts', partitioned='true')
        self.couch.set_revs_limit('parts', 77)
        self.couch.put('medic', {'_id': '_local/big', 'n': [1.5, '\u00e9'], 'o': {'a': 1, 'b': 2}})
        self.couch.put('_users', {'_id': '_local/users', 'v': 1})
        self.site.snapshot(self.server)
        self.target = self.empty_target()

    def drill(self, path, change, *said, method='GET'):
        with faulty.Faulty(self.target.url) as proxy:
            rule = proxy.on(method, path, faulty.edited(change), times=None)
            run = self.site.run('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url, '--keys', self.site.keys,
                                expect=INCOMPLETE)
            self.assertGreaterEqual(rule.hits, 1)
        self.assert_says(run, *said)
        self.assertFalse([name for name in self.target.couch.databases() if name.startswith('lifeboat-')])

    def test_all_is_well(self):
        self.site.drill(self.target)

    def test_a_local_document_that_is_not_there(self):
        self.drill('/lifeboat-drill-.*/_local_docs', lambda body: b'{"rows":[]}', '_local/big', 'not in the target')

    def test_a_local_document_that_is_another(self):
        self.drill('/lifeboat-drill-.*/_local_docs', lambda body: body.replace(b'1.5', b'1.50'), '_local/big', 'differs')

    def test_shards_and_partitions(self):
        self.drill('/lifeboat-drill-[^/]*$', lambda body: body.replace(b'"q":2', b'"q":3'), '(q)', 'expected 2, and found 3')
        self.drill('/lifeboat-drill-[^/]*$', lambda body: body.replace(b'"partitioned":true', b'"partitioned":false'), 'parts',
                   'partitioned')

    def test_security(self):
        self.drill('/lifeboat-drill-.*-empty/_security', lambda body: body.replace(b'medic-access', b'other'), '_security')

    def test_revs_limit(self):
        self.drill('/lifeboat-drill-.*-empty/_revs_limit', lambda body: b'76', 'parts', '_revs_limit', 'expected 77')


class Preflight(Case):
    """What the target cannot take is refused before anything is written."""

    scripted = True
    people = 2

    def setUp(self):
        super().setUp()
        self.target = self.empty_target()
        self.config = self.target.standin.config

    def assert_refused(self, *said, options=()):
        run = self.site.restore(self.target, *options, expect=FAILED)
        self.assert_says(run, *said)
        self.assertEqual({'GET'}, {method for method, _ in self.target.standin.requests})
        return run

    def test_documents_beyond_its_limit(self):
        self.couch.put('medic', {'_id': 'long', 'text': 'x' * 200000})
        self.site.snapshot(self.server)
        self.config['couchdb']['max_document_size'] = '100000'
        self.assert_refused('medic/long', 'max_document_size', '--server-config')
        self.site.restore(self.target, '--db', 'medic-logs')
        self.site.restore(self.target, '--server-config')

    def with_picture(self, size=50000):
        self.couch.put('medic', {'_id': 'pictured', '_attachments': {
            'p': {'content_type': 'image/png', 'data': cht.in_base64(os.urandom(size))}}})
        self.site.snapshot(self.server)

    def test_attachments_beyond_its_limit(self):
        self.with_picture()
        self.config['couchdb']['max_attachment_size'] = '49999'
        run = self.assert_refused('medic/pictured', '50000 bytes', 'max_attachment_size')
        self.assertNotIn('--server-config', run.said)  # the source has none of its own to restore
        self.config['couchdb']['max_attachment_size'] = '50000'
        self.site.restore(self.target)

    def test_attachments_that_an_older_snapshot_holds(self):
        self.with_picture()
        document = self.couch.get('/medic/pictured')
        self.couch.put('medic', dict(document, v=2))
        self.site.snapshot(self.server)
        self.config['couchdb']['max_attachment_size'] = '49999'
        self.assert_refused('medic/pictured', '50000 bytes')

    def test_a_document_with_its_attachments_beyond_its_limit_for_requests(self):
        self.with_picture(400000)
        self.config['chttpd']['max_http_request_size'] = '390000'
        self.assert_refused('medic/pictured', 'max_http_request_size')
        self.config['chttpd']['max_http_request_size'] = '410000'
        self.site.restore(self.target)

    def test_the_source_s_own_limit_comes_with_server_config(self):
        self.server.standin.config['couchdb']['max_attachment_size'] = '60000'
        self.with_picture()
        self.config['couchdb']['max_attachment_size'] = '49999'
        self.assert_refused('--server-config')
        self.site.restore(self.target, '--server-config')
        self.assertEqual('60000', self.config['couchdb']['max_attachment_size'])

    def test_password_hashes_that_it_cannot_check(self):
        user = dict(name='anna', type='user', roles=[], password_scheme='pbkdf2', derived_key='d', salt='s', iterations=10)
        self.couch.bulk('_users', [cht.revision('org.couchdb.user:anna', 1, ['a' * 32], pbkdf2_prf='sha256', **user),
                                   cht.revision('org.couchdb.user:bo', 1, ['b' * 32], **user)], new_edits=False)
        self.site.snapshot(self.server)
        self.target.standin.version = '3.3.3'
        self.assert_refused('3.3.3', 'org.couchdb.user:anna', 'sha256', '--db')
        self.site.restore(self.target, '--db', 'medic')
        self.couch.remove('_users', 'org.couchdb.user:anna')
        self.site.snapshot(self.server)
        self.site.restore(self.target)

    def test_administrators_whose_password_it_cannot_check(self):
        self.site.snapshot(self.server)
        self.target.standin.version = '3.3.3'
        self.assert_refused('3.3.3', "administrator 'admin'", 'without --server-config', options=['--server-config'])
        self.site.restore(self.target)


class Packed(Case):
    """Attachments that the source keeps as they are and the target packs: only reading them tells that they are right."""

    scripted = True
    people = 2

    def setUp(self):
        super().setUp()
        page = b'<p>hello</p>' * 50
        for id in ('page', '_design/app'):
            self.couch.put('medic', {'_id': id, '_attachments': {
                'a/index.html': {'content_type': 'text/html', 'data': cht.in_base64(page)}}})
            leaf = self.server.standin.databases['medic'].document(id).winner()
            leaf.attachments['a/index.html'] = Attachment('text/html', page, None, None, 1)
        self.site.snapshot(self.server)
        self.target = self.empty_target()

    def read(self, proxy):
        return proxy.count('GET', r'/medic/(page|_design/app)/a%2Findex.html')

    def test_they_are_read_whatever_their_documents_are_called(self):
        with faulty.Faulty(self.target.url) as proxy:
            self.site.restore(proxy.url)
            self.assertEqual(2, self.read(proxy))

    def test_a_failure_that_passes_is_waited_out(self):
        for fault in (faulty.status(503), faulty.cut(0.5)):
            self.target.wipe()
            with faulty.Faulty(self.target.url) as proxy:
                proxy.on('GET', '/medic/page/', fault)
                self.site.restore(proxy.url)
                self.assertEqual(3, self.read(proxy))

    def test_a_refusal_ends_it_at_once(self):
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('GET', '/medic/.*/a%2Findex.html', faulty.status(401), times=None)
            self.site.restore(proxy.url, expect=FAILED)
            self.assertEqual(1, self.read(proxy))

    def test_other_content_is_told(self):
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('GET', '/medic/page/', faulty.edited(lambda body: body[:-1] + b'x'))
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, 'page', 'differs')


class Cluster(Case):
    """--server-config on a target of three nodes."""

    scripted = True
    people = 2

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.target = self.empty_target()
        self.standin = self.target.standin
        self.begin()

    def begin(self):
        self.standin.wipe()
        self.standin.users['admin'] = 'pass'
        self.standin.peers = {name: copy.deepcopy(self.standin.config) for name in ('b@127.0.0.1', 'z@127.0.0.1')}

    def assert_alike(self):
        source = self.server.standin.config
        nodes = [config for config in (self.standin.config, *self.standin.peers.values()) if config]
        for section in ('admins', 'chttpd_auth'):
            for config in nodes:
                self.assertEqual(source[section], config[section])
        self.assertEqual(1, len({config['couchdb']['uuid'] for config in nodes}))

    def test_every_node_gets_the_settings(self):
        self.site.restore(self.target, '--server-config')
        self.assert_alike()

    def test_what_a_failure_left_undone_is_done_by_the_next_run(self):
        for node in ('b%40127.0.0.1', 'z%40127.0.0.1', 'standin%40127.0.0.1'):
            for key in ('chttpd_auth/secret', 'admins/admin', 'couchdb/uuid'):
                path = '/_node/%s/_config/%s' % (node, key)
                with self.subTest(path), faulty.Faulty(self.target.url) as proxy:
                    self.begin()
                    proxy.on('PUT', path, faulty.status(503), times=None)
                    run = self.site.restore(proxy.url, '--server-config', '--patience', '0', expect=None)
                    self.assertNotEqual(DONE, run.code)
                    self.site.restore(self.target, '--server-config')
                    self.assert_alike()

    def test_one_node_that_was_left_behind_is_brought_up(self):
        """The node that answers has everything already: an earlier run ended just then."""
        self.standin.config.update(copy.deepcopy({k: self.server.standin.config[k] for k in ('admins', 'chttpd_auth')}))
        self.site.restore(self.target, '--server-config')
        self.assert_alike()

    def test_a_node_that_is_down_is_named_and_the_others_are_set(self):
        self.standin.peers['b@127.0.0.1'] = None
        run = self.site.restore(self.target, '--server-config', expect=INCOMPLETE)
        self.assert_says(run, 'b@127.0.0.1')
        self.assert_alike()

    def test_a_setting_that_one_node_refuses_is_set_on_the_others(self):
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('PUT', '/_node/b%40127.0.0.1/_config/chttpd_auth/secret', faulty.status(400), times=None)
            self.site.restore(proxy.url, '--server-config', expect=INCOMPLETE)
        self.assertEqual(self.server.standin.config['chttpd_auth'], self.standin.peers['z@127.0.0.1']['chttpd_auth'])


class Scratch(Case):
    """Databases that a drill or a restore makes for a while are removed, also the next time, and by nobody else."""

    scripted = True
    people = 3

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.target = self.empty_target()
        self.own = set(self.target.couch.databases())

    def killed_drill(self):
        """The scratch databases that a drill left when it was killed."""
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('POST', '/lifeboat-drill-.*/_bulk_docs', faulty.stall(threading.Event()))
            process = self.site.start('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url,
                                      '--keys', self.site.keys)
            self.assertTrue(proxy.wait_for('POST', '/lifeboat-drill-.*/_bulk_docs'))
            process.kill()
            self.site.finish(process)
        left = set(self.target.couch.databases()) - self.own
        self.assertNotEqual(set(), left)
        return left

    def test_what_a_killed_drill_left_is_removed_by_the_next(self):
        self.killed_drill()
        self.site.drill(self.target)
        self.assertEqual(self.own, set(self.target.couch.databases()))

    def test_what_a_killed_drill_left_is_removed_by_a_restore(self):
        left = self.killed_drill()
        self.site.restore(self.target, '--dry-run')
        self.assertEqual(left, left & set(self.target.couch.databases()))
        self.site.restore(self.target)
        self.assertEqual(set(), left & set(self.target.couch.databases()))

    def test_those_of_another_drill_that_may_be_under_way_stay_and_are_told(self):
        other = self.target.couch.create('lifeboat-drill-00000000-00000000-1-1-00001')
        run = self.site.drill(self.target)
        self.assert_says(run, '1 scratch databases')
        self.assertEqual(self.own | {other}, set(self.target.couch.databases()))

    def test_those_of_a_drill_under_way_here_stay(self):
        with faulty.Faulty(self.target.url) as proxy:
            until = threading.Event()
            proxy.on('POST', '/lifeboat-drill-.*/_bulk_docs', faulty.stall(until))
            process = self.site.start('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url,
                                      '--keys', self.site.keys)
            self.assertTrue(proxy.wait_for('POST', '/lifeboat-drill-.*/_bulk_docs'))
            self.site.drill(self.target)
            until.set()
            self.assertEqual(DONE, self.site.finish(process).code)

    def test_they_are_in_no_snapshot(self):
        for name in ('lifeboat-drill-00000000-00000000-1-1-00001', 'lifeboat-trial-0123456789abcdef'):
            self.couch.put(self.couch.create(name), {'_id': 'x'})
        self.site.snapshot(self.server)
        self.assertNotIn('lifeboat-', ' '.join(oracle.Store.of(self.site).state()))

    def test_a_drill_asks_once_where_it_is_refused(self):
        for status in (401, 403):
            self.target.wipe()
            with self.subTest(status=status), faulty.Faulty(self.target.url) as proxy:
                proxy.on('DELETE', '/lifeboat-drill-', faulty.status(status), times=None)
                run = self.site.run('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url,
                                    '--keys', self.site.keys, expect=FAILED)
                self.assertEqual(1, proxy.count('DELETE', '.*'))
                self.assert_says(run, 'lifeboat-drill-', 'left on the target')

    def test_a_drill_that_is_not_admitted_any_more_asks_nothing_more(self):
        with faulty.Faulty(self.target.url) as proxy:
            refusal = proxy.on('POST', '/lifeboat-drill-.*/_bulk_docs', faulty.status(401), times=None)
            run = self.site.run('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url,
                                '--keys', self.site.keys, expect=FAILED)
            self.assertEqual(1, refusal.hits)
            methods = [method for method, _, _ in proxy.requests]
            last_batch = len(methods) - methods[::-1].index('POST')
            self.assertEqual(set(), {'GET', 'DELETE'} & set(methods[last_batch:]))
            self.assert_says(run, 'left on the target')

    def with_packed_attachments(self):
        """So many that a restore finds it worth to try out how the target packs."""
        for number in range(40):
            self.couch.put('medic', {'_id': 'packed-%02d' % number, '_attachments': {
                'f': {'content_type': 'text/plain', 'data': cht.in_base64('hello %d ' % number * 100)}}})
        self.site.snapshot(self.server)

    def test_the_trial_is_over_before_the_password_changes(self):
        self.with_packed_attachments()
        with faulty.Faulty(self.target.url) as proxy:
            self.site.restore(proxy.url, '--server-config')
            asked = [(method, path) for method, path, _ in proxy.requests]
        removed = [i for i, (method, path) in enumerate(asked) if method == 'DELETE' and '/lifeboat-trial-' in path]
        changed = [i for i, (method, path) in enumerate(asked) if '/_config/admins/' in path]
        self.assertEqual((1, 1), (len(removed), len(changed)), asked)
        self.assertLess(removed[0], changed[0])
        self.assertFalse([name for name in self.target.standin.databases if name.startswith('lifeboat-')])

    def test_a_trial_that_cannot_be_removed_is_named(self):
        self.with_packed_attachments()
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('DELETE', '/lifeboat-trial-', faulty.status(403), times=None)
            run = self.site.restore(proxy.url)
            self.assertEqual(1, proxy.count('DELETE', '.*'))
        self.assert_says(run, 'lifeboat-trial-', 'left on the target')
        self.site.restore(self.target)
        self.assertFalse([name for name in self.target.couch.databases() if name.startswith('lifeboat-')])
