"""What a restore must neither lose nor change without saying so: revision paths, shape, who may read, what the target
has of its own."""

import hashlib
import json
import re
import shutil

from support import compare, faulty
from support.cht import in_base64, revision
from support.forge import Forged
from support.lifeboat import FAILED, INCOMPLETE
from support.small import ADMINS, Small

LONG = [('%02x' % n) * 16 for n in range(60, 0, -1)]


class Paths(Small):
    """A path longer than _revs_limit, which the source had lowered: CouchDB keeps it, and would cut it on writing."""

    def setUp(self):
        super().setUp()
        self.couch.bulk(self.medic, [revision('long', 60, LONG), revision('short', 1, ['a' * 32])], new_edits=False)
        self.site.snapshot(self.server)
        self.couch.set_revs_limit(self.medic, 5)
        self.couch.put(self.medic, {'_id': 'later'})
        self.site.snapshot(self.server)

    def assert_kept(self, couch, limit=5):
        """Whole, if one asks without a limit."""
        self.assertEqual(limit, couch.get('/%s/_revs_limit' % self.medic))
        couch.set_revs_limit(self.medic, 1000)
        self.assertEqual(LONG, couch.get('/%s/long' % self.medic, revs='true')['_revisions']['ids'])
        couch.set_revs_limit(self.medic, limit)

    def test_it_is_restored_whole_and_the_limit_is_the_source_s(self):
        target = self.empty_target()
        self.site.restore(target)
        self.assert_kept(target.couch)

    def test_and_when_the_restore_was_interrupted(self):
        target = self.empty_target()
        self.kill_at(target, 'GET|POST', '/%s/_changes' % self.medic)
        self.site.restore(target)
        self.assert_kept(target.couch)

    def test_a_drill_finds_it_whole(self):
        self.site.drill(self.server)

    def existing_target(self):
        target = self.empty_target()
        target.couch.create(self.medic)
        target.couch.put(self.medic, {'_id': 'mine'})
        target.couch.set_revs_limit(self.medic, 7)
        return target

    def test_a_database_of_others_gets_its_own_limit_back(self):
        target = self.existing_target()
        run = self.site.restore(target)
        self.assert_kept(target.couch, 7)
        self.assert_says(run, '_revs_limit', '7', '60')
        self.assertEqual({}, target.couch.local_documents(self.medic))

    def test_and_even_when_the_restore_was_interrupted(self):
        target = self.existing_target()
        self.kill_at(target, 'GET|POST', '/%s/_changes' % self.medic, after=1)
        self.assertEqual(60, target.couch.get('/%s/_revs_limit' % self.medic))
        self.site.restore(target)
        self.assert_kept(target.couch, 7)
        self.assertEqual({}, target.couch.local_documents(self.medic))

    def test_where_nothing_is_too_long_the_limit_is_left_alone(self):
        target = self.existing_target()
        with faulty.Faulty(target.url) as proxy:
            self.site.restore(proxy.url, '--doc', self.medic + '/short')
            self.assertEqual(0, proxy.count('PUT', '_revs_limit|_local'))


class Shape(Small):
    scripted = True

    def setUp(self):
        super().setUp()
        self.couch.create('parts', partitioned='true')
        self.couch.put('parts', {'_id': 'p:a'})
        self.site.snapshot(self.server)

    def altered(self, proxy, change):
        def fault(x):
            x.path = change(x.path)
            x.pass_on()
        proxy.on('PUT', r'/(parts|medic)\?', fault, times=None)

    def test_partitions_that_the_target_ignores_are_no_success(self):
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            self.altered(proxy, lambda path: path.replace('partitioned=true', ''))
            run = self.site.restore(proxy.url, expect=FAILED)
        self.assert_says(run, 'parts', 'partition')
        self.assertFalse(target.couch.exists('parts'))

    def test_partitions_are_refused_at_once_by_a_server_that_has_none(self):
        for welcome in ({'couchdb': 'Welcome', 'version': '2.3.1'}, {'express-pouchdb': 'Welcome!', 'version': '4.2.0'}):
            with self.subTest(welcome):
                target = self.empty_target()
                with faulty.Faulty(target.url) as proxy:
                    proxy.on('GET', '^/$', lambda x: x.send(200, [], json.dumps(welcome).encode()), times=None)
                    run = self.site.restore(proxy.url, expect=FAILED)
                    self.assertEqual(0, proxy.count('PUT', ''))
                    self.site.restore(proxy.url, '--db', 'medic')
                self.assert_says(run, 'parts', 'partition')

    def test_another_number_of_shards_is_told(self):
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            self.altered(proxy, lambda path: re.sub('q=2', 'q=4', path))
            run = self.site.restore(proxy.url)
        self.assert_says(run, 'medic', 'q=4', 'q=2')


