"""DNS asked by the thousand, and answers compared section by section.

    asker = Asker(self, host, '127.0.0.1')
    answer = asker.ask('www.awkward.example', 'A', edns=1232)      # a dns.message.Message; by TCP: tcp=True
    asker.udp(wires); asker.tcp(wires)                             # answers in the order of the questions, as bytes
"""

import selectors
import socket
import struct
import time

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

WINDOW = 64     # queries under way
PATIENCE = 5.0  # seconds for an answer
ATTEMPTS = 3


def query(name, type='A', edns=None, dnssec=False, options=(), flags=0, cls='IN'):
    """edns: the size that is said to be taken; None: no OPT record."""
    message = dns.message.make_query(name, type, cls, use_edns=0 if edns or dnssec or options else -1, payload=edns or 1232,
                                     want_dnssec=dnssec, options=list(options))
    message.flags = flags
    return message


class Asker:
    """What is asked comes from `host`."""

    def __init__(self, test, host, address, port=53):
        self.test, self.host, self.to = test, host, (address, port)

    def socket(self, kind=socket.SOCK_DGRAM, connect=True, source=None):
        with self.host.entered():
            one = socket.socket(socket.AF_INET6 if ':' in self.to[0] else socket.AF_INET, kind)
            one.settimeout(PATIENCE)
            if source:
                one.bind((source, 0))
            if connect:
                one.connect(self.to)
        self.test.addCleanup(one.close)
        return one

    def ask(self, name, type='A', tcp=False, **how):
        message = name if isinstance(name, dns.message.Message) else query(name, type, **how)
        wire = (self.tcp if tcp else self.udp)([message.to_wire()])[0]
        answer = dns.message.from_wire(wire)
        self.test.assertEqual(message.id, answer.id)
        return answer

    def raw(self, wire, patience=PATIENCE):
        """One datagram; its answer or None."""
        with self.socket() as one:
            one.settimeout(patience)
            one.send(wire)
            try:
                return one.recv(65536)
            except socket.timeout:
                return None

    def udp(self, wires):
        """Their ids are written over; answers have them as they were."""
        answers, waiting, next_one = [None] * len(wires), {}, 0
        with self.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
            attempts = [0] * len(wires)

            def send(number):
                attempts[number] += 1
                self.test.assertLessEqual(attempts[number], ATTEMPTS, 'no answer to\n%s' % dns.message.from_wire(wires[number]))
                waiting[number & 0xffff] = (number, time.monotonic() + PATIENCE)
                one.send(struct.pack('!H', number & 0xffff) + wires[number][2:])
            while next_one < len(wires) or waiting:
                while next_one < len(wires) and len(waiting) < WINDOW:
                    send(next_one)
                    next_one += 1
                try:
                    data = one.recv(65536)
                except socket.timeout:
                    data = b''
                number = waiting.pop(struct.unpack_from('!H', data)[0], (None,))[0] if len(data) >= 12 else None
                if number is not None:
                    answers[number] = wires[number][:2] + data[2:]
                now = time.monotonic()
                if not data or len(waiting) == WINDOW:
                    for late in [number for number, until in waiting.values() if until < now]:
                        send(late)
        return answers

    def tcp(self, wires):
        """All on one connection, sent at once; they may come in any order."""
        answers, got, sent = {}, b'', 0
        data = b''.join(struct.pack('!HH', len(wire), number) + wire[2:] for number, wire in enumerate(wires))
        self.test.assertLess(len(wires), 65536)
        with self.socket(socket.SOCK_STREAM) as one, selectors.DefaultSelector() as selector:
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while len(answers) < len(wires):
                ready = selector.select(PATIENCE)
                self.test.assertTrue(ready, 'no answer by TCP; %d of %d came' % (len(answers), len(wires)))
                if ready[0][1] & selectors.EVENT_WRITE:
                    sent += one.send(data[sent:sent + 65536])
                    if sent == len(data):
                        selector.modify(one, selectors.EVENT_READ)
                if ready[0][1] & selectors.EVENT_READ:
                    more = one.recv(1 << 20)
                    self.test.assertTrue(more, 'the connection was closed; %d of %d answers came' % (len(answers), len(wires)))
                    got += more
                    at = 0
                    while len(got) >= at + 2 and len(got) >= at + 2 + struct.unpack_from('!H', got, at)[0]:
                        size = struct.unpack_from('!H', got, at)[0]
                        answer = got[at + 2:at + 2 + size]
                        number = struct.unpack_from('!H', answer)[0]
                        answers[number] = wires[number][:2] + answer[2:]
                        at += 2 + size
                    got = got[at:]
        return [answers[number] for number in range(len(wires))]


# ---- comparing ----

SECTIONS = ('answer', 'authority', 'additional')


class Seen:
    """An answer as it is compared: all that it says, in an order of its own."""

    def __init__(self, wire):
        self.size = len(wire)
        message = dns.message.from_wire(wire, ignore_trailing=False)
        self.message = message
        self.rcode = dns.rcode.to_text(message.rcode())
        self.flags = dns.flags.to_text(message.flags)
        self.question = [rrset.to_text() for rrset in message.question]
        self.edns = (message.edns, bool(message.ednsflags & dns.flags.DO)) if message.edns >= 0 else None
        for section in SECTIONS:
            setattr(self, section, sorted('%s %d %s' % (rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype) + ' ' +
                                                       rdata.to_text().lower())
                                          for rrset in getattr(message, section) for rdata in rrset))

    def text(self):
        return '%s, %d bytes, %s, EDNS %s\n' % (self.rcode, self.size, self.flags, self.edns) + ''.join(
            '  %s: %s\n' % (section, line) for section in SECTIONS for line in getattr(self, section))


ASPECTS = ('rcode', 'flags', 'question', 'edns') + SECTIONS


def aspects(one, other):
    return {aspect for aspect in ASPECTS if getattr(one, aspect) != getattr(other, aspect)}


class Comparison:
    """Two servers' answers to the same; `allowed` is a list of (reason, set of aspects, condition(name, type, ours, theirs)).

    What differs in an aspect that no reason covers is unexplained.
    """

    def __init__(self, allowed):
        self.allowed, self.same, self.explained, self.unexplained = allowed, 0, {}, []

    def add(self, message, ours, theirs):
        if ours == theirs:
            self.same += 1
            return
        one, other = Seen(ours), Seen(theirs)
        left = aspects(one, other)
        if not left:
            self.same += 1
            return
        name, type = message.question[0].name, dns.rdatatype.to_text(message.question[0].rdtype)
        reasons = []
        for reason, covered, condition in self.allowed:
            if left & covered and condition(name, type, one, other):
                left -= covered
                reasons.append(reason)
        if left:
            self.unexplained.append((message, left, one, other))
        else:
            for reason in reasons:
                self.explained.setdefault(reason, []).append(message.question[0].to_text())

    def table(self):
        lines = ['%6d  the same' % self.same]
        for reason, questions in sorted(self.explained.items(), key=lambda item: -len(item[1])):
            lines.append('%6d  %s; such as %s' % (len(questions), reason, questions[0]))
        for message, left, one, other in self.unexplained[::1 + len(self.unexplained) // 25]:
            lines.append('unexplained %s: %s\nours   %stheirs %s' % (', '.join(sorted(left)), query_text(message), one.text(), other.text()))
        if self.unexplained:
            lines.append('%6d  unexplained' % len(self.unexplained))
        return '\n'.join(lines)


def query_text(message):
    return message.question[0].to_text() + (' EDNS %d%s' % (message.payload, ' DO' if message.ednsflags & dns.flags.DO else '')
                                            if message.edns >= 0 else '')
