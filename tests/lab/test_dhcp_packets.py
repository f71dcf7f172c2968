"""What DHCP clients are answered, to the bit (RFC 2131, 2132, 3046, 3397, 4039, 4702, 6842)."""

import random
import time

from support import clinic
from support.case import OneServer
from support.dhcp import (ACK, AGENT, BROADCAST, DECLINE, DISCOVER, DNS, DOMAIN, EVERYTHING, FQDN, HOSTNAME, ID, INFORM, LEASE, MASK, MTU, NAK, NTP,
                          OFFER, PARAMETERS, PORTAL, RAPID, RELEASE, REQUEST, REQUESTED, ROUTER, SEARCH, SERVER, SIZE, T1, T2, TYPE, Wire, address_bytes)

BROADCAST_FLAG = 0x8000
FOREIGN = '192.0.2.77'


class Packets(OneServer):
    """`self.wire` is a host without an address; `self.client` one client on it."""

    configuration = clinic.whole(dhcp='probe = no')

    def setUp(self):
        super().setUp()
        self.wire = Wire(self, self.lan.host())
        self.client = self.wire.client()

    def state_of(self, address):
        lease = self.netsvc.leases().get(address)
        return lease and lease['state']


class States(Packets):
    """RFC 2131 4.3.2."""

    def test_an_offer_is_what_the_ack_gives(self):
        offer = self.client.discover()
        self.assertTrue(offer.yiaddr.startswith('10.66.1.'), offer)
        ack = self.client.request(offer)
        self.assertEqual((offer.yiaddr, clinic.SERVER), (ack.yiaddr, ack.server))
        self.assertEqual('leased', self.state_of(ack.yiaddr))

    def test_an_answer_repeats_what_came_and_leaves_the_rest_empty(self):
        packet = self.client.packet(DISCOVER, secs=7, flags=BROADCAST_FLAG)
        offer = self.client.exchange(packet)
        self.assertEqual((packet.xid, BROADCAST_FLAG, '0.0.0.0', '0.0.0.0', 0), (offer.xid, offer.flags, offer.ciaddr, offer.giaddr, offer.hops))
        self.assertEqual(TYPE, offer.order[0])
        self.assertEqual(clinic.SERVER, offer.frame['source'])

    def test_the_broadcast_flag_decides_where_the_answer_goes(self):
        loud = self.client.exchange(self.client.packet(DISCOVER, flags=BROADCAST_FLAG))
        self.assertEqual('255.255.255.255', loud.frame['to'])
        quiet = self.client.exchange(self.client.packet(DISCOVER))
        self.assertEqual((self.client.mac, quiet.yiaddr), (quiet.frame['mac'], quiet.frame['to']))

    def test_an_address_is_renewed_by_unicast(self):
        first = self.client.get()
        ack = self.client.renew()
        self.assertEqual((first.yiaddr, self.client.mac, first.yiaddr), (ack.yiaddr, ack.frame['mac'], ack.frame['to']))
        self.assertGreater(ack.number(LEASE), 3590)

    def test_an_address_is_renewed_by_broadcast(self):
        self.assertEqual(self.client.get().yiaddr, self.client.rebind().yiaddr)

    def test_a_client_that_restarts_keeps_its_address(self):
        self.assertEqual(self.client.get().yiaddr, self.client.reboot().yiaddr)

    def test_a_client_of_another_network_is_told_so(self):
        nak = self.client.reboot(FOREIGN, expect=NAK)
        self.assertEqual(('0.0.0.0', '255.255.255.255'), (nak.yiaddr, nak.frame['to']))
        self.assertNotIn(LEASE, nak.options)

    def test_a_client_that_has_another_ones_address_is_told_so(self):
        self.client.get()
        self.wire.client().reboot(self.client.address, expect=NAK)
        self.assertEqual('leased', self.state_of(self.client.address))

    def test_who_chooses_another_server_is_let_go(self):
        offer = self.client.discover()
        self.client.ignores(self.client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: address_bytes('10.66.0.99')}))
        self.assertNotEqual('leased', self.state_of(offer.yiaddr))

    def test_who_asks_for_an_address_that_was_not_offered_does_not_get_it(self):
        self.client.get()
        other = self.wire.client()
        offer = other.discover()
        offer.yiaddr = self.client.address
        other.request(offer, expect=NAK)

    def test_a_released_address_is_its_clients_still(self):
        first = self.client.get()
        self.client.release()
        self.assertEqual(first.yiaddr, self.client.discover().yiaddr)
        self.assertNotEqual('leased', self.state_of(first.yiaddr))

    def test_nobody_gives_another_ones_address_back(self):
        self.client.get()
        other = self.wire.client()
        other.lease, other.server, other.server_mac = self.client.lease, self.client.server, self.client.server_mac
        other.release()
        other.discover()  # is taken after it
        self.assertEqual('leased', self.state_of(self.client.address))

    def test_a_declined_address_rests(self):
        first = self.client.get()
        self.client.decline()
        again = self.client.discover()
        self.assertNotEqual(first.yiaddr, again.yiaddr)
        self.assertEqual('declined', self.state_of(first.yiaddr))
        for _ in range(5):
            self.assertNotEqual(first.yiaddr, self.wire.client().get().yiaddr)

    def test_nobody_declines_another_ones_address(self):
        self.client.get()
        other = self.wire.client()
        other.server = self.client.server
        other.decline(self.client.address)
        other.discover()
        self.assertEqual('leased', self.state_of(self.client.address))

    def test_who_has_an_address_is_informed(self):
        self.wire.owners['10.66.5.5'] = self.client.mac
        ack = self.client.exchange(self.client.packet(INFORM, ciaddr='10.66.5.5'), source='10.66.5.5')
        self.assertEqual((ACK, '0.0.0.0', '10.66.5.5', self.client.mac), (ack.type, ack.yiaddr, ack.frame['to'], ack.frame['mac']))
        self.assertEqual(['10.66.0.1', '10.66.0.2'], ack.addresses(DNS))
        for code in (LEASE, T1, T2):
            self.assertNotIn(code, ack.options)
        self.assertNotIn('10.66.5.5', self.netsvc.leases())

    def test_two_hundred_clients_have_two_hundred_addresses(self):
        clients = [self.wire.client() for _ in range(200)]
        packets = [client.packet(DISCOVER) for client in clients]
        for client, packet in zip(clients, packets):
            client.send(packet)
        offers = [client.answer(packet) for client, packet in zip(clients, packets)]
        self.assertEqual(200, len({client.request(offer).yiaddr for client, offer in zip(clients, offers)}))

    def test_a_question_that_is_repeated_has_the_same_answer(self):
        first, second = self.client.discover(), self.client.discover()
        self.assertEqual(first.yiaddr, second.yiaddr)
        self.assertEqual(self.client.request(second).yiaddr, self.client.request(self.client.discover()).yiaddr)

    def test_an_address_that_is_wished_for_is_given_when_it_is_free(self):
        wished = self.client.discover(options={REQUESTED: address_bytes('10.66.1.123')})
        self.assertEqual('10.66.1.123', self.client.request(wished).yiaddr)
        other = self.wire.client().discover(options={REQUESTED: address_bytes('10.66.1.123')})
        self.assertNotEqual('10.66.1.123', other.yiaddr)
        outside = self.wire.client().discover(options={REQUESTED: address_bytes(clinic.SERVICE)})
        self.assertTrue(outside.yiaddr.startswith('10.66.1.'), outside)


