"""Two nodes of ours: one gives the leases, the other knows the names all the same, whatever becomes of the first."""

import os

from support import clinic
from support.case import Case
from support.clients import Udhcpc
from support.dns import Asker, query
from support.netsvc import Netsvc
from support.until import seconds_until

FIRST, SECOND = clinic.SERVER, '10.66.0.3'
SECRET = 'c2VjcmV0IG9mIHRoZSBjbGluaWMgdGhhdCBub2JvZHkga25vd3M='
REVERSE = '66.10.in-addr.arpa'
SECONDS = 20


class Nodes(Case):
    def setUp(self):
        super().setUp()
        self.first_host, self.second_host = self.lan.host(*('%s/16' % a for a in (FIRST, clinic.SERVICE))), self.lan.host(SECOND + '/16')
        zones = ''.join('[zone %s]\nnotify = %s\ntsig = between-nodes\n' % (zone, SECOND) for zone in (clinic.DOMAIN, REVERSE))
        self.first = self.node(self.first_host, clinic.whole() + zones)
        zones = ''.join('[zone %s]\nprimaries = %s\ntsig = between-nodes\n' % (zone, FIRST) for zone in (clinic.DOMAIN, REVERSE))
        self.second = self.node(self.second_host, '[dns]\nlisten = %s\nnetworks = 10.66.0.0/16\nrate = 0\n%s' % (SECOND, zones))
        self.asker = Asker(self, self.second_host, SECOND)

    def tearDown(self):
        self.second.end()

    def node(self, host, configuration):
        node = Netsvc(self, host, '', start=False)
        node.write('tsig', 'key "between-nodes" { algorithm hmac-sha256; secret "%s"; };\n' % SECRET)
        node.configure(configuration.replace('[dns]\n', '[dns]\ntsig = FOLDER/tsig\n', 1))
        return node.start()

    def until(self, name, type, wanted):
        """Seconds until the second node says so of a name."""
        def found():
            return [rdata.to_text() for rrset in self.asker.ask(query(name, type)).answer for rdata in rrset]
        return seconds_until(lambda: found() == wanted, lambda: '%s is %s, not %s\n%s' % (name, found(), wanted, self.second.process.log), SECONDS)

    def tablet(self):
        client = Udhcpc(self, self.lan.host(), '-x', 'hostname:tablet')
        return client, client.wait('bound').address

    def test_a_name_is_there_with_its_lease_and_gone_with_it_on_both(self):
        client, address = self.tablet()
        self.assertLess(self.until('tablet.' + clinic.DOMAIN, 'A', [address]), 5)
        self.until('.'.join(reversed(address.split('.'))) + '.in-addr.arpa', 'PTR', ['tablet.%s.' % clinic.DOMAIN])
        client.release()
        self.until('tablet.' + clinic.DOMAIN, 'A', [])
        self.first.end()

    def test_the_second_node_knows_the_names_when_the_first_has_died_and_it_has_started_anew(self):
        _, address = self.tablet()
        self.until('tablet.' + clinic.DOMAIN, 'A', [address])
        self.first.crash()
        self.second.end()
        self.second.start()
        self.until('tablet.' + clinic.DOMAIN, 'A', [address])

    def test_after_the_first_node_started_anew_its_names_are_followed_again(self):
        _, address = self.tablet()
        self.until('tablet.' + clinic.DOMAIN, 'A', [address])
        self.first.crash()
        self.first.start()
        other = Udhcpc(self, self.lan.host(), '-x', 'hostname:phone')
        address = other.wait('bound').address
        self.until('phone.' + clinic.DOMAIN, 'A', [address])
        self.first.end()


class SignedAbove(Case):
    """clinic.example is signed, the names of its clients are not, and can be believed to be so."""

    def test_names_of_clients_are_an_unsigned_child(self):
        server, client = self.lan.host(*clinic.ADDRESSES), self.lan.host('10.66.0.2/16')
        netsvc = Netsvc(self, server, clinic.whole() + '[zone clinic.example]\nsign = yes\nkeys = FOLDER/keys\n')
        _ = Udhcpc(self, self.lan.host(), '-x', 'hostname:tablet').wait('bound')
        (key,) = [name for name in os.listdir(netsvc.path('keys')) if name.endswith('.key')]
        with open(netsvc.path('keys', key)) as file:
            fields = file.read().split(';')[0].split()
        at = fields.index('DNSKEY')
        anchor = netsvc.write('anchor', 'trust-anchors { "clinic.example." static-key %s "%s"; };\n' % (
            ' '.join(fields[at + 1:at + 4]), ''.join(fields[at + 4:])))
        for name, type, said in (('clinic.example', 'A', '; fully validated'), ('nobody.clinic.example', 'A', '; negative response, fully validated'),
                                 ('lan.clinic.example', 'DS', '; negative response, fully validated'),
                                 ('tablet.lan.clinic.example', 'A', '; unsigned answer'),
                                 ('nobody.lan.clinic.example', 'A', '; negative response, unsigned answer')):
            with self.subTest(name=name, type=type):
                self.assertIn(said, client.run('delv', '@' + clinic.SERVER, '-a', anchor, '+root=clinic.example', name, type, expect=None))
        netsvc.end()
