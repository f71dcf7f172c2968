"""Names that are not ours, asked of the uplink's servers; and what happens when it is cut: no question waits."""

import socket
import struct
import time

import dns.flags
import dns.rcode

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc
from support.servers import Dnsmasq, Knot
from support.until import until

UPLINK = '192.0.2.1'
CONFIGURATION = '''
[dns]
listen = 10.66.0.1
names = clinic.example=10.66.0.10
networks = 10.66.0.0/16
forwarders = %s
rate = 0
''' % UPLINK
ZONE = '''$ORIGIN .
$TTL %d
@ SOA ns. root. 1 3600 600 86400 60
@ NS ns.
ns A 192.0.2.1
www.elsewhere.net A 198.51.100.7
www.elsewhere.net AAAA 2001:db8::7
alias.elsewhere.net CNAME www.elsewhere.net.
*.wild.elsewhere.net A 198.51.100.8
private.elsewhere.net A 10.66.0.30
private2.elsewhere.net A 192.168.1.1
loop.elsewhere.net A 127.0.0.1
mixed.elsewhere.net A 198.51.100.9
mixed.elsewhere.net A 10.1.2.3
clinic.example A 203.0.113.66
'''
OURS = '''$ORIGIN ours.example.
$TTL 300
@ SOA ns root 1 3600 600 86400 60
@ NS ns
ns A 10.66.0.1
web CNAME www.elsewhere.net.
two CNAME web
far CNAME alias.elsewhere.net.
nothing CNAME nothing.elsewhere.net.
trap CNAME private.elsewhere.net.
inner CNAME clinic.example.
*.wild CNAME wild.elsewhere.net.
big CNAME big.elsewhere.net.
all DNAME wild.elsewhere.net.
'''
AT_ONCE = 0.25  # seconds, of a busy machine; less than anybody waits for an answer from elsewhere
LONGEST = 2.0   # until an uplink that has just gone silent is known to be dead (RFC 8767 5: 1.8)
BIG = ''.join('big.elsewhere.net TXT "%s"\n' % ('%03d' % number + 'x' * 100) for number in range(40))
SETTLED = 20    # seconds until it must have noticed that an uplink is dead, or there again


class Uplink(Case):
    ttl = 300
    before = ()  # the command that the server is started by

    def setUp(self):
        super().setUp()
        self.outside = self.lan.switch()
        self.server = self.lan.host('10.66.0.1/16').plug(self.outside, '192.0.2.2/24')
        self.client = self.lan.host('10.66.0.2/16')
        self.internet = self.lan.host(UPLINK + '/24', on=self.outside)
        self.upstream()
        self.netsvc = Netsvc(self, self.server, CONFIGURATION + '[zone ours.example]\nfile = FOLDER/ours\n', before=self.before, start=False)
        self.netsvc.write('ours', OURS)
        self.netsvc.start()
        self.asker = Asker(self, self.client, '10.66.0.1')
        self.until(lambda: self.ask('first.wild.elsewhere.net')[1])

    def tearDown(self):
        self.netsvc.end()

    def upstream(self):
        """Knot as the root of everything: authoritative, and so without RA."""
        knot = Knot(self, self.internet, {}, UPLINK)
        knot.process.end(expect=None)
        path = knot.write('root.zone', ZONE % self.ttl + BIG)
        self.knot = Knot(self, self.internet, {'.': {'file': path}}, UPLINK)

    def ask(self, name, type='A', tcp=False):
        answer = self.asker.ask(query(name, type, edns=1232, flags=dns.flags.RD), tcp=tcp)
        return dns.rcode.to_text(answer.rcode()), sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset), answer

    def timed(self, name, type='A'):
        begun = time.monotonic()
        found = self.ask(name, type)
        return time.monotonic() - begun, found

    def until(self, condition):
        until(condition, lambda: self.netsvc.process.log, SETTLED)


