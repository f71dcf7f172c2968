"""Stores that are not what they were: each kind of damage has its own exit code and its own plain words."""

import hashlib
import json
import os
import shutil

from support.case import Case
from support.lifeboat import DAMAGED, DONE, KEY, USAGE, Site


class Damage(Case):
    people = 10

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.folders = [self.site.snapshot_folder(name) for name in self.site.snapshots()]

    def flip(self, name, at=0.5, snapshot=0):
        """Turns one bit of a file."""
        path = os.path.join(self.folders[snapshot], name)
        with open(path, 'r+b') as file:
            size = os.path.getsize(path)
            place = int(size * at) if at >= 0 else size + at
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 4]))

    def both(self, code, *texts):
        """Verify says so, restoring refuses with the same code, and nothing is written."""
        target = self.empty_target()
        before = set(target.couch.databases())
        run = self.site.verify(expect=code)
        self.assert_says(run, *texts)
        run = self.site.restore(target, expect=code)
        self.assertEqual(before, set(target.couch.databases()), str(run))
        return run


class Files(Damage):
    def test_a_whole_store_verifies_with_and_without_keys(self):
        self.site.verify()
        self.site.verify_without_key()

    def test_a_flipped_bit_anywhere_in_the_data_is_found_without_keys(self):
        for at in (0, 0.2, 0.5, 0.8, -1):
            with self.subTest(at=at):
                self.flip('data.000', at)
                run = self.site.verify_without_key(expect=DAMAGED)
                self.assert_says(run, 'data.000')
                self.flip('data.000', at)
        self.site.verify()

    def test_a_flipped_bit_stops_a_restore(self):
        self.flip('data.000')
        self.both(DAMAGED, 'data.000')

    def test_a_truncated_part(self):
        path = os.path.join(self.folders[0], 'data.000')
        os.truncate(path, os.path.getsize(path) - 100)
        self.both(DAMAGED, 'data.000')

    def test_a_missing_part(self):
        os.unlink(os.path.join(self.folders[0], 'data.000'))
        self.both(DAMAGED, 'data.000')

    def test_parts_swapped_between_snapshots(self):
        one, other = (os.path.join(folder, 'data.000') for folder in self.folders)
        os.rename(one, one + '.x')
        os.rename(other, one)
        os.rename(one + '.x', other)
        self.both(DAMAGED, 'data.000')

    def test_sums_that_were_made_to_fit_are_not_believed(self):
        self.flip('data.000')
        with open(os.path.join(self.folders[0], 'data.000'), 'rb') as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(os.path.join(self.folders[0], 'SHA256SUMS'), 'w') as file:
            file.write('%s  data.000\n' % digest)
        self.both(DAMAGED, 'SHA256SUMS')

    def test_an_altered_catalogue_entry(self):
        path = os.path.join(self.folders[1], 'snapshot.json')
        with open(path) as file:
            entry = json.load(file)
        entry['counts']['documents'] += 1
        with open(path, 'w') as file:
            json.dump(entry, file)
        self.assert_says(self.site.verify(expect=DAMAGED), 'signature')

    def test_a_broken_signature(self):
        self.flip('snapshot.json.minisig', 0.6, snapshot=1)
        self.assert_says(self.site.verify(expect=DAMAGED), os.path.basename(self.folders[1]))

    def test_a_lost_parent_is_named(self):
        shutil.rmtree(self.folders[0])
        run = self.site.restore(self.empty_target(), expect=DAMAGED)
        self.assert_says(run, 'missing')

    def test_a_folder_without_signature_is_no_snapshot(self):
        os.unlink(os.path.join(self.folders[1], 'snapshot.json.minisig'))
        self.assertEqual(DONE, self.site.restore(self.empty_target()).code)

    def test_an_earlier_snapshot_restores_though_a_later_one_is_damaged(self):
        self.flip('data.000', snapshot=1)
        self.site.restore(self.empty_target(), '--snapshot', os.path.basename(self.folders[0]))

    def test_a_folder_that_is_no_store(self):
        run = self.site.run('lifeboat-restore', 'verify', self.site.path('keys'), '--keys', self.site.keys, expect=DAMAGED)
        self.assert_says(run, 'lifeboat')

    def test_list_shows_damage_beside_what_is_whole(self):
        self.flip('snapshot.json.minisig', 0.6, snapshot=1)
        run = self.site.list(expect=None)
        self.assert_says(run, *(os.path.basename(folder) for folder in self.folders))

    def test_the_next_run_heals_a_chain_whose_newest_snapshot_is_lost(self):
        shutil.rmtree(self.folders[1])
        self.clinic.change()
        self.site.snapshot(self.server)
        self.assert_store_holds(self.capture())

    def assert_next_run_heals(self, snapshot):
        self.flip('data.000', snapshot=snapshot)
        self.clinic.change()
        run = self.site.snapshot(self.server)
        self.assert_says(run, os.path.basename(self.folders[snapshot]), 'damaged')
        self.site.restore(self.empty_target())
        shutil.rmtree(self.folders[snapshot])  # the independent reader takes none that is damaged
        self.assert_store_holds(self.capture())
        target = self.empty_target()
        before = self.capture() if target is not self.server else None
        self.site.restore(target)
        if before:
            self.assert_same(before, self.capture(target.couch))

    def test_a_flipped_bit_in_the_newest_snapshot_is_found_and_healed_by_the_next_run(self):
        self.assert_next_run_heals(1)

    def test_a_flipped_bit_in_the_oldest_snapshot_is_found_and_healed_by_the_next_run(self):
        self.assert_next_run_heals(0)

    def test_a_snapshot_lost_from_the_middle_is_healed_and_its_restore_points_are_named(self):
        self.clinic.change()
        self.site.snapshot(self.server)
        newest = self.site.snapshots()[-1]
        shutil.rmtree(self.folders[1])
        run = self.site.snapshot(self.server)
        self.assert_says(run, newest)
        self.assert_store_holds(self.capture())


