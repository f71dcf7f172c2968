"""Killed, or with a disk that is full or fails, at every change that it makes: nothing that was sealed is lost, nothing
wrong is sealed, and the next run goes on by itself. The changes are counted by a preloaded library
(support/killat.c), the requests of a restore by a proxy.

With LIFEBOAT_TEST_FULL set (tests/campaign kill) every change and every request is tried, else some of each kind.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading

import oracle
from support import compare, faulty
from support.case import Case
from support.lifeboat import DONE, FAILED, INCOMPLETE
from support.pruning import Pruning

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
TRIED = 5  # of each operation (write, create, rename, …), evenly spread, unless all are
REQUESTS_TRIED = 8
KILLED = -signal.SIGKILL


def spread(places, count):
    """`count` of them, the first and the last among them; all when FULL."""
    if FULL or len(places) <= count:
        return list(places)
    return [places[i * (len(places) - 1) // (count - 1)] for i in range(count)]


class Killing(Case):
    people = 6

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='lifeboat-killat-')
        cls.addClassCleanup(folder.cleanup)
        cls.library = os.path.join(folder.name, 'killat.so')
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', cls.library, os.path.join(HERE, 'support', 'killat.c'), '-ldl'],
                       check=True)

    def setUp(self):
        super().setUp()
        self.log = self.site.path('changes')
        self.tmp = self.site.path('tmp')
        os.mkdir(self.tmp)
        self.site.environment['TMPDIR'] = self.tmp
        self.watched = [self.site.store, self.site.state]

    def environment(self, how=None, at=0):
        env = {'LD_PRELOAD': self.library, 'KILLAT_PATH': ':'.join(map(os.path.realpath, self.watched)), 'KILLAT_LOG': self.log,
               'ASAN_OPTIONS': 'verify_asan_link_order=0:detect_leaks=0:exitcode=99'}
        if how:
            env.update(KILLAT_HOW=how, KILLAT_AT=str(at))
        return env

    def places(self):
        """Which changes of the run before to spoil."""
        with open(self.log) as file:
            operations = [line.split(' ', 2)[1] for line in file]
        found = []
        for operation in set(operations):
            found += spread([i for i, other in enumerate(operations, 1) if other == operation], TRIED)
        return sorted(found)

    def attempt(self, how, at, *command):
        if os.path.exists(self.log):
            os.unlink(self.log)
        return self.site.finish(self.site.start(*command, env=self.environment(how, at)))

    def snapshot_command(self):
        return ('lifeboat', 'snapshot', '--source', self.server.url, '--to', self.site.store, '--keys', self.site.keys,
                '--json', *self.server.options)

    def save(self):
        """From here each attempt begins."""
        for name in ('drive', 'state'):
            shutil.rmtree(self.site.path('saved-' + name), ignore_errors=True)
            shutil.copytree(self.site.path(name), self.site.path('saved-' + name))

    def put_back(self):
        for name in ('drive', 'state'):
            shutil.rmtree(self.site.path(name))
            shutil.copytree(self.site.path('saved-' + name), self.site.path(name))


class Snapshots(Killing):
    """Of a full snapshot, an increment, and one that heals: every change to the store and to the state folder."""

    damaged = False

    def survive(self, how, expect):
        self.save()
        self.attempt(None, 0, *self.snapshot_command())
        places = self.places()
        self.assertGreater(len(places), 10)
        wanted = self.capture()
        for at in places:
            with self.subTest(at=at):
                self.put_back()
                before = self.site.snapshots()
                run = self.attempt(how, at, *self.snapshot_command())
                self.assertIn(run.code, expect, str(run))
                sealed = self.site.snapshots()
                self.assertEqual(before, [name for name in sealed if name in before], 'a sealed snapshot is gone')
                if sealed and not self.damaged:
                    self.site.verify()
                self.go_on(wanted)

    def go_on(self, wanted):
        self.site.snapshot(self.server)
        folders = os.listdir(os.path.join(self.site.lifeboat_folder, 'snapshots'))
        self.assertEqual(sorted(self.site.snapshots()), sorted(folders), 'an unsealed rest was left')
        if self.damaged:
            self.assert_restores(wanted)
        else:
            self.assert_store_holds(wanted)

    def assert_restores(self, wanted):
        copy = {name: self.clinic.name('copy-%d' % number) for number, name in enumerate(wanted)}
        for name in copy.values():
            self.couch.delete(name)
        self.site.restore(self.server, *(option for name in copy for option in ('--db', '%s=%s' % (name, copy[name]))))
        captured = self.capture(databases=copy.values())
        for name in copy.values():
            self.couch.delete(name)
        self.assert_same(wanted, {name: captured[copy[name]] for name in copy})

    def increment(self):
        self.site.snapshot(self.server)
        self.clinic.change()

    def healing(self):
        """The middle one of three snapshots is damaged, and the source has changed since."""
        self.increment()
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
        self.clinic.change()
        path = os.path.join(self.site.snapshot_folder(self.site.snapshots()[1]), 'data.000')
        os.truncate(path, os.path.getsize(path) // 2)
        self.damaged = True

    def test_killed_at_every_change_of_a_first_snapshot(self):
        self.survive('kill', (KILLED,))

    def test_killed_at_every_change_of_an_increment(self):
        self.increment()
        self.survive('kill', (KILLED,))

    def test_killed_at_every_change_of_a_healing_snapshot(self):
        self.healing()
        self.survive('kill', (KILLED,))

    def test_disk_full_at_every_change_of_a_first_snapshot(self):
        self.survive('enospc', (FAILED, DONE))

    def test_disk_full_at_every_change_of_an_increment(self):
        self.increment()
        self.survive('enospc', (FAILED, DONE))

    def test_disk_full_at_every_change_of_a_healing_snapshot(self):
        self.healing()
        self.survive('enospc', (FAILED, DONE))

    def test_an_input_output_error_at_every_change_of_a_first_snapshot(self):
        self.survive('eio', (FAILED, DONE))

    def test_an_input_output_error_at_every_change_of_an_increment(self):
        self.increment()
        self.survive('eio', (FAILED, DONE))

    def test_an_input_output_error_at_every_change_of_a_healing_snapshot(self):
        self.healing()
        self.survive('eio', (FAILED, DONE))

    def test_disk_full_is_said_in_plain_words(self):
        run = self.attempt('enospc', 8, *self.snapshot_command())
        self.assertEqual(FAILED, run.code)
        self.assert_says(run, 'No space left on device', self.site.store, 'hint: the store is as it was; free space')


class Temporary(Killing):
    """A full or failing $TMPDIR: whoever needs it says so, and what it was doing is as if it had not begun."""

    def setUp(self):
        super().setUp()
        ids = ['%s-%05d' % ('spilled' * 8, number) for number in range(2500)]
        self.couch.bulk(self.medic, [{'_id': id, 'v': 1} for id in ids])
        self.watched = [self.tmp]

    def survive(self, how, command, unharmed):
        self.put_back()
        self.attempt(None, 0, *command)
        places = self.places()
        self.assertGreater(len(places), 0, 'nothing is written there')
        for at in places:
            with self.subTest(at=at, how=how):
                self.put_back()
                run = self.attempt(how, at, *command)
                self.assertIn(run.code, (FAILED, DONE), str(run))
                if run.code == FAILED:
                    self.assert_says(run, 'No space left on device' if how == 'enospc' else 'Input/output error')
                unharmed(run)

    def test_of_a_snapshot(self):
        self.save()
        wanted = self.capture()

        def unharmed(run):
            self.assertEqual(1 if run.code == DONE else 0, len(self.site.snapshots()))
            self.site.snapshot(self.server)
            self.assert_store_holds(wanted)
        for how in ('enospc', 'eio'):
            self.survive(how, self.snapshot_command(), unharmed)

    def test_of_a_restore(self):
        self.site.snapshot(self.server)
        self.save()
        wanted = self.capture()
        target = self.empty_target()

        def unharmed(run):
            self.site.restore(target)
            self.assert_same(wanted, self.capture(target.couch))
            target.wipe()
        command = ('lifeboat-restore', 'run', self.site.store, '--target', target.url, '--keys', self.site.keys)
        for how in ('enospc', 'eio'):
            target.wipe()
            self.survive(how, command, unharmed)


class Restores(Killing):
    def setUp(self):
        super().setUp()
        self.env = self.site.path('.env')
        with open(self.env, 'w') as file:
            file.write('COUCHDB_SECRET=x\n' * 20000)
        self.site.snapshot(self.server, '--file', self.env)
        self.clinic.change()
        self.site.snapshot(self.server, '--file', self.env)
        self.wanted = self.capture()
        self.target = self.empty_target()

    def start(self, url, *options):
        return self.site.start('lifeboat-restore', 'run', self.site.store, '--target', url, '--keys', self.site.keys, *options)

    def test_killed_at_every_request_it_goes_on_to_the_same_end(self):
        with faulty.Faulty(self.target.url) as proxy:
            self.assertEqual(DONE, self.site.finish(self.start(proxy.url)).code)
            requests = len(proxy.requests)
        self.assertGreater(requests, 30)
        self.assert_same(self.wanted, self.capture(self.target.couch))
        for number, at in enumerate(spread(range(requests), REQUESTS_TRIED)):
            for arrives in (False, True) if FULL else (number % 2 == 0,):
                with self.subTest(request=at, arrives=arrives):
                    self.target.wipe()
                    self.kill_at(at, arrives)
                    self.assertEqual(DONE, self.site.restore(self.target).code)
                    self.assert_same(self.wanted, self.capture(self.target.couch))

    def kill_at(self, request, arrives):
        """Killed when it makes that request, before the server gets it or when it has done it."""
        def kill(x):
            if arrives:
                x.ask()
            started[0].kill()
            x.hang_up()
        started = []
        with faulty.Faulty(self.target.url) as proxy:
            rule = proxy.on('.*', '.*', lambda x: (ready.wait(30), kill(x)), after=request)
            ready = threading.Event()
            started.append(self.start(proxy.url))
            ready.set()
            run = self.site.finish(started[0])
        if rule.hits:
            self.assertEqual(KILLED, run.code, str(run))

    def test_killed_or_without_room_at_every_change_to_the_files_it_writes_them_all_when_run_again(self):
        files = self.site.path('files')
        self.watched = [files]
        command = ('lifeboat-restore', 'run', self.site.store, '--target', self.target.url, '--keys', self.site.keys,
                   '--files', files)
        os.mkdir(files)
        self.attempt(None, 0, *command)
        places = self.places()
        self.assertGreater(len(places), 3)
        for how, expect in (('kill', (KILLED,)), ('enospc', (FAILED, INCOMPLETE, DONE)), ('eio', (FAILED, INCOMPLETE, DONE))):
            for at in places:
                with self.subTest(how=how, at=at):
                    shutil.rmtree(files)
                    os.mkdir(files)
                    run = self.attempt(how, at, *command)
                    self.assertIn(run.code, expect, str(run))
                    self.site.restore(self.target, '--files', files)
                    with open(files + self.env) as one, open(self.env) as other:
                        self.assertEqual(other.read(), one.read())

    def test_without_room_at_every_change_of_an_extract_it_says_so(self):
        out = self.site.path('out')
        self.watched = [out]
        command = ('lifeboat-restore', 'extract', self.site.store, '--to', out, '--keys', self.site.keys)
        self.attempt(None, 0, *command)
        places = self.places()
        for how in ('enospc', 'eio'):
            for at in places:
                with self.subTest(how=how, at=at):
                    shutil.rmtree(out, ignore_errors=True)
                    run = self.attempt(how, at, *command)
                    self.assertEqual(FAILED, run.code, str(run))
                    self.assert_says(run, 'No space left on device' if how == 'enospc' else 'Input/output error')


class Prunes(Pruning, Killing):
    """Of a prune: increments merge, the base of a chain too, and an older chain's newest points go."""

    people = 4
    rules = ('--keep-daily', '2', '--keep-weekly', '2')

    def setUp(self):
        super().setUp()
        self.watched = [self.site.store]
        self.put_picture('p')
        for at in ('10-01T08', '10-02T08', '11-01T09', '11-02T08'):
            self.edit('p', n=at)
            self.snapshot_at('2026-%s:00:00Z' % at)
        self.clinic.change()
        for at in ('11-03T08', '11-03T09', '11-16T08', '11-16T09', '11-17T08'):
            self.edit('p', n=at)
            self.snapshot_at('2026-%s:00:00Z' % at, *(['--full'] if at == '11-03T08' else []))

    def survive(self, how, expect):
        command = ('lifeboat', 'prune', self.site.store, '--keys', self.site.keys, *self.rules)
        self.save()
        before = self.all_seen()
        self.assertEqual(DONE, self.attempt(None, 0, *command).code)
        wanted = self.points()
        self.assertIn('merged', [entry['kind'] for entry in self.entries()])
        for number, at in enumerate(self.places()):
            with self.subTest(at=at):
                self.put_back()
                run = self.attempt(how, at, *command)
                self.assertIn(run.code, expect, str(run))
                self.site.verify()
                self.assertLessEqual(set(wanted), set(self.points()), 'a point that is kept is gone')
                self.assert_states(before, wanted)
                if number % 2:
                    self.edit('p', n=at)
                    newest = self.site.snapshot(self.server).summary['snapshot']
                    self.assert_store_holds(self.capture())
                    self.assert_states(before, wanted)
                self.site.prune(*self.rules)
                self.assertEqual(newest if number % 2 else wanted[-1], self.points()[-1])
                if number % 2 == 0:
                    self.assertEqual(wanted, self.points())
                self.assert_states(before, set(wanted) & set(self.points()))
                self.assert_chain_is_whole()

    def assert_states(self, before, ids):
        store = oracle.Store.of(self.site)
        for id in ids:
            for name, state in before[id]['state'].items():
                compare.assert_same(self, state, store.state(store.snapshots[id])[name])

    def test_killed_at_every_change_of_a_prune(self):
        self.survive('kill', (KILLED,))

    def test_disk_full_at_every_change_of_a_prune(self):
        self.survive('enospc', (FAILED, DONE))

    def test_an_input_output_error_at_every_change_of_a_prune(self):
        self.survive('eio', (FAILED, DONE))


class Keys(Killing):
    def test_a_killed_key_init_leaves_all_or_nothing(self):
        self.watched = [self.site.folder]
        for at in range(1, 60):
            folder = self.site.path('keys-%d' % at)
            code = self.attempt('kill', at, 'lifeboat', 'key', 'init', '--site', 's', '--keys', folder).code
            usable = self.site.run('lifeboat', 'key', 'show', '--keys', folder, expect=None).code == DONE
            if not usable:
                self.site.run('lifeboat', 'key', 'init', '--site', 's', '--keys', folder)
            if code == DONE:
                return
        self.fail('key init makes more changes than expected')
