"""Leases of two nodes: real clients keep their addresses whichever node is active, and both nodes know the same."""

import json
import shutil
import time

from support.case import Case
from support.clients import Dhclient, Dhcpcd, Udhcpc
from support.dhcp import DISCOVER, LEASE, Wire
from support.dns import Asker
from support.pair import Pair
from support.until import until

FOLLOWING = 150  # seconds until a node that was active follows the other one
FULL, SHORT = 43200, 600  # seconds of a lease with the other node's word, and without it


class Leases(Case):
    def setUp(self):
        super().setUp()
        self.pair = Pair(self, start=False)
        self.a, self.b = self.pair.nodes
        for node in self.pair.nodes:
            shutil.chown(node.path('credentials'), 'nobody')
        self.a.start_netsvc().start_replicator().wait_until(self.a.has_service, 'a does not serve')
        self.b.start_netsvc().start_replicator()
        self.pair.pair_nodes()
        self.a.wait_until(lambda: self.peer(self.a).get('in_step'), 'the nodes are not in step')

    def told(self, node):
        return [json.loads(line) for line in node.do('net', 'leases', '--json').splitlines() if line.startswith('{')]

    def leases(self, node):
        return {each['address']: each for each in self.told(node) if each.get('event') == 'lease'}

    def leased(self, node):
        return {address: (each['mac'], each.get('name')) for address, each in self.leases(node).items() if each['state'] == 'leased'}

    def peer(self, node):
        return next((each.get('peer', {}) for each in self.told(node) if each.get('event') == 'summary'), {})

    def seconds(self, ack):
        return ack.number(LEASE)

    def clients(self):
        return [Udhcpc(self, self.pair.lan.host(), '-x', 'hostname:tablet'), Dhclient(self, self.pair.lan.host()),
                Dhcpcd(self, self.pair.lan.host(), '--noarp')]

    def again(self, client):
        """It asks for its address once more, as it does when half of its time is over."""
        if isinstance(client, Dhclient):  # has no way to be told to
            client.stop()
            client.start()
            return client.wait('bound', 2).address
        renewed = client.count('renewed')
        client.renew()
        return client.wait('renewed', renewed + 1).address

    def addresses(self, node, name):
        answer = Asker(self, node.host, node.address).ask(name, 'A')
        return [rdata.address for rrset in answer.answer for rdata in rrset]

    def join(self):
        """A client with packets made by hand: its ACK."""
        return Wire(self, self.pair.lan.host()).client().get()

    def full(self, ask):
        """An ACK with the other node's word, which a busy machine may not have in time each time."""
        return until(lambda: next((ack for ack in [ask()] if self.seconds(ack) == FULL), None), 'leases stay short')


class Together(Leases):
    def test_both_nodes_know_a_lease_when_the_client_does(self):
        for _ in range(20):
            ack = self.full(self.join)
            self.assertIn(ack.yiaddr, self.leased(self.b))
        until(lambda: self.leased(self.a) == self.leased(self.b), 'the nodes differ')

    def test_the_standby_says_nothing_to_clients_and_that_it_has_a_copy(self):
        self.assertTrue(self.peer(self.b)['copy'])
        self.assertFalse(self.peer(self.a)['copy'])
        self.assertIn('copy', self.b.do('net', 'leases'))
        wire = Wire(self, self.pair.lan.host())
        client = wire.client()
        answer = client.exchange(client.packet(DISCOVER))
        self.assertEqual(self.a.host.mac, answer.frame['from'])
        client.request(answer)
        self.assertEqual({self.a.host.mac}, {reply.frame['from'] for replies in wire.replies.values() for reply in replies})

    def test_names_of_clients_are_in_the_dns_of_both(self):
        client = Udhcpc(self, self.pair.lan.host(), '-x', 'hostname:tablet')
        address = client.wait('bound').address
        for node in self.pair.nodes:
            node.wait_until(lambda: self.addresses(node, 'tablet.lan.clinic.example') == [address], 'the name is not known')
        client.release()
        for node in self.pair.nodes:
            node.wait_until(lambda: self.addresses(node, 'tablet.lan.clinic.example') == [], 'the name is known still')


class Switched(Leases):
    def test_clients_keep_their_addresses_there_and_back(self):
        clients = self.clients()
        before = [client.wait('bound').address for client in clients]
        for node, other, command in ((self.a, self.b, 'failover'), (self.b, self.a, 'failback')):
            node.wait_until(lambda: node.call(command, '--dry-run')[0] == 0, 'a switch is not possible', FOLLOWING)
            node.do(command, '--yes')
            other.wait_role('active')
            node.wait_role('standby')
            self.assertEqual(before, [self.again(client) for client in clients])
            self.assertLessEqual(set(before), set(self.leased(other)))
            other.wait_until(lambda: self.leased(node) == self.leased(other), 'the nodes differ')

    def test_a_reload_and_a_lost_child_lose_nothing(self):
        acks = [self.join().yiaddr for _ in range(5)]
        self.b.do('net', 'reload')
        acks.append(self.join().yiaddr)
        self.a.do('net', 'reload')
        self.a.wait_until(lambda: self.peer(self.a).get('in_step'), 'the nodes are not in step')
        self.full(self.join)
        self.assertLessEqual(set(acks), set(self.leased(self.b)))


class Alone(Leases):
    def test_clients_keep_their_addresses_when_the_active_node_is_lost(self):
        clients = self.clients()
        before = [client.wait('bound').address for client in clients]
        self.a.kill()
        self.b.wait_until(lambda: not self.b.status().get('link', {}).get('connected'), 'the other node is still seen')
        self.b.do('failover', '--force', '--yes', timeout=30)
        self.b.wait_role('active')
        self.assertEqual(before, [self.again(client) for client in clients])
        ack = self.join()
        self.assertEqual(SHORT, self.seconds(ack))
        self.assertEqual(1, int(ack.yiaddr.split('.')[-1]) % 2)  # of b's half

    def test_without_the_standby_leases_are_short_until_it_is_back(self):
        known = Wire(self, self.pair.lan.host()).client()
        known.get()
        self.full(known.renew)
        self.b.netsvc.end()
        self.a.wait_until(lambda: not self.a.status().get('link', {}).get('connected'), 'the other node is still seen')
        begun = time.monotonic()
        ack = self.join()
        self.assertLess(time.monotonic() - begun, 2)
        self.assertEqual(SHORT, self.seconds(ack))
        self.assertEqual(0, int(ack.yiaddr.split('.')[-1]) % 2)
        self.assertEqual(FULL, self.seconds(known.renew()))  # what the other node knows, and ten minutes, is more
        self.assertIn('short', self.a.do('net', 'leases'))
        self.b.start_netsvc()
        self.a.wait_until(lambda: self.peer(self.a).get('in_step'), 'the nodes are not in step')
        self.full(known.renew)
        self.assertEqual(self.leased(self.a), self.leased(self.b))
