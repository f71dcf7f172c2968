"""Servers to test with: the stand-in, CouchDB from npm, or the real one of LIFEBOAT_TEST_COUCHDB.

A `Server` has a client (`couch`), a `prefix` that all its databases must carry, and the options that make a snapshot
look at those databases only. On a shared real CouchDB the prefix is random and everything with it is removed at the
end; an empty second server there is the same one with those databases destroyed. It may be a cluster: `settle` waits
until its copies are equal.
"""

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from . import cluster
from .couch import Couch, quote
from .standin import Standin

REAL = os.environ.get('LIFEBOAT_TEST_COUCHDB')
NPM_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'server')


class Server:
    standin = None

    def __init__(self, couch, prefix=''):
        self.couch, self.prefix = couch, prefix

    @property
    def url(self):
        return self.couch.url

    @property
    def options(self):
        """For `lifeboat snapshot`: only what this test made."""
        return ['--include', self.prefix + '*'] if self.prefix else []

    def name(self, database):
        return self.prefix + database

    def databases(self):
        """Those of this test; others may test on the same server."""
        return [name for name in self.couch.databases() if name.startswith(self.prefix) and not name.startswith('_')]

    def wipe(self):
        """Destroys this test's databases, as a disaster would."""
        for database in self.databases():
            self.couch.delete(database)

    def settle(self):
        """Waits until all that was written is where the next question may go."""

    def close(self):
        self.couch.close()


class _StandinServer(Server):
    def __init__(self, q=2):
        self.standin = Standin(q).start()
        super().__init__(Couch(self.standin.url))

    def wipe(self):
        self.standin.wipe()

    def close(self):
        super().close()
        self.standin.stop()


class _RealServer(Server):
    def __init__(self):
        super().__init__(Couch(REAL), 'lifeboat-test-%s-' % secrets.token_hex(4))

    def settle(self):
        if cluster.is_cluster(self.couch):
            for database in self.databases():
                cluster.settle(self.couch, database)

    def close(self):
        self.wipe()
        super().close()


class NpmServer(Server):
    """pouchdb-server in memory. Its port is chosen here, so another process may take it first: then we try again.

    It is from the days when Node.js only warned of a promise that nobody waited for; today that would end it.
    """

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='lifeboat-npm-')
        for attempt in range(5):
            if self._start():
                break
        else:
            raise RuntimeError('pouchdb-server does not start: %s' % self._log())
        super().__init__(Couch('http://admin:pass@127.0.0.1:%d' % self.port))

    def _start(self):
        self.port = free_port()
        with open(os.path.join(self.folder, 'config.json'), 'w') as config:
            json.dump({'admins': {'admin': 'pass'}, 'log': {'file': os.path.join(self.folder, 'log'), 'level': 'warning'}},
                      config)
        program = os.path.join(NPM_FOLDER, 'node_modules', '.bin', 'pouchdb-server')
        with open(os.path.join(self.folder, 'output'), 'w') as output:
            self.process = subprocess.Popen(
                [program, '--in-memory', '--no-stdout-logs', '--host', '127.0.0.1', '--port', str(self.port)],
                cwd=self.folder, stdout=output, stderr=output, preexec_fn=end_with_parent,
                env=dict(os.environ, NODE_NO_WARNINGS='1', NODE_OPTIONS='--unhandled-rejections=warn'))
        return wait_until(lambda: self.process.poll() is not None or self._is_ours(), 60) and self.process.poll() is None

    def _is_ours(self):
        try:
            return Couch('http://admin:pass@127.0.0.1:%d' % self.port).get('/_session')['userCtx']['name'] == 'admin'
        except Exception:  # not there yet, or somebody else's
            return False

    def _log(self):
        with open(os.path.join(self.folder, 'output')) as output:
            return output.read()[-2000:]

    def close(self):
        super().close()
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder)


def start(q=2):
    """The server that most tests use."""
    return _RealServer() if REAL else _StandinServer(q)


def start_standin(q=2):
    """For what only a scripted server can do."""
    return _StandinServer(q)


def empty_target(source):
    """An empty server to restore to: another one, or on a real CouchDB the same with its databases destroyed."""
    if REAL and not source.standin:
        source.wipe()
        return source
    return _StandinServer()


def npm_or_skip():
    if not os.path.exists(os.path.join(NPM_FOLDER, 'node_modules', '.bin', 'pouchdb-server')):
        raise unittest.SkipTest('pouchdb-server is not installed: run tests/run')
    return NpmServer()


def end_with_parent():
    """In a new child: SIGTERM when the test's process ends, however it does."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, pause=0.05):
    """Whether the condition came true in time. Waits no longer than it takes."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