class Replicator(Small):
    def test_a_deleted_replication_does_not_start_when_it_is_brought_back(self):
        name = self.couch.create(self.server.name('jobs/_replicator'))
        self.couch.put(name, {'_id': 'nightly', 'source': 'http://127.0.0.1:1/a', 'target': 'http://127.0.0.1:1/b'})
        self.site.snapshot(self.server)
        self.couch.remove(name, 'nightly')
        self.site.restore(self.server, '--doc', name + '/nightly')
        back = self.couch.get(self.couch.path(name, 'nightly'))
        self.assertEqual(('http://127.0.0.1:1/a', 'failed'), (back['source'], back['_replication_state']))


class Security(Small):
    scripted = True

    def setUp(self):
        super().setUp()
        for name in ('_users', '_replicator'):
            self.couch.put(name, {'_id': 'org.couchdb.user:anna', 'name': 'anna', 'type': 'user', 'roles': []})
            self.server.standin.databases[name].security = '{}'  # as in CouchDB 2
        self.site.snapshot(self.server)

    def test_a_copy_of_users_or_replications_is_never_public(self):
        target = self.empty_target()
        self.site.restore(target, '--db', '_users=copy', '--db', '_replicator=jobs')
        self.assertEqual([ADMINS, ADMINS], [self.security(target.couch, name) for name in ('copy', 'jobs')])

    def test_a_drill_s_scratch_databases_are_closed_as_long_as_they_are_there(self):
        with faulty.Faulty(self.server.url) as proxy:
            self.site.run('lifeboat-restore', 'drill', self.site.store, '--target', proxy.url, '--keys', self.site.keys)
            written = proxy.bodies('PUT', '/lifeboat-drill-[^/]*[0-9]{5}/_security')  # not to the empty one
        self.assertEqual(3, len(written))
        for security in written:
            self.assertEqual(ADMINS, {'members': security['members'], 'admins': security['admins']})


class Local(Small):
    def setUp(self):
        super().setUp()
        self.couch.put(self.medic, {'_id': 'a'})
        self.couch.put(self.medic, {'_id': '_local/x', 'v': 1})
        self.site.snapshot(self.server)

    def change(self):
        self.couch.put(self.medic, {'_id': '_local/x', 'v': 2, '_rev': self.local(self.couch, 'x')['_rev']})

    def test_one_that_differs_stays_and_nobody_says_that_everything_is_there(self):
        self.change()
        for options in (('--doc', self.medic + '/_local/x'), ('--db', self.medic)):
            with self.subTest(options):
                run = self.person(self.server, *options)
                self.assertEqual(2, self.local(self.couch, 'x')['v'])
                self.assert_says(run, '_local/x', 'stays as it is', '--db')
                self.assertNotIn('everything is there', run.said)

    def test_one_that_is_the_same_is_there(self):
        run = self.person(self.server, '--doc', self.medic + '/_local/x')
        self.assert_says(run, 'everything is there')
        self.assertNotIn('is deleted', run.said)

    def test_dry_run_tells_what_would_become_of_it(self):
        run = self.person(self.server, '--doc', self.medic + '/_local/x', '--dry-run')
        self.assertNotIn('not in this snapshot', run.said)
        self.change()
        run = self.person(self.server, '--doc', self.medic + '/_local/x', '--dry-run')
        self.assert_says(run, '_local/x', 'stays as it is')


