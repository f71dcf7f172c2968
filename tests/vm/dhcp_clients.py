"""DHCP clients at the end of a machine's cable, as many at a time as wanted, that ask as fast as they are answered.

    clients = Clients(cable, random, mark)
    clients.work(acks=200, at_once=8)      # new ones get leases, others come back with another name

Each keeps what was promised to it: an address for good, and the names that it told, with the `mark()` of the moment at which
the ACK had come here.
"""

import itertools

from dhcp_packet import (ACK, DISCOVER, HOSTNAME, NAK, OFFER, REQUEST, REQUESTED, SERVER, TYPE, Packet, address_bytes, mac_bytes,
                         read_frame, write_frame)

ETHERTYPE_IP = b'\x08\x00'
TRIES = 20  # of a packet that gets no answer
NEW = 0.4   # of what is asked


class Refused(Exception):
    pass


class Client:
    numbers = itertools.count(1)

    def __init__(self, mac=None):
        self.mac = mac or '02:fe:00:00:%02x:%02x' % divmod(next(self.numbers), 256)
        self.address = None
        self.asked = []     # its names, of each request that may have been stored
        self.promised = []  # (mark, how many names it had told), of each ACK

    def name(self):
        return 'pc-%s-%d' % (self.mac[-5:].replace(':', ''), len(self.asked))

    def allowed(self, mark):
        """The names one of which must be stored when all that was there at the mark is; None: not even a lease must be."""
        kept = [count for at, count in self.promised if at <= mark]
        return self.asked[kept[-1] - 1:] if kept else None


class Clients:
    def __init__(self, cable, random, mark=lambda: 0, known=()):
        self.cable, self.random, self.mark = cable, random, mark
        self.all, self.waiting = list(known), {}  # xid -> (client, packet)
        self.numbers = itertools.count(random.randrange(1 << 31))

    @property
    def settled(self):
        """Those that wait for nothing and have an address."""
        waiting = {client for client, _ in self.waiting.values()}
        return [client for client in self.all if client.address and client not in waiting]

    def work(self, acks, at_once):
        """Until so many have come; then some still wait."""
        while acks > 0:
            while len(self.waiting) < at_once:
                self._begin()
            acks -= self._take()

    def ask(self, client):
        """A lease: the one that it has, or a new one."""
        if client not in self.all:
            self.all.append(client)
        if client.address:
            self._request(client, {REQUESTED: address_bytes(client.address)})
        else:
            self._send(client, Packet(xid=next(self.numbers), chaddr=mac_bytes(client.mac), options={TYPE: bytes((DISCOVER,))}))

    def finish(self):
        while self.waiting:
            self._take()

    def _begin(self):
        settled = self.settled
        is_new = not settled or self.random.random() < NEW
        self.ask(Client() if is_new else self.random.choice(settled))

    def _request(self, client, options):
        name = client.name()
        client.asked.append(name)
        self._send(client, Packet(xid=next(self.numbers), chaddr=mac_bytes(client.mac),
                                  options={TYPE: bytes((REQUEST,)), HOSTNAME: name.encode(), **options}))

    def _send(self, client, packet):
        self.waiting[packet.xid] = client, packet
        self.cable.send(write_frame(packet.write(), client.mac))

    def _take(self):
        """Takes what comes next; gives how many ACKs that was."""
        for _ in range(TRIES):
            frame = self.cable.receive()
            if frame:
                return self._take_frame(frame, self.mark())
            for client, packet in self.waiting.values():  # some were lost
                self.cable.send(write_frame(packet.write(), client.mac))
        raise TimeoutError('%d clients get no answer' % len(self.waiting))

    def _take_frame(self, frame, mark):
        packet = read_frame(frame) if frame[12:14] == ETHERTYPE_IP else None
        client, question = self.waiting.get(packet.xid, (None, None)) if packet else (None, None)
        if not client:
            return 0
        asked = question.options[TYPE][0]
        if packet.type == NAK:
            raise Refused('%s at %s' % (client.mac, client.address))
        if (asked, packet.type) == (DISCOVER, OFFER):
            del self.waiting[packet.xid]
            self._request(client, {REQUESTED: address_bytes(packet.yiaddr), SERVER: packet.options[SERVER]})
        elif (asked, packet.type) == (REQUEST, ACK):
            del self.waiting[packet.xid]
            if client.address not in (None, packet.yiaddr):
                raise Refused('%s has %s and got %s' % (client.mac, client.address, packet.yiaddr))
            client.address = packet.yiaddr
            client.promised.append((mark, len(client.asked)))
            return 1
        return 0
