"""A second node: a server of its own, and `lifeboat standby follow` that brings the first one's databases there.

`Following` is what tests of it begin with.
"""

import json
import os
import signal
import subprocess
import threading

from . import cluster, compare, server
from .case import Case
from .couch import Couch

PATIENCE = 60  # seconds for what must come
SECOND = os.environ.get('LIFEBOAT_TEST_COUCHDB_STANDBY')  # a real second server; else the stand-in


class Standby:
    """`self.couch` is the second node's server, which is empty at first."""

    def __init__(self, test, couch=None, q=2):
        self.test, self.site, self.first = test, test.site, test.server
        self.standin = None
        if couch is None and SECOND and not test.scripted:
            couch = Couch(SECOND)
            test.addCleanup(self._remove_all)
        elif couch is None:
            self.standin = server.start_standin(q).standin
            couch = Couch(self.standin.url)
            test.addCleanup(self.standin.stop)
        self.couch = couch
        self.state = self.site.path('standby')

    def _remove_all(self):
        for name in self.couch.databases():
            if name.startswith(self.first.prefix) and not name.startswith('_'):
                self.couch.delete(name)

    def _arguments(self, source, into, *options):
        chosen = ['--include', self.first.prefix + '*'] if self.first.prefix else []
        return ['standby', 'follow', '--from', source or self.first.url, '--source', into or self.couch.url, '--state', self.state,
                *chosen, *options]

    def catch_up(self, *options, source=None, into=None, **how):
        """Runs until all is equal, and ends."""
        return self.site.run('lifeboat', *self._arguments(source, into, '--once', *options), **how)

    def start_catching_up(self, *options, source=None, into=None, **how):
        return self.site.start('lifeboat', *self._arguments(source, into, '--once', *options), **how)

    def follow(self, *options, source=None, into=None):
        return Follower(self, self._arguments(source, into, '--json', *options))

    def capture(self, name):
        """What the first node has, and the second. One with fewer members has fewer copies."""
        first, second = compare.capture(self.test.couch, name), compare.capture(self.couch, name)
        if first.get('shape') and first['shape']['n'] > max(1, len(cluster.nodes(self.couch))):
            first['shape']['n'] = second['shape']['n']
        return first, second

    def differences(self, databases):
        return {name: compare.differences(*self.capture(name)) if self.couch.exists(name) else ['it is not there'] for name in databases}

    def assert_equal(self, databases=None):
        found = self.differences(databases or self.test.clinic.databases)
        self.test.assertEqual({}, {name: told[:5] for name, told in found.items() if told})

    def has(self, name, id, rev=None):
        answer = self.couch.ask('GET', Couch.path(name, id), query={'rev': rev} if rev else None, expect=(200, 404))
        return answer.status == 200


class Follower:
    """A follower under way; ends with the test."""

    def __init__(self, standby, arguments):
        self.standby, self.test = standby, standby.test
        self.reports, self.log, self.changed = [], [], threading.Condition()
        self.process = standby.site.start('lifeboat', *arguments)
        self.readers = [threading.Thread(target=self._read, args=args, daemon=True) for args in (
            (self.process.stdout, self.reports, json.loads), (self.process.stderr, self.log, bytes.decode))]
        for reader in self.readers:
            reader.start()
        self.test.addCleanup(self.stop)

    def _read(self, stream, into, parse):
        for line in stream:
            with self.changed:
                into.append(parse(line))
                self.changed.notify_all()
        with self.changed:
            into.append(None)
            self.changed.notify_all()

    def wait_for_log(self, text):
        def found():
            return [line for line in self.log if line and text in line]
        with self.changed:
            self.changed.wait_for(lambda: found() or None in self.log, PATIENCE)
            self.test.assertTrue(found(), '%s\nis not in\n%s' % (text, self.said))
            return found()[0]

    def wait_for_report(self, wanted, after=None):
        """The next report that `wanted` says TRUE of, from now on or `after` another one."""
        with self.changed:
            place = self.reports.index(after) + 1 if after else len(self.reports)
            self.changed.wait_for(lambda: None in self.reports or any(wanted(r) for r in self.reports[place:]), PATIENCE)
            found = [report for report in self.reports[place:] if report and wanted(report)]
            self.test.assertTrue(found, 'no such report\n%s\n%s' % (self.reports[-1:], self.said))
            return found[0]

    def wait_until_equal(self):
        return self.wait_for_report(lambda report: report['contact'] and not report['databases_behind'] and not report['trouble'])

    @property
    def said(self):
        return ''.join(line for line in self.log if line)

    def kill(self):
        self.process.kill()
        self._collect()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self._collect()
        self.test.assertNotIn('Sanitizer', self.said)
        self.test.assertNotIn('runtime error:', self.said)
        return code

    def _collect(self):
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code


class Following(Case):
    people = 10

    def setUp(self):
        super().setUp()
        self.standby = Standby(self)

    def arrives(self, name, id, rev=None):
        self.assertTrue(server.wait_until(lambda: self.standby.couch.exists(name) and self.standby.has(name, id, rev), 30),
                        "'%s/%s' does not arrive" % (name, id))
