"""How questions are asked and answers sent: EDNS, cookies, NSID, headers, TCP (RFC 1035, 6891, 7766, 7873, 9018, 5001)."""

import random
import selectors
import socket
import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc
from test_dns_answers import FILE, ORIGIN

ADDRESS = '127.0.0.1'
NSID, COOKIE, KEEPALIVE, PADDING, SUBNET, UNKNOWN = 3, 10, 11, 12, 8, 100
NAME, CUT = 'mail.' + ORIGIN, 'big.' + ORIGIN
UDP_MAX = 1232
DESCRIPTORS = 40


class Protocol(Case):
    configuration = '[dns]\nlisten = 127.0.0.1\nnetworks = 127.0.0.0/8\nnsid = node-a\nrate = 0\n[zone %s]\nfile = %s\n' % (ORIGIN, FILE)

    def setUp(self):
        super().setUp()
        self.host = self.lan.host('10.66.0.1/16')
        self.netsvc = Netsvc(self, self.host, self.configuration)
        self.asker = Asker(self, self.host, ADDRESS)

    def tearDown(self):
        self.netsvc.end()

    def ask(self, message, tcp=False):
        return self.asker.ask(message, tcp=tcp)

    def raw(self, wire):
        answer = self.asker.raw(wire)
        self.assertIsNotNone(answer)
        return dns.message.from_wire(answer)

    def assert_answers(self, answer, rcode='NOERROR'):
        self.assertEqual(rcode, dns.rcode.to_text(answer.rcode()))
        if rcode == 'NOERROR':
            self.assertEqual('10.66.0.11', answer.answer[0][0].address)

    def assert_ignored(self, wire):
        """No answer, while one that is asked after it has one."""
        with self.asker.socket() as one:
            one.send(wire)
            one.send(query(NAME).to_wire()[2:].rjust(len(query(NAME).to_wire()), b'\x12'))
            self.assertEqual(b'\x12\x12', one.recv(4096)[:2])


def option(answer, code):
    return next((one.data if hasattr(one, 'data') else one.to_wire() for one in answer.options if one.otype == code), None)


def generic(code, data=b''):
    return dns.edns.GenericOption(code, data)


