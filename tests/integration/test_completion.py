"""What bash offers for a word that is begun, also where lifeboat passes on to lifeboat-restore."""

import os
import shutil
import subprocess
import tempfile
import unittest

from support.lifeboat import build_folder

OFFER = """
. %s/lifeboat.bash
COMP_WORDS=("$@") COMP_CWORD=$(($#-1))
_lifeboat
printf '%%s\\n' "${COMPREPLY[@]}"
"""


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='lifeboat-test-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ('replicator/lifeboat', 'restore/lifeboat-restore'):  # side by side, as installed
            shutil.copy(os.path.join(build_folder(), name + '.bash'), cls.folder)

    def offered(self, *words):
        run = subprocess.run(['bash', '-c', OFFER % self.folder, 'bash', 'lifeboat', *words], stdout=subprocess.PIPE,
                             text=True, check=True)
        return run.stdout.split()

    def test_commands(self):
        self.assertIn('snapshot', self.offered(''))
        self.assertEqual(['snapshot'], self.offered('sn'))
        self.assertEqual(['init', 'show', 'accept'], self.offered('key', ''))

    def test_options_of_its_own_commands(self):
        self.assertEqual(['--source', '--stall', '--state', '--store'], sorted(self.offered('snapshot', '--s'))[-4:])

    def test_commands_and_options_of_restore(self):
        self.assertIn('drill', self.offered('restore', ''))
        self.assertEqual(['--target'], self.offered('restore', 'run', '--ta'))

    def test_a_command_of_two_words_that_is_passed_on(self):
        self.assertEqual(['check', 'follow', 'import'], sorted(self.offered('standby', '')))
        self.assertEqual(['--signer'], self.offered('standby', 'import', '--si'))
        self.assertEqual(['--deep'], self.offered('standby', 'check', '--de'))

    def test_options_of_verify(self):
        self.assertEqual(['--signer'], self.offered('verify', '--si'))
        self.assertEqual(['--signer'], self.offered('verify', '/media/blue', '--si'))
