"""The power of a node fails in the middle of a switch: at each step that it tells of, and between any two writes to its disk. It boots
again, and

    the pair comes to rest by itself, one node active; people do something only where they are told to, and after a planned switch never
    never do both serve
    what a client was told is written is there, and each lease is kept
    the record can be read, a term had one holder, and certificate and key belong together, on both nodes
    clients find the CouchDB's uuid that they know after a planned switch, and none that they knew earlier: else they would look through
    all again, or never push again what is lost

A node is a machine with a disk that loses at the cut what was not flushed; its CouchDB is the stand-in, with its data on that disk. What is
done is a text, which replays it, as is the rest of chance with LIFEBOAT_POWER_SEED:

    planned from 'fence done'           a planned switch; who hands over is cut when it tells of that step
    planned to request 12 both          … who takes over at the 12th write or flush since the order, and the other one with it
    planned to 'catch up' request 3     … at the 3rd since that step
    forced to 'take over'               the active one is off, the other takes over by force
    yield from 'fence'                  … the active one is there, and makes way

LIFEBOAT_POWER_CUTS has such texts with ; between them; by default a few, with LIFEBOAT_TEST_FULL set (tests/campaign power) all.
"""

import os
import random
import re
import subprocess
import time
import unittest

from dhcp_clients import Client, Clients
from pair import Pair
from serving import Serving
from writer import Writer

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
SEED = os.environ.get('LIFEBOAT_POWER_SEED', '1')
TRIES = 4      # of a switch that a busy machine calls off
NEW = 2        # clients that get a lease before each cut
DOCUMENTS = 3  # that are written before and after each
CUTS_PER_DATABASE = 10
FORCE = {'planned': '', 'forced': '--force', 'yield': '--force'}
TEXT = re.compile(r"(planned|forced|yield) (from|to)(?: '(.+)')?(?: request (\d+))?( both)?$")

# What each node logs.
STEPS = {
    'planned from': ('check', 'check done', 'stop hook', 'stop hook done', 'fence', 'fence done', 'hand over done', 'fresh uuid',
                     'fresh uuid done'),
    'planned to': ('check', 'check done', 'catch up', 'catch up done', 'take over done', 'probe the address', 'probe the address done',
                   'checkpoints', 'checkpoints done', 'start hook', 'start hook done', 'address', 'address done', 'open', 'open done'),
    'forced to': ('probe the address', 'probe the address done', 'take over done', 'fresh uuid', 'fresh uuid done', 'start hook',
                  'start hook done', 'address', 'address done', 'open', 'open done'),
    'yield from': ('fence', 'fence done', 'stop hook', 'stop hook done'),
    'yield to': ('take over done', 'fresh uuid', 'fresh uuid done', 'open', 'open done', 'merge', 'merge done'),
}
REQUESTS = {'planned from': range(1, 60, 6), 'planned to': range(1, 90, 6), 'forced to': range(1, 60, 6), 'yield from': range(1, 40, 6),
            'yield to': range(1, 60, 6)}
# At these steps a record is kept, or a uuid set: the requests that follow.
KEEPING = {'planned from': ('check done', 'fence done', 'fresh uuid'), 'planned to': ('catch up', 'catch up done', 'checkpoints'),
           'forced to': ('probe the address done', 'fresh uuid'), 'yield from': ('fence',)}
FOLLOWING = range(1, 10, 2)
SHORT = "planned to 'catch up done' request 2; planned from 'hand over done' both"


class Cut:
    def __init__(self, text):
        found = TEXT.match(text)
        if not found or not (found[3] or found[4]):
            raise ValueError('no cut: ' + text)
        self.text, (self.kind, self.at, self.step, request, both) = text, found.groups()
        self.request, self.is_both = int(request or 0), bool(both)

    def __str__(self):
        return self.text


def all_cuts():
    for who, steps in STEPS.items():
        moments = [repr(step) for step in steps] + ['request %d' % number for number in REQUESTS[who]]
        moments += ["'%s' request %d" % (step, number) for step in KEEPING.get(who, ()) for number in FOLLOWING]
        for moment in moments:
            yield Cut('%s %s' % (who, moment))
            if who.startswith('planned'):
                yield Cut('%s %s both' % (who, moment))


def chosen():
    told = os.environ.get('LIFEBOAT_POWER_CUTS', '' if FULL else SHORT)
    return [Cut(text.strip()) for text in told.split(';')] if told else list(all_cuts())