class Edns(Protocol):
    """As ednscomp asks."""

    def test_an_opt_record_is_answered_with_one_and_only_then(self):
        self.assertEqual(-1, self.ask(query(NAME)).edns)
        answer = self.ask(query(NAME, edns=1232))
        self.assertEqual((0, UDP_MAX), (answer.edns, answer.payload))
        self.assert_answers(answer)

    def test_a_version_that_is_not_known_is_told_so(self):
        for version in (1, 255):
            for options in ((), (generic(UNKNOWN),)):
                message = query(NAME, edns=1232, options=options)
                message.ednsflags = version << 16
                answer = self.ask(message)
                self.assertEqual(('BADVERS', 0, []), (dns.rcode.to_text(answer.rcode()), answer.edns, answer.answer))

    def test_an_option_that_is_not_known_is_passed_over(self):
        answer = self.ask(query(NAME, edns=1232, options=[generic(UNKNOWN, b'x' * 20), generic(65001)]))
        self.assert_answers(answer)
        self.assertIsNone(option(answer, UNKNOWN))

    def test_options_of_others_do_no_harm(self):
        for one in (generic(SUBNET, b'\0\1\x18\0\x0a\x42\0'), generic(KEEPALIVE), generic(PADDING, bytes(100)), generic(5, b'\x08'), generic(14, b'\x4f\x66')):
            for tcp in (False, True):
                self.assert_answers(self.ask(query(NAME, edns=1232, options=[one]), tcp))

    def test_flags_that_are_not_known_do_not_come_back(self):
        message = query(NAME, edns=1232)
        message.ednsflags = 0x40
        answer = self.ask(message)
        self.assert_answers(answer)
        self.assertEqual(0, answer.ednsflags & 0x7fff)

    def test_do_comes_back(self):
        answer = self.ask(query(NAME, dnssec=True))
        self.assert_answers(answer)
        self.assertTrue(answer.ednsflags & dns.flags.DO)

    def test_a_size_below_512_is_512(self):
        for size in (0, 1, 511):
            wire = query('addresses.' + ORIGIN, edns=1232).to_wire()
            at = wire.rindex(b'\0\0\x29')
            answer = self.asker.raw(wire[:at + 3] + struct.pack('!H', size) + wire[at + 5:])
            self.assertLessEqual(len(answer), 512)

    def test_no_answer_is_larger_than_what_is_taken_nor_than_1232(self):
        for name, type in (('big', 'TXT'), ('addresses', 'A'), ('mid1200', 'TXT'), ('mid1400', 'TXT'), ('manymx', 'MX')):
            for size in (None, 512, 600, 900, 1232, 4096, 65535):
                wire = self.asker.udp([query('%s.%s' % (name, ORIGIN), type, edns=size).to_wire()])[0]
                self.assertLessEqual(len(wire), min(max(512, size or 512), UDP_MAX))
                answer = dns.message.from_wire(wire)
                whole = self.ask(query('%s.%s' % (name, ORIGIN), type, edns=size), tcp=True)
                if not answer.flags & dns.flags.TC:
                    self.assertEqual(whole.answer, answer.answer)
                else:
                    self.assertGreater(len(whole.to_wire()), min(max(512, size or 512), UDP_MAX) - 200)

    def test_two_opt_records_are_a_mistake(self):
        wire = query(NAME, edns=1232).to_wire()
        opt = wire[wire.rindex(b'\0\0\x29'):]
        self.assertEqual(dns.rcode.FORMERR, self.raw(wire[:10] + b'\0\2' + wire[12:] + opt).rcode())

    def test_an_opt_record_of_a_name_is_a_mistake(self):
        wire = query(NAME, edns=1232).to_wire()
        at = wire.rindex(b'\0\0\x29')
        self.assertEqual(dns.rcode.FORMERR, self.raw(wire[:at] + b'\x01a' + wire[at:]).rcode())

    def test_an_option_that_is_longer_than_its_record_is_a_mistake(self):
        wire = query(NAME, edns=1232, options=[generic(UNKNOWN, b'abcd')]).to_wire()
        at = wire.rindex(b'\0\4abcd')
        self.assertEqual(dns.rcode.FORMERR, self.raw(wire[:at] + b'\0\x40abcd').rcode())

    def test_nsid_is_told_to_who_asks_for_it(self):
        self.assertEqual(b'node-a', option(self.ask(query(NAME, edns=1232, options=[generic(NSID)])), NSID))
        self.assertIsNone(option(self.ask(query(NAME, edns=1232)), NSID))


class Cookies(Protocol):
    CLIENT = b'\1\2\3\4\5\6\7\x08'

    def cookie(self, data, expect='NOERROR'):
        answer = self.ask(query(NAME, edns=1232, options=[generic(COOKIE, data)]))
        self.assertEqual(expect, dns.rcode.to_text(answer.rcode()))
        return option(answer, COOKIE)

    def test_a_clients_cookie_is_answered_with_the_servers(self):
        cookie = self.cookie(self.CLIENT)
        self.assertEqual((self.CLIENT, 24), (cookie[:8], len(cookie)))
        self.assertEqual(1, cookie[8])  # RFC 9018: its version

    def test_the_servers_cookie_is_taken_back_and_kept(self):
        cookie = self.cookie(self.CLIENT)
        self.assertEqual(cookie, self.cookie(cookie))

    def test_a_cookie_is_of_one_client(self):
        other = b'\x08\7\6\5\4\3\2\1'
        self.assertNotEqual(self.cookie(self.CLIENT)[8:], self.cookie(other)[8:])

    def test_a_wrong_cookie_is_answered_with_a_right_one(self):
        answer = self.ask(query(NAME, edns=1232, options=[generic(COOKIE, self.CLIENT + b'\1' + bytes(15))]))
        self.assertIn(dns.rcode.to_text(answer.rcode()), ('NOERROR', 'BADCOOKIE'))
        right = option(answer, COOKIE)
        self.assertEqual(24, len(right))
        self.assertEqual(right[:16], self.cookie(right)[:16])

    def test_a_cookie_of_no_right_length_is_a_mistake(self):
        for size in (0, 1, 7, 9, 15, 41):
            self.cookie(bytes(size), expect='FORMERR')

    def test_a_cookie_survives_a_reload_and_a_childs_death(self):
        cookie = self.cookie(self.CLIENT)
        self.netsvc.kill('dns')
        self.netsvc.process.wait_for("'dns' serves", 2)
        self.assertEqual(cookie[8:16], self.cookie(cookie)[8:16])


