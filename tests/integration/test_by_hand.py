"""README.txt in the store, followed to the letter with the real age, minisign, zstd, tar and curl."""

import json
import os
import re
import shutil
import subprocess
import unittest

from support import cht, compare, forge
from support.case import Case

TOOLS = ('age', 'minisign', 'zstd', 'tar', 'curl', 'sha256sum')
ODD_IDS = ('quote"d', 'back\\slash', '\\\\n', 'sla/sh', '%2F', '..', '日本', 'tab\tline\nbell\x07\x1f', ' a b ', 'a+b&c=d?e#f', '\\"')
REFUSES = "function() { throw({forbidden: 'by a validator'}); }"


class Hand(Case):
    people = 10

    def setUp(self):
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            raise unittest.SkipTest('not installed: %s' % ', '.join(missing))
        super().setUp()
        self.fill()
        self.site.snapshot(self.server)
        for _ in range(2):
            self.change()
            self.site.snapshot(self.server)
        for name in self.site.snapshots()[:2]:
            forge.cut(self.site, name, 7000)
        self.site.verify()
        self.before = self.capture(databases=[*self.clinic.databases, self.odd, self.parts])
        with open(os.path.join(self.site.lifeboat_folder, 'README.txt')) as file:
            self.readme = file.read()

    def fill(self):
        self.odd = self.couch.create(self.clinic.name('odd/+'), q=3)
        self.couch.bulk(self.odd, [{'_id': id, '_attachments': {
            'a "b"': {'content_type': 'image/png', 'data': cht.in_base64(b'\r\n--lifeboat\r\n' + id.encode())},
            'text': {'content_type': 'text/plain', 'data': cht.in_base64('text ' * 500)}}} for id in ODD_IDS])
        self.couch.put(self.odd, {'_id': '_design/never', 'validate_doc_update': REFUSES, '_attachments': {
            'logo.png': {'content_type': 'image/png', 'data': cht.in_base64('logo')}}})
        self.couch.set_revs_limit(self.odd, 77)
        self.parts = self.couch.create(self.clinic.name('parts'), partitioned='true')
        self.couch.put(self.parts, {'_id': 'anna:1', '_attachments': {
            'f': {'content_type': 'image/png', 'data': cht.in_base64('one')}}})
        self.couch.set_security(self.parts, {'admins': {'names': ['"security":{'], 'roles': []},
                                             'members': {'names': [',"purge_seq":'], 'roles': []}})
        self.couch.ask('PUT', self.couch.path(self.parts, '_local/a/b'), {'v': 'local'})
        self.dropped = self.couch.create(self.clinic.name('dropped'))
        self.anew = self.couch.create(self.clinic.name('medic-users-meta-anew'))
        self.couch.put(self.anew, {'_id': 'of old'})

    def change(self):
        """What a validator in an older snapshot would refuse, what goes, and what is made anew."""
        self.clinic.change()
        if self.couch.exists(self.dropped):
            self.couch.delete(self.dropped)
        design = self.couch.get(self.couch.path(self.odd, '_design/never'))
        design['_rev'] = self.couch.put(self.odd, dict(design, validate_doc_update='function() {}'))
        self.couch.bulk(self.odd, [{'_id': 'later-' + self.clinic.uuid()}, {'_id': 'with-' + self.clinic.uuid(), '_attachments': {
            'f': {'content_type': 'image/png', 'data': cht.in_base64('x')}}}])
        self.couch.put(self.odd, design)
        document = self.couch.get(self.couch.path(self.parts, 'anna:1'))
        self.couch.put(self.parts, dict(document, v=document.get('v', 0) + 1))

    def section(self, name):
        """The commands between a `#name` line and the next text: what is indented there; the rest is prose."""
        found = re.search(r'^#%s\n((?:    .*\n)+)' % name, self.readme, re.MULTILINE)
        self.assertTrue(found, 'README.txt has no section %s' % name)
        return found.group(1)

    def shell(self, *sections, target=None, **more):
        """Types the sections into one shell."""
        environment = dict(os.environ, URL=target.url if target else '', KEY=self.site.recovery_file,
                           WORK=self.site.path('work'), **more)
        run = subprocess.run(['sh', '-eu', '-c', ''.join(map(self.section, sections))],
                             cwd=os.path.join(self.site.lifeboat_folder, 'snapshots'), env=environment, timeout=300,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout.decode('utf-8', 'replace')


class ByHand(Hand):
    def flip(self, name):
        with open(os.path.join(self.site.snapshot_folder(name), 'data.000'), 'r+b') as file:
            file.seek(1000)
            byte = file.read(1)[0]
            file.seek(1000)
            file.write(bytes([byte ^ 1]))

    def test_the_chain_is_found_and_each_snapshot_checks_with_stock_tools(self):
        code, said = self.shell('chain')
        self.assertEqual(self.site.snapshots(), said.split())
        code, said = self.shell('chain', 'check')
        self.assertEqual(0, code, said)
        self.assertIn('ALL IS WELL', said)
        self.assertIn('data.001: OK', said)

    def test_the_checks_find_a_flipped_bit(self):
        name = self.site.snapshots()[1]
        self.flip(name)
        code, said = self.shell('chain', 'check')
        self.assertNotEqual(0, code, said)
        self.assertIn('DAMAGED: ' + name, said)

    def test_the_checks_find_a_snapshot_that_is_missing(self):
        shutil.rmtree(self.site.snapshot_folder(self.site.snapshots()[0]))
        code, said = self.shell('chain', 'check')
        self.assertNotEqual(0, code, said)
        self.assertIn('NOT A WHOLE CHAIN', said)

    def test_an_unfinished_snapshot_is_not_begun_from(self):
        whole = self.site.snapshots()
        newest = forge.Forged(self.site)
        name = newest.seal()
        path = os.path.join(self.site.snapshot_folder(name), 'snapshot.json')
        with open(path) as file:
            text = json.dumps(dict(json.load(file), complete=False), separators=(',', ':'))
        with open(path, 'w') as file:
            file.write(text)
        self.assertEqual(whole, self.shell('chain')[1].split())

    def test_the_chain_loads_with_curl_and_everything_is_there(self):
        target = self.empty_target()
        code, said = self.shell('chain', 'check', 'load', 'end', target=target)
        self.assertEqual(0, code, said)
        self.assertEqual([], [line for line in said.splitlines() if '"error"' in line and 'file_exists' not in line and
                              '_users security' not in line])
        self.assert_same(self.before, self.capture(target.couch, list(self.before)))
        self.assertIn('dropped: %s' % self.dropped, said)

    def test_a_database_made_anew_has_nothing_of_the_one_before(self):
        self.couch.delete(self.anew)
        self.site.snapshot(self.server)
        self.couch.create(self.anew)
        self.couch.put(self.anew, {'_id': 'of now'})
        self.site.snapshot(self.server)
        target = self.empty_target()
        code, said = self.shell('chain', 'load', 'end', target=target)
        self.assertEqual(0, code, said)
        self.assertEqual(['of now'], list(target.couch.leaf_sets(self.anew)))

    def test_a_store_whose_prune_was_interrupted_loads_as_if_it_had_ended(self):
        originals = self.site.snapshots()
        shutil.copytree(self.site.lifeboat_folder, self.site.path('before'))
        self.site.prune('--keep-last', '1')
        merged = self.site.snapshots()
        for name in set(originals) - set(merged) - {originals[1]}:
            shutil.copytree(self.site.path('before', 'snapshots', name), self.site.snapshot_folder(name))
        code, said = self.shell('chain', 'check')
        self.assertEqual(0, code, said)
        target = self.empty_target()
        code, said = self.shell('chain', 'load', 'end', target=target)
        self.assertEqual(0, code, said)
        self.assertEqual(merged, [name for name in said.split() if name in {*merged, *originals}][:len(merged)])
        self.assert_same(self.before, self.capture(target.couch, list(self.before)))

    def test_what_was_purged_is_named(self):
        gone = self.clinic.contact_ids[0]
        self.couch.purge(self.medic, gone, list(self.couch.leaf_sets(self.medic)[gone]))
        self.site.snapshot(self.server)
        target = self.empty_target()
        _, said = self.shell('chain', 'load', 'end', target=target)
        self.assertRegex(said, r'gone from %s:\n.*\n.*%s' % (self.medic, gone))

    def test_a_database_that_was_there_before_is_added_to(self):
        target = self.empty_target()
        target.couch.create(self.anew)
        target.couch.put(self.anew, {'_id': 'mine'})
        code, said = self.shell('chain', 'load', 'end', target=target)
        self.assertEqual(0, code, said)
        self.assertIn('file_exists', said)
        self.assertEqual({'mine', 'of old'}, set(target.couch.leaf_sets(self.anew)))

    def test_names_this_stores_signer_and_site(self):
        self.assertIn(self.site.signer, self.readme)
        self.assertIn('clinic', self.readme)
        self.assertNotIn('@', re.sub(r'admin:password@|data-binary @', '', self.readme))

    def test_every_command_that_it_tells_exists(self):
        for command in re.findall(r'^    (lifeboat\S*) +(\w+)', self.readme, re.MULTILINE):
            self.site.run(command[0], command[1], '--help')


class Replicator(Hand):
    scripted = True

    def setUp(self):
        super().setUp()
        self.couch.put('_replicator', {'_id': 'nightly', 'source': 'http://x/a', 'target': 'http://x/b'})
        self.site.snapshot(self.server)

    def test_replications_are_loaded_only_on_request_and_alone(self):
        target = self.empty_target()
        self.assertEqual(0, self.shell('chain', 'load', 'end', target=target)[0])
        self.assertNotIn('nightly', target.couch.leaf_sets('_replicator'))
        self.assertTrue(target.couch.exists('medic'))
        other = self.empty_target()
        code, said = self.shell('chain', 'load', 'end', target=other, REPLICATOR='yes')
        self.assertEqual(0, code, said)
        self.assertIn('nightly', other.couch.leaf_sets('_replicator'))
        self.assertFalse(other.couch.exists('medic'))
