"""Whatever is done on the first node, and whatever happens to links, servers and the follower meanwhile: in the end both nodes are equal.

Seeded: LIFEBOAT_CHAOS_SEED repeats what a failure names (but for what depends on time), LIFEBOAT_CHAOS_ROUNDS runs so many seeds from there.
`tests/campaign standby` runs many, with longer disturbances.
"""

import os
import random
import threading
import unittest

import oracle
from support import compare, power
from support.case import Case
from support.daemon import Daemon
from support.link import Link
from support.server import wait_until
from support.standby import Standby
from support.writer import Writer

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
SEED = int(os.environ.get('LIFEBOAT_CHAOS_SEED') or (random.randrange(10 ** 6) if FULL else 1))
ROUNDS = int(os.environ.get('LIFEBOAT_CHAOS_ROUNDS') or (10 if FULL else 1))
DISTURBANCES = 40 if FULL else 9
STEPS = 25           # things that the writer does during one
LONGEST = 35 if FULL else 1.5  # seconds that a disturbance lasts: half open, more than the follower waits
UNDER_WAY = 12       # requests to the target at a time
CATCH_UP = 180       # seconds


class Followed:
    """`lifeboat standby follow`, which is killed and started again."""

    def __init__(self, chaos):
        self.standby, self.source, self.into = chaos.standby, chaos.from_source.url, chaos.to_target.url
        self.options = ['--include', '_users'] if chaos.server.prefix else []
        self.follower = None
        self.start()

    def start(self):
        self.follower = self.standby.follow(*self.options, source=self.source, into=self.into)

    def kill(self):
        self.follower.kill()
        self.start()

    def stop(self):
        self.follower.stop()

    @property
    def log(self):
        return self.follower.said


class Daemons:
    """The daemon's follower, which it starts again itself."""

    def __init__(self, chaos):
        settings = {'follow': chaos.from_source.url}
        if chaos.server.prefix:
            settings['include'] = '%s*;_users' % chaos.server.prefix
        self.daemon = Daemon(chaos.site, chaos.to_target.url, standby=settings)
        self.daemon.wait_for_listening()
        self.kills = 0

    def kill(self):
        os.kill(self._follower(), 9)
        self.kills += 1
        self.daemon.wait_for('following the other node ended with 137', self.kills)

    def _follower(self):
        """It may be about to start again."""
        found = []

        def there():
            try:
                found.append(self.daemon.run_under_way())
            except AssertionError:
                return False
            return True
        self.daemon.site.test.assertTrue(wait_until(there, CATCH_UP), self.daemon.log)
        return found[0]

    def stop(self):
        self.daemon.end()

    @property
    def log(self):
        return self.daemon.log


