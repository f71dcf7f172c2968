"""What most tests begin with: a clinic on a server, and a site that takes snapshots of it."""

import os
import unittest

import oracle

from . import compare, server
from .cht import Clinic
from .lifeboat import Site


slow = unittest.skipUnless(os.environ.get('LIFEBOAT_TEST_SLOW'), 'takes half a minute and more: set LIFEBOAT_TEST_SLOW=1')


class Case(unittest.TestCase):
    """`self.server`, `self.clinic` filled with data, `self.site` with keys and an empty store."""

    maxDiff = 4000
    scripted = False  # TRUE: always the stand-in, for what only it can be told to do
    people = 40
    q = 2

    def setUp(self):
        self.server = server.start_standin(self.q) if self.scripted else server.start(self.q)
        self.addCleanup(self.server.close)
        self.couch = self.server.couch
        self.clinic = Clinic(self.couch, self.server.prefix, people=self.people)
        self.clinic.fill()
        self.medic = self.clinic.name('medic')
        self.site = Site(self)

    def empty_target(self):
        target = server.empty_target(self.server)
        if target is not self.server:
            self.addCleanup(target.close)
        return target

    def capture(self, couch=None, databases=None):
        couch = couch or self.couch
        return {name: compare.capture(couch, name) for name in databases or self.clinic.databases}

    def assert_same(self, before, after, ignore=()):
        """Two captures of several databases are equal."""
        self.assertEqual(sorted(before), sorted(after))
        for name in before:
            with self.subTest(database=name):
                compare.assert_same(self, before[name], after[name], ignore)

    def assert_store_holds(self, captured):
        """The newest state in the store, as the independent reader sees it, is what was captured."""
        state = oracle.Store.of(self.site).state()
        for name, wanted in captured.items():
            self.assertIn(name, state)
            compare.assert_same(self, wanted, state[name], ignore=('shape',))
        return state

    def assert_says(self, run, *texts):
        for text in texts:
            self.assertIn(text.lower(), run.said.lower(), str(run))


class TwoSnapshots(Case):
    """A store with a full snapshot, and an increment on it after the clinic went on working."""

    people = 10

    def setUp(self):
        super().setUp()
        self.site.snapshot(self.server)
        self.clinic.change()
        self.site.snapshot(self.server)
