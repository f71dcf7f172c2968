"""What DHCP sees of the LAN beside its clients' requests: who uses which address, other servers, VLANs; and a disk that is full."""

import os
import subprocess
import time

from support.case import Case, OneServer
from support.dhcp import ALL, DISCOVER, NAK, REQUEST, SERVER, TYPE, Wire, address_bytes
from support.netsvc import Netsvc

ONE = '10.66.1.7'
OTHER = '02:00:00:00:00:99'
FOREIGN = '10.66.0.77'
PROBE = 0.3  # seconds of silence that make an address free
SMALL = '''
[subnet clinic]
network = 10.66.0.0/16
interface = %s
pools = %s
router = 10.66.0.1
lease = 3600
'''


class Probes(OneServer):
    configuration = SMALL % ('eth0', ONE + '-' + ONE)

    def setUp(self):
        super().setUp()
        self.wire = Wire(self, self.lan.host())
        self.client = self.wire.client()

    def test_an_offer_does_not_wait_and_the_first_ack_does(self):
        begin = time.monotonic()
        offer = self.client.discover()
        offered = time.monotonic() - begin
        self.client.request(offer)
        self.assertLess(offered, PROBE / 2)
        self.assertGreaterEqual(time.monotonic() - begin, PROBE * 0.9)

    def test_who_has_the_address_already_waits_for_nothing(self):
        self.client.get()
        begin = time.monotonic()
        self.client.reboot()
        self.client.rebind()
        self.assertLess(time.monotonic() - begin, PROBE / 2)

    def test_an_address_that_another_answers_at_is_not_given(self):
        self.wire.owners[ONE] = OTHER
        self.client.request(self.client.discover(), expect=NAK)
        self.netsvc.process.wait_for('address %s is used by %s' % (ONE, OTHER))
        self.assertEqual('declined', self.netsvc.leases()[ONE]['state'])

    def test_who_answers_at_another_ones_address_is_told_of(self):
        self.client.get()
        self.wire.send_arp(1, OTHER, ONE, ALL, ONE)
        self.netsvc.process.wait_for('address %s is used by %s' % (ONE, OTHER))
        self.assertEqual('leased', self.netsvc.leases()[ONE]['state'])

    def test_its_own_client_may_answer(self):
        self.wire.owners[ONE] = self.client.mac
        self.assertEqual(ONE, self.client.get().yiaddr)

    def test_a_server_that_a_client_chose_is_told_of(self):
        packet = self.client.packet(REQUEST, {SERVER: address_bytes(FOREIGN)})
        self.wire.send_arp(1, OTHER, FOREIGN, ALL, ONE)
        self.client.ignores(packet)
        self.netsvc.process.wait_for('another DHCP server, %s (%s)' % (FOREIGN, OTHER))


class Interfaces(Case):
    def serves_at(self, interface, server, client):
        netsvc = Netsvc(self, server, SMALL % (interface, '10.66.1.0-10.66.1.9'))
        client.get()
        client.renew()
        self.assertEqual('leased', netsvc.leases()[client.address]['state'])
        return netsvc

    def test_a_bridge_is_an_interface_like_others(self):
        server = self.lan.host()
        server.ip('link add br1 type bridge stp_state 0 forward_delay 0', 'link set eth0 master br1', 'link set br1 up',
                  'addr add 10.66.0.1/16 dev br1 brd +')
        self.serves_at('br1', server, Wire(self, self.lan.host()).client()).end()

    def test_a_vlan_is_an_interface_like_others(self):
        server, host = self.lan.host('10.88.0.1/16'), self.lan.host()
        for each in (server, host):
            try:
                each.ip('link add link eth0 name eth0.5 type vlan id 5', 'link set eth0.5 up')
            except AssertionError as error:
                self.skipTest('no VLANs here: %s' % error)
        server.ip('addr add 10.66.0.1/16 dev eth0.5 brd +')
        client = Wire(self, host, 'eth0.5').client()
        netsvc = self.serves_at('eth0.5', server, client)
        untagged = Wire(self, host).client()
        untagged.send(untagged.packet(DISCOVER))
        self.assertEqual([client.address], list(netsvc.leases()))
        netsvc.end()


class Full(Case):
    """The state folder is on a disk of its own, of 8 MB."""

    def setUp(self):
        super().setUp()
        self.server = self.lan.host('10.66.0.1/16')
        self.netsvc = Netsvc(self, self.server, SMALL % ('eth0', '10.66.1.0-10.66.200.255') + '[dhcp]\nprobe = no\n', start=False)
        os.mkdir(self.netsvc.state)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=0755', 'none', self.netsvc.state], check=True)
        self.addCleanup(subprocess.run, ['umount', '--lazy', self.netsvc.state])
        self.netsvc.start()

    def fill(self):
        with open(os.path.join(self.netsvc.state, 'ballast'), 'wb', buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def make_room(self):
        os.unlink(os.path.join(self.netsvc.state, 'ballast'))

    def test_nobody_has_an_answer_that_is_not_kept_until_there_is_room(self):
        wire = Wire(self, self.lan.host())
        kept = [wire.client() for _ in range(10)]
        for client in kept:
            client.get()
        self.fill()
        late = []
        for _ in range(2000):  # until the room is used up that the file itself has
            client = wire.client()
            offer = client.discover()
            packet = client.packet(REQUEST, {50: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
            packet.xid = offer.xid
            client.send(packet)
            late.append((client, packet))
            if 'no lease can be given' in self.netsvc.process.log:
                break
        self.netsvc.process.wait_for('no lease can be given')
        answered = {client: reply.yiaddr for client, packet in late for reply in wire.replies[packet.xid] if reply.options[TYPE] == b'\5'}
        self.assertNotIn(late[-1][0], answered)
        self.netsvc.crash()
        self.make_room()
        self.netsvc.start()
        leases = self.netsvc.leases()
        for address in [*(client.address for client in kept), *answered.values()]:
            self.assertEqual('leased', leases[address]['state'])

    def test_it_goes_on_when_there_is_room(self):
        wire = Wire(self, self.lan.host())
        self.netsvc.kill('dhcp')
        self.netsvc.process.wait_for("'dhcp' serves", times=2)
        self.fill()
        clients = []
        while 'no lease can be given' not in self.netsvc.process.log:
            client = wire.client()
            offer = client.discover()
            packet = client.packet(REQUEST, {50: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
            packet.xid = offer.xid
            client.send(packet)
            clients.append((client, offer))
        self.make_room()
        self.netsvc.process.wait_for('leases: over')
        self.assertEqual(clients[-1][1].yiaddr, clients[-1][0].request(clients[-1][1]).yiaddr)
        self.netsvc.end()