class Options(Packets):
    def test_everything_that_is_configured_is_told(self):
        ack = self.client.get()
        self.assertEqual((['255.255.0.0'], ['10.66.0.1'], ['10.66.0.1', '10.66.0.2'], ['10.66.0.1'], ['10.66.255.255']),
                         tuple(map(ack.addresses, (MASK, ROUTER, DNS, NTP, BROADCAST))))
        self.assertEqual(clinic.DOMAIN.encode(), ack.options[DOMAIN].rstrip(b'\0'))
        self.assertEqual(1400, ack.number(MTU))
        self.assertEqual(clinic.PORTAL.encode(), ack.options[PORTAL])
        self.assertEqual((3600, 1800, 3150), (ack.number(LEASE), ack.number(T1), ack.number(T2)))

    def test_search_domains_are_told_as_rfc_3397_says(self):
        self.assertEqual([b'lan.clinic.example', b'clinic.example'], names_of(self.client.get().options[SEARCH]))

    def test_only_what_was_asked_for_is_told_and_what_must_be(self):
        ack = self.client.get(options={PARAMETERS: bytes((DNS,))})
        self.assertEqual({TYPE, SERVER, LEASE, DNS}, set(ack.options) - {T1, T2, MASK})

    def test_the_order_is_as_asked(self):
        ack = self.client.get(options={PARAMETERS: bytes((NTP, DNS, ROUTER, MASK))})
        order = [code for code in ack.order if code in (NTP, DNS, ROUTER, MASK)]
        self.assertEqual([NTP, DNS, ROUTER], [code for code in order if code != MASK])
        self.assertLess(order.index(MASK), order.index(ROUTER))  # RFC 2132 3.3

    def test_a_lease_lasts_as_long_as_was_asked_for_within_limits(self):
        for wanted, given in ((600, 600), (10000000, 86400)):
            ack = self.wire.client().get(options={LEASE: wanted.to_bytes(4, 'big')})
            self.assertEqual(given, ack.number(LEASE))

    def test_an_answer_keeps_within_the_size_that_is_told(self):
        for size in (576, 1200):
            offer = self.client.discover(options={SIZE: size.to_bytes(2, 'big')})
            self.assertLessEqual(len(offer.raw) + 28, size)

    def test_the_client_identifier_comes_back(self):
        self.client.options[ID] = b'\x00client'
        offer = self.client.discover()
        self.assertEqual(b'\x00client', offer.options[ID])
        self.assertEqual(b'\x00client', self.client.request(offer).options[ID])

    def test_a_client_is_known_by_its_identifier(self):
        self.client.options[ID] = b'\x00the same'
        other = self.wire.client()
        other.options[ID] = b'\x00the same'
        self.assertEqual(self.client.get().yiaddr, other.get().yiaddr)
        third = self.wire.client(self.client.mac)
        third.options[ID] = b'\x00another'
        self.assertNotEqual(self.client.address, third.get().yiaddr)

    def test_rapid_commit_saves_two_packets(self):
        ack = self.client.exchange(self.client.packet(DISCOVER, {RAPID: b''}))
        self.assertEqual((ACK, b''), (ack.type, ack.options.get(RAPID)))
        self.assertEqual('leased', self.state_of(ack.yiaddr))
        self.assertNotIn(RAPID, self.wire.client().discover().options)

    def test_a_full_name_is_answered_as_the_server_will_register_it(self):
        ack = self.client.get(options={FQDN: b'\x05\0\0\x06tablet\x03lan\x06clinic\x07example\0'})
        flags = ack.options[FQDN][0]
        self.assertEqual((1, 4), (flags & 1, flags & 4), 'S and E: %r' % ack.options[FQDN])
        self.assertEqual([b'tablet.lan.clinic.example'], names_of(ack.options[FQDN][3:]))

    def test_a_full_name_in_ascii_is_answered_in_ascii(self):
        ack = self.client.get(options={FQDN: b'\x01\0\0tablet2'})
        self.assertEqual(0, ack.options[FQDN][0] & 4)
        self.assertTrue(ack.options[FQDN][3:].startswith(b'tablet2'), ack.options[FQDN])

    def test_options_in_pieces_are_put_together(self):
        packet = self.client.packet(DISCOVER).write()[:-1]
        wire = packet + b'\x3d\x03\x00ab' + b'\x3d\x02cd' + b'\xff'  # RFC 3396
        self.client.send(wire)
        xid = int.from_bytes(wire[4:8], 'big')
        self.wire.wait(lambda: xid in self.wire.replies, 'no answer')
        self.assertEqual(b'\x00abcd', self.wire.replies[xid][0].options[ID])


