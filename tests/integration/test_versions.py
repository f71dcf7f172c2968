"""One document: every version that the store has of it, and how each comes back."""

import json
import os
import shutil

from support import cht
from support.case import Case
from support.lifeboat import DAMAGED, INCOMPLETE, USAGE

PHOTO = b'\x89PNG' + bytes(range(256)) * 20


class Versions(Case):
    people = 5

    def setUp(self):
        super().setUp()
        self.out = self.site.path('out')
        self.revs = []
        rev = self.couch.put(self.medic, {'_id': 'a/b', 'v': 1})
        self.take(self.couch.attach(self.medic, 'a/b', rev, 'photo.png', PHOTO, 'image/png'))
        self.edit(2)
        self.clinic.change()
        self.site.snapshot(self.server)  # without a change of it
        self.edit(3)
        self.take(self.couch.remove(self.medic, 'a/b'))

    def take(self, rev):
        self.revs.append(rev)
        self.site.snapshot(self.server)
        return rev

    def edit(self, value):
        document = self.couch.get(self.couch.path(self.medic, 'a/b'))
        self.take(self.couch.put(self.medic, dict(document, v=value)))

    def extract(self, *options, **how):
        return self.site.extract(self.out, '--doc', self.medic + '/a/b', *options, **how)

    def lines(self):
        with open(os.path.join(self.folder, 'versions.jsonl')) as file:
            return [json.loads(line) for line in file]

    @property
    def folder(self):
        return os.path.join(self.out, self.medic, 'a%2Fb')

    def document(self, rev):
        with open(os.path.join(self.folder, rev + '.json')) as file:
            return json.load(file)

    def photo(self, rev):
        with open(os.path.join(self.folder, rev, 'photo.png'), 'rb') as file:
            return file.read()

    def test_every_version_is_written_with_its_attachments_and_when_it_was_current(self):
        run = self.extract()
        self.assertEqual(self.revs, [line['rev'] for line in self.lines()])
        self.assertEqual(['current'] * 3 + ['deleted'], [line['state'] for line in self.lines()])
        names = self.site.snapshots()
        self.assertEqual([names[0][-4:], names[1][-4:], names[3][-4:], names[4][-4:]],
                         [line['snapshot'][:4] for line in self.lines()])
        for value, rev in enumerate(self.revs[:3], 1):
            self.assertEqual(value, self.document(rev)['v'])
            self.assertEqual(PHOTO, self.photo(rev))  # only the first snapshot holds its bytes
        self.assertTrue(self.document(self.revs[3])['_deleted'])
        self.assert_says(run, *self.revs, 'run', '--snapshot', "--doc '%s/a/b'" % self.medic
                         if "'" in run.out.split('--doc ')[1] else '--doc %s/a/b' % self.medic)

    def test_conflicts_and_what_left_the_database_are_told(self):
        self.couch.bulk(self.medic, [cht.revision('a/b', 9, ['%032x' % 7], v='late'), cht.revision('a/b', 9, ['%032x' % 8], v='later')],
                        new_edits=False)
        self.site.snapshot(self.server)
        if self.server.standin or self.couch.get('/')['version'] >= '3':
            self.couch.purge(self.medic, 'a/b', list(self.couch.leaf_sets(self.medic)['a/b']))
            self.site.snapshot(self.server)
        run = self.extract('--json')
        told = [(line['state'], line['rev']) for line in run.lines if line['event'] == 'version'][4:]
        self.assertEqual([('current', '9-%032x' % 8), ('conflict', '9-%032x' % 7), ('deleted', self.revs[3]), ('purged', None)], told)
        self.assertEqual((1, 6, 3, 0), tuple(run.summary[name] for name in ('documents', 'revisions', 'attachments', 'missing')))

    def test_each_comes_back_from_its_snapshot(self):
        self.extract()
        for number, line in enumerate(self.lines()[:3]):
            copy = self.clinic.name('copy-%d' % number)
            self.site.restore(self.server, '--snapshot', line['snapshot'], '--doc', self.medic + '/a/b',
                              '--db', '%s=%s' % (self.medic, copy))
            self.assertEqual({'a/b': {line['rev']}}, self.couch.leaf_sets(copy))
            self.assertEqual(PHOTO, self.couch.attachment(copy, 'a/b', line['rev'], 'photo.png')[0])

    def test_one_that_was_deleted_comes_back_as_a_new_revision(self):
        run = self.site.restore(self.server, '--snapshot', self.site.snapshots()[1], '--doc', self.medic + '/a/b')
        self.assert_says(run, 'is back as a new revision')
        now = self.couch.get(self.couch.path(self.medic, 'a/b'))
        self.assertEqual(2, now['v'])
        self.assertNotIn(now['_rev'], self.revs)
        self.assertEqual(PHOTO, self.couch.attachment(self.medic, 'a/b', now['_rev'], 'photo.png')[0])
        self.site.restore(self.server, '--snapshot', self.site.snapshots()[1], '--doc', self.medic + '/a/b')
        self.assertEqual(now, self.couch.get(self.couch.path(self.medic, 'a/b')))

    def test_one_that_was_edited_since_stays_and_the_operator_is_told(self):
        now = self.couch.put(self.medic, {'_id': 'a/b', 'v': 'new'})
        run = self.site.restore(self.server, '--snapshot', self.site.snapshots()[0], '--doc', self.medic + '/a/b')
        self.assert_says(run, 'was edited in the target since', '=NEW')
        self.assertEqual(now, self.couch.get(self.couch.path(self.medic, 'a/b'))['_rev'])

    def test_one_that_the_snapshot_lacks_or_has_deleted_is_told_with_the_way_to_its_versions(self):
        run = self.site.restore(self.server, '--doc', self.medic + '/a/b')
        self.assert_says(run, 'is deleted in this snapshot', 'lifeboat-restore extract')
        run = self.site.restore(self.server, '--doc', self.medic + '/nothing', expect=INCOMPLETE)
        self.assert_says(run, 'not in this snapshot', 'lifeboat-restore extract')

    def test_a_damaged_snapshot_is_named_and_the_versions_of_the_others_are_written(self):
        name = self.site.snapshots()[1]
        os.truncate(os.path.join(self.site.snapshot_folder(name), 'data.000'), 100)
        run = self.extract(expect=INCOMPLETE)
        self.assert_says(run, name)
        self.assertEqual([self.revs[0], self.revs[2], self.revs[3]], [line['rev'] for line in self.lines()])
        self.assertEqual(PHOTO, self.photo(self.revs[0]))

    def test_versions_are_written_though_the_full_snapshot_is_lost_and_nothing_can_be_restored(self):
        shutil.rmtree(self.site.snapshot_folder(self.site.snapshots()[0]))
        run = self.extract(expect=INCOMPLETE)
        self.assert_says(run, 'photo.png')
        self.assertEqual(self.revs[1:], [line['rev'] for line in self.lines()])
        self.assertEqual(2, self.document(self.revs[1])['v'])

    def test_mistakes_are_told(self):
        self.assert_says(self.extract('--at', '2026-11-22T00:00:00Z', expect=None), '--at')
        self.extract('--db', self.medic, expect=USAGE)
        run = self.site.extract(self.site.path('out2'), '--doc', 'nowhere/x', expect=USAGE)
        self.assert_says(run, 'nowhere/x')
        run = self.site.extract(self.site.path('out3'), '--doc', self.medic + '/never', expect=INCOMPLETE)
        self.assert_says(run, 'never')
