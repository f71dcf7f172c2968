"""Power cuts: what was acknowledged is kept, whatever dies under whatever load."""

import os
import select
import signal

from support import clinic
from support.case import Case
from support.dhcp import ACK, REQUEST, REQUESTED, Wire, address_bytes
from support.netsvc import Netsvc
from support.process import Process

CLIENTS = 500
ROUNDS = 4
LOADED = 100  # leases


class Crash(Case):
    """`self.clients` have leases."""

    count = 40

    def setUp(self):
        super().setUp()
        self.server = self.lan.host(*clinic.ADDRESSES)
        self.netsvc = Netsvc(self, self.server, clinic.whole(dhcp='probe = no').replace('10.66.1.0-10.66.1.255', '10.66.16.0-10.66.47.255'))
        self.wire = Wire(self, self.lan.host())
        self.clients = [self.wire.client() for _ in range(self.count)]
        self.leased = {}
        for client in self.clients:
            self.leased[client.mac] = client.get().yiaddr

    def all_reboot(self, clients=None):
        """As after a power cut: all at once ask for the address that they had. Those that get no answer ask again, as clients do."""
        waiting = {client: client.packet(REQUEST, {REQUESTED: address_bytes(client.address)}) for client in clients or self.clients}
        for _ in range(10):
            for client, packet in waiting.items():
                client.send(packet)
            with self.wire.arrived:
                self.wire.arrived.wait_for(lambda: all(packet.xid in self.wire.replies for packet in waiting.values()), 2)
            for client, packet in list(waiting.items()):
                if packet.xid in self.wire.replies:
                    answer = self.wire.replies[packet.xid][0]
                    self.assertEqual((ACK, self.leased[client.mac]), (answer.type, answer.yiaddr))
                    del waiting[client]
            if not waiting:
                return
        self.fail('%d of %d have no answer\n%s' % (len(waiting), len(clients or self.clients), self.netsvc.process.log))

    def load(self, seconds, rate=300, base=0):
        """It is on when leases come to be."""
        host, before = self.lan.host('10.66.0.%d/16' % (50 + base)), len(self.netsvc.leases())
        load = Process(self, host, ['perfdhcp', '-4', '-l', 'eth0', '-B', '-g', 'single', '-r', str(rate), '-R', '3000', '-p', str(seconds), '-d', '1',
                                    '-b', 'mac=02:00:%02x:00:00:00' % base])
        while len(self.netsvc.leases()) < before + LOADED:
            self.assertIsNone(load.process.poll(), load.log)
        return load

    def more_clients(self, count=10):
        for client in [self.wire.client() for _ in range(count)]:
            self.leased[client.mac] = client.get().yiaddr
            self.clients.append(client)

    def no_address_twice(self):
        self.assertEqual(len(self.leased), len(set(self.leased.values())))


class Returning(Crash):
    count = CLIENTS

    def test_five_hundred_come_back_at_once_after_a_power_cut(self):
        self.netsvc.crash()
        self.netsvc.start()
        self.all_reboot()


class Killed(Crash):
    def test_what_was_acknowledged_survives_the_daemons_death_under_load(self):
        for number in range(ROUNDS):
            load = self.load(20, base=number)
            self.more_clients()
            self.netsvc.crash()
            load.end(signal.SIGKILL, expect=-signal.SIGKILL)
            self.netsvc.start()
            self.all_reboot()
        self.no_address_twice()

    def test_each_child_is_started_again_and_knows_all(self):
        self.load(60)
        for name in ('dhcp', 'dns', 'dhcp', 'dns'):
            self.more_clients()
            serves = self.netsvc.process.log.count("'%s' serves" % name)
            self.netsvc.kill(name)
            self.netsvc.process.wait_for("'%s' serves" % name, serves + 1)
            self.all_reboot()
        self.no_address_twice()

    def test_the_children_do_not_outlive_their_parent(self):
        children = self.netsvc.children()
        descriptors = [os.pidfd_open(pid) for pid in children.values()]
        self.netsvc.process.end(signal.SIGKILL, expect=-signal.SIGKILL)
        for descriptor in descriptors:
            self.assertTrue(select.select([descriptor], [], [], 30)[0])
            os.close(descriptor)

    def test_released_leases_stay_released(self):
        gone, kept = self.clients[0], self.clients[1]
        gone.release()
        kept.renew()
        self.netsvc.crash()
        self.netsvc.start()
        leases = self.netsvc.leases()
        self.assertEqual(('released', 'leased'), (leases[gone.address]['state'], leases[kept.address]['state']))