class Alive(Uplink):
    def test_what_is_asked_comes_from_there(self):
        self.assertEqual(('NOERROR', ['198.51.100.7']), self.ask('www.elsewhere.net')[:2])
        self.assertEqual(('NOERROR', ['2001:db8::7']), self.ask('www.elsewhere.net', 'AAAA')[:2])
        rcode, found, answer = self.ask('alias.elsewhere.net')
        self.assertEqual(['198.51.100.7', 'www.elsewhere.net.'], found)
        self.assertTrue(answer.flags & dns.flags.RA)
        self.assertFalse(answer.flags & dns.flags.AA)

    def test_what_is_not_there_is_not_there(self):
        rcode, found, answer = self.ask('nothing.elsewhere.net')
        self.assertEqual(('NXDOMAIN', []), (rcode, found))
        self.assertEqual('SOA', answer.authority[0].to_text().split()[3])
        self.assertEqual(('NOERROR', []), self.ask('www.elsewhere.net', 'MX')[:2])

    def test_our_own_names_are_never_asked_there(self):
        self.assertEqual(['10.66.0.10'], self.ask('clinic.example')[1])

    def test_special_names_are_never_asked_there(self):
        for name in ('printer.local', 'x.onion', 'x.test', 'x.invalid', 'x.home.arpa', '1.2.3.10.in-addr.arpa', 'use-application-dns.net'):
            self.ask(name, 'PTR' if name.endswith('in-addr.arpa') else 'A')
        self.ask('one.wild.elsewhere.net')  # is asked there after them

    def test_private_addresses_from_there_are_dropped(self):
        for name in ('private', 'private2', 'loop'):
            self.assertEqual([], self.ask(name + '.elsewhere.net')[1], name)
        self.assertNotIn('10.1.2.3', self.ask('mixed.elsewhere.net')[1])

    def test_what_was_asked_once_is_known(self):
        first = self.ask('www.elsewhere.net')[2]
        self.internet.silence()
        rcode, found, second = self.ask('www.elsewhere.net')
        self.assertEqual(['198.51.100.7'], found)
        self.assertLessEqual(second.answer[0].ttl, first.answer[0].ttl)

    def test_a_large_answer_comes_by_tcp(self):
        answer = self.ask('big.elsewhere.net', 'TXT')[2]
        self.assertTrue(answer.flags & dns.flags.TC)
        self.assertEqual(40, len(self.ask('big.elsewhere.net', 'TXT', tcp=True)[1]))

    def test_a_thousand_at_once(self):
        wires = [query('a%d.wild.elsewhere.net' % number, edns=1232, flags=dns.flags.RD).to_wire() for number in range(1000)]
        for answer in self.asker.udp(wires):
            self.assertEqual((0, 1), (answer[3] & 15, struct.unpack_from('!H', answer, 6)[0]))


