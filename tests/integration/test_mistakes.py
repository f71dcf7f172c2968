"""What operators get wrong, and what others leave on a drive: each is told for what it is."""

import os
import shutil

from support.case import TwoSnapshots
from support.lifeboat import DAMAGED, INCOMPLETE, USAGE, Site


class Mistakes(TwoSnapshots):
    scripted = True

    def restore(self, command, *arguments, **how):
        return self.site.run('lifeboat-restore', command, self.site.store, *arguments, **how)


class Signers(Mistakes):
    def mistyped(self, at):
        letter = self.site.signer[at]
        return self.site.signer[:at] + ('x' if letter != 'x' else 'y') + self.site.signer[at + 1:]

    def test_a_signer_with_a_letter_mistyped_is_told_from_damage(self):
        for at in (5, 40):  # in the key's id, and behind it
            for command, options in (('verify', ()), ('list', ()), ('run', ('--target', self.server.url))):
                run = self.restore(command, '--signer', self.mistyped(at), '--key', self.site.recovery_file, *options,
                                   expect=DAMAGED)
                self.assert_says(run, '--signer is not the key that signed', 'signers/', self.site.signer, 'recovery sheet')
                self.assertNotIn('NOTHING', run.said)

    def test_keys_of_another_site_are_told(self):
        other = Site(self, name='other')
        for command, options in (('verify', ()), ('list', ()), ('run', ('--target', self.server.url))):
            run = self.restore(command, '--keys', other.keys, *options, expect=DAMAGED)
            self.assert_says(run, "belongs to site 'clinic', the keys to site 'other'")

    def test_a_whole_sheet_names_the_signer_too(self):
        sheet = self.site.path('sheet')
        with open(sheet, 'w') as file:
            file.write(self.site.sheet)
        self.restore('verify', '--key', sheet)
        self.restore('run', '--key', sheet, '--target', self.server.url)

    def test_a_key_without_a_signer_is_refused(self):
        for command in ('verify', 'list'):
            self.assert_says(self.restore(command, '--key', self.site.recovery_file, expect=USAGE), '--key needs --signer')


class Drives(Mistakes):
    def test_what_others_leave_among_the_snapshots_is_passed_over(self):
        for name in ('Thumbs.db', 'desktop.ini'):
            with open(self.site.snapshot_folder(name), 'w') as file:
                file.write('nothing of ours')
        os.mkdir(self.site.snapshot_folder('System Volume Information'))
        said = self.restore('list', '--keys', self.site.keys).said
        self.assertNotIn('NEWER', said)
        self.assertNotIn('Thumbs', said)
        self.site.verify()
        self.site.snapshot(self.server, '--full')
        self.assertTrue(os.path.exists(self.site.snapshot_folder('System Volume Information')))

    def test_a_lost_store_json_is_made_good_and_told(self):
        path = os.path.join(self.site.lifeboat_folder, 'store.json')
        with open(path) as file:
            before = file.read()
        os.unlink(path)
        for options in (('--keys', self.site.keys), ('--signer', self.site.signer), ()):
            run = self.restore('list', *options)
            self.assert_says(run, 'store.json', "site 'clinic'")
        self.assert_says(self.restore('run', '--keys', self.site.keys, '--target', self.server.url), 'store.json')
        self.assert_says(self.site.snapshot(self.server), 'store.json', 'made anew')
        with open(path) as file:
            self.assertEqual(before.split('"site"')[0], file.read().split('"site"')[0])

    def test_a_store_that_cannot_be_opened_is_not_taken_for_none(self):
        path = self.site.path('loop')
        os.mkdir(path)
        os.symlink('lifeboat', os.path.join(path, 'lifeboat'))
        run = self.site.run('lifeboat-restore', 'list', path, expect=1)
        self.assert_says(run, 'cannot open')