class Headers(Protocol):
    def test_an_answer_is_not_answered(self):
        message = query(NAME)
        message.flags |= dns.flags.QR
        self.assert_ignored(message.to_wire())

    def test_what_is_shorter_than_a_header_is_not_answered(self):
        for size in range(12):
            self.assert_ignored(bytes(size))

    def test_no_question_and_two_are_mistakes(self):
        wire = query(NAME).to_wire()
        self.assertEqual(dns.rcode.FORMERR, self.raw(wire[:4] + b'\0\0' + wire[6:12]).rcode())
        self.assertEqual(dns.rcode.FORMERR, self.raw(wire[:4] + b'\0\2' + wire[6:] + wire[12:]).rcode())

    def test_a_cut_question_is_a_mistake(self):
        wire = query(NAME).to_wire()
        for size in range(12, len(wire)):
            answer = self.asker.raw(wire[:size], patience=0.2)
            self.assertTrue(answer is None or answer[3] & 15 == dns.rcode.FORMERR, answer)

    def test_operations_that_are_not_known_are_told_so(self):
        for opcode in (1, 2, 3, 5, 6, 15):
            message = query(NAME)
            message.flags |= opcode << 11
            answer = self.asker.raw(message.to_wire())
            self.assertIn(answer[3] & 15, (1, 4, 5, 9) if opcode == 5 else (4,), opcode)
            self.assertEqual(opcode, answer[2] >> 3 & 15)

    def test_rd_comes_back_and_z_does_not(self):
        message = query(NAME, flags=dns.flags.RD | 0x40 | dns.flags.AD | dns.flags.CD)
        answer = self.ask(message)
        self.assert_answers(answer)
        self.assertTrue(answer.flags & dns.flags.RD and answer.flags & dns.flags.AA)
        self.assertFalse(answer.flags & 0x40)

    def test_the_version_is_not_told(self):
        for name in ('version.bind', 'version.server', 'hostname.bind', 'id.server', 'authors.bind'):
            answer = self.ask(query(name, 'TXT', cls='CH'))
            self.assertFalse(any(b'ifeboat' in data.strings[0] for rrset in answer.answer for data in rrset))
            self.assertNotEqual(dns.rcode.SERVFAIL, answer.rcode())

    def test_another_class_is_none_of_ours(self):
        for cls in ('CH', 'HS', 'TYPE254'.replace('TYPE', 'CLASS')):
            self.assertEqual([], self.ask(query(NAME, cls=cls)).answer)

    def test_types_that_ask_for_more_than_a_record(self):
        for type in ('AXFR', 'IXFR'):
            answer = self.ask(query(ORIGIN, type))
            self.assertLessEqual(len(answer.to_wire()), 512)
        for type in ('MAILB', 'MAILA', 'OPT', 'TSIG', 'TKEY', 'TYPE0', 'TYPE65535'):
            answer = self.asker.raw(query(NAME, type).to_wire())
            self.assertIn(answer[3] & 15, (0, 1, 4, 5), type)


