"""DHCP to the bit: packets made and read by hand, and clients that send exactly what a test wants (RFC 2131, 2132).

    wire = Wire(self, host)                # eth0 of a host that has no address: sees and sends frames
    client = wire.client()                 # one of any number, with a MAC address of its own
    offer = client.discover()              # a Packet
    ack = client.request(offer)            # SELECTING
    client.reboot(); client.renew(); client.rebind(); client.release(); client.decline()
    client.exchange(client.packet(INFORM, ciaddr='10.66.0.5'))
    client.ignores(packet)                 # proves that it gets no answer: one that was sent later had it

A Wire answers ARP for the addresses in `wire.owners` ({address: MAC}), as whoever had them would.
"""

import itertools
import select
import socket
import struct
import threading

from dhcp_packet import (  # noqa: F401: tests take them from here
    ACK, AGENT, ALL, BROADCAST, DECLINE, DISCOVER, DNS, DOMAIN, ETH_P_IP, EVERYTHING, FQDN, HOSTNAME, ID, INFORM, LEASE, MASK, MTU,
    NAK, NTP, OFFER, PARAMETERS, PORTAL, RAPID, RELEASE, REQUEST, REQUESTED, ROUTER, SEARCH, SERVER, SIZE, T1, T2, TYPE, Packet,
    address_bytes, address_text, mac_bytes, mac_text, read_frame, write_frame)

from .process import PATIENCE

ETH_P_ALL, ETH_P_ARP = 3, 0x806
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_AUXDATA, CHECKSUM_NOT_READY = 263, 8, 8  # the kernel's own packets, whose checksum the card would make


class Wire:
    def __init__(self, test, host, interface='eth0', owners=None):
        self.test, self.host, self.owners = test, host, dict(owners or {})
        self.arrived, self.replies, self.asked = threading.Condition(), {}, []
        self.macs = ('02:fe:%02x:%02x:%02x:%02x' % (host.descriptor & 255, a, b, c)
                     for a, b, c in itertools.product(range(256), repeat=3))
        with host.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.socket.bind((interface, ETH_P_ALL))
        self.closing, self.ended = socket.socketpair()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def close(self):
        self.closing.close()
        self.thread.join(PATIENCE)
        self.ended.close()
        self.socket.close()

    def client(self, mac=None):
        return Client(self, mac or next(self.macs))

    # ---- frames ----

    def send(self, payload, source_mac, mac=ALL, source='0.0.0.0', to='255.255.255.255', port=67, source_port=68):
        self.socket.send(write_frame(payload, source_mac, mac, source, to, port, source_port))

    def send_arp(self, operation, mac, address, to_mac, to_address):
        frame = mac_bytes(to_mac) + mac_bytes(mac) + struct.pack('!HHHBBH', ETH_P_ARP, 1, ETH_P_IP, 6, 4, operation)
        self.socket.send(frame + mac_bytes(mac) + address_bytes(address) + mac_bytes(to_mac) + address_bytes(to_address))

    def _listen(self):
        while True:
            ready = select.select([self.socket, self.ended], [], [])[0]
            if self.ended in ready:
                return
            data, more, _, where = self.socket.recvmsg(65536, 256)
            if where[2] == PACKET_OUTGOING:
                continue
            if where[1] == ETH_P_ARP:
                self._take_arp(data)
            elif where[1] == ETH_P_IP and data[23] == 17:
                not_ready = any(level == SOL_PACKET and struct.unpack_from('I', body)[0] & CHECKSUM_NOT_READY for level, _, body in more)
                self._take_ip(data, not_ready)

    def _take_arp(self, frame):
        operation = struct.unpack_from('!H', frame, 20)[0]
        sender, source, target = mac_text(frame[22:28]), address_text(frame[28:32]), address_text(frame[38:42])
        if operation != 1:
            return
        with self.arrived:
            self.asked.append((sender, source, target))
            self.arrived.notify_all()
        owner = self.owners.get(target)
        if callable(owner):  # by who asks
            owner = owner(sender)
        if owner:
            self.send_arp(2, owner, target, sender, source)

    def _take_ip(self, frame, not_ready):
        packet = read_frame(frame, not not_ready)
        if not packet:
            return
        with self.arrived:
            self.replies.setdefault(packet.xid, []).append(packet)
            self.arrived.notify_all()

    # ---- waiting ----

    def wait(self, condition, what, patience=PATIENCE):
        with self.arrived:
            self.test.assertTrue(self.arrived.wait_for(condition, patience), what)

    def wait_asked(self, address, times=1):
        """Until that address was asked for by ARP."""
        self.wait(lambda: [asked[2] for asked in self.asked].count(address) >= times, 'nobody asked for %s' % address)


