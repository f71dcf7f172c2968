"""The independent reader itself: it accepts what is right and notices what is wrong. A reader that nods at everything proves nothing."""

import json
import os
import shutil
import unittest

import oracle
from support.forge import FINE, Forged
from support.lifeboat import Site


class Oracle(unittest.TestCase):
    def setUp(self):
        if not shutil.which('age'):
            raise unittest.SkipTest('age is not installed')
        self.site = Site(self)
        os.makedirs(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        with open(os.path.join(self.site.lifeboat_folder, 'store.json'), 'w') as file:
            json.dump({'format': 1, 'store': 'x', 'site': 'clinic'}, file)
        self.forged = Forged(self.site)

    def assert_wrong(self, *words):
        name = self.forged.seal()
        with self.assertRaises(oracle.Wrong) as caught:
            oracle.Store.of(self.site)
        for word in words:
            self.assertIn(word, str(caught.exception))
        shutil.rmtree(self.site.snapshot_folder(name))

    def test_accepts_a_snapshot_that_is_right(self):
        self.forged.database('fine')
        self.forged.seal()
        state = oracle.Store.of(self.site).state()
        self.assertEqual([('v', '1.0')], state['fine']['leaves']['a', '1-aa']['body'])

    def test_notices_ids_out_of_order(self):
        second = b',{"_id":"Z","_rev":"1-aa","_revisions":{"start":1,"ids":["aa"]}}]}'
        self.forged.database('fine', FINE.strip()[:-2] + second)
        self.assert_wrong('not in order')

    def test_notices_a_wrong_leaf_digest(self):
        self.forged.database('fine', FINE.replace(b'1-aa', b'1-ab').replace(b'["aa"]', b'["ab"]'))
        self.assert_wrong('leaf digest')

    def test_notices_a_wrong_place(self):
        self.forged.database('fine')
        self.forged.entries[2]['place'] += 1
        self.assert_wrong('place')

    def test_notices_a_wrong_hash(self):
        self.forged.database('fine')
        self.forged.entries[2]['sha256'] = '0' * 64
        self.assert_wrong('hash')

    def test_notices_an_entry_that_the_manifest_lacks(self):
        self.forged.database('fine')
        self.forged.entries.pop(3)
        self.assert_wrong('manifest lists')

    def test_notices_databases_out_of_order(self):
        self.forged.database('zeta')
        self.forged.database('alpha')
        self.assert_wrong('not in order')

    def test_notices_paths_that_climb_out(self):
        self.forged.add('server/files/../x', b'')
        self.assert_wrong('path')

    def test_notices_an_entry_that_it_does_not_know(self):
        self.forged.add('db/fine/db.json', b'{}')
        self.forged.add('db/fine/strange', b'')
        self.forged.add('db/fine/end.json', b'{}')
        self.forged.databases.append({'name': 'fine', 'status': 'read', 'at': self.forged.id, 'place': 0, 'end': 0})
        self.assert_wrong('unknown entry')

    def test_notices_one_bit(self):
        self.forged.database('fine')
        path = os.path.join(self.site.snapshot_folder(self.forged.seal()), 'data.000')
        with open(path, 'r+b') as file:
            file.seek(600)
            byte = file.read(1)[0]
            file.seek(600)
            file.write(bytes([byte ^ 1]))
        with self.assertRaises(oracle.Wrong):
            oracle.Store.of(self.site)

    def test_does_not_believe_another_signer(self):
        self.forged.database('fine')
        self.forged.seal()
        self.site.signer = Site(self).signer
        with self.assertRaises(oracle.Wrong) as caught:
            oracle.Store.of(self.site)
        self.assertIn('another key', str(caught.exception))
