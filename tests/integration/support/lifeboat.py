"""Runs the built programs as an operator would, each test with folders of its own.

    site = Site(self)                        # keys are made, the store is empty
    run = site.snapshot(server)              # exits 0 or the test fails
    run.summary['documents']

Every run is watched: a password or secret in its output, or in its command line once it works, fails the test.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

DONE, FAILED, USAGE, INCOMPLETE, DAMAGED, KEY, LATER = 0, 1, 2, 3, 4, 5, 75
MEANINGS = {0: 'done', 1: 'failed', 2: 'usage', 3: 'incomplete', 4: 'damaged or untrusted store',
            5: 'wrong or missing key', 75: 'try later'}
TIMEOUT = 300

PEAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peak.py')
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def build_folder():
    """Where the programs are: LIFEBOAT_BUILD, or the newest build folder in the tree."""
    given = os.environ.get('LIFEBOAT_BUILD')
    folders = [given] if given else glob.glob(os.path.join(ROOT, 'build*'))
    folders = [f for f in folders if os.path.exists(os.path.join(f, 'replicator', 'lifeboat'))]
    if not folders:
        raise RuntimeError('no built programs in %s: run meson setup build && ninja -C build' % (given or ROOT + '/build*'))
    return os.path.abspath(max(folders, key=os.path.getmtime))


class Run:
    """How a program ended, and what it said."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def lines(self):
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{')]

    @property
    def summary(self):
        return self.lines[-1]

    @property
    def said(self):
        return self.out + self.err

    def __str__(self):
        return '%s\nexit %d (%s)\n%s\n%s' % (' '.join(self.arguments), self.code, MEANINGS.get(self.code, 'signal?'),
                                             self.out[-3000:], self.err[-3000:])


class Site:
    """A node's keys, a store, and the programs. Folders go away with the test."""

    def __init__(self, test, name='clinic', keys=True):
        self.test, self.build = test, build_folder()
        self.folder = tempfile.mkdtemp(prefix='lifeboat-test-')
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.keys, self.state = self.path('keys'), self.path('state')
        self.store = self.path('drive')
        os.mkdir(self.store)
        self.secrets = []
        self.environment = {}
        self.before = []  # of each command
        if keys:
            self.key_init(name)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    @property
    def lifeboat_folder(self):
        return os.path.join(self.store, 'lifeboat')

    def snapshots(self):
        """Names of the sealed snapshots, in the order they were taken."""
        names = [os.path.basename(os.path.dirname(path)) for path in glob.glob(
            os.path.join(self.lifeboat_folder, 'snapshots', '*', 'snapshot.json.minisig'))]
        return sorted(names, key=lambda name: (self._number(name), name))

    def _number(self, name):
        try:
            with open(os.path.join(self.snapshot_folder(name), 'snapshot.json')) as file:
                return json.load(file)['number']
        except (OSError, ValueError, KeyError):
            return -1

    def snapshot_folder(self, name):
        return os.path.join(self.lifeboat_folder, 'snapshots', name)

    # ---- running ----

    def program(self, name):
        return os.path.join(self.build, 'restore' if name == 'lifeboat-restore' else 'replicator', name)

    def in_environment(self, more=None):
        environment = dict(os.environ, LC_ALL='C.UTF-8', TZ='UTC', **self.environment)
        environment.setdefault('ASAN_OPTIONS', 'detect_leaks=1:abort_on_error=0:exitcode=99')
        environment.setdefault('UBSAN_OPTIONS', 'print_stacktrace=1:halt_on_error=1:exitcode=99')
        environment.update(more or {})
        return environment

    def start(self, program, *arguments, env=None, **popen):
        """Starts a program without waiting; `finish` collects it."""
        command = [*self.before, self.program(program), *map(str, arguments), '--config', '/dev/null']
        if arguments[:1] == ('snapshot',):
            command += ['--state', self.state]
            if hasattr(self.test, 'server'):
                self.test.server.settle()
        return subprocess.Popen(command, stdin=popen.pop('stdin', subprocess.DEVNULL), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.in_environment(env), cwd=self.folder, **popen)

    def finish(self, process, timeout=TIMEOUT, input=None):
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            self.test.fail('still running after %d s: %s\n%s' % (timeout, process.args, err[-3000:]))
        run = Run(process.args, process.returncode, out.decode('utf-8', 'replace'), err.decode('utf-8', 'replace'))
        for secret in self.secrets:
            self.test.assertNotIn(secret, run.said, 'a secret is in the output')
        self.test.assertNotIn('ERROR: AddressSanitizer', run.err)
        self.test.assertNotIn('ERROR: LeakSanitizer', run.err)
        self.test.assertNotIn('runtime error:', run.err)
        return run

    def run(self, program, *arguments, expect=DONE, timeout=TIMEOUT, env=None, input=None):
        """Runs to the end and checks the exit code; None accepts any but a crash."""
        stdin = subprocess.PIPE if input is not None else subprocess.DEVNULL
        run = self.finish(self.start(program, *arguments, env=env, stdin=stdin), timeout, input)
        if expect is None:
            self.test.assertIn(run.code, MEANINGS, str(run))
        else:
            self.test.assertEqual(expect, run.code, str(run))
        return run

    def peak_of(self, act):
        """What `act()` gives, which runs one program, and the memory in MiB that it had at most."""
        result = self.path('peak')
        self.before = [sys.executable, '-S', '-E', '-I', PEAK, result]
        try:
            given = act()
        finally:
            self.before = []
        with open(result) as file:
            return given, int(file.read()) / 1024

    @property
    def has_sanitizers(self):
        with open(self.program('lifeboat'), 'rb') as file:
            return b'__asan_init' in file.read()

    # ---- what operators do ----

    def key_init(self, name='clinic'):
        run = self.run('lifeboat', 'key', 'init', '--site', name, '--keys', self.keys)
        self.sheet = run.said
        self.recovery_secret = next(w for w in self.sheet.split() if w.startswith('AGE-SECRET-KEY-1'))
        with open(os.path.join(self.keys, 'signing.pub')) as file:
            self.signer = file.read().strip().splitlines()[-1]
        self.recovery_file = self.path('recovery.txt')
        with open(self.recovery_file, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(self.recovery_secret + '\n')
        self.secrets.append(self.recovery_secret)
        os.mkdir(self.state)

    def credentials(self, couch):
        path = self.path('credentials-%d' % couch.port)
        with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write('%s:%s\n' % (couch.user, couch.password))
        return path

    def snapshot(self, server, *options, **how):
        """A snapshot of a Server (or of a URL) into the store."""
        url, wanted = (server, []) if isinstance(server, str) else (server.url, server.options)
        return self.run('lifeboat', 'snapshot', '--source', url, '--to', self.store, '--keys', self.keys, '--json',
                        *wanted, *options, **how)

    def prune(self, *options, **how):
        return self.run('lifeboat', 'prune', self.store, '--keys', self.keys, '--json', *options, **how)

    def restore(self, server, *options, **how):
        url = server if isinstance(server, str) else server.url
        return self.run('lifeboat-restore', 'run', self.store, '--target', url, '--keys', self.keys, '--json',
                        *options, **how)

    def list(self, *options, **how):
        return self.run('lifeboat-restore', 'list', self.store, '--json', *options, **how)

    def verify(self, *options, **how):
        return self.run('lifeboat-restore', 'verify', self.store, '--keys', self.keys, *options, **how)

    def verify_without_key(self, *options, **how):
        return self.run('lifeboat-restore', 'verify', self.store, '--signer', self.signer, *options, **how)

    def extract(self, to, *options, **how):
        return self.run('lifeboat-restore', 'extract', self.store, '--to', to, '--keys', self.keys, *options, **how)

    def drill(self, server, *options, **how):
        return self.run('lifeboat-restore', 'drill', self.store, '--target', server.url, '--keys', self.keys, *options, **how)