class Chains(Uplink):
    """CNAMEs of ours that lead elsewhere: who asks gets the whole chain."""

    def chain(self, name, type='A', **how):
        rcode, _, answer = self.ask(name, type, **how)
        return rcode, [(rrset.name.to_text(True), sorted(rdata.to_text() for rdata in rrset)) for rrset in answer.answer], answer

    def test_the_rest_of_a_chain_comes_from_there(self):
        rcode, chain, answer = self.chain('two.ours.example')
        self.assertEqual([('two.ours.example', ['web.ours.example.']), ('web.ours.example', ['www.elsewhere.net.']),
                          ('www.elsewhere.net', ['198.51.100.7'])], chain)
        self.assertEqual((True, True), (bool(answer.flags & dns.flags.AA), bool(answer.flags & dns.flags.RA)))
        self.assertEqual([('far.ours.example', ['alias.elsewhere.net.']), ('alias.elsewhere.net', ['www.elsewhere.net.']),
                          ('www.elsewhere.net', ['198.51.100.7'])], self.chain('far.ours.example')[1])
        self.assertEqual(('x.wild.ours.example', ['wild.elsewhere.net.']), self.chain('x.wild.ours.example')[1][0])
        self.assertEqual(('y.wild.elsewhere.net', ['198.51.100.8']), self.chain('y.all.ours.example')[1][2])

    def test_a_chain_to_what_is_not_there_says_so(self):
        rcode, chain, answer = self.chain('nothing.ours.example')
        self.assertEqual(('NXDOMAIN', [('nothing.ours.example', ['nothing.elsewhere.net.'])]), (rcode, chain))
        self.assertEqual('SOA', answer.authority[0].to_text().split()[3])
        self.assertEqual(('NOERROR', 1), (lambda rcode, chain, _: (rcode, len(chain)))(*self.chain('web.ours.example', 'MX')))

    def test_private_addresses_behind_it_are_dropped_but_not_ours(self):
        self.assertEqual(('NOERROR', [('trap.ours.example', ['private.elsewhere.net.'])]), self.chain('trap.ours.example')[:2])
        self.assertEqual(('clinic.example', ['10.66.0.10']), self.chain('inner.ours.example')[1][1])

    def test_a_large_rest_comes_by_tcp(self):
        self.assertTrue(self.chain('big.ours.example', 'TXT')[2].flags & dns.flags.TC)
        self.assertEqual(40, len(self.chain('big.ours.example', 'TXT', tcp=True)[1][1][1]))

    def test_who_does_not_ask_for_recursion_gets_ours(self):
        answer = self.asker.ask(query('web.ours.example', edns=1232))
        self.assertEqual((0, 1, False), (answer.rcode(), len(answer.answer), bool(answer.flags & dns.flags.RA)))

    def test_many_ask_at_once(self):
        names = ('web.ours.example', 'two.ours.example', 'www.elsewhere.net')
        wires = [query(names[number % 3], edns=1232, flags=dns.flags.RD).to_wire() for number in range(300)]
        for number, answer in enumerate(self.asker.udp(wires)):
            self.assertEqual((0, (2, 3, 1)[number % 3]), (answer[3] & 15, struct.unpack_from('!H', answer, 6)[0]))

    def test_no_question_waits_when_the_cable_is_silent(self):
        self.internet.silence()
        begun = time.monotonic()
        self.until(lambda: time.monotonic() - begun > LONGEST or self.ask('web.ours.example') is None)
        for number in range(20):
            took, (rcode, found, answer) = self.timed('%d.all.ours.example' % number)
            self.assertLess(took, AT_ONCE)
            self.assertEqual('NXDOMAIN', rcode)
            self.assertEqual(['%d.wild.elsewhere.net.' % number, 'wild.elsewhere.net.'], found)
            self.assertEqual('. 30 IN SOA', ' '.join(answer.authority[0].to_text().split()[:4]))


class Cut(Uplink):
    def ask_on(self, letter):
        """Asks for LONGEST and as long again; only what is asked before the death is known may wait."""
        begun, number, waited = time.monotonic(), 0, 0
        while time.monotonic() - begun < 2 * LONGEST:
            number += 1
            asked = time.monotonic() - begun
            took, (_, found, _) = self.timed('%s%d.wild.elsewhere.net' % (letter, number))
            waited += took > AT_ONCE
            self.assertLess(took, AT_ONCE if asked > LONGEST else LONGEST, 'asked %.1f s after it was cut' % asked)
        self.assertEqual([], found)
        self.assertLessEqual(waited, 2, 'of %d, one after the other' % number)
        self.assertEqual(['10.66.0.10'], self.ask('clinic.example')[1])

    def test_no_question_waits_when_the_cable_is_silent(self):
        self.internet.silence()
        self.ask_on('q')

    def test_no_question_waits_when_the_cable_is_out(self):
        self.server.pull(1)
        self.ask_on('q')

    def test_what_was_known_is_answered_at_once_all_the_time(self):
        self.ask('www.elsewhere.net')
        self.internet.silence()
        begun = time.monotonic()
        while time.monotonic() - begun < LONGEST:
            took, (_, found, _) = self.timed('www.elsewhere.net')
            self.assertLess(took, AT_ONCE)
            self.assertEqual(['198.51.100.7'], found)

    def test_it_is_asked_again_when_it_is_there_again(self):
        self.internet.silence()
        numbers = iter(range(100000))
        self.until(lambda: not self.ask('a%d.wild.elsewhere.net' % next(numbers))[1])
        self.internet.speak()
        self.until(lambda: self.ask('b%d.wild.elsewhere.net' % next(numbers))[1])

    def test_what_was_not_there_while_it_was_cut_is_there_soon_after(self):
        self.internet.silence()
        self.until(lambda: not self.ask('www.elsewhere.net')[1])
        self.internet.speak()
        self.until(lambda: self.ask('www.elsewhere.net')[1] == ['198.51.100.7'])

    def test_it_starts_without_an_uplink(self):
        self.netsvc.end()
        self.internet.silence()
        self.netsvc.start()
        self.ask_on('s')
        self.internet.speak()
        self.until(lambda: self.ask('t.wild.elsewhere.net')[1])