class Reservations(Packets):
    def test_by_mac_address(self):
        self.assertEqual('10.66.0.30', self.wire.client('52:54:00:12:34:56').get().yiaddr)

    def test_by_client_identifier(self):
        self.client.options[ID] = bytes.fromhex('01525400123457')
        self.assertEqual('10.66.0.31', self.client.get().yiaddr)

    def test_by_name(self):
        self.client.options[HOSTNAME] = b'till'
        self.assertEqual('10.66.0.32', self.client.get().yiaddr)

    def test_nobody_else_gets_it(self):
        offer = self.client.discover(options={REQUESTED: address_bytes('10.66.0.30')})
        self.assertTrue(offer.yiaddr.startswith('10.66.1.'), offer)
        self.client.reboot('10.66.0.30', expect=NAK)


class Pool(Packets):
    """One of four addresses."""

    configuration = clinic.DNS + '[dhcp]\nprobe = no\n[subnet small]\nnetwork = 10.66.0.0/16\ninterface = eth0\npools = 10.66.1.0-10.66.1.3\nlease = 3600\n'

    def setUp(self):
        super().setUp()
        self.clients = [self.wire.client() for _ in range(4)]
        for client in self.clients:
            client.get()

    def asks_in_vain(self, client):
        """No offer, while who is informed after it is."""
        packet = client.packet(DISCOVER)
        client.send(packet)
        self.wire.owners['10.66.5.5'] = client.mac
        client.exchange(client.packet(INFORM, ciaddr='10.66.5.5'), source='10.66.5.5')
        self.assertNotIn(packet.xid, self.wire.replies)

    def test_who_comes_too_late_gets_none_and_the_log_tells(self):
        self.asks_in_vain(self.client)
        self.netsvc.process.wait_for('small')

    def test_what_was_given_up_first_is_given_first(self):
        for client in (self.clients[2], self.clients[1]):
            client.release()
        self.assertEqual(self.clients[2].address, self.client.get().yiaddr)
        self.assertEqual(self.clients[1].address, self.wire.client().get().yiaddr)
        self.asks_in_vain(self.wire.client())

    def test_who_has_an_address_keeps_it_when_the_pool_is_exhausted(self):
        self.asks_in_vain(self.client)
        for client in self.clients:
            self.assertEqual(client.address, client.renew().yiaddr)