class Looking(Mistakes):
    def test_a_broken_chain_counts_as_damage_and_the_newest_that_restores_is_named(self):
        self.site.snapshot(self.server, '--full')
        self.clinic.change()
        self.site.snapshot(self.server)
        names = self.site.snapshots()
        shutil.rmtree(self.site.snapshot_folder(names[2]))
        self.assert_says(self.restore('list', '--keys', self.site.keys, expect=DAMAGED), 'by their signatures 2 snapshots')
        run = self.site.verify(expect=DAMAGED)
        self.assert_says(run, 'the newest that can be restored is ' + names[1], "--target URL --snapshot '" + names[1])
        self.restore('run', '--keys', self.site.keys, '--target', self.empty_target().url, '--snapshot', names[1])

    def test_the_newest_that_restores_is_one_that_was_read(self):
        self.site.snapshot(self.server, '--full')
        names = self.site.snapshots()
        with open(os.path.join(self.site.snapshot_folder(names[2]), 'data.000'), 'r+b') as file:
            file.seek(200)
            byte = file.read(1)
            file.seek(200)
            file.write(bytes([byte[0] ^ 1]))
        self.assert_says(self.site.verify(expect=DAMAGED), 'the newest that can be restored is ' + names[1])
        for name in names[1:2]:
            os.truncate(os.path.join(self.site.snapshot_folder(name), 'data.000'), 10)
        os.truncate(os.path.join(self.site.snapshot_folder(names[0]), 'data.000'), 10)
        self.assert_says(self.site.verify(expect=DAMAGED), 'NOTHING CAN BE RESTORED')

    def test_quiet_shows_problems_only(self):
        for command, options in (('list', ()), ('verify', ()), ('extract', ('--to', self.site.path('out'))),
                                 ('run', ('--target', self.empty_target().url, '--dry-run'))):
            run = self.restore(command, '--keys', self.site.keys, '--quiet', *options)
            self.assertEqual('', run.said, str(run))
        name = self.site.snapshots()[1]
        os.truncate(os.path.join(self.site.snapshot_folder(name), 'data.000'), 100)
        for command in ('list', 'verify'):
            run = self.restore(command, '--keys', self.site.keys, '--quiet', expect=DAMAGED)
            self.assert_says(run, name)
            self.assertNotIn(self.site.snapshots()[0] + '  ok', run.said)


class Restoring(Mistakes):
    def run_into(self, *options, target=None, **how):
        return self.restore('run', '--keys', self.site.keys, '--target', (target or self.server).url, *options, **how)

    def test_a_name_that_couchdb_does_not_take_is_told_with_the_source_s(self):
        run = self.run_into('--db', 'medic=Medic', expect=USAGE)
        self.assert_says(run, "'Medic'", "--db 'medic=new-name'")

    def test_a_database_that_is_not_there_is_told_with_those_that_are(self):
        for run in (self.run_into('--db', 'medik', expect=USAGE),
                    self.site.extract(self.site.path('out'), '--db', 'medik', expect=USAGE)):
            self.assert_says(run, "has no database 'medik'", "'medic'")
        for run in (self.run_into('--doc', 'medik/x', expect=USAGE),
                    self.site.extract(self.site.path('out2'), '--doc', 'medik/x', expect=USAGE)):
            self.assert_says(run, "--doc 'medik/x' does not begin with the name of a database in the s")

    def test_files_and_settings_that_stay_behind_are_named(self):
        target = self.empty_target()
        run = self.run_into(target=target)
        self.assertNotIn('--files DIR', run.out)
        self.assert_says(run, 'the server\'s settings are in the snapshot too', '--server-config')
        folder = self.site.path('restored')
        self.assert_says(self.run_into('--files', folder, target=target), 'holds no extra files')
        self.assertFalse(os.path.exists(folder))
        for name in ('one', 'two'):
            with open(self.site.path(name), 'w') as file:
                file.write(name)
        self.site.snapshot(self.server, '--file', self.site.path('one'), '--file', self.site.path('two'))
        run = self.run_into(target=target)
        self.assert_says(run, "2 extra files and the server's settings are in the snapshot too: --files DIR and "
                              '--server-config bring them back')
        run = self.run_into('--files', folder, target=target)
        self.assert_says(run, '2 extra files written', '--server-config')
        self.assertNotIn('--files DIR', run.out)

    def test_edits_that_win_are_told_with_the_way_around(self):
        ids = self.couch.get('/medic/_all_docs?limit=5')
        id = [row['id'] for row in ids['rows'] if not row['id'].startswith('_')][0]
        self.couch.put('medic', dict(self.couch.get(self.couch.path('medic', id)), edited=True))
        self.assert_says(self.run_into('--db', 'medic'), "--db 'medic=NEW'")

    def test_a_preview_of_what_is_there_says_so(self):
        self.assert_says(self.run_into('--dry-run'), 'has all')

    def test_a_document_that_no_snapshot_has_leaves_no_folder(self):
        run = self.site.extract(self.site.path('out'), '--doc', 'medic/nope', expect=INCOMPLETE)
        self.assert_says(run, "no snapshot has document 'nope'")
        self.assertFalse(os.path.exists(self.site.path('out')))
        run = self.restore('extract', '--keys', self.site.keys, '--doc', 'medic/nope', '--to', self.site.path('out'),
                           expect=INCOMPLETE)
        self.assertNotIn('REVISION', run.out)
        self.assertNotIn('0 revisions', run.out)
