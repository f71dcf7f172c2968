"""Snapshots made to attack: signed and encrypted as they should be, and still nothing gets out, fills up or crashes."""

import io
import json
import os
import resource
import shutil
import tarfile
import unittest

from support.case import Case
from support.forge import FINE, Forged, sign
from support.lifeboat import DAMAGED, DONE, FAILED, INCOMPLETE

MEMORY = 512 * 1024  # kB that a run may use at most, with what sanitizers add


class Attack(Case):
    scripted = True
    people = 2

    def setUp(self):
        if not shutil.which('age'):
            raise unittest.SkipTest('age is not installed')
        super().setUp()
        self.site.snapshot(self.server)
        self.out = self.site.path('deep', 'er', 'out')
        os.makedirs(os.path.dirname(self.out))

    def refused(self):
        """Verify finds fault with it, and it does no harm."""
        self.harmless(FAILED, DAMAGED, INCOMPLETE)

    def harmless(self, *codes):
        """Verify ends with one of the codes; extract and restore end in order, and leave nothing outside their folder."""
        before = self.everything()
        target = self.empty_target()
        run = self.site.verify(expect=None)
        self.assertIn(run.code, codes, str(run))
        self.site.extract(self.out, expect=None)
        self.site.restore(target, '--files', self.out + '-files', expect=None)
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.rmtree(self.out + '-files', ignore_errors=True)
        self.assertEqual(before, self.everything())

    def everything(self):
        """All that lies in the test's folder, but for caches."""
        found = set()
        for folder, folders, files in os.walk(self.site.folder):
            if folder.startswith(self.site.state):
                continue
            found |= {os.path.join(folder, name) for name in folders + files}
        return found

    def test_an_archive_in_place_of_the_signed_one_is_refused_before_anything_is_written(self):
        signed = Forged(self.site)
        signed.database('fine')
        signed.pad(8000)
        name = signed.seal()
        self.site.verify()
        other = Forged(self.site)
        other.database('fine', FINE.replace(b'1.0', b'6.6'))
        other.entries.clear()  # so that its manifest leaves room for padding
        other.put_in_place_of(signed, name)
        target = self.empty_target()
        run = self.site.restore(target, '--snapshot', name, expect=DAMAGED)
        self.assert_says(run, 'data.000')
        self.site.extract(self.out, '--snapshot', name, expect=DAMAGED)
        self.assertFalse(os.path.exists(self.out))
        self.site.verify(expect=DAMAGED)

    def test_a_well_made_forgery_is_accepted_so_that_the_others_are_refused_for_their_fault(self):
        forged = Forged(self.site)
        forged.database('fine')
        forged.seal()
        self.site.verify()

    def test_paths_that_climb_out(self):
        for name in ('../../../escaped', 'server/files/../../../../../escaped', '/tmp/lifeboat-escaped',
                     'db/../../../escaped/db.json', 'server/files//etc/../../escaped'):
            with self.subTest(name=name):
                forged = Forged(self.site)
                forged.add(name, b'gotcha')
                forged.database('fine')
                folder = forged.seal()
                self.refused()
                self.assertFalse(os.path.exists('/tmp/lifeboat-escaped'))
                shutil.rmtree(self.site.snapshot_folder(folder))

    def test_database_names_that_climb_out(self):
        for name in ('../../escaped', '..', '%2e%2e', 'a/../../../b'):
            with self.subTest(name=name):
                forged = Forged(self.site)
                forged.database(name, folder=name.replace('/', '%2F'))
                folder = forged.seal()
                self.harmless(DONE, FAILED, DAMAGED)
                shutil.rmtree(self.site.snapshot_folder(folder))

    def test_links_that_point_out_of_the_folder_are_not_followed(self):
        forged = Forged(self.site)
        forged.add('server/files/link', kind=tarfile.SYMTYPE, link='/tmp')
        forged.add('server/files/link/lifeboat-escaped', b'gotcha')
        forged.database('fine')
        forged.seal()
        self.refused()
        self.assertFalse(os.path.exists('/tmp/lifeboat-escaped'))

    def test_a_bomb_of_zeros_does_not_fill_memory(self):
        forged = Forged(self.site)
        forged.add_zeros('db/x/docs-000001.json', 1 << 30)
        forged.database('fine')
        forged.seal()
        self.harmless(DONE, FAILED, DAMAGED)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, MEMORY)

    def test_a_window_larger_than_allowed_is_refused(self):
        forged = Forged(self.site)
        forged.window_log = 27
        forged.database('fine', b'{"new_edits":false,"docs":[%s]}' % (b' ' * (1 << 24)))
        forged.seal()
        self.refused()

    def test_a_document_batch_that_is_no_json(self):
        forged = Forged(self.site)
        forged.database('bad', b'{"new_edits":false,"docs":[{"_id":"x","_rev":"1-a"')
        forged.seal()
        self.refused()

    def test_a_document_nested_without_end(self):
        forged = Forged(self.site)
        forged.database('deep', b'{"new_edits":false,"docs":[{"_id":"x","_rev":"1-a","v":%s%s}]}' % (b'[' * 5000000, b']' * 5000000))
        forged.seal()
        self.refused()

    def test_a_manifest_that_lies_about_a_size(self):
        forged = Forged(self.site)
        forged.database('fine')
        forged.entries[2]['size'] += 5
        forged.seal()
        self.refused()

    def test_a_manifest_that_lies_about_a_hash(self):
        forged = Forged(self.site)
        forged.database('fine')
        forged.entries[2]['sha256'] = '0' * 64
        forged.seal()
        self.refused()

    def test_places_beyond_the_end(self):
        for place in (1 << 40, (1 << 64) - 1, 7):
            with self.subTest(place=place):
                forged = Forged(self.site)
                forged.database('fine')
                forged.databases[0]['place'] = place
                folder = forged.seal()
                self.refused()
                shutil.rmtree(self.site.snapshot_folder(folder))

    def test_a_manifest_that_is_no_json(self):
        for manifest in (b'', b'[]', b'{}', b'{"entries":[{}],"databases":[{}]}', b'{"entries":' + b'[' * 1000000):
            with self.subTest(manifest=manifest[:40]):
                forged = Forged(self.site)
                forged.database('fine')
                folder = forged.seal(manifest)
                self.refused()
                shutil.rmtree(self.site.snapshot_folder(folder))

    def test_huge_tar_headers(self):
        forged = Forged(self.site)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo('x')
            info.pax_headers = {'path': 'y' * (64 << 20)}
            tar.addfile(info)
        forged.frame(buffer.getvalue()[:-10240 or None], 'y', b'', list_it=False)
        forged.database('fine')
        forged.seal()
        self.refused()

    def test_a_chain_that_bites_its_own_tail(self):
        one = Forged(self.site)
        other = Forged(self.site, parent=one.id)
        one.parent = other.id
        one.database('fine')
        other.database('fine')
        one.seal()
        other.seal()
        run = self.site.verify(expect=None)
        self.assertIn(run.code, (DAMAGED, DONE, INCOMPLETE), str(run))
        self.site.list(expect=None)

    def test_catalogue_entries_that_are_huge_or_odd(self):
        forged = Forged(self.site)
        forged.database('fine')
        name = forged.seal()
        folder = self.site.snapshot_folder(name)
        for text in (b'{' * 1000000, b'{"format":1}', b'{"format":99}', json.dumps({'format': 1, 'id': '../x'}).encode(), b'\0'):
            with self.subTest(text=text[:40]):
                for file, content in (('snapshot.json', text), ('snapshot.json.minisig', sign(self.site, text))):
                    with open(os.path.join(folder, file), 'wb') as out:
                        out.write(content)
                run = self.site.verify(expect=None)
                self.assertIn(run.code, (DAMAGED, FAILED, INCOMPLETE), str(run))
                self.site.list(expect=None)
