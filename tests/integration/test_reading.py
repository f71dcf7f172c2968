"""Looking at a store without a server: list, verify and extract."""

import hashlib
import json
import os
import shutil
import unittest
from urllib.parse import unquote

from support import cht, compare, rawjson
from support.case import Case, TwoSnapshots
from support.couch import quote
from support.forge import FINE, Forged
from support.lifeboat import DAMAGED, INCOMPLETE, USAGE, Site

ODD_NAMES = ['..', '.', 'a b', 'a/../../b', 'ü.png', 'quote"d', '%2F', 'x' * 250, '日' * 90, 'line\nbreak']

ODD_IDS = ODD_NAMES + ['Case', 'case']


def events(run):
    return [json.loads(line) for line in run.out.splitlines()]


class Extracted:
    """Reads what extract wrote as its manual tells it."""

    def __init__(self, folder):
        self.folder = folder
        self.long = {}
        path = os.path.join(folder, 'long-names.jsonl')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                self.long = {line['file']: line['name'] for line in map(json.loads, file)}

    def name(self, component):
        return self.long.get(component) or unquote(component)

    def leaves(self):
        """{(id, rev): {attachment: bytes}}, from docs.jsonl and the folders."""
        found = {}
        with open(os.path.join(self.folder, 'docs.jsonl'), encoding='utf-8') as file:
            for line in file:
                document = json.loads(line)
                found[document['_id'], document['_rev']] = {}
                for name, told in document.get('_attachments', {}).items():
                    assert told['stub'] and 'follows' not in told
        top = os.path.join(self.folder, 'attachments')
        for id in os.listdir(top):
            for rev in os.listdir(os.path.join(top, id)):
                leaf = found[self.name(id), self.name(rev)]
                for name in os.listdir(os.path.join(top, id, rev)):
                    with open(os.path.join(top, id, rev, name), 'rb') as file:
                        plain = name if name in self.long else name[:-3] if name.endswith('.gz') else name
                        leaf[self.name(plain)] = file.read()
        return found


class Extract(Case):
    people = 10

    def setUp(self):
        super().setUp()
        self.odd = self.couch.create(self.clinic.name('odd'))
        self.couch.bulk(self.odd, [{'_id': id, '_attachments': {
            name: {'content_type': 'image/png', 'data': cht.in_base64(id + name)} for name in ODD_NAMES}}
            for id in ODD_IDS])
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.out = self.site.path('out')

    def assert_extracted(self, name, folder):
        wanted = {key: {attachment: told['sha256'] for attachment, told in leaf['attachments'].items()}
                  for key, leaf in compare.capture(self.couch, name)['leaves'].items()}
        found = {key: {attachment: hashlib.sha256(data).hexdigest() for attachment, data in attachments.items()}
                 for key, attachments in Extracted(os.path.join(self.out, folder)).leaves().items()}
        self.assertEqual(wanted, found)

    def test_every_leaf_and_every_attachment_is_there(self):
        self.site.extract(self.out)
        for name in self.clinic.databases:
            with self.subTest(name):
                self.assert_extracted(name, name)

    def test_names_of_every_kind_stay_inside_and_can_be_told(self):
        self.site.extract(self.out, '--db', self.odd)
        self.assert_extracted(self.odd, self.odd)
        self.assertEqual(sorted(['_server', self.odd]), sorted(os.listdir(self.out)))

    def test_documents_keep_their_exact_bytes(self):
        exact = self.couch.create(self.clinic.name('exact'))
        for text in cht.odd():
            self.couch.put(exact, text)
        before = compare.capture(self.couch, exact)
        self.site.snapshot(self.server)
        self.site.extract(self.out)
        with open(os.path.join(self.out, exact, 'docs.jsonl'), 'rb') as file:
            for line in file:
                body, special = rawjson.body_and_special(rawjson.decode(line))
                key = json.loads(special['_id']), json.loads(special['_rev'])
                wanted = before['leaves'][key]['body']
                self.assertEqual(wanted, sorted(body) if self.couch.is_npm() else body)

    def test_an_earlier_state(self):
        first = self.site.snapshots()[0]
        self.site.extract(self.out, '--snapshot', first, '--db', self.odd)
        self.assertEqual([], [name for name in os.listdir(self.out) if name not in ('_server', self.odd)])

    def test_a_folder_with_something_in_it_is_left_alone(self):
        os.mkdir(self.out)
        with open(os.path.join(self.out, 'mine'), 'w') as file:
            file.write('x')
        self.assert_says(self.site.extract(self.out, expect=USAGE), 'not empty')
        self.assertEqual(['mine'], os.listdir(self.out))

    def test_a_database_that_is_not_there_is_named_with_those_that_are(self):
        run = self.site.extract(self.out, '--db', 'nothing', expect=USAGE)
        self.assert_says(run, "'nothing'", self.odd)
        self.assertFalse(os.path.exists(self.out))

    def test_the_servers_files(self):
        path = self.site.path('dot.env')
        with open(path, 'w') as file:
            file.write('SECRET=1\n')
        os.chmod(path, 0o640)
        self.site.snapshot(self.server, '--full', '--file', path)
        self.site.extract(self.out)
        there = self.out + '/_server/files' + path
        with open(there) as file:
            self.assertEqual('SECRET=1\n', file.read())
        self.assertEqual(0o640, os.stat(there).st_mode & 0o777)


