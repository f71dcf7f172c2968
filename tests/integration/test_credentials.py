"""Passwords and secrets: where they may stand, and that nobody else ever sees them."""

import os
import subprocess
import threading

from support import faulty
from support.case import Case
from support.lifeboat import DONE, FAILED, KEY, USAGE

PASSWORD = 'pa55-w0rd!@:/%'


class Credentials(Case):
    scripted = True
    people = 10

    def setUp(self):
        super().setUp()
        self.server.standin.users['keeper'] = PASSWORD
        self.server.standin.users['admin'] = 'pass'
        self.site.secrets.append(PASSWORD)
        self.bare = self.couch.bare_url

    def file(self, text, mode=0o600):
        path = self.site.path('credentials')
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def snapshot(self, source, *options, **how):
        return self.site.run('lifeboat', 'snapshot', '--source', source, '--to', self.site.store, '--keys', self.site.keys,
                             *options, **how)

    def test_from_a_file(self):
        self.snapshot(self.bare, '--credentials', self.file('keeper:%s\n' % PASSWORD))
        self.assert_store_holds(self.capture())

    def test_from_the_url_with_every_odd_character_escaped(self):
        self.snapshot(self.bare.replace('//', '//keeper:pa55-w0rd%21%40%3A%2F%25@'))
        self.assert_store_holds(self.capture())

    def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(self):
        for mode in (0o644, 0o640, 0o604):
            run = self.snapshot(self.bare, '--credentials', self.file('keeper:%s\n' % PASSWORD, mode), expect=USAGE)
            self.assert_says(run, 'chmod')

    def test_a_file_without_a_password_is_refused(self):
        self.snapshot(self.bare, '--credentials', self.file('keeper\n'), expect=USAGE)

    def test_a_wrong_password_is_asked_once_and_not_shown(self):
        self.site.secrets.append('wr0ng')
        with faulty.Faulty(self.server.url) as proxy:
            run = self.snapshot('http://keeper:wr0ng@127.0.0.1:%d' % proxy.port, expect=FAILED)
            self.assertEqual(1, len(proxy.requests))
        self.assert_says(run, 'password')

    def test_the_password_is_neither_in_the_process_list_nor_in_its_environment(self):
        until = threading.Event()
        with faulty.Faulty(self.server.url) as proxy:
            proxy.on('POST', '/medic/_bulk_get', faulty.stall(until))
            process = self.site.start('lifeboat', 'snapshot', '--source', 'http://keeper:pa55-w0rd%%21%%40%%3A%%2F%%25@127.0.0.1:%d'
                                      % proxy.port, '--to', self.site.store, '--keys', self.site.keys)
            self.assertTrue(proxy.wait_for('POST', '/medic/_bulk_get'))
            shown = b''
            for name in ('cmdline', 'environ', 'comm'):
                with open('/proc/%d/%s' % (process.pid, name), 'rb') as file:
                    shown += file.read()
            until.set()
            self.assertEqual(DONE, self.site.finish(process).code)
        self.assertNotIn(b'pa55-w0rd', shown)
        self.assertIn(b'snapshot', shown)

    def test_no_password_or_secret_is_written_to_store_state_or_log_in_clear(self):
        secret = self.server.standin.config['chttpd_auth']['secret']
        self.snapshot(self.bare, '--credentials', self.file('keeper:%s\n' % PASSWORD))
        os.unlink(self.site.path('credentials'))
        os.unlink(self.site.recovery_file)
        for folder, _, names in os.walk(self.site.folder):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    data = file.read()
                for text in (PASSWORD, secret, self.site.recovery_secret):
                    self.assertNotIn(text.encode(), data, os.path.join(folder, name))

    def test_without_credentials_the_hint_is_to_give_some(self):
        with faulty.Faulty(self.bare) as proxy:
            proxy.on('GET', '/_node/_local/_config', faulty.status(401, '{"error":"unauthorized","reason":"No."}'))
            run = self.snapshot('http://127.0.0.1:%d' % proxy.port, expect=None)
        self.assert_says(run, "settings could not be read", 'hint: give --credentials FILE')
        self.assertNotIn('\\n', run.said)
        self.assertNotIn('check the credentials', run.said)

    def test_redirections_do_not_carry_the_password_elsewhere(self):
        with faulty.Faulty(self.server.url) as other, faulty.Faulty(self.server.url) as proxy:
            proxy.on('GET', '.*', faulty.status(301, '', [('Location', 'http://127.0.0.1:%d/' % other.port)]), times=None)
            self.snapshot(proxy.url, expect=None)
            self.assertEqual([], other.requests)