class Expiry(Packets):
    configuration = clinic.DNS + '[dhcp]\nprobe = no\n[subnet small]\nnetwork = 10.66.0.0/16\ninterface = eth0\npools = 10.66.1.0-10.66.1.0\nlease = 60\n'

    def test_what_is_over_is_given_to_others(self):
        first = self.client.get()
        begun, other = time.monotonic(), self.wire.client()
        while True:  # as a client does: again and again
            packet = other.packet(DISCOVER)
            other.send(packet)
            with self.wire.arrived:
                if self.wire.arrived.wait_for(lambda: packet.xid in self.wire.replies, 1):
                    break
            self.assertLess(time.monotonic(), begun + 90)
        self.assertGreaterEqual(time.monotonic() - begun, 58)
        self.assertEqual(first.yiaddr, self.wire.replies[packet.xid][0].yiaddr)


class Relayed(Packets):
    """As a relay sends it: to the server's address, from its own, which the answer goes to."""

    AGENT_INFORMATION = b'\x01\x04eth1\x02\x06\0\1\2\3\4\5'

    def setUp(self):
        super().setUp()
        self.wire.owners[clinic.RELAY] = self.wire.host.mac
        self.server.run('ip', 'route', 'add', '10.77.0.0/16', 'via', clinic.RELAY)

    def relayed(self, packet, giaddr=clinic.FAR, agent=None):
        packet.giaddr, packet.hops = giaddr, 1
        if agent is not None:
            packet.options[AGENT] = agent
        return dict(mac=self.server.mac, source=clinic.RELAY, to=clinic.SERVER, source_port=67)

    def test_a_client_behind_a_relay_has_an_address_of_its_network(self):
        packet = self.client.packet(DISCOVER)
        offer = self.client.exchange(packet, **self.relayed(packet))
        self.assertTrue(offer.yiaddr.startswith('10.77.1.'), offer)
        self.assertEqual((clinic.FAR, 67, clinic.FAR), (offer.frame['to'], offer.frame['port'], offer.giaddr))
        self.assertEqual(['10.77.0.1'], offer.addresses(ROUTER))
        packet = self.client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
        ack = self.client.exchange(packet, **self.relayed(packet))
        self.assertEqual((ACK, offer.yiaddr), (ack.type, ack.yiaddr))

    def test_what_the_relay_adds_comes_back_last(self):
        packet = self.client.packet(DISCOVER)
        offer = self.client.exchange(packet, **self.relayed(packet, agent=self.AGENT_INFORMATION))
        self.assertEqual((self.AGENT_INFORMATION, AGENT), (offer.options[AGENT], offer.order[-1]))

    def test_a_network_that_nobody_knows_gets_no_answer(self):
        packet = self.client.packet(DISCOVER)
        where = self.relayed(packet, giaddr='10.88.0.1')
        self.client.ignores(packet, **where)

    def test_a_client_that_came_from_another_network_is_told_so_through_the_relay(self):
        packet = self.client.packet(REQUEST, {REQUESTED: address_bytes('10.66.1.5')})
        nak = self.client.exchange(packet, **self.relayed(packet))
        self.assertEqual((NAK, clinic.FAR, BROADCAST_FLAG), (nak.type, nak.frame['to'], nak.flags & BROADCAST_FLAG))