class Tcp(Protocol):
    def framed(self, *messages):
        return b''.join(struct.pack('!H', len(wire)) + wire for wire in (message.to_wire() for message in messages))

    def receive(self, one, count):
        got, found = b'', []
        while len(found) < count:
            while len(got) < 2 or len(got) < 2 + struct.unpack('!H', got[:2])[0]:
                more = one.recv(65536)
                self.assertTrue(more, 'closed after %d of %d answers' % (len(found), count))
                got += more
            size = struct.unpack('!H', got[:2])[0]
            found.append(dns.message.from_wire(got[2:2 + size]))
            got = got[2 + size:]
        return found

    def test_many_questions_on_one_connection_sent_at_once(self):
        messages = [query(NAME if number % 3 else CUT, 'A' if number % 3 else 'TXT', edns=1232) for number in range(2000)]
        answers = self.asker.tcp([message.to_wire() for message in messages])
        self.assertEqual(2000, len(answers))

    def test_a_question_byte_by_byte(self):
        with self.asker.socket(socket.SOCK_STREAM) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in self.framed(query(NAME), query(NAME)):
                one.send(bytes((byte,)))
            for answer in self.receive(one, 2):
                self.assert_answers(answer)

    def test_who_stops_sending_has_his_answers_still(self):
        with self.asker.socket(socket.SOCK_STREAM) as one:
            one.sendall(self.framed(*[query(CUT, 'TXT') for _ in range(50)]))
            one.shutdown(socket.SHUT_WR)
            self.assertEqual(50, len(self.receive(one, 50)))
            self.assertEqual(b'', one.recv(1))

    def test_two_hundred_connections_at_a_time(self):
        connections = [self.asker.socket(socket.SOCK_STREAM) for _ in range(200)]
        for one in connections:
            one.sendall(self.framed(query(NAME)))
        for one in connections:
            self.assert_answers(self.receive(one, 1)[0])
            one.close()

    def test_who_sends_nothing_does_not_keep_others_out(self):
        with selectors.DefaultSelector() as selector:
            idle = []
            for _ in range(1500):
                try:
                    idle.append(self.asker.socket(socket.SOCK_STREAM))
                except OSError:  # it takes no more for now
                    break
            for one in idle:
                selector.register(one, selectors.EVENT_READ)
            self.assert_answers(self.ask(query(NAME), tcp=True))
            self.assert_answers(self.ask(query(NAME)))
            for one in idle:
                one.close()

    def test_who_sends_nothing_is_let_go(self):
        with self.asker.socket(socket.SOCK_STREAM) as one:
            one.settimeout(60)
            self.assertEqual(b'', one.recv(1))

    def test_who_does_not_take_his_answers_does_not_hold_others_up(self):
        greedy = self.asker.socket(socket.SOCK_STREAM)
        greedy.setblocking(False)
        data = self.framed(*[query(CUT, 'TXT') for _ in range(500)])
        with selectors.DefaultSelector() as selector:
            selector.register(greedy, selectors.EVENT_WRITE)
            sent = 0
            while selector.select(0.5) and sent < 20 << 20:  # until it takes no more
                try:
                    sent += greedy.send(data)
                except OSError:
                    break
        self.assert_answers(self.ask(query(NAME), tcp=True))
        greedy.close()

    def test_lengths_that_lie(self):
        for data in (b'\0\0', b'\0\1a', b'\xff\xff' + bytes(100), struct.pack('!H', 11) + bytes(11), b'\0\x0c' + bytes(12)):
            with self.asker.socket(socket.SOCK_STREAM) as one:
                one.sendall(data)
                one.shutdown(socket.SHUT_WR)
                try:
                    while one.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        self.assert_answers(self.ask(query(NAME), tcp=True))


class Poor(Protocol):
    """It has few descriptors."""

    def setUp(self):
        super().setUp()
        self.netsvc.end()
        self.netsvc.before = ('prlimit', '--nofile=%d' % DESCRIPTORS)
        self.netsvc.start()

    def test_connections_that_ask_nothing_make_room_when_descriptors_run_out(self):
        for _ in range(2 * DESCRIPTORS):
            self.asker.socket(socket.SOCK_STREAM)
        for _ in range(10):
            self.assert_answers(self.ask(query(NAME), tcp=True))


