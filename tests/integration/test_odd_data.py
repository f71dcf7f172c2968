"""Data that no well-behaved application writes and CouchDB takes: it goes in, and comes out the same."""

import os
from urllib.parse import unquote

from support import cht, compare, server
from support.case import Case
from support.cht import revision
from support.lifeboat import FAILED, INCOMPLETE

NAMES = ('Capital', '日本語', 'quo"te', "o'ne", 'back\\slash', 'tab\there', 'line\nbreak', 'escape\x01\x1b[31m\x7f', 'sp ace',
         'a?b#c%2Fd', '.', '..', '-rf', 'x' * 200, '\U0001f600', '*', '[a]', 'eq=b', 'eq', '=', '../../x', 'a//b', '/', '_own')


class Odd(Case):
    people = 2

    def setUp(self):
        super().setUp()
        self.odd = self.couch.create(self.clinic.name('odd'))

    def round_trip(self, name=None, ignore=()):
        """Snapshot, independent reader, restore to another server, compare."""
        name = name or self.odd
        before = compare.capture(self.couch, name)
        self.site.snapshot(self.server)
        self.assert_store_holds({name: before})
        target = self.empty_target()
        self.site.restore(target)
        compare.assert_same(self, before, compare.capture(target.couch, name), ignore)
        return before


class Documents(Odd):
    def test_numbers_names_escapes_and_nesting_keep_their_exact_text(self):
        for text in cht.odd():
            self.couch.put(self.odd, text)
        before = self.round_trip()
        self.assertEqual(len(cht.odd()), len(before['leaves']))

    def test_attachment_names_of_every_kind(self):
        names = ['a b', 'a/b/c', 'ü.png', '日本語', 'quote"d', 'back\\slash', '%2F', 'plus+', 'x' * 250, '..', 'semi;colon',
                 'line\nbreak']
        attachments = {name: {'content_type': 'application/octet-stream', 'data': cht.in_base64('bytes of ' + name)}
                       for name in names}
        self.couch.put(self.odd, {'_id': 'many', '_attachments': attachments})
        self.round_trip()

    def test_empty_encoded_and_incompressible_attachments(self):
        self.couch.put(self.odd, {'_id': 'a', '_attachments': {
            'empty.bin': {'content_type': 'application/octet-stream', 'data': ''},
            'empty.txt': {'content_type': 'text/plain', 'data': ''},
            'long.txt': {'content_type': 'text/plain', 'data': cht.in_base64('line\n' * 50000)},
            'noise': {'content_type': 'image/png', 'data': cht.in_base64(os.urandom(300000))}}})
        self.round_trip()

    def test_attachments_on_conflicting_and_deleted_leaves(self):
        def leaf(position, path, text, **more):
            return revision('c', position, path, _attachments={
                'f': {'content_type': 'text/plain', 'data': cht.in_base64(text), 'revpos': position}}, **more)
        self.couch.bulk(self.odd, [leaf(1, ['a' * 32], 'one'), leaf(2, ['b' * 32, 'a' * 32], 'two'),
                                   leaf(2, ['c' * 32, 'a' * 32], 'three'),
                                   leaf(3, ['d' * 32, 'e' * 32, 'a' * 32], 'four', _deleted=True)], new_edits=False)
        self.round_trip()

    def test_the_same_attachment_kept_through_revisions_and_in_conflicts(self):
        rev = self.couch.put(self.odd, {'_id': 'k', '_attachments': {
            'f': {'content_type': 'image/png', 'data': cht.in_base64(os.urandom(5000))}}})
        self.site.snapshot(self.server)
        document = self.couch.get(self.couch.path(self.odd, 'k'))
        self.couch.put(self.odd, dict(document, v=2))
        path = ['9' * 32, rev.split('-')[1]]
        stub = {'f': dict(document['_attachments']['f'])}
        self.couch.bulk(self.odd, [revision('k', 2, path, _attachments=stub, v=3)], new_edits=False)
        self.site.snapshot(self.server)
        self.couch.put(self.odd, dict(self.couch.get(self.couch.path(self.odd, 'k')), v=4))
        self.round_trip()

    def test_path_of_5000_revisions_survives_whole(self):
        self.couch.set_revs_limit(self.odd, 10000)
        path = ['%032x' % number for number in range(5000, 0, -1)]
        self.couch.bulk(self.odd, [revision('old', 5000, path, v=1)], new_edits=False)
        before = self.round_trip()
        self.assertEqual(5000, len(before['leaves']['old', '5000-' + path[0]]['path']['ids']))

    def test_hundred_leaves_of_long_paths(self):
        leaves = [revision('wide', 100, ['%04x%028x' % (leaf, number) for number in range(100, 1, -1)] + ['0' * 32], v=leaf)
                  for leaf in range(100)]
        self.couch.bulk(self.odd, leaves, new_edits=False)
        before = self.round_trip()
        self.assertEqual(100, len(before['leaves']))

    def test_deleted_documents_keep_their_bodies(self):
        self.couch.put(self.odd, {'_id': 'd', 'v': 1})
        self.couch.remove(self.odd, 'd', why='because', by='anna')
        before = self.round_trip()
        leaf, = before['leaves'].values()
        self.assertEqual((True, [('why', '"because"'), ('by', '"anna"')]), (leaf['deleted'], leaf['body']))

    def test_design_documents_that_would_refuse_the_others_come_last(self):
        self.couch.bulk(self.odd, [{'_id': '%s-doc' % c, 'v': 1} for c in 'AZaz'])
        self.couch.put(self.odd, {'_id': '_design/0', 'validate_doc_update': 'function() { throw({forbidden: "never"}); }'})
        before = compare.capture(self.couch, self.odd)
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target)
        compare.assert_same(self, before, compare.capture(target.couch, self.odd))
        # Now that it is there it does refuse: one that is missing can come back no more, and is named.
        target.couch.purge(self.odd, 'A-doc', list(target.couch.leaf_sets(self.odd)['A-doc']))
        run = self.site.restore(target, expect=INCOMPLETE)
        self.assert_says(run, 'A-doc', 'forbidden')
        self.assertNotIn('Z-doc', run.said)

    def test_ids_in_the_order_of_bytes_not_of_letters(self):
        ids = ['a', 'B', 'é', 'z', 'Z', '\uffff', '\U00010000', '~', ' ', '-', 'aa', 'ab', 'a\u0000b'[:1] + '0']
        self.couch.bulk(self.odd, [{'_id': id} for id in sorted(set(ids))])
        self.round_trip()

    def test_a_document_larger_than_a_batch(self):
        self.couch.put(self.odd, {'_id': 'big', 'text': 'lorem ipsum ' * 500000})
        self.couch.put(self.odd, {'_id': 'small'})
        self.round_trip()


