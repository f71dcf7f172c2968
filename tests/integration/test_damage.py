"""Stores that are not what they were: each kind of damage has its own exit code and its own plain words."""

import base64
import hashlib
import json
import os
import shutil

from support.case import TwoSnapshots
from support.forge import sign
from support.lifeboat import DAMAGED, DONE, INCOMPLETE, KEY, USAGE, Site


class Damage(TwoSnapshots):
    def setUp(self):
        super().setUp()
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
        before = set(target.databases())
        run = self.site.verify(expect=code)
        self.assert_says(run, *texts)
        run = self.site.restore(target, expect=code)
        self.assertEqual(before, set(target.databases()), str(run))
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
        self.site.list('--keys', self.site.keys, expect=INCOMPLETE)
        run = self.site.verify()
        self.assert_says(run, 'signature is missing', 'newer than the newest', '1 of 1 snapshot is in order')

    def test_a_store_in_which_nothing_counts_does_not_verify(self):
        for folder in self.folders:
            os.unlink(os.path.join(folder, 'snapshot.json.minisig'))
        self.assert_says(self.site.verify(expect=DAMAGED), 'nothing can be restored')
        self.site.verify_without_key(expect=DAMAGED)
        self.site.list(expect=DAMAGED)
        for folder in self.folders:
            shutil.rmtree(folder)
        self.assert_says(self.site.verify(expect=DAMAGED), 'nothing can be restored')
        self.assertFalse(self.site.verify('--json', expect=DAMAGED).summary['restorable'])
        self.assert_says(self.site.run('lifeboat-restore', 'list', self.site.store, expect=DAMAGED), 'nothing that can')

    def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(self):
        for name in ('snapshot.json', 'snapshot.json.minisig', 'SHA256SUMS', 'data.000'):
            with self.subTest(name):
                path = os.path.join(self.folders[1], name)
                os.rename(path, path + '.kept')
                os.mkfifo(path)
                self.assert_says(self.site.verify(expect=DAMAGED, timeout=20), 'regular file' if name != 'data.000' else name)
                self.site.list(expect=None, timeout=20)
                os.rename(path + '.kept', path)

    def test_a_chain_that_bites_its_own_tail_ends_with_an_error(self):
        first, second = (json.load(open(os.path.join(folder, 'snapshot.json'))) for folder in self.folders)
        first['parent'] = second['id']
        text = json.dumps(first).encode()
        for name, data in (('snapshot.json', text), ('snapshot.json.minisig', sign(self.site, text))):
            with open(os.path.join(self.folders[0], name), 'wb') as file:
                file.write(data)
        run = self.site.restore(self.server, '--snapshot', second['id'], expect=DAMAGED, timeout=20)
        self.assert_says(run, 'missing or not usable')

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


