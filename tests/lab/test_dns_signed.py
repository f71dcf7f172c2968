"""Zones that we sign, validated by others: delv, drill, ldns-verify-zone."""

import os

import dns.flags
import dns.rcode
import dns.rdatatype

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc

ADDRESS = '10.66.0.1'
ZONE = '''$ORIGIN signed.example.
$TTL 300
@ SOA ns root 1 3600 600 86400 60
@ NS ns
@ A 10.66.0.10
ns A 10.66.0.10
www CNAME @
*.wild A 10.66.0.20
deep.under.ent TXT "below"
mx MX 10 ns
sub NS ns.sub
ns.sub A 10.66.0.30
dn DNAME tree
a.tree A 10.66.0.31
'''
NAME = 'signed.example'


class Signed(Case):
    algorithm = 'ECDSAP256SHA256'

    def setUp(self):
        super().setUp()
        self.server, self.client = self.lan.host(ADDRESS + '/16'), self.lan.host('10.66.0.2/16')
        self.netsvc = Netsvc(self, self.server, '', start=False)
        self.keys = self.netsvc.path('keys')
        os.mkdir(self.keys)
        self.made = {kind: self.server.run('ldns-keygen', *flags, '-a', self.algorithm, NAME, cwd=self.keys).strip() for kind, flags in (
            ('ksk', ['-k']), ('zsk', []))}
        self.netsvc.write('zone', ZONE)
        self.netsvc.configure('[dns]\nlisten = %s\nnetworks = 10.66.0.0/16\nrate = 0\n[zone %s]\nfile = FOLDER/zone\nsign = yes\nkeys = FOLDER/keys\n' % (
            ADDRESS, NAME))
        self.netsvc.start()
        self.asker = Asker(self, self.client, ADDRESS)
        with open(os.path.join(self.keys, self.made['ksk'] + '.key')) as file:
            fields = file.read().split(';')[0].split()
        at = fields.index('DNSKEY')
        self.anchor = self.netsvc.write('anchor', 'trust-anchors { "%s." static-key %s "%s"; };\n' % (
            NAME, ' '.join(fields[at + 1:at + 4]), ''.join(fields[at + 4:])))

    def tearDown(self):
        self.netsvc.end()

    def delv(self, name, type):
        return self.client.run('delv', '@' + ADDRESS, '-a', self.anchor, '+root=' + NAME, name, type, expect=None)

    def test_everything_that_is_there_is_validated(self):
        for name, type in ((NAME, 'A'), (NAME, 'SOA'), (NAME, 'NS'), (NAME, 'DNSKEY'), ('www.' + NAME, 'A'), ('any.wild.' + NAME, 'A'), ('mx.' + NAME, 'MX'),
                           ('a.dn.' + NAME, 'A')):
            with self.subTest(name=name, type=type):
                self.assertIn('fully validated', self.delv(name, type))

    def test_that_something_is_not_there_is_validated(self):
        for name, type in (('nothing.' + NAME, 'A'), (NAME, 'TXT'), ('ent.' + NAME, 'A'), ('any.wild.' + NAME, 'TXT'), ('a.b.c.' + NAME, 'MX')):
            with self.subTest(name=name, type=type):
                said = self.delv(name, type)
                self.assertIn('negative response, fully validated', said)

    def test_signatures_are_told_only_to_who_asks_for_them(self):
        plain, signed = (self.asker.ask(query('any.wild.' + NAME, dnssec=do, edns=1232)) for do in (False, True))
        self.assertEqual(1, len(plain.answer))
        self.assertEqual([], plain.authority)
        self.assertEqual({'A', 'RRSIG'}, {dns.rdatatype.to_text(rrset.rdtype) for rrset in signed.answer})

    def test_a_delegation_is_shown_to_be_unsigned(self):
        answer = self.asker.ask(query('x.sub.' + NAME, dnssec=True))
        self.assertEqual(dns.rcode.NOERROR, answer.rcode())
        self.assertFalse(answer.flags & dns.flags.AA)
        self.assertIn('NSEC', {dns.rdatatype.to_text(rrset.rdtype).rstrip('3') for rrset in answer.authority})

    def test_the_whole_zone_is_verified(self):
        text = self.client.run('dig', '@' + ADDRESS, NAME, 'AXFR', '+onesoa', '+nocomments', '+nocmd', '+nostats')
        path = self.netsvc.write('transferred', text)
        self.assertIn('verified', self.client.run('ldns-verify-zone', path))


class SignedWithEd25519(Signed):
    algorithm = 'ED25519'