class Keys(Case):
    people = 2

    def test_key_files_are_for_their_owner_only(self):
        self.assertEqual(0o700, os.stat(self.site.keys).st_mode & 0o777)
        for name in ('identity.age', 'signing.pem'):
            self.assertEqual(0o600, os.stat(os.path.join(self.site.keys, name)).st_mode & 0o777)

    def test_keys_that_others_can_read_are_refused_with_the_command_that_mends_it(self):
        os.chmod(os.path.join(self.site.keys, 'identity.age'), 0o644)
        run = self.site.snapshot(self.server, expect=None)
        self.assertIn(run.code, (USAGE, KEY), str(run))
        self.assert_says(run, 'chmod', 'identity.age')

    def test_keys_are_never_overwritten(self):
        before = {name: open(os.path.join(self.site.keys, name), 'rb').read() for name in ('identity.age', 'signing.pem')}
        self.site.run('lifeboat', 'key', 'init', '--site', 'x', '--keys', self.site.keys, expect=USAGE)
        self.assertEqual(before, {name: open(os.path.join(self.site.keys, name), 'rb').read() for name in before})

    def test_the_hint_on_keys_that_are_there_names_their_folder(self):
        run = self.site.run('lifeboat', 'key', 'init', '--site', 'x', '--keys', self.site.keys, expect=USAGE)
        self.assert_says(run, "'lifeboat key show --keys %s'" % self.site.keys)

    def test_a_sheet_that_goes_to_a_file_for_all_to_read_is_warned_of(self):
        for mode, warned in ((0o644, True), (0o600, False)):
            path = self.site.path('sheet-%o' % mode)
            with open(path, 'w') as file:
                os.fchmod(file.fileno(), mode)
                run = subprocess.run([self.site.program('lifeboat'), 'key', 'init', '--keys', self.site.path('k%o' % mode),
                                      '--config', '/dev/null'], stdout=file, stderr=subprocess.PIPE, text=True)
            self.assertEqual((0, warned), (run.returncode, 'others may read' in run.stderr), run.stderr)

    def test_a_key_file_for_all_to_read_is_warned_of_and_used(self):
        self.site.snapshot(self.server)
        for mode, warned in ((0o644, True), (0o600, False)):
            os.chmod(self.site.recovery_file, mode)
            run = self.site.run('lifeboat-restore', 'verify', self.site.store, '--key', self.site.recovery_file,
                                '--signer', self.site.signer)
            self.assertEqual(warned, 'others may read' in run.said, str(run))

    def test_help_on_key_tells_of_both_its_commands(self):
        run = subprocess.run([self.site.program('lifeboat'), 'key', '--help'], stdout=subprocess.PIPE, text=True)
        for text in ('Usage: lifeboat key init', 'Usage: lifeboat key show'):
            self.assertIn(text, run.stdout)

    def test_the_sheet_shows_no_password_on_a_command_line(self):
        self.assertIn('--credentials', self.site.sheet)
        self.assertNotIn('PASSWORD@', self.site.sheet)

    def test_the_recovery_secret_is_shown_once_and_kept_nowhere(self):
        self.assertEqual(1, self.site.sheet.count(self.site.recovery_secret))
        run = self.site.run('lifeboat', 'key', 'show', '--keys', self.site.keys)
        self.assertIn(self.site.signer, run.out)
        for folder, _, names in os.walk(self.site.keys):
            for name in names:
                with open(os.path.join(folder, name)) as file:
                    self.assertNotIn(self.site.recovery_secret, file.read())

    def test_the_sheet_names_site_and_signer(self):
        self.assertIn('clinic', self.site.sheet)
        self.assertIn(self.site.signer, self.site.sheet)

    def test_snapshot_without_keys_says_how_to_make_them(self):
        run = self.site.run('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store,
                            '--keys', self.site.path('none'), expect=KEY)
        self.assert_says(run, 'lifeboat key init')