class Newer(Damage):
    """What is newer than the state that is used, and cannot be used, is told."""

    def spoil_signature(self, byte):
        path = os.path.join(self.folders[1], 'snapshot.json.minisig')
        with open(path) as file:
            lines = file.read().split('\n')
        signature = bytearray(base64.b64decode(lines[1]))
        signature[byte] ^= 1
        lines[1] = base64.b64encode(signature).decode()
        with open(path, 'w') as file:
            file.write('\n'.join(lines))

    def told(self, *texts, drill=DAMAGED):
        """Every way to use the store says so, and which state it is."""
        started = json.load(open(os.path.join(self.folders[0], 'snapshot.json')))['started']
        name = os.path.basename(self.folders[1])
        target = self.empty_target()
        command = ['lifeboat-restore', 'run', self.site.store, '--target', target.url, '--keys', self.site.keys]
        for run in (self.site.run(*command, '--dry-run', expect=INCOMPLETE), self.site.run(*command, expect=INCOMPLETE),
                    self.site.drill(target, expect=drill), self.site.extract(self.site.path('out'), expect=INCOMPLETE)):
            self.assert_says(run, name, 'newer', 'state of ' + started, *texts)
        self.assertTrue(target.couch.exists(self.medic))
        shutil.rmtree(self.site.path('out'))
        run = self.site.restore(target, expect=INCOMPLETE)
        self.assertEqual(started, run.summary['started'])
        self.assertFalse(run.summary['verified'])
        self.assertEqual([name], self.site.list('--keys', self.site.keys, expect=None).summary['newer_not_usable'])
        self.site.restore(target, '--snapshot', os.path.basename(self.folders[0]))

    def test_a_truncated_one(self):
        os.truncate(os.path.join(self.folders[1], 'data.000'), 100)
        self.told('data.000')

    def test_one_without_its_signature(self):
        os.unlink(os.path.join(self.folders[1], 'snapshot.json.minisig'))
        self.told('signature is missing', drill=INCOMPLETE)

    def test_one_whose_signature_is_broken(self):
        self.spoil_signature(30)
        self.told('signature')

    def test_one_by_a_stranger(self):
        self.spoil_signature(3)
        self.told('not trusted')

    def test_one_whose_parent_is_lost(self):
        self.site.snapshot(self.server, '--full')
        self.clinic.change()
        self.site.snapshot(self.server)
        names = self.site.snapshots()
        shutil.rmtree(self.site.snapshot_folder(names[2]))
        self.folders = [self.site.snapshot_folder(name) for name in (names[1], names[3])]
        self.told('missing')

    def test_one_of_another_store(self):
        other = Site(self, keys=False)
        other.keys, other.state = self.site.keys, other.path('state')
        other.snapshot(self.server)
        shutil.copytree(other.snapshot_folder(other.snapshots()[0]), self.site.snapshot_folder(other.snapshots()[0]))
        shutil.rmtree(self.folders[1])
        self.folders[1] = self.site.snapshot_folder(other.snapshots()[0])
        self.told('another store')
        self.assert_says(self.site.verify(expect=DAMAGED), 'another store')

    def test_a_choice_by_time_does_not_hear_of_what_came_later(self):
        name = os.path.basename(self.folders[1])
        os.rename(self.folders[1], self.site.snapshot_folder('2090' + name[4:]))
        self.folders[1] = self.site.snapshot_folder('2090' + name[4:])
        os.unlink(os.path.join(self.folders[1], 'snapshot.json.minisig'))
        self.site.extract(self.site.path('out'), '--at', '2089-01-01T00:00:00Z')
        self.site.extract(self.site.path('out2'), '--at', '2091-01-01T00:00:00Z', expect=INCOMPLETE)

    def test_what_is_older_is_no_matter(self):
        self.site.snapshot(self.server, '--full')
        os.truncate(os.path.join(self.folders[1], 'data.000'), 100)
        run = self.site.restore(self.empty_target())
        self.assertTrue(run.summary['verified'])


class Keys(Damage):
    def setUp(self):
        super().setUp()
        self.other = Site(self, name='clinic')

    def accept(self, site, other):
        """As the hint says."""
        shutil.copy(os.path.join(other.keys, 'signing.pub'), os.path.join(site.keys, 'trusted', 'other.pub'))

    def test_a_stranger_s_store_is_not_written_to_until_his_key_is_accepted(self):
        self.other.store = self.site.store
        signer = os.path.join(self.site.lifeboat_folder, 'signers', 'a.pub')
        with open(signer) as file:
            key = file.read()
        run = self.other.snapshot(self.server, expect=DAMAGED)
        self.assert_says(run, 'unknown signer', 'hint', signer, os.path.join(self.other.keys, 'trusted'), '--to')
        self.assertEqual(2, len(self.site.snapshots()))
        command = run.err.split('accept it: ')[1].split(';')[0]
        self.assertEqual(0, os.system(command))
        self.clinic.change()
        self.assertEqual('full', self.other.snapshot(self.server).summary['kind'])  # it cannot read the other's
        self.clinic.change()
        self.assertEqual('increment', self.other.snapshot(self.server).summary['kind'])
        with open(signer) as file:
            self.assertEqual(key, file.read())

    def test_two_servers_write_to_one_store_and_a_sheet_names_both(self):
        self.other.store = self.site.store
        self.accept(self.other, self.site)
        self.accept(self.site, self.other)
        self.clinic.change()
        self.other.snapshot(self.server)
        key = self.site.path('both')
        with open(key, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(self.site.recovery_secret + '\n' + self.other.recovery_secret + '\n')
        before = self.capture()
        target = self.empty_target()
        command = ['lifeboat-restore', 'run', self.site.store, '--target', target.url, '--key', key, '--signer', self.site.signer]
        self.assert_says(self.site.run(*command, expect=INCOMPLETE), 'newer', 'not trusted')
        self.site.run(*command, '--signer', self.other.signer)
        self.assert_same(before, self.capture(target.couch))

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