class Client:
    """`lease` is the last ACK, `server_mac` and `server` whose it was."""

    numbers = itertools.count(0x1f0000)

    def __init__(self, wire, mac):
        self.wire, self.mac, self.test = wire, mac, wire.test
        self.lease = self.server = self.server_mac = None
        self.options = {}  # that go with each packet: a client identifier, a name

    @property
    def address(self):
        return self.lease.yiaddr

    def packet(self, type, options=(), **fields):
        """One with a number of its own."""
        return Packet(xid=next(self.numbers), chaddr=mac_bytes(self.mac),
                      options={TYPE: bytes((type,)), PARAMETERS: EVERYTHING, **self.options, **dict(options)}, **fields)

    def send(self, packet, **where):
        self.wire.send(packet.write() if isinstance(packet, Packet) else packet, self.mac, **where)

    def exchange(self, packet, **where):
        """Sends it; gives the first answer."""
        self.send(packet, **where)
        return self.answer(packet)

    def answer(self, packet, but=None):
        """The first, but those of a type."""
        def found():
            return [reply for reply in self.wire.replies.get(packet.xid, ()) if reply.type != but]
        self.wire.wait(found, 'no answer to %s' % packet)
        answer = found()[0]
        self.test.assertTrue(answer.frame['checksum'], 'its checksum is wrong: %s' % answer)
        self.test.assertEqual((2, packet.htype, packet.chaddr), (answer.op, answer.htype, answer.chaddr))
        return answer

    def ignores(self, packet, **where):
        """It gets no answer, while another that is sent after it does."""
        self.send(packet, **where)
        other = self.wire.client()
        other.exchange(other.packet(DISCOVER))
        self.test.assertNotIn(packet.xid, self.wire.replies)

    # ---- the states of RFC 2131 4.3.2 ----

    def discover(self, **options):
        offer = self.exchange(self.packet(DISCOVER, **options))
        self.test.assertEqual(OFFER, offer.type, offer)
        return offer

    def request(self, offer, options=(), expect=ACK):
        packet = self.packet(REQUEST, {REQUESTED: address_bytes(offer.yiaddr), SERVER: offer.options[SERVER], **dict(options)})
        packet.xid = offer.xid
        self.send(packet)
        return self._take(self.answer(packet, but=OFFER), expect)

    def get(self, **options):
        """A lease, in four ways."""
        return self.request(self.discover(**options), **options)

    def reboot(self, address=None, options=(), expect=ACK):
        packet = self.packet(REQUEST, {REQUESTED: address_bytes(address or self.address), **dict(options)})
        return self._take(self.exchange(packet), expect)

    def renew(self, options=(), expect=ACK):
        """By unicast; who asks by ARP for the address is answered."""
        self.wire.owners[self.address] = self.mac
        packet = self.packet(REQUEST, options, ciaddr=self.address)
        return self._take(self.exchange(packet, mac=self.server_mac, source=self.address, to=self.server), expect)

    def rebind(self, options=(), expect=ACK):
        self.wire.owners[self.address] = self.mac
        packet = self.packet(REQUEST, options, ciaddr=self.address)
        return self._take(self.exchange(packet, source=self.address), expect)

    def release(self):
        """No answer comes: what follows on this wire is taken after it."""
        packet = self.packet(RELEASE, {SERVER: address_bytes(self.server)}, ciaddr=self.address)
        del packet.options[PARAMETERS]
        self.send(packet, mac=self.server_mac, source=self.address, to=self.server)

    def decline(self, address=None):
        packet = self.packet(DECLINE, {SERVER: address_bytes(self.server), REQUESTED: address_bytes(address or self.address)})
        del packet.options[PARAMETERS]
        self.send(packet)

    def _take(self, answer, expect):
        self.test.assertEqual(expect, answer.type, answer)
        if answer.type == ACK:
            self.lease, self.server, self.server_mac = answer, answer.server, answer.frame['from']
        return answer