class Chaos(Case):
    people = 3

    def setUp(self):
        super().setUp()
        self.never = threading.Event()

    def prepare(self, seed, follower):
        self.random = random.Random(seed)
        self.standby = Standby(self)
        self.standby.state, self.site.state = self.site.path('standby-%d' % seed), self.site.path('state-%d' % seed)
        os.mkdir(self.site.state)
        self.from_source, self.to_target = Link(self.server.url), Link(self.standby.couch.url)
        self.addCleanup(self.from_source.close)
        self.addCleanup(self.to_target.close)
        self.prefix = '%schaos-%d-' % (self.server.prefix, seed)
        self.writer = Writer(self.server.url, seed, self.prefix)
        self.source_power = power.of(self.couch, self.server.standin)
        self.target_power = power.of(self.standby.couch, self.standby.standin)
        self.interruptions = 0
        self.follower = follower(self)

    # ---- disturbances ----

    def for_a_while(self):
        self.never.wait(self.random.uniform(0, LONGEST))

    def restart(self, node):
        if node:
            node.down()
            self.interruptions += 1
            self.for_a_while()
            node.up()

    def disturb(self):
        link = self.random.choice((self.from_source, self.to_target))
        kind = self.random.choice(('cut', 'cut', 'reset', 'hold', 'slow', 'within', 'kill', 'kill', 'source', 'target'))
        if kind == 'kill':
            self.follower.kill()
        elif kind in ('source', 'target'):
            self.restart(self.source_power if kind == 'source' else self.target_power)
        else:
            self.interruptions += 1
            {'cut': link.cut, 'reset': link.reset, 'hold': link.hold, 'slow': lambda: link.slow(self.random.randrange(20000, 300000)),
             'within': lambda: link.cut_within(self.random.randrange(200000))}[kind]()
            self.for_a_while()
            link.heal()
        return kind

    # ---- the end ----

    @property
    def databases(self):
        """Those that the writer left on the first node."""
        return [name for name in self.couch.databases() if name.startswith(self.prefix)]

    def strange_leaves(self):
        """{database: leaves that are on one node only}, without those of a database that was there before."""
        found = {}
        for name in self.databases:
            if not self.standby.couch.exists(name):
                found[name] = 'it is not there'
                continue
            first, second = ({(id, rev) for id, revs in couch.leaf_sets(name).items() for rev in revs if not self.is_of_before(name, id)}
                             for couch in (self.couch, self.standby.couch))
            if first != second:
                found[name] = sorted(first ^ second)[:3]
        return found

    def is_of_before(self, name, id):
        return name in self.writer.ages and self.writer.is_of_before(name, id)

    def without_before(self, name, captured):
        """A capture without what is left of earlier ages, shards included."""
        if self.writer.ages.get(name, 1) > 1:
            captured.pop('shape', None)
        captured['leaves'] = {key: leaf for key, leaf in captured['leaves'].items() if not self.is_of_before(name, key[0])}
        captured['local'] = {id: body for id, body in captured['local'].items() if not self.is_of_before(name, id)}
        return captured

    def assert_all_is_equal(self, seed):
        options = ['--include', self.prefix + '*', '--include', '_users'] if self.server.prefix else []
        self.site.run('lifeboat', 'standby', 'check', '--deep', '--from', self.server.url, '--source', self.standby.couch.url, *options)
        captured = {name: [self.without_before(name, one) for one in self.standby.capture(name)] for name in self.databases}
        first = {name: pair[0] for name, pair in captured.items()}
        self.assert_same(first, {name: pair[1] for name, pair in captured.items()})
        self.site.store = self.site.path('store-%d' % seed)
        os.mkdir(self.site.store)
        self.site.snapshot(self.standby.couch.url, '--include', self.prefix + '*')
        for name, kept in oracle.Store.of(self.site).state().items():
            if name in first:
                compare.assert_same(self, first[name], self.without_before(name, kept), ignore=('shape',))

    def go_through(self, seed, follower):
        print('seed %d' % seed, flush=True)
        told = []
        self.prepare(seed, follower)
        for _ in range(DISTURBANCES):
            self.writer.start(STEPS)
            told.append(self.disturb())
            self.writer.finish()
        self.writer.touch()
        self.assertGreater(self.writer.tried - self.writer.refused, self.writer.tried // 4)
        self.assertTrue(wait_until(lambda: not self.strange_leaves(), CATCH_UP, 0.5), '%s\n%s' % (self.strange_leaves(), self.follower.log[-4000:]))
        self.follower.stop()
        self.standby.catch_up(*(['--include', '_users'] if self.server.prefix else []))
        self.assert_all_is_equal(seed)
        print('seed %d: %d of %d things done, %d revisions written, %d requests repeated; %s' % (
            seed, self.writer.tried - self.writer.refused, self.writer.tried, len(self.to_target.written), self.to_target.repeated, ' '.join(told)),
            flush=True)
        self.assertTrue(self.to_target.written)
        self.assertLessEqual(self.to_target.repeated, UNDER_WAY * self.interruptions)

    def test_a_follower_that_is_killed_again_and_again(self):
        for seed in range(SEED, SEED + ROUNDS):
            with self.subTest(seed=seed):
                self.go_through(seed, Followed)

    def test_the_daemons(self):
        for seed in range(SEED + 1000, SEED + 1000 + (ROUNDS + 1) // 2):
            with self.subTest(seed=seed):
                self.go_through(seed, Daemons)


if __name__ == '__main__':
    unittest.main()
