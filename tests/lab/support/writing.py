"""A pair, and a client that writes the whole time: what the tests of the failover switch begin with."""

import time

from .case import Case
from .pair import Pair, Writer

REFUSED_SECONDS = 5.0  # of a planned switch
TAKEN_SECONDS = 2.0    # from the end of `lifeboat failover --force` to the first write


class Writing(Case):
    before, patience = {}, 2.0  # of the pair, and of the client until it gives up waiting for an answer
    more = {}  # of the pair's configuration

    def setUp(self):
        super().setUp()
        self.pair = self.make_pair()
        self.prepare()
        self.assertIn(self.pair.a.ask('PUT', '/clinic')[0], (201, 202))
        self.writer = Writer(self, self.pair, self.client(), timeout=self.patience)
        self.writer.wait(20)
        self.until_ready()

    def make_pair(self):
        return Pair(self, before=self.before, **self.more)

    def prepare(self):
        """Before anybody writes."""

    def client(self):
        return self.pair.client()

    def until_ready(self):
        self.pair.ready()

    def until_alone(self):
        """The other node is not seen any more."""
        self.pair.b.wait_until(lambda: not self.pair.b.status().get('link', {}).get('connected'), 'the other node is still seen')

    def force(self, *more):
        begun = time.monotonic()
        said = self.pair.b.do('failover', '--force', '--yes', *more)
        done = time.monotonic()
        self.writer.wait(1)
        refused = max((moment for moment, _ in self.writer.refused), default=begun)
        first = next(moment for moment in self.writer.times if moment > max(begun, refused))
        self.assertLess(first - done, TAKEN_SECONDS, said)
        return said

    def all_are_there(self, node):
        """Everything that was acknowledged is on that node."""
        self.writer.stop()
        missing = set(self.writer.acknowledged) - node.documents('clinic')
        self.assertEqual(set(), missing, '%d of %d' % (len(missing), len(self.writer.acknowledged)))