class Damaged(Small):
    """A document of which something was unread when the snapshot was taken, whose leaves are not all alike."""

    scripted = True

    def forge(self, first, second):
        """Two leaves with an attachment each; the first one's bytes, and the second's."""
        forged = Forged(self.site)
        forged.add('db/medic/db.json', json.dumps({'base': 'fresh', 'q': 2, 'n': 1, 'partitioned': False,
                                                   'revs_limit': 1000, 'security': {}}).encode())
        place = forged.entries[-1]['place']
        forged.add('db/medic/local.json', b'{"docs":[]}')
        for n, (letter, data) in enumerate((('a', first), ('b', second)), 1):
            leaf = revision('doc', 1, [letter * 32], _attachments={'f': {
                'content_type': 'application/octet-stream', 'revpos': 1, 'length': 2000, 'follows': True,
                'digest': 'md5-' + in_base64(hashlib.md5(b'x' * 2000).digest())}})
            forged.add('db/medic/leaf/000001-%d/doc.json' % n, json.dumps(leaf).encode())
            forged.add('db/medic/leaf/000001-%d/1' % n, data)
        forged.add('db/medic/end.json', json.dumps({'last_seq': '0', 'tokens': {}, 'documents': 1, 'leaves': 2,
                                                    'attachments': 2, 'gone': 0, 'unread': 1}).encode())
        forged.databases.append({'name': 'medic', 'status': 'read', 'at': forged.id, 'place': place,
                                 'end': forged.entries[-1]['place']})
        forged.seal(json.dumps({'format': 1, 'snapshot': forged.id, 'entries': forged.entries, 'databases': forged.databases,
                                'unread': [{'database': 'medic', 'id': 'doc', 'rev': '1-' + 'a' * 32,
                                            'reason': 'scripted'}]}).encode())

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        for name in self.site.snapshots():
            shutil.rmtree(self.site.snapshot_folder(name))

    def test_a_good_leaf_of_it_that_the_target_refuses_is_named(self):
        self.forge(bytes(2000), b'x' * 2000)
        target = self.empty_target()

        def refuse(x):
            if b'"_rev": "1-' + b'b' * 32 in x.body:
                return x.send(201, [], json.dumps([{'id': 'doc', 'rev': '1-' + 'b' * 32, 'error': 'forbidden',
                                                    'reason': 'no'}]).encode())
            x.pass_on()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('POST', '/medic/_bulk_docs', refuse, times=None)
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        self.assert_says(run, '1-' + 'b' * 32, 'forbidden: no')

    def test_a_leaf_of_it_that_vanishes_is_missed(self):
        self.forge(bytes(2000), b'x' * 2000)
        target = self.empty_target()
        with faulty.Faulty(target.url) as proxy:
            proxy.on('POST', '/medic/_bulk_docs', lambda x: x.send(201, [], b'[]'), times=None)
            run = self.site.restore(proxy.url, expect=INCOMPLETE)
        missing = {line['rev'] for line in run.lines if 'not in the target' in line.get('reason', '')}
        self.assertEqual({'1-' + 'a' * 32, '1-' + 'b' * 32}, missing)

    def test_what_is_good_of_it_is_whole_and_each_loss_is_named_once(self):
        self.forge(bytes(2000), b'x' * 2000)
        target = self.empty_target()
        for how in ('first', 'again'):
            with self.subTest(how):
                run = self.site.restore(target, expect=INCOMPLETE)
                told = [line['reason'] for line in run.lines if line['event'] == 'problem' and 'rev' in line]
                self.assertEqual(2, len(told), told)  # that it was unread, and that its attachment is missing
        leaves = compare.capture(target.couch, 'medic')['leaves']
        self.assertEqual([[], ['f']], [list(leaves['doc', '1-' + letter * 32]['attachments']) for letter in 'ab'])