class ByHand(Case):
    """What extract writes goes into a server with plain requests, as its manual page tells."""

    people = 10

    def load(self, couch, folder, database):
        stored = Extracted(folder).leaves()
        with open(os.path.join(folder, 'docs.jsonl'), encoding='utf-8', errors='surrogatepass') as file:
            lines = [line.rstrip('\n') for line in file]
        batch = []
        for line in lines:
            document = json.loads(line)
            if '_attachments' not in document:
                batch.append(line)
                continue
            self.post(couch, database, batch)
            self.put(couch, database, line, document, stored[document['_id'], document['_rev']])
        self.post(couch, database, batch)

    def post(self, couch, database, batch):
        answer = couch.ask('POST', '/%s/_bulk_docs' % quote(database), '{"new_edits":false,"docs":[%s]}' % ','.join(batch))
        self.assertEqual([], answer.json())
        batch.clear()

    def put(self, couch, database, line, document, stored):
        members = rawjson.members(line)
        told = [(name, attachment.replace('"stub":true', '"follows":true'))
                for name, attachment in rawjson.members(dict(members)['_attachments'])]
        text = rawjson.build([(key, rawjson.build(told) if key == '_attachments' else value) for key, value in members])
        parts = [b'Content-Type: application/json\r\n\r\n' + rawjson.encode(text)]
        parts += [b'\r\n' + stored[name] for name in document['_attachments']]
        body = b''.join(b'\r\n--B\r\n' + part for part in parts) + b'\r\n--B--'
        couch.ask('PUT', couch.path(database, document['_id']), body, query={'new_edits': 'false'},
                  headers={'Content-Type': 'multipart/related; boundary="B"'})

    def test_it_makes_the_databases_whole_again(self):
        odd = self.couch.create(self.clinic.name('odd'))
        self.couch.bulk(odd, cht.odd())
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        before = self.capture(databases=self.clinic.databases + [odd])
        out = self.site.path('out')
        self.site.extract(out)
        target = self.empty_target()
        for name in before:
            target.couch.create(name)
            self.load(target.couch, os.path.join(out, name), name)
        for name, wanted in before.items():
            compare.assert_same(self, wanted, compare.capture(target.couch, name),
                                ignore=('security', 'revs_limit', 'shape', 'local'))


class List(TwoSnapshots):
    def test_each_snapshot_is_a_line_of_json_the_newest_last(self):
        *found, summary = events(self.site.list('--keys', self.site.keys))
        self.assertEqual(self.site.snapshots(), [event['folder'] for event in found])
        self.assertEqual(['full', 'increment'], [event['kind'] for event in found])
        self.assertEqual([None, found[0]['id']], [event['parent'] for event in found])
        for event in found:
            self.assertEqual(('snapshot', 'ok', True, True),
                             (event['event'], event['state'], event['complete'], event['restorable']))
            for member in ('started', 'finished', 'node', 'databases', 'documents', 'leaves', 'attachments', 'bytes'):
                self.assertIn(member, event)
        self.assertEqual(('summary', 2, found[1]['id'], 'keys'),
                         (summary['event'], summary['restorable'], summary['newest'], summary['signers']))

    def test_without_keys_the_store_s_own_signers_show_damage_but_prove_nothing(self):
        *found, summary = events(self.site.list())
        self.assertEqual(['ok', 'ok'], [event['state'] for event in found])
        self.assertEqual('medium', summary['signers'])

    def test_another_site_s_snapshots_are_foreign(self):
        other = Site(self, name='other')
        *found, summary = events(self.site.list('--keys', other.keys, expect=DAMAGED))
        self.assertEqual(['foreign', 'foreign'], [event['state'] for event in found])
        self.assertEqual((0, None), (summary['restorable'], summary['newest']))

    def test_a_broken_chain_shows(self):
        shutil.rmtree(self.site.snapshot_folder(self.site.snapshots()[0]))
        *found, summary = events(self.site.list('--keys', self.site.keys, expect=DAMAGED))
        self.assertEqual([False], [event['restorable'] for event in found])
        self.assertEqual(0, summary['restorable'])

    def test_a_name_that_would_steer_the_terminal_does_not(self):
        shutil.copytree(self.site.snapshot_folder(self.site.snapshots()[0]), self.site.snapshot_folder('evil\x1b[2J'))
        os.truncate(os.path.join(self.site.snapshot_folder('evil\x1b[2J'), 'snapshot.json'), 9)
        run = self.site.run('lifeboat-restore', 'list', self.site.store, '--keys', self.site.keys, expect=DAMAGED)
        self.assertNotIn('\x1b', run.out)


