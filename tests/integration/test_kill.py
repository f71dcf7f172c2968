"""Killed, or out of disk, at every change that it makes to the store: the store stays what it was, and the next run
goes on by itself. The changes are counted by a preloaded library (support/killat.c)."""

import os
import subprocess
import tempfile
import unittest

import oracle
from support.case import Case
from support.lifeboat import DONE, FAILED

HERE = os.path.dirname(os.path.abspath(__file__))
WRITES_TRIED = 12  # of the many plain writes of data, so many are tried, evenly spread; of all else every one


class Killed(Case):
    people = 10

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='lifeboat-killat-')
        cls.addClassCleanup(folder.cleanup)
        cls.library = os.path.join(folder.name, 'killat.so')
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', cls.library, os.path.join(HERE, 'support', 'killat.c'), '-ldl'],
                       check=True)

    def environment(self, how=None, at=0):
        store = os.path.realpath(self.site.store)
        env = {'LD_PRELOAD': self.library, 'KILLAT_PATH': store, 'KILLAT_LOG': self.log,
               'ASAN_OPTIONS': 'verify_asan_link_order=0:detect_leaks=0:exitcode=99'}
        if how:
            env.update(KILLAT_HOW=how, KILLAT_AT=str(at))
        return env

    @property
    def log(self):
        return self.site.path('changes')

    def changes(self):
        with open(self.log) as file:
            return [line.split(' ', 2)[1] for line in file]

    def places(self):
        """Which changes of a run to spoil: all but most of the plain writes."""
        operations = self.changes()
        writes = [i for i, operation in enumerate(operations, 1) if operation == 'write']
        tried = {writes[i * (len(writes) - 1) // (WRITES_TRIED - 1)] for i in range(WRITES_TRIED)} if writes else set()
        return [i for i, operation in enumerate(operations, 1) if operation != 'write' or i in tried]

    def attempt(self, how, at, expect):
        if os.path.exists(self.log):
            os.unlink(self.log)
        process = self.site.start('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store,
                                  '--keys', self.site.keys, *self.server.options, env=self.environment(how, at))
        run = self.site.finish(process)
        if expect is not None:
            self.assertIn(run.code, expect, str(run))
        return run

    def survive(self, how, prepare, expect):
        """Spoils one change after the other; after each, the store is whole and the next run succeeds."""
        prepare()
        self.attempt(None, 0, (DONE,))
        places = self.places()
        self.assertGreater(len(places), 10)
        for at in places:
            with self.subTest(at=at):
                prepare()
                before = self.site.snapshots()
                self.attempt(how, at, expect)
                sealed = self.site.snapshots()
                self.assertEqual(before, [name for name in sealed if name in before], 'a sealed snapshot is gone')
                if sealed:
                    self.site.verify()
                self.site.snapshot(self.server)
                self.assert_no_rests()
                self.assert_store_holds(self.capture())

    def assert_no_rests(self):
        folders = os.listdir(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        self.assertEqual(sorted(self.site.snapshots()), sorted(folders), 'an unsealed rest was left')

    def empty_store(self):
        subprocess.run(['rm', '-rf', self.site.lifeboat_folder, self.site.state], check=True)
        os.mkdir(self.site.state)

    def changed_source(self):
        self.couch.put(self.medic, {'type': 'x', '_id': 'extra-%d' % self.couch.info(self.medic)['doc_count']})

    def test_killed_at_every_change_of_a_first_snapshot(self):
        self.survive('kill', self.empty_store, (-9,))

    def test_killed_at_every_change_of_an_increment(self):
        self.site.snapshot(self.server)
        self.survive('kill', self.changed_source, (-9, DONE))

    def test_disk_full_at_every_change_of_a_first_snapshot(self):
        self.survive('enospc', self.empty_store, (FAILED, DONE))

    def test_disk_full_is_said_in_plain_words(self):
        run = self.attempt('enospc', 8, (FAILED,))
        self.assert_says(run, 'No space left on device', self.site.store)

    def test_an_input_output_error_at_every_change_never_seals_a_bad_snapshot(self):
        self.site.snapshot(self.server)
        self.survive('eio', self.changed_source, (FAILED, DONE))

    def test_a_killed_key_init_leaves_all_or_nothing(self):
        for at in range(1, 40):
            folder = self.site.path('keys-%d' % at)
            env = dict(self.environment('kill', at), KILLAT_PATH=os.path.realpath(self.site.folder), KILLAT_LOG=self.log)
            code = self.site.finish(self.site.start('lifeboat', 'key', 'init', '--site', 's', '--keys', folder, env=env)).code
            usable = self.site.run('lifeboat', 'key', 'show', '--keys', folder, expect=None).code == DONE
            if not usable:
                self.site.run('lifeboat', 'key', 'init', '--site', 's', '--keys', folder)
            if code == DONE:
                return
        self.fail('key init makes more changes than expected')
