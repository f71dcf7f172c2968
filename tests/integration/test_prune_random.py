"""Random changes, snapshots and prunes: whatever came before, each restore point that stays gives what it gave at first.

LIFEBOAT_TEST_FULL=1 plays many more.
"""

import datetime
import os
import random

import oracle
from support import compare
from support.cht import revision
from support.pruning import Pruning

GAMES = 12 if os.environ.get('LIFEBOAT_TEST_FULL') else 2
STEPS = 60 if os.environ.get('LIFEBOAT_TEST_FULL') else 18


class Game:
    """One sequence, made from a seed. `case` plays it."""

    def __init__(self, case, seed):
        self.case, self.random = case, random.Random(seed)
        self.now = datetime.datetime(2026, 9, 1, 8, tzinfo=datetime.timezone.utc)
        self.seen = {}  # by id, what each restore point gave when it was new
        self.alive = ['pic-%d-0' % seed]
        self.made, self.seed = 1, seed

    def new_id(self):
        self.made += 1
        return 'pic-%d-%d' % (self.seed, self.made)

    # ---- what happens on the server ----

    def add(self):
        id = self.new_id()
        self.case.put_picture(id, self.random.choice([4, 40, 90]))
        self.alive.append(id)

    def edit(self):
        """Its attachment becomes a stub, whose bytes an older snapshot has."""
        if self.alive:
            self.case.edit(self.random.choice(self.alive), n=self.random.random())

    def remove(self):
        if self.alive:
            self.case.couch.remove(self.case.medic, self.alive.pop(self.random.randrange(len(self.alive))), why='wrong')

    def purge(self):
        if self.alive:
            self.case.purge(self.alive.pop(self.random.randrange(len(self.alive))))

    def conflict(self):
        path = ['%032x' % self.random.getrandbits(128), 'b2' * 16, 'a1' * 16]
        self.case.couch.bulk(self.case.medic, [revision(self.case.clinic.conflict_id, 3, path, type='person', name=path[0])],
                             new_edits=False)

    def change(self):
        if self.case.clinic.report_ids:
            self.case.clinic.change()

    def recreate(self):
        self.case.recreate_logs()

    def nothing(self):
        pass

    # ---- what is done with the store ----

    def snapshot(self):
        self.now += datetime.timedelta(hours=self.random.choice([1, 5, 24, 24, 150]))
        options = self.random.choice([[]] * 8 + [['--full'], ['--link-size', '1']])
        id = self.case.snapshot_at(self.now.strftime('%Y-%m-%dT%H:%M:%SZ'), *options)
        if id is not None:
            self.case.assert_store_holds(self.case.capture())
            self.seen[id] = self.case.seen(oracle.Store.of(self.case.site), id)

    def prune(self):
        rules = []
        for rule, most in (('last', 5), ('hourly', 3), ('daily', 4), ('weekly', 3), ('monthly', 2)):
            if self.random.random() < 0.4:
                rules += ['--keep-' + rule, self.random.randint(1, most)]
        if not rules:
            return
        newest = self.case.points()[-1:]
        self.case.site.prune(*rules)
        self.case.assertEqual(newest, self.case.points()[-1:])
        self.case.assert_seen(self.seen)
        self.case.assert_chain_is_whole()

    def play(self):
        self.case.put_picture(self.alive[0])
        self.snapshot()
        for _ in range(STEPS):
            for _ in range(self.random.randint(1, 3)):
                self.random.choice([self.add, self.edit, self.edit, self.edit, self.remove, self.purge, self.conflict, self.change,
                                    self.recreate, self.nothing])()
            self.random.choice([self.snapshot, self.snapshot, self.prune])()
        self.prune()


class Random(Pruning):
    people = 6

    def play(self, seed):
        game = Game(self, seed)
        game.play()
        for id in self.points()[:2]:
            self.assert_restores(id, game)

    def assert_restores(self, id, game):
        """Into a server, too, as the independent reader says."""
        target = self.empty_target()
        self.site.restore(target, '--snapshot', id)
        for name, found in self.capture(target.couch).items():
            compare.assert_same(self, game.seen[id]['state'][name], found, ignore=('shape',))


def named(seed):
    return lambda self: self.play(seed)


for number in range(GAMES):
    setattr(Random, 'test_game_%d' % number, named(number))