class OfDnsmasq(Uplink):
    """A home router's DNS, which most uplinks have."""

    def upstream(self):
        root, self.internet = self.internet, self.lan.host('192.0.2.3/24', on=self.outside)
        root.move('192.0.2.3/24')
        self.internet.move(UPLINK + '/24')
        knot = Knot(self, root, {}, '192.0.2.3')
        knot.process.end(expect=None)
        Knot(self, root, {'.': {'file': knot.write('root.zone', ZONE % self.ttl)}}, '192.0.2.3')
        Dnsmasq(self, self.internet, '--server=192.0.2.3', '--dns-forward-max=1000')

    def test_what_is_asked_comes_from_there(self):
        self.assertEqual(['198.51.100.7'], self.ask('www.elsewhere.net')[1])

    def test_what_is_not_there_is_not_there(self):
        self.assertEqual('NXDOMAIN', self.ask('not.known.net')[0])


class FewFiles(Uplink):
    """No more files may be open than a server on a crowded machine gets."""

    before = ('prlimit', '--nofile=48:48')

    def test_our_own_names_are_answered_whatever_else_is_asked(self):
        self.netsvc.process.wait_for('48 files open')
        self.internet.silence()
        idle = [self.asker.socket(socket.SOCK_STREAM) for _ in range(60)]
        strangers = self.asker.socket()
        for number in range(500):
            strangers.send(query('f%d.wild.elsewhere.net' % number, flags=dns.flags.RD).to_wire())
            if number % 50 == 0:
                self.assertLess(self.timed('clinic.example')[0], AT_ONCE)
                self.assertEqual(['10.66.0.10'], self.ask('clinic.example', tcp=True)[1])
        self.internet.speak()
        self.until(lambda: self.ask('after.wild.elsewhere.net')[1])
        self.assertEqual(60, len(idle))

    def test_many_ask_at_once_and_nobody_waits(self):
        self.internet.silence()
        wires = [query('g%d.wild.elsewhere.net' % number, flags=dns.flags.RD).to_wire() for number in range(400)]
        begun = time.monotonic()
        self.asker.udp(wires)
        self.assertLess(time.monotonic() - begun, 2 * LONGEST)


class Loop(Case):
    def test_a_forwarder_that_asks_us_again_is_noticed(self):
        server, other, client = self.lan.host('10.66.0.1/16'), self.lan.host('10.66.0.3/16'), self.lan.host('10.66.0.2/16')
        Dnsmasq(self, other, '--server=10.66.0.1')
        netsvc = Netsvc(self, server, CONFIGURATION.replace(UPLINK, '10.66.0.3'))
        asker = Asker(self, client, '10.66.0.1')
        begun = time.monotonic()
        asker.ask(query('www.elsewhere.net', flags=dns.flags.RD))
        self.assertLess(time.monotonic() - begun, 2)
        netsvc.process.wait_for('10.66.0.3')
        netsvc.end()
