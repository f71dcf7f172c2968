"""What a restore must neither lose nor change without saying so: revision paths, shape, who may read, what the target
has of its own."""

import hashlib
import json
import shutil

from support import compare, faulty
from support.cht import in_base64, revision
from support.forge import Forged
from support.lifeboat import INCOMPLETE
from support.small import Small


class Replicator(Small):
    def test_a_deleted_replication_does_not_start_when_it_is_brought_back(self):
        name = self.couch.create(self.server.name('jobs/_replicator'))
        self.couch.put(name, {'_id': 'nightly', 'source': 'http://127.0.0.1:1/a', 'target': 'http://127.0.0.1:1/b'})
        self.site.snapshot(self.server)
        self.couch.remove(name, 'nightly')
        self.site.restore(self.server, '--doc', name + '/nightly')
        back = self.couch.get(self.couch.path(name, 'nightly'))
        self.assertEqual(('http://127.0.0.1:1/a', 'failed'), (back['source'], back['_replication_state']))


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