class Verify(Case):
    scripted = True
    people = 10

    def setUp(self):
        if not shutil.which('age'):
            raise unittest.SkipTest('age is not installed')
        super().setUp()

    def forge(self, docs=FINE, failed=(), unread=()):
        forged = Forged(self.site)
        forged.database('fine', docs)
        text = {'format': 1, 'snapshot': forged.id, 'entries': forged.entries,
                'databases': forged.databases + list(failed), 'unread': list(unread)}
        forged.seal(json.dumps(text).encode())

    def verify(self, code):
        run = self.site.verify('--json', expect=code)
        *found, summary = events(run)
        self.assertEqual(('summary', code), (summary['event'], summary['exit']))
        return [event for event in found if event['event'] != 'progress'], summary

    def test_all_is_well(self):
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        found, summary = self.verify(0)
        self.assertEqual(['snapshot', 'snapshot', 'chain'], [event['event'] for event in found])
        self.assertEqual({'ok'}, {event['state'] for event in found})
        self.assertEqual((2, 2, True), (summary['snapshots'], summary['ok'], summary['content']))

    def test_a_snapshot_by_name_is_checked_with_what_it_builds_upon(self):
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.site.snapshot(self.server, '--full')
        names = self.site.snapshots()
        found = events(self.site.verify(names[1], '--json'))
        self.assertEqual(names[:2], [event['folder'] for event in found if event['event'] == 'snapshot'])

    def test_what_the_source_could_not_give_is_named(self):
        self.site.snapshot(self.server)
        self.forge(unread=[{'database': 'fine', 'id': 'torn', 'rev': '2-b', 'reason': 'checksum'}])
        found, _ = self.verify(INCOMPLETE)
        self.assertEqual('incomplete', found[-2]['state'])
        self.assertIn('torn', found[-2]['problems'][0])
        self.assertIn('2-b', found[-2]['problems'][0])

    def test_a_database_that_failed_is_named(self):
        self.site.snapshot(self.server)
        self.forge(failed=[{'name': 'gone-bad', 'status': 'failed', 'reason': 'shard on strike'}])
        found, _ = self.verify(INCOMPLETE)
        self.assertIn("'gone-bad'", found[-2]['problems'][0])

    def test_documents_that_do_not_add_up_to_the_digest(self):
        self.site.snapshot(self.server)
        self.forge(FINE.replace(b'1-aa', b'1-ab'))
        found, _ = self.verify(DAMAGED)
        self.assertIn('digest', found[-1]['problems'][0])
        self.assertEqual(['ok', 'damaged'], [event['state'] for event in found])

    def test_more_documents_than_end_json_counts(self):
        self.site.snapshot(self.server)
        self.forge(FINE.replace(b'}]}\n', b'},{"_id":"b","_rev":"1-b"}]}\n'))
        found, _ = self.verify(DAMAGED)
        self.assertIn('2 documents instead of the 1', found[-1]['problems'][0])

    def test_an_attachment_that_no_snapshot_holds(self):
        self.site.snapshot(self.server)
        forged = Forged(self.site)
        stub = b'{"_id":"a","_rev":"1-aa","_attachments":{"photo":{"digest":"md5-x","length":3,"stub":true}}}'
        forged.add('db/fine/db.json', b'{"base":"fresh"}')
        place = forged.entries[-1]['place']
        forged.add('db/fine/local.json', b'{"docs":[]}')
        forged.add('db/fine/leaf/000001-1/doc.json', stub)
        forged.add('db/fine/end.json', json.dumps({
            'last_seq': '0', 'tokens': {}, 'documents': 1, 'leaves': 1, 'attachments': 0, 'gone': 0, 'unread': 0,
            'digest': hashlib.sha256(b'a\0001-aa').hexdigest(), 'quiet': True}).encode())
        forged.databases.append({'name': 'fine', 'status': 'read', 'at': forged.id, 'place': place,
                                 'end': forged.entries[-1]['place']})
        forged.seal()
        found, _ = self.verify(DAMAGED)
        self.assertEqual('chain', found[-1]['event'])
        self.assertIn("'photo'", found[-1]['problems'][0])


if __name__ == '__main__':
    unittest.main()