class Keys(Damage):
    def setUp(self):
        super().setUp()
        self.other = Site(self, name='clinic')

    def test_a_store_by_an_unknown_signer_is_not_used(self):
        run = self.site.restore(self.empty_target(), '--keys', self.other.keys, expect=None)
        self.assertIn(run.code, (DAMAGED, USAGE), str(run))
        run = self.site.run('lifeboat-restore', 'verify', self.site.store, '--keys', self.other.keys, expect=DAMAGED)
        self.assert_says(run, 'sign')

    def test_the_wrong_signer_on_a_bare_machine(self):
        run = self.site.run('lifeboat-restore', 'run', self.site.store, '--target', self.server.url,
                            '--key', self.site.recovery_file, '--signer', self.other.signer, expect=DAMAGED)
        self.assert_says(run, 'sign')

    def test_the_wrong_recovery_key(self):
        run = self.site.run('lifeboat-restore', 'run', self.site.store, '--target', self.server.url,
                            '--key', self.other.recovery_file, '--signer', self.site.signer, expect=KEY)
        self.assert_says(run, 'key')

    def test_no_key_at_all(self):
        run = self.site.run('lifeboat-restore', 'run', self.site.store, '--target', self.server.url,
                            '--keys', self.site.path('nowhere'), expect=KEY)
        self.assert_says(run, 'nowhere')

    def test_a_key_file_without_a_key(self):
        with open(self.site.path('empty'), 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write('nothing here\n')
        self.site.run('lifeboat-restore', 'run', self.site.store, '--target', self.server.url,
                      '--key', self.site.path('empty'), '--signer', self.site.signer, expect=KEY)

    def test_no_signer_on_a_bare_machine_trusts_nothing(self):
        run = self.site.run('lifeboat-restore', 'run', self.site.store, '--target', self.server.url,
                            '--key', self.site.recovery_file, expect=None)
        self.assertIn(run.code, (USAGE, DAMAGED), str(run))
        self.assert_says(run, '--signer')

    def test_messages_differ_from_one_another(self):
        said = {self.site.verify().said}
        self.flip('data.000')
        said.add(self.site.verify(expect=DAMAGED).said)
        self.flip('data.000')
        os.rename(os.path.join(self.folders[0], 'data.000'), self.site.path('kept'))
        said.add(self.site.verify(expect=DAMAGED).said)
        os.rename(self.site.path('kept'), os.path.join(self.folders[0], 'data.000'))
        said.add(self.site.run('lifeboat-restore', 'verify', self.site.store, '--keys', self.other.keys, expect=DAMAGED).said)
        self.assertEqual(4, len(said))
