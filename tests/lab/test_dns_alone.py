"""Names with no uplink: ours, special ones, and all others answered at once."""

import socket
import statistics
import time

import dns.flags
import dns.rcode

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc

CONFIGURATION = '''
[dns]
listen = 10.66.0.1
names = clinic.example=10.66.0.10;*.clinic.example=10.66.0.10;both.clinic.example=10.66.0.11;both.clinic.example=fd00:66::11
networks = 10.66.0.0/16
address_zone = my.local-ip.example
address_networks = 10.66.0.0/16
rate = 0
'''
EDE = 15
FOREIGN_SECONDS = 30  # that an answer about a foreign name may be kept


class Alone(Case):
    def setUp(self):
        super().setUp()
        self.server, self.client, self.stranger = self.lan.host('10.66.0.1/16'), self.lan.host('10.66.0.2/16'), self.lan.host('10.99.0.2/8')
        self.server.ip('route add 10.99.0.0/16 dev eth0')
        self.netsvc = Netsvc(self, self.server, CONFIGURATION)
        self.asker = Asker(self, self.client, '10.66.0.1')

    def tearDown(self):
        self.netsvc.end()

    def ask(self, name, type='A', flags=dns.flags.RD, edns=1232):
        answer = self.asker.ask(query(name, type, edns=edns, flags=flags))
        return dns.rcode.to_text(answer.rcode()), [rdata.to_text() for rrset in answer.answer for rdata in rrset], answer

    def test_names_of_the_configuration(self):
        self.assertEqual(('NOERROR', ['10.66.0.10']), self.ask('clinic.example')[:2])
        self.assertEqual(('NOERROR', ['10.66.0.10']), self.ask('any.thing.clinic.example')[:2])
        self.assertEqual(('NOERROR', ['fd00:66::11']), self.ask('both.clinic.example', 'AAAA')[:2])
        for type in ('AAAA', 'HTTPS', 'MX', 'TXT', 'CAA'):
            rcode, found, answer = self.ask('clinic.example', type)
            self.assertEqual(('NOERROR', []), (rcode, found))
            self.assertEqual('SOA', answer.authority[0].to_text().split()[3])

    def test_addresses_have_their_names(self):
        self.assertEqual(['clinic.example.'], self.ask('10.0.66.10.in-addr.arpa', 'PTR')[1])

    def test_an_address_in_a_name_is_that_address(self):
        self.assertEqual(['10.66.0.7'], self.ask('10-66-0-7.my.local-ip.example')[1])
        self.assertEqual(['10.66.200.7'], self.ask('10-66-200-7.MY.local-ip.example')[1])
        for name in ('10-99-0-7', '192-168-1-1', '10-66-0-256', '10-66-0', '10-66-0-7-8', '010-66-0-7', 'www', '10.66.0.7'):
            rcode, found, _ = self.ask(name + '.my.local-ip.example')
            self.assertEqual(('NXDOMAIN', []), (rcode, found), name)

    def test_a_foreign_name_is_not_there_and_why_is_told(self):
        rcode, found, answer = self.ask('www.google.com')
        self.assertEqual(('NXDOMAIN', []), (rcode, found))
        soa = answer.authority[0]
        self.assertEqual('.', soa.name.to_text())
        self.assertLessEqual(max(soa.ttl, soa[0].minimum), FOREIGN_SECONDS)
        self.assertTrue(any(option.otype == EDE for option in answer.options), answer)
        self.assertTrue(answer.flags & dns.flags.RA)

    def test_a_foreign_name_is_answered_at_once(self):
        with self.asker.socket() as one:
            took = []
            for number in range(1000):
                wire = query('host%d.example.net' % number, edns=1232, flags=dns.flags.RD).to_wire()
                begun = time.perf_counter()
                one.send(wire)
                one.recv(4096)
                took.append(time.perf_counter() - begun)
        self.assertLess(statistics.median(took), 0.05)  # nobody is waited for

    def test_a_parent_of_our_zones_is_there(self):
        for name in ('example', 'local-ip.example'):
            self.assertEqual(('NOERROR', []), self.ask(name)[:2], name)
        self.assertEqual('NOERROR', self.ask('.', 'A')[0])
        self.assertEqual('NXDOMAIN', self.ask('other.example')[0])

    def test_special_names_are_answered_as_their_rfcs_say(self):
        for name, type, rcode, found in (
                ('localhost', 'A', 'NOERROR', ['127.0.0.1']), ('localhost', 'AAAA', 'NOERROR', ['::1']), ('foo.localhost', 'A', 'NOERROR', ['127.0.0.1']),
                ('localhost', 'MX', 'NOERROR', []), ('1.0.0.127.in-addr.arpa', 'PTR', None, None),  # RFC 6761
                ('invalid', 'A', 'NXDOMAIN', []), ('www.invalid', 'A', 'NXDOMAIN', []), ('www.test', 'A', 'NXDOMAIN', []),
                ('printer.local', 'A', 'NXDOMAIN', []),                                            # RFC 6762
                ('facebookcorewwwi.onion', 'A', 'NXDOMAIN', []),                                   # RFC 7686
                ('foo.home.arpa', 'A', 'NXDOMAIN', []),                                            # RFC 8375
                ('ipv4only.arpa', 'A', 'NOERROR', ['192.0.0.170', '192.0.0.171']), ('ipv4only.arpa', 'AAAA', 'NOERROR', []),  # RFC 8880
                ('_dns.resolver.arpa', 'SVCB', None, []), ('resolver.arpa', 'A', None, []),        # RFC 9462
                ('use-application-dns.net', 'A', 'NXDOMAIN', []), ('use-application-dns.net', 'AAAA', 'NXDOMAIN', []),
                ('5.4.3.10.in-addr.arpa', 'PTR', 'NXDOMAIN', []), ('1.1.168.192.in-addr.arpa', 'PTR', 'NXDOMAIN', []),  # RFC 6303
                ('1.16.172.in-addr.arpa', 'SOA', None, []), ('d.f.ip6.arpa', 'NS', None, None)):
            with self.subTest(name=name, type=type):
                got = self.ask(name, type)
                if rcode:
                    self.assertEqual(rcode, got[0])
                else:
                    self.assertIn(got[0], ('NOERROR', 'NXDOMAIN'))
                if found is not None:
                    self.assertEqual(found, sorted(got[1]))

    def test_strangers_are_refused_what_is_not_ours(self):
        asker = Asker(self, self.stranger, '10.66.0.1')
        self.stranger.ip('route replace 10.66.0.0/16 dev eth0')
        answer = asker.ask(query('www.google.com', flags=dns.flags.RD, edns=1232))
        self.assertEqual(dns.rcode.REFUSED, answer.rcode())
        self.assertEqual('10.66.0.10', asker.ask(query('clinic.example')).answer[0][0].address)

    def test_port_853_is_reset_at_once(self):
        begun = time.monotonic()
        with self.client.entered():
            one = socket.socket()
        with one:
            one.settimeout(5)
            self.assertRaises(ConnectionRefusedError, one.connect, ('10.66.0.1', 853))
        self.assertLess(time.monotonic() - begun, 1)

    def test_the_tools_of_others_understand_it(self):
        self.assertIn('10.66.0.10', self.client.run('dig', '@10.66.0.1', '+cookie', '+nsid', 'clinic.example', 'A'))
        self.assertIn('10.66.0.10', self.client.run('kdig', '@10.66.0.1', '+edns', 'clinic.example', 'A'))
        self.assertIn('10.66.0.10', self.client.run('drill', '@10.66.0.1', 'clinic.example', 'A'))
        said = self.client.run('dig', '@10.66.0.1', 'www.google.com', 'A')
        self.assertIn('EDE', said)
        self.assertNotIn(';; Warning', said)
