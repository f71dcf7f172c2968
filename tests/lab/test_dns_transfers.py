"""Zones to and from Knot and NSD: AXFR, IXFR, NOTIFY, TSIG (RFC 5936, 1995, 1996, 8945)."""

import os

import dns.query
import dns.tsigkeyring
import dns.zone

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc
from support.servers import Knot, Nsd
from support.until import until
from test_dns_answers import FILE, ORIGIN

SECRET = 'c2VjcmV0IG9mIHRoZSBjbGluaWMgdGhhdCBub2JvZHkga25vd3M='
KEY = 'between-nodes'
OURS, OTHER = '10.66.0.1', '10.66.0.3'
SMALL = '''$ORIGIN small.example.
$TTL 300
@ SOA ns root %d 3600 2 86400 60
@ NS ns
ns A 10.66.0.10
'''
SECONDS = 20


def knot_key():
    return 'key:\n - id: %s\n   algorithm: hmac-sha256\n   secret: %s\n' % (KEY, SECRET)


class Transfers(Case):
    def setUp(self):
        super().setUp()
        self.server, self.other = self.lan.host(OURS + '/16'), self.lan.host(OTHER + '/16')
        self.ours, self.theirs = Asker(self, self.other, OURS), Asker(self, self.server, OTHER)

    def serve(self, zone, dns_more=''):
        netsvc = Netsvc(self, self.server, '', start=False)
        netsvc.write('tsig', 'key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (KEY, SECRET))
        netsvc.configure('[dns]\nlisten = %s\nnetworks = 10.66.0.0/16\nrate = 0\ntsig = FOLDER/tsig\n%s\n%s' % (OURS, dns_more, zone))
        self.netsvc = netsvc
        return netsvc

    def until(self, condition):
        until(condition, lambda: self.netsvc.process.log, SECONDS)

    def serial(self, asker, zone='small.example'):
        answer = asker.ask(query(zone, 'SOA'))
        return answer.answer[0][0].serial if answer.answer else None

    def whole(self, host, address, zone, keyring=None, port=53):
        """By AXFR; the records as sorted text."""
        with host.entered():
            transfer = dns.query.xfr(address, zone, keyring=keyring, keyname=KEY if keyring else None, relativize=False, lifetime=10, port=port)
            messages = list(transfer)
        records = sorted({'%s %d %s %s' % (rrset.name.to_text().lower(), rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower())
                          for message in messages for rrset in message.answer for rdata in rrset})
        return records


def of_file(path, origin):
    zone = dns.zone.from_file(path, origin, relativize=False, check_origin=False)
    return sorted({'%s %d %s %s' % (name.to_text().lower(), rdataset.ttl, dns.rdatatype.to_text(rdataset.rdtype), rdata.to_text().lower())
                   for name, node in zone.nodes.items() for rdataset in node.rdatasets for rdata in rdataset})


class Ours(Transfers):
    """We have the zone, the others follow."""

    def test_all_of_an_awkward_zone_is_transferred(self):
        self.serve('[zone %s]\nfile = %s\ntsig = %s\n' % (ORIGIN, FILE, KEY)).start()
        keyring = dns.tsigkeyring.from_text({KEY: SECRET})
        self.assertEqual(of_file(FILE, ORIGIN), self.whole(self.other, OURS, ORIGIN, keyring))

    def test_nobody_without_the_key_has_it(self):
        self.serve('[zone %s]\nfile = %s\ntsig = %s\n' % (ORIGIN, FILE, KEY)).start()
        self.assertRaises(dns.query.TransferError, self.whole, self.other, OURS, ORIGIN)
        wrong = dns.tsigkeyring.from_text({KEY: 'AAAA' + SECRET[4:]})
        self.assertRaises(Exception, self.whole, self.other, OURS, ORIGIN, wrong)

    def follow(self, start):
        netsvc = self.serve('[zone small.example]\nfile = FOLDER/small.zone\nnotify = %s\ntsig = %s\n' % (OTHER, KEY))
        netsvc.write('small.zone', SMALL % 1)
        netsvc.start()
        start()
        self.until(lambda: self.serial(self.theirs) == 1)
        netsvc.write('small.zone', SMALL % 2 + 'www A 10.66.0.11\n')
        netsvc.reload('serving')
        self.until(lambda: self.serial(self.theirs) == 2)
        self.assertEqual('10.66.0.11', self.theirs.ask(query('www.small.example')).answer[0][0].address)
        netsvc.end()

    def test_knot_follows_when_it_is_told(self):
        def start():
            more = knot_key() + 'remote:\n - id: us\n   address: %s\n   key: %s\nacl:\n - id: us\n   address: %s\n   action: notify\n   key: %s\n' % (
                OURS, KEY, OURS, KEY)
            more += ' - id: us-without\n   address: %s\n   action: notify\n' % OURS
            self.knot = Knot(self, self.other, {'small.example': {'master': 'us', 'acl': '[us, us-without]'}}, OTHER, more=more)
        self.follow(start)

    def test_nsd_follows_when_it_is_told(self):
        def start():
            Nsd(self, self.other, {'small.example': ['zonefile: small.zone', 'request-xfr: AXFR %s %s' % (OURS, KEY), 'allow-notify: %s %s' % (OURS, KEY),
                                                     'allow-notify: %s NOKEY' % OURS]}, OTHER,
                more='key:\n name: %s\n algorithm: hmac-sha256\n secret: "%s"\n' % (KEY, SECRET))
        self.follow(start)


class Theirs(Transfers):
    """They have the zone, we follow."""

    def follow(self, write):
        netsvc = self.serve('[zone small.example]\nprimaries = %s\ntsig = %s\n' % (OTHER, KEY))
        netsvc.start()
        self.until(lambda: self.serial(self.ours) == 1)
        write(2)
        self.until(lambda: self.serial(self.ours) == 2)
        self.assertEqual('10.66.0.12', self.ours.ask(query('new.small.example')).answer[0][0].address)
        return netsvc

    def knot(self):
        knot = Knot(self, self.other, {}, OTHER)
        knot.process.end(expect=None)
        path = knot.write('small.zone', SMALL % 1)
        more = knot_key() + 'remote:\n - id: us\n   address: %s\n   key: %s\nacl:\n - id: us\n   address: %s\n   action: transfer\n   key: %s\n' % (
            OURS, KEY, OURS, KEY)
        self.theirs_knot = Knot(self, self.other, {'small.example': {'file': path, 'acl': 'us', 'notify': 'us', 'zonefile-load': 'difference',
                                                                     'journal-content': 'changes'}}, OTHER, more=more)

        def write(serial):
            with open(path, 'w') as file:
                file.write(SMALL % serial + 'new A 10.66.0.12\n')
            self.theirs_knot.control('zone-reload', 'small.example')
        return write

    def test_a_zone_of_knots_is_followed_when_it_tells(self):
        self.follow(self.knot()).end()

    def test_a_zone_that_is_followed_is_there_after_a_restart_without_its_primary(self):
        netsvc = self.follow(self.knot())
        self.other.silence()
        netsvc.end()
        netsvc.start()
        local = Asker(self, self.server, OURS)
        self.until(lambda: self.serial(local) == 2)
        self.assertTrue(os.path.isdir(netsvc.state))
        netsvc.end()

    def test_an_awkward_zone_comes_over_whole(self):
        more = knot_key() + 'acl:\n - id: us\n   address: %s\n   action: transfer\n   key: %s\n' % (OURS, KEY)
        Knot(self, self.other, {ORIGIN: {'file': FILE, 'acl': 'us'}}, OTHER, more=more)
        netsvc = self.serve('[zone %s]\nprimaries = %s\n tsig = %s\n' % (ORIGIN, OTHER, KEY)).start()
        self.until(lambda: self.serial(self.ours, ORIGIN))
        keyring = dns.tsigkeyring.from_text({KEY: SECRET})
        self.assertEqual(of_file(FILE, ORIGIN), self.whole(self.other, OURS, ORIGIN, keyring))
        netsvc.end()
