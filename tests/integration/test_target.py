"""What a restore finds on its target: limits, packed attachments, clusters, scratch databases; and drills."""

import copy
import json
import os
import threading

import oracle
from support import cht, faulty
from support.case import Case
from support.lifeboat import DONE, FAILED, INCOMPLETE
from support.standin_store import Attachment


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
        self.couch.put('_users', {'_id': 'org.couchdb.user:anna', 'derived_key': 'd'})
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

    def test_shards(self):
        self.drill('/lifeboat-drill-[^/]*$', lambda body: body.replace(b'"q":2', b'"q":3'), '(q)', 'expected 2, and found 3')

    def test_security(self):
        self.drill('/lifeboat-drill-.*-empty/_security', lambda body: body.replace(b'medic-access', b'other'), '_security')

    def test_revs_limit(self):
        self.drill('/lifeboat-drill-.*-empty/_revs_limit', lambda body: b'76', 'parts', '_revs_limit', 'expected 77')

    def test_nobody_but_admins_may_read_a_scratch_database_that_is_not_empty(self):
        """Password hashes above all: what guards those in _users does not guard them elsewhere."""
        seen = []

        def look(x):
            x.pass_on()
            for name, database in list(self.target.standin.databases.items()):
                if name.startswith('lifeboat-drill-') and database.all_ids():
                    seen.append((x.path, database.security))
        with faulty.Faulty(self.target.url) as proxy:
            proxy.on('.*', '/lifeboat-drill-', look, times=None)
            self.site.run('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url, '--keys', self.site.keys)
        self.assertTrue(seen)
        for path, security in seen:
            self.assertEqual(['_admin'], json.loads(security)['members']['roles'], path)


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