class PowerCut(unittest.TestCase):
    def test_at_any_moment_of_a_switch(self):
        self.pair = None
        for number, cut in enumerate(chosen()):
            with self.subTest(cut=str(cut)):
                begun = time.monotonic()
                try:
                    self.survive(cut, 'clinic-%d' % (number // CUTS_PER_DATABASE))
                    print('ok      %s, %.0f s: %s' % (cut, time.monotonic() - begun, '; '.join(self.pair.told)), flush=True)
                except (AssertionError, OSError) as error:
                    history = self.pair.history() if self.pair else ''
                    self.pair = None  # the next one begins with another
                    self.doCleanups()
                    raise AssertionError('%s, seed %s: %s\n%s' % (cut, SEED, error, history)) from None

    def begin(self):
        self.pair = Pair(self, random.Random(SEED))
        self.writer, self.serving = Writer(self, self.pair.lan, 'clinic'), Serving(self, self.pair)
        self.clients, self.known = Clients(self.pair.lan, self.pair.random), set()

    # ---- one cut ----

    def survive(self, cut, database):
        if self.pair is None:
            self.begin()
        pair, self.chance = self.pair, random.Random('%s %s' % (SEED, cut))
        pair.random, self.clients.random, self.writer.database = self.chance, self.chance, database
        pair.told.clear()
        self.ready()
        self.lease()
        self.writer.wait(DOCUMENTS)
        active, uuid = pair.active(), self.writer.served[-1]
        nodes = {'from': active, 'to': pair.other(active)}
        if cut.kind == 'forced':
            active.cut()
            self.until_alone(nodes['to'])
        self.cut_off(cut, nodes)
        self.boot(cut, nodes)
        asked = pair.settle()
        self.assertLessEqual(asked, 0 if cut.kind == 'planned' else 1)
        self.look()
        if cut.kind == 'planned':
            self.assertEqual(uuid, self.writer.served[-1])

    def ready(self):
        """A planned switch would be begun."""
        self.pair.settle()
        self.pair.until(lambda: self.pair.active().machine.ask('lifeboat failover --dry-run').code == 0, 'no switch is possible')

    def until_alone(self, node):
        self.pair.until(lambda: node.status().get('link', {}).get('connected') is False, 'the other node is still seen')

    def order(self, node, cut):
        node.machine.run('{ lifeboat failover %s --yes </dev/null; echo order: ended; } >/dev/console 2>&1 &' % FORCE[cut.kind])

    def cut_off(self, cut, nodes):
        """The order is given, and the power of those who are to be cut fails at the moment."""
        orders = self.chance.choice(('from', 'to')) if cut.kind == 'planned' else 'to'
        victim = nodes[cut.at]
        for _ in range(TRIES):
            if self.fails(cut, victim, nodes[orders]):
                break
            self.ready()
        else:
            raise AssertionError('that moment does not come')
        victims = self.pair.nodes if cut.is_both else [victim]
        for node in victims:
            node.fail()
        for node in victims:
            node.cut()

    def fails(self, cut, victim, orders):
        """Whether that moment came."""
        qemu, asked, disk = victim.machine.qemu, orders.machine.qemu, victim.disk
        first, asked_first, armed = len(qemu.lines), len(asked.lines), []

        def arm():
            last = disk.requests + cut.request
            disk.on_failure = victim.fail
            disk.before = lambda: disk.requests >= last
            armed.append(last)

        def has_come():
            told = not cut.step or any(line and is_step(line, cut.step) for line in qemu.lines[first:])
            if told and cut.request and not armed:
                arm()
            return told and (not cut.request or disk.failed.is_set())

        def is_over():
            return any(line and 'order: ended' in line for line in asked.lines[asked_first:])

        try:
            if not cut.step:
                arm()
            self.order(orders, cut)
            self.pair.until(lambda: has_come() or is_over(), 'neither the moment nor the end came', pause=0.002)
            if not has_come():  # it may come a little later
                self.pair.until(has_come, 'it did not come', seconds=10, pause=0.002)
            return True
        except AssertionError:
            return False
        finally:
            disk.before = lambda: False

    def boot(self, cut, nodes):
        """What was cut; before or after the other one has seen it."""
        off = [node for node in self.pair.nodes if not node.is_on]
        others = [node for node in self.pair.nodes if node.is_on]
        if others and self.chance.random() < 0.5:
            self.until_alone(others[0])
        self.chance.shuffle(off)
        if cut.kind == 'forced':
            off.sort(key=lambda node: node is nodes['from'])
        for node in off:
            node.boot()

    # ---- what must be so ----

    def lease(self):
        """Those who had an address keep it."""
        returning = self.clients.all[-1:]
        for client in returning + [Client() for _ in range(NEW)]:
            self.clients.ask(client)
        self.clients.finish()

    def look(self):
        pair = self.pair
        self.writer.wait(DOCUMENTS)
        self.assertEqual(set(), self.writer.missing(), 'acknowledged and lost')
        asked = self.serving.answers_of(pair.active())
        pair.until(lambda: self.serving.answers_of(pair.active()) > asked, 'nobody answers who asks the active node itself')
        self.assertEqual([], self.serving.twice(), 'both served')
        self.assertFalse(pair.node('a').terms() & pair.node('b').terms(), 'terms that both held')
        self.lease()
        pair.until(self.leases_are_kept, 'leases are lost')
        self.assertEqual(len(set(self.writer.served)), len(self.writer.served), 'an earlier uuid is back: %s' % self.writer.served)
        pair.until(self.uuids_are_two, "the other CouchDB has a uuid that clients know")
        for node in pair.nodes:
            self.assertEqual('', node.machine.run("find /mnt -name '*damaged*' 2>/dev/null || true"), node.name)
        pair.until(self.certificates_are_alike, 'certificates')

    def leases_are_kept(self):
        for node in self.pair.nodes:
            stored = {lease['mac']: lease['address'] for lease in node.leases()}
            if len(set(stored.values())) != len(stored) or any(stored.get(client.mac) != client.address for client in self.clients.all):
                return False
        return True

    def uuids_are_two(self):
        active = self.pair.active()
        return active.uuid() == self.writer.served[-1] and self.pair.other(active).uuid() not in self.writer.served

    def certificates_are_alike(self):
        found = {tuple(node.file('/mnt/tls/current/' + name) for name in ('server.pem', 'server.key')) for node in self.pair.nodes}
        if len(found) != 1:
            return False
        (certificate, key), = found
        return public('x509', '-pubkey', '-noout', data=certificate) == public('pkey', '-pubout', data=key)


def is_step(line, step):
    told = line.partition('failover: ')[2]
    return told in (step + ' …', step) or (told.startswith(step) and told[len(step):len(step) + 2] in (': ', ' ('))


def public(*words, data):
    return subprocess.run(['openssl', *words], input=data, stdout=subprocess.PIPE, check=True).stdout


if __name__ == '__main__':
    unittest.main()
