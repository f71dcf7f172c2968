"""What operators get wrong, and what others leave on a drive: each is told for what it is."""

import os
import shutil

from support.case import Case
from support.lifeboat import DAMAGED, INCOMPLETE, USAGE, Site


class Mistakes(Case):
    scripted = True
    people = 10

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)

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
