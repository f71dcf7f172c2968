"""The power fails while addresses are given out as fast as they are asked for: each lease that a client was told of is there, under
the name that it told last, no address has two owners, and all serve on. On the file systems that servers have.

A moment is a length of the log of all that the server's disk was told. That length is noted when an ACK comes out of the machine: what had to
be durable before it left stands within that. The disk is then made anew as a power cut at any moment leaves it, with any of
what was not flushed lost, and another machine serves from it. What the last cut left is what the next run begins with. With
LIFEBOAT_TEST_FULL set (tests/campaign vm) there are many more of them.
"""

import contextlib
import copy
import os
import random
import shutil
import tempfile
import unittest

from case import shared_machine
from dhcp_clients import Client, Clients
from machine.cable import Cable
from machine.stick import Stick
from machine.writes import Writes
from netsvc import GONE, Netsvc

FULL = bool(os.environ.get('LIFEBOAT_TEST_FULL'))
GENERATIONS = 10 if FULL else 1
CUTS = 25 if FULL else 4  # of each generation
ACKS = 400 if FULL else 150
AT_ONCE = 12  # clients; also one after the other
RETURNING, NEW = 3, 3  # clients, after each cut
SIZES = {'ext4': 64, 'xfs': 320, 'btrfs': 128}  # MiB
ADDRESS = '10.66.0.1/16'
END = 'killall -KILL lifeboat-netsvc; %s; umount /mnt' % GONE
CONFIGURATION = '''[net]
state = /mnt/net
[dhcp]
probe = no
[subnet clinic]
network = 10.66.0.0/16
pools = 10.66.16.0-10.66.31.255
lease = 86400
'''


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.writer, self.reader = shared_machine('clinic'), shared_machine('reader')
        self.random = random.Random(self.id())
        self.folder = tempfile.mkdtemp(prefix='lifeboat-vm-disk-')
        self.addCleanup(shutil.rmtree, self.folder)
        for machine in (self.writer, self.reader):
            self.addCleanup(machine.forget)

    def test_on_ext4(self):
        self.live('ext4')

    def test_on_xfs(self):
        self.live('xfs')

    def test_on_btrfs(self):
        self.live('btrfs')

    def live(self, kind):
        disk, cut = self.disk(kind), self.disk(kind)
        self.clients = []
        with self.plugged(self.reader, cut) as (device, cable):
            for generation in range(GENERATIONS):
                writes = self.recorded(disk)
                for place in self.places(writes):
                    with self.subTest(generation=generation, at='%d of %d' % (place, len(writes))):
                        writes.cut(disk.base, cut.image, place, self.random, cached=True)
                        shutil.copyfile(cut.image, disk.image)
                        with self.served(self.reader, cut, device) as netsvc:
                            leases = netsvc.leases()
                            self.survived(leases, place)
                            self.serve_on(cable, place)
                self.clients = list(map(known, leases))

    def disk(self, kind):
        return Stick(self.folder, kind, size=SIZES[kind], partitioned=False, caches=True)

    def recorded(self, disk):
        """Clients come and come back, one and many at a time."""
        disk.record()
        with self.plugged(self.writer, disk) as (device, cable), self.served(self.writer, disk, device):
            load = Clients(cable, self.random, lambda: os.path.getsize(disk.log), self.clients)
            load.work(ACKS // 2, at_once=1)
            load.work(ACKS // 2, at_once=AT_ONCE)
            writes = Writes(disk.log)
        self.clients = load.all
        for client in self.clients:
            client.promised = [(writes.within(mark), names) for mark, names in client.promised]
        return writes

    @contextlib.contextmanager
    def plugged(self, machine, disk):
        """Gives the disk's device and the cable to the network adapter, which has its address."""
        name, device = machine.plug(disk)
        cable = Cable(machine)
        cable.up(ADDRESS)
        try:
            yield device, cable
        finally:
            machine.pull(name)
            cable.pull()

    @contextlib.contextmanager
    def served(self, machine, disk, device):
        machine.run('mount -t %s %s /mnt' % (disk.kind, device))
        try:
            netsvc = Netsvc(machine, CONFIGURATION)
            yield netsvc
        finally:
            machine.run(END)

    def places(self, writes):
        """When a client had just been told, and any others."""
        told = [place for client in self.clients for place, _ in client.promised if place]
        return self.random.choices(told, k=CUTS // 2) + self.random.choices(range(min(told), len(writes) + 1), k=CUTS - CUTS // 2)

    def promised(self, place):
        return [client for client in self.clients if client.allowed(place)]

    def survived(self, leases, place):
        """What was promised by then is kept."""
        stored = {lease['mac']: lease for lease in leases}
        self.assertEqual(len(leases), len(stored), 'a client has two addresses')
        self.assertEqual(len(leases), len({lease['address'] for lease in leases}), 'an address has two owners')
        for client in self.promised(place):
            lease = stored.get(client.mac)
            self.assertIsNotNone(lease, '%s was told of %s' % (client.mac, client.address))
            self.assertEqual((client.address, 'leased'), (lease['address'], lease['state']))
            self.assertIn(lease['name'], client.allowed(place))
        self.assertLessEqual(set(stored), {client.mac for client in self.clients})

    def serve_on(self, cable, place):
        """Those who were promised an address get it, and others none of those."""
        load, promised = Clients(cable, self.random), self.promised(place)
        returning = [copy.deepcopy(client) for client in self.random.sample(promised, min(RETURNING, len(promised)))]
        new = [Client() for _ in range(NEW)]
        for client in returning + new:
            load.ask(client)
        load.finish()
        self.assertEqual(set(), {client.address for client in new} & {client.address for client in promised})


def known(lease):
    """A client that had been told of it before all that follows."""
    client = Client(lease['mac'])
    client.address, client.asked, client.promised = lease['address'], [lease['name']], [(0, 1)]
    return client


if __name__ == '__main__':
    unittest.main()