class Hostile(Protocol):
    def test_random_damage_leaves_it_alive(self):
        children, chance = self.netsvc.children(), random.Random(11)
        wires = [query(name, type, edns=edns, options=options).to_wire()
                 for name in (NAME, CUT, 'a.dn.' + ORIGIN, 'x.wild.' + ORIGIN, '.') for type in ('A', 'TXT', 'ANY', 'AXFR', 'IXFR')
                 for edns, options in ((None, ()), (1232, [generic(COOKIE, b'12345678'), generic(NSID)]))]
        with self.asker.socket() as one:
            for number in range(20000):
                wire = bytearray(chance.choice(wires))
                for _ in range(chance.randint(1, 6)):
                    wire[chance.randrange(len(wire))] = chance.choice((0, 0xc0, 0xff, 0x3f, 0x40, chance.randrange(256)))
                one.send(bytes(wire[:chance.randint(1, len(wire))] if chance.random() < 0.2 else wire))
                if number % 200 == 0:
                    self.assert_answers(self.ask(query(NAME)))
        self.assertEqual(children, self.netsvc.children())

    def test_names_with_loops_and_lying_lengths(self):
        children, head = self.netsvc.children(), b'\x12\x34\0\0\0\1\0\0\0\0\0\0'
        for name in (b'\xc0\x0c', b'\xc0\x0e\xc0\x0c', b'\x01a\xc0\x0c', b'\x3f' + b'a' * 62, b'\x40' + b'a' * 64 + b'\0', b'\x80a\0', b'\xc0\xff',
                     b''.join(b'\x3f' + b'a' * 63 for _ in range(4)) + b'\0', b'\x01a' * 127 + b'\0', b'\x01a' * 128 + b'\0', b'\xff' * 255, b'\xc0'):
            self.asker.raw(head + name + b'\0\1\0\1', patience=0.05)
            self.asker.raw(head + name, patience=0.05)
        for counts in (b'\xff\xff\0\0\0\0\0\0', b'\0\1\xff\xff\0\0\0\0', b'\0\1\0\0\xff\xff\0\0', b'\0\1\0\0\0\0\xff\xff'):
            self.asker.raw(head[:4] + counts + query(NAME).to_wire()[12:], patience=0.05)
        self.asker.raw(bytes(65507), patience=0.05)
        self.assert_answers(self.ask(query(NAME)))
        self.assertEqual(children, self.netsvc.children())


class Limit(Protocol):
    configuration = Protocol.configuration.replace('rate = 0', 'rate = 20').replace('listen = 127.0.0.1', 'listen = 127.0.0.1;10.66.0.1')

    def test_who_asks_too_often_without_a_cookie_is_told_to_use_tcp(self):
        """A client of ours has twenty times the rate."""
        wire, whole, cut = query(NAME).to_wire(), 0, 0
        other = self.lan.host('10.66.0.2/16')
        asker = Asker(self, other, '10.66.0.1')
        with asker.socket() as one:
            one.settimeout(1)
            for _ in range(3000):
                one.send(wire)
            try:
                while True:
                    is_cut = one.recv(4096)[2] & 2
                    cut, whole = cut + bool(is_cut), whole + (not is_cut)
            except socket.timeout:
                pass
        self.assertLess(whole, 1500)
        self.assertGreater(cut, 0)
        self.assertLess(whole + cut, 3000)
        self.assert_answers(asker.ask(query(NAME), tcp=True))

    def test_who_has_a_cookie_is_not_limited(self):
        first = self.ask(query(NAME, edns=1232, options=[generic(COOKIE, b'abcdefgh')]))
        cookie = option(first, COOKIE)
        wires = [query(NAME, edns=1232, options=[generic(COOKIE, cookie)]).to_wire() for _ in range(300)]
        for wire in self.asker.udp(wires):
            self.assertFalse(wire[2] & 2)