class Databases(Odd):
    def test_names_with_every_character_that_is_allowed(self):
        names = [self.clinic.name(n) for n in ('a/b', 'x_$()+-/y', 'n' + '0' * 150, 'a+b', 'a/b/c')]
        for name in names:
            self.couch.create(name)
            self.couch.put(name, {'_id': 'x', 'in': name})
        before = self.capture(databases=names)
        self.site.snapshot(self.server)
        self.assert_store_holds(before)
        target = self.empty_target()
        self.site.restore(target)
        self.assert_same(before, self.capture(target.couch, names))

    def test_names_that_only_other_servers_take_are_kept_and_come_back_under_names_that_couchdb_takes(self):
        standin = server.start_standin()
        self.addCleanup(standin.close)
        standin.standin.any_name = True
        couch, new = standin.couch, {}
        for number, name in enumerate(NAMES):
            couch.create(name)
            couch.bulk(name, [{'_id': 'x', 'in': number}, {'_id': '日本語', 'v': number}])
            couch.put(name, {'_id': 'a', '_attachments': {'f': {'content_type': 'image/png', 'data': cht.in_base64(name)}}})
            new[name] = self.clinic.name('odd-%d' % number)
        before = self.capture(couch, NAMES)
        self.site.snapshot(standin)
        self.assert_store_holds(before)
        self.site.verify()
        target = self.empty_target()
        run = self.site.restore(target, expect=FAILED)
        self.assert_says(run, 'takes no database name', '=new-name')
        self.assertEqual([], [name for name in target.couch.databases() if 'odd-' in name])
        self.site.restore(target, *(option for name in NAMES for option in ('--db', '%s=%s' % (name, new[name]))))
        for name in NAMES:
            compare.assert_same(self, before[name], compare.capture(target.couch, new[name]))
        out = self.site.path('out')
        self.site.extract(out)
        self.assertEqual(sorted([*NAMES, '_users', '_replicator', '_server']), sorted(map(unquote, os.listdir(out))))

    def test_shards_and_partitions_come_back_as_they_were(self):
        wide = self.couch.create(self.clinic.name('wide'), q=5)
        parts = self.couch.create(self.clinic.name('parts'), partitioned='true')
        self.couch.put(wide, {'_id': 'x'})
        self.couch.put(parts, {'_id': 'anna:1', 'v': 1})
        before = self.capture(databases=[wide, parts])
        self.assertEqual((5, True), (before[wide]['shape']['q'], before[parts]['shape']['partitioned']))
        self.site.snapshot(self.server)
        target = self.empty_target()
        self.site.restore(target)
        self.assert_same(before, self.capture(target.couch, [wide, parts]))

    def test_an_empty_database_is_there_again(self):
        self.round_trip()

    def test_security_and_revs_limit_come_back(self):
        self.couch.set_security(self.odd, {'admins': {'names': ['é"'], 'roles': []}, 'members': {'names': [], 'roles': ['r']},
                                           'extra': {'kept': 1}})
        self.couch.set_revs_limit(self.odd, 5)
        self.round_trip()
