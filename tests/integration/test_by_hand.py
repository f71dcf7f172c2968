"""README.txt in the store, followed to the letter with the real age, minisign, zstd, tar and curl."""

import json
import os
import re
import shutil
import subprocess
import unittest

from support import compare
from support.case import Case

TOOLS = ('age', 'minisign', 'zstd', 'tar', 'curl', 'sha256sum')


class ByHand(Case):
    people = 10

    def setUp(self):
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            raise unittest.SkipTest('not installed: %s' % ', '.join(missing))
        super().setUp()
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.before = self.capture()
        with open(os.path.join(self.site.lifeboat_folder, 'README.txt')) as file:
            self.readme = file.read()

    def section(self, name):
        """The commands between a `#name` line and the next one: what is indented there; the rest is prose."""
        found = re.search(r'^#%s\n(.*?)^#' % name, self.readme, re.DOTALL | re.MULTILINE)
        self.assertTrue(found, 'README.txt has no section %s' % name)
        return ''.join(line for line in found.group(1).splitlines(True) if line.startswith('    '))

    def shell(self, commands, folder, target=None):
        environment = dict(os.environ, URL=target.url if target else '', KEY=self.site.recovery_file,
                           WORK=self.site.path('work'))
        run = subprocess.run(['sh', '-eu', '-c', commands], cwd=folder, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=300)
        return run.returncode, run.stdout.decode('utf-8', 'replace')

    def chain(self):
        """Folders from the full snapshot to the newest, found as README.txt tells: by parents."""
        by_id = {}
        for name in self.site.snapshots():
            with open(os.path.join(self.site.snapshot_folder(name), 'snapshot.json')) as file:
                entry = json.load(file)
            by_id[entry['id']] = (entry['parent'], self.site.snapshot_folder(name))
        parents = {parent for parent, _ in by_id.values()}
        at = next(id for id in by_id if id not in parents)
        found = []
        while at:
            at, folder = by_id[at]
            found.insert(0, folder)
        return found

    def test_each_snapshot_checks_with_stock_tools(self):
        for folder in self.chain():
            code, said = self.shell(self.section('check'), folder)
            self.assertEqual(0, code, said)

    def test_the_checks_find_a_flipped_bit(self):
        folder = self.chain()[0]
        with open(os.path.join(folder, 'data.000'), 'r+b') as file:
            file.seek(1000)
            byte = file.read(1)[0]
            file.seek(1000)
            file.write(bytes([byte ^ 1]))
        code, said = self.shell(self.section('check'), folder)
        self.assertNotEqual(0, code, said)

    def test_the_chain_loads_with_curl_and_everything_is_there(self):
        target = self.empty_target()
        for folder in self.chain():
            for section in ('unpack', 'load'):
                code, said = self.shell(self.section(section), folder, target)
                self.assertEqual(0, code, said)
        for name, wanted in self.before.items():
            with self.subTest(database=name):
                compare.assert_same(self, wanted, compare.capture(target.couch, name),
                                    ignore=('security', 'revs_limit', 'local'))

    def test_names_this_stores_signer_and_site(self):
        self.assertIn(self.site.signer, self.readme)
        self.assertIn('clinic', self.readme)

    def test_every_command_that_it_tells_exists(self):
        for command in re.findall(r'^    (lifeboat\S*) +(\w+)', self.readme, re.MULTILINE):
            self.site.run(command[0], command[1], '--help')