class Probe(Packets):
    """The conflict check by ARP."""

    configuration = clinic.whole()

    def test_an_address_that_somebody_has_is_not_given(self):
        """Three of four are taken by hosts that answer ARP and know no DHCP."""
        self.netsvc.configure(self.configuration.replace('10.66.1.0-10.66.1.255', '10.66.1.0-10.66.1.3'))
        self.netsvc.reload('serving')
        for last in range(3):
            self.lan.host('10.66.1.%d/16' % last)
        for _ in range(8):  # as a client does that is told NAK
            offer = self.client.discover()
            packet = self.client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
            answer = self.client.exchange(packet)
            if answer.type == ACK:
                break
            self.assertIn(offer.yiaddr, ('10.66.1.0', '10.66.1.1', '10.66.1.2'))
        self.assertEqual((ACK, '10.66.1.3'), (answer.type, answer.yiaddr))
        self.netsvc.process.wait_for('10.66.1.')

    def test_an_offer_does_not_wait_for_the_check(self):
        offers = []
        for _ in range(20):
            begun = time.monotonic()
            self.wire.client().discover()
            offers.append(time.monotonic() - begun)
        self.assertLess(sorted(offers)[10], 0.1)

    def test_who_is_known_does_not_wait_at_all(self):
        self.client.get()
        begun = time.monotonic()
        self.client.reboot()
        self.assertLess(time.monotonic() - begun, 0.2)

    def test_a_hundred_wait_no_longer_than_one(self):
        clients = [self.wire.client() for _ in range(100)]
        begun = time.monotonic()
        first = [(client, client.packet(DISCOVER)) for client in clients]
        for client, packet in first:
            client.send(packet)
        second = []
        for client, packet in first:
            offer = client.answer(packet)
            request = client.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER]})
            client.send(request)
            second.append((client, request))
        for client, packet in second:
            self.assertEqual(ACK, client.answer(packet).type)
        self.assertLess(time.monotonic() - begun, 5)


class Hostile(Packets):
    def survives(self):
        before = self.netsvc.children()
        self.assertEqual(OFFER, self.wire.client().discover().type)
        return before

    def test_lying_lengths_and_cut_packets(self):
        children, whole = self.netsvc.children(), self.client.packet(DISCOVER, {HOSTNAME: b'name', ID: b'\0id'}).write()
        for size in range(len(whole)):
            self.client.send(whole[:size])
        for at in range(240, len(whole)):
            self.client.send(whole[:at] + b'\xff\xff' + whole[at + 2:])
        for field, value in ((1, 0), (1, 255), (2, 0), (2, 17), (2, 255), (0, 0), (0, 2), (0, 255), (236, 0)):
            self.client.send(whole[:field] + bytes((value,)) + whole[field + 1:])
        self.assertEqual(children, self.survives())

    def test_odd_names_and_options(self):
        children = self.netsvc.children()
        for name in (b'', b'\0', b'.', b'-', b'a' * 255, b'..', b'*', b'a\0b', b'\xff\xfe', b'localhost', b'clinic.example', b'a.b.c', b'%s%n', b'../../x',
                     b'wpad', b'isatap', b"'; drop table lease;--"):
            for code in (HOSTNAME, FQDN, ID):
                for prefix in ((b'\x05\0\0', b'\x01\0\0') if code == FQDN else (b'',)):
                    client = self.wire.client()
                    packet = client.packet(DISCOVER, {code: prefix + name})
                    client.send(packet)
        loop = b'\x05\0\0\x03abc\xc0\x00'
        self.client.send(self.client.packet(DISCOVER, {FQDN: loop}))
        self.assertEqual(children, self.survives())

    def test_thousands_of_bytes_of_options(self):
        children = self.netsvc.children()
        packet = self.client.packet(DISCOVER)
        for code in range(1, 255):
            packet.options.setdefault(code, b'xy')
        packet.options[ID] = b'y' * 150
        self.client.send(packet)
        self.client.send(packet.write()[:-1] + bytes(50) + b'\xff')
        self.assertEqual(children, self.survives())

    def test_random_damage(self):
        children, chance = self.netsvc.children(), random.Random(7)
        packets = [self.client.packet(type, {HOSTNAME: b'n', ID: b'\0i', REQUESTED: address_bytes('10.66.1.1'), SERVER: address_bytes(clinic.SERVER),
                                             AGENT: b'\1\2ab', FQDN: b'\5\0\0\1n\0', PARAMETERS: EVERYTHING}).write()
                   for type in (DISCOVER, REQUEST, DECLINE, RELEASE, INFORM)]
        for _ in range(3000):
            packet = bytearray(chance.choice(packets))
            for _ in range(chance.randint(1, 8)):
                packet[chance.randrange(len(packet)) if chance.random() < 0.3 else chance.randrange(236, len(packet))] = chance.randrange(256)
            packet[10:12] = b'\0\0'
            self.client.send(bytes(packet))
        self.assertEqual(children, self.survives())
        self.assertEqual(children, self.netsvc.children())


def names_of(data):
    """Uncompressed and compressed names, one after the other, as RFC 1035 writes them."""
    names, at = [], 0
    while at < len(data):
        labels, here, jumped = [], at, False
        while data[here]:
            if data[here] >= 0xc0:
                at = at if jumped else here + 2
                here, jumped = (data[here] & 0x3f) << 8 | data[here + 1], True
                continue
            labels.append(data[here + 1:here + 1 + data[here]])
            here += 1 + data[here]
        at = at if jumped else here + 1
        names.append(b'.'.join(labels))
    return names
