"""The ACME server of a pair: whichever node is active, a client finds its account, its certificates, and what it put into the DNS."""

import os
import shutil
import ssl
import subprocess
import time
import types
import unittest

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from support.acme import DIRECTORY, DOMAIN, KEY, SECRET, SERVICE, Client, Site
from support.acme_raw import BASE, Raw, base64url
from support.case import Case
from support.netsvc import program
from support.pair import Pair
from support.process import PATIENCE

CERT = '''
[cert]
name = clinic.example
names = *.clinic.example
networks = 10.66.0.0/16
[web]
acme_networks = 10.66.0.0/16
'''
LAPTOPS = 3


class AcmeOfAPair(Case):
    def setUp(self):
        super().setUp()
        self.pair = Pair(self, start=False, more=CERT)
        self.a, self.b = self.pair.nodes
        for node in self.pair.nodes:
            self.configure(node)
            subprocess.run([program('lifeboat'), 'key', 'init', '--site', 'kibera', '--node', node.name, '--keys', node.path('keys')],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pair.start()
        self.site = types.SimpleNamespace(test=self, lan=self.lan, root=self.pair.path('root.pem'), name=Site.name,
                                          netsvc=types.SimpleNamespace(process=self))
        self.a.do('cert', 'init')
        self.client, self.raws = Client(self.site, 1), []
        self.wait_for_https()
        self.pair.ready()

    @property
    def log(self):
        return '\n'.join('---- %s\n%s' % (node.name, node.netsvc.log) for node in self.pair.nodes)

    def configure(self, node):
        names = ';'.join(['%s=%s' % (DOMAIN, SERVICE)] + ['%s=10.66.1.%d' % (Site.name(i), i) for i in range(1, LAPTOPS)])
        node.write('tsig', 'key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (KEY, SECRET))
        with open(node.config) as file:
            text = file.read()
        node.write('lifeboat.conf', text.replace('[dns]\nnames = clinic.example=10.66.0.10\n',
                                                 '[dns]\nnames = %s\nnetworks = 10.66.0.0/16\nrate = 0\ntsig = FOLDER/tsig\n' % names))

    def until(self, what, patience=2 * PATIENCE):
        begun = time.monotonic()
        while not (value := what()):
            self.assertLess(time.monotonic() - begun, patience, self.log)
            time.sleep(0.02)  # between questions, not for an event
        return value

    def wait_for_https(self):
        """Until who is active serves with the site's certificate; its root is kept."""
        ask = ('curl', '-sfk', '-m', '5', '--resolve', '%s:8443:%s' % (DOMAIN, SERVICE), 'https://%s:8443/ca.pem' % DOMAIN)
        self.until(lambda: 'BEGIN' in self.client.host.run(*ask, expect=None))
        self.client.host.run(*ask, '-o', self.site.root)

    # ---- switches ----

    def switched(self):
        """Nonces are of one node: clients take another one, as badNonce tells them."""
        self.wait_for_https()
        for raw in self.raws:
            raw.nonce = None

    def raw(self):
        self.raws.append(Raw(self.client))
        return self.raws[-1]

    def planned(self, node, other):
        """Again, where a machine that has much to do lets the nodes lose one another on the way."""
        self.until(lambda: node.call('failover', '--yes')[0] == 0 or other.role() == 'active')
        other.wait_role('active')
        node.wait_role('standby')
        self.switched()

    def forced(self, other):
        other.wait_until(lambda: not other.status().get('link', {}).get('connected'), 'the other node is still seen')
        other.do('failover', '--force', '--yes', '--fenced')
        other.wait_role('active')
        self.switched()

    # ---- what there is ----

    @staticmethod
    def name_of(certificate):
        """RFC 9773, 4.1."""
        read = x509.load_pem_x509_certificate(certificate.encode())
        issuer = read.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return base64url(issuer) + '.' + base64url(read.serial_number.to_bytes(read.serial_number.bit_length() // 8 + 1, 'big'))

    @staticmethod
    def body(certificate):
        first = certificate[:certificate.index('-----END')] + '-----END CERTIFICATE-----\n'
        return {'certificate': base64url(ssl.PEM_cert_to_DER_cert(first))}

    def is_revoked(self, certificate):
        """By the list that the active node gives out."""
        crl = self.client.path('ca.crl')
        self.client.host.run('curl', '-sf', '-m', '5', '-o', crl, 'http://%s:8080/ca.crl' % SERVICE)
        with open(crl, 'rb') as file:
            serial = x509.load_pem_x509_certificate(certificate.encode()).serial_number
            return x509.load_der_x509_crl(file.read()).get_revoked_certificate_by_serial_number(serial) is not None

    def renewal(self, raw, certificate):
        """Whether the active node knows when it is to be renewed."""
        return raw.request('GET', BASE + 'renewal-info/' + self.name_of(certificate)).status == 200

    def change_key(self, raw):
        new = ec.generate_private_key(ec.SECP256R1())
        inner = raw.sign({'alg': 'ES256', 'jwk': raw.jwk(new), 'url': BASE + 'key-change'}, {'account': raw.account, 'oldKey': raw.jwk()}, new)
        self.assertEqual(200, raw.post('key-change', inner).status)
        raw.key = new

    # ---- DNS ----

    def nsupdate(self, *lines):
        with open(self.client.path('update'), 'w') as file:
            file.write('server %s\n%s\nsend\n' % (SERVICE, '\n'.join(lines)))
        self.client.run('nsupdate', '-y', 'hmac-sha256:%s:%s' % (KEY, SECRET), self.client.path('update'))

    def texts(self, server, name):
        return sorted(self.client.run('dig', '+short', '+tries=1', '@' + server, name, 'TXT', expect=None).split())

    # ---- certbot ----

    def certbot(self, *arguments, **how):
        folders = ['--%s-dir=%s' % (name, self.client.path('le', name)) for name in ('config', 'work', 'logs')]
        return self.client.run('certbot', *arguments, *folders, '--non-interactive', '--server', DIRECTORY, **how)

    @property
    def live(self):
        return self.client.path('le', 'config', 'live', self.client.name, 'fullchain.pem')

    def get(self):
        self.certbot('certonly', '--standalone', '--agree-tos', '--register-unsafely-without-email', '--domain', self.client.name)
        self.client.check(self.live, self.client.name)
        return self.client.serial(self.live)

    def renew(self):
        self.certbot('renew', '--force-renewal', '--no-random-sleep-on-renew')
        self.client.check(self.live, self.client.name)
        return self.client.serial(self.live)

    def accounts(self):
        """Those that certbot knows of."""
        return [name for _, _, names in os.walk(self.client.path('le', 'config', 'accounts')) for name in names if name == 'regr.json']


class Planned(AcmeOfAPair):
    @unittest.skipUnless(shutil.which('certbot'), 'there is no certbot')
    def test_certbot_renews_with_the_same_account_there_and_back(self):
        serials = [self.get()]
        self.planned(self.a, self.b)
        serials.append(self.renew())
        self.planned(self.b, self.a)
        serials.append(self.renew())
        self.assertEqual(3, len(set(serials)))
        self.assertEqual(1, len(self.accounts()))

    def test_the_other_node_knows_accounts_orders_and_certificates(self):
        raw, left = self.raw(), self.raw()
        self.client.serve()
        raw.register(contact=['mailto:nurse@clinic.example'])
        left.register()
        left.post(left.account, {'status': 'deactivated'})
        certificate, other = raw.certificate(self.client.name), raw.certificate(self.client.name)
        self.assertEqual('unauthorized', left.post(left.account).problem)
        orders = raw.post(raw.post(raw.account).json['orders']).json['orders']
        self.change_key(raw)
        self.planned(self.a, self.b)
        account = raw.post(raw.account)
        self.assertEqual((200, ['mailto:nurse@clinic.example']), (account.status, account.json['contact']))
        self.assertEqual('unauthorized', left.post(left.account).problem, 'it was deactivated')
        self.assertEqual(orders, raw.post(account.json['orders']).json['orders'])
        found = [raw.post(order).json for order in orders]
        self.assertEqual(['valid', 'valid'], [order['status'] for order in found])
        self.assertIn(certificate, [raw.post(order['certificate']).body.decode() for order in found])
        self.assertTrue(self.renewal(raw, certificate))
        self.assertEqual(200, raw.post('revoke-cert', self.body(other)).status)
        renewed = raw.certificate(self.client.name, replaces=self.name_of(certificate))
        self.assertEqual('alreadyReplaced', raw.order(self.client.name, replaces=self.name_of(certificate)).problem)
        self.planned(self.b, self.a)
        self.assertTrue(self.renewal(raw, renewed))
        self.assertEqual('alreadyRevoked', raw.post('revoke-cert', self.body(other)).problem)
        self.assertEqual('alreadyReplaced', raw.order(self.client.name, replaces=self.name_of(certificate)).problem)


class Forced(AcmeOfAPair):
    @unittest.skipUnless(shutil.which('certbot'), 'there is no certbot')
    def test_certbot_renews_with_the_same_account_where_the_node_was_lost(self):
        first = self.get()
        self.a.cut_power()
        self.forced(self.b)
        self.assertNotEqual(first, self.renew())
        self.assertEqual(1, len(self.accounts()))

    def test_what_either_node_issued_alone_both_know_when_they_have_met_again(self):
        raw = self.raw()
        self.client.serve()
        raw.register()
        before, stolen = raw.certificate(self.client.name), raw.certificate(self.client.name)
        self.b.netsvc.end()
        alone = raw.certificate(self.client.name)
        self.assertEqual(200, raw.post('revoke-cert', self.body(stolen)).status)
        self.change_key(raw)
        self.a.cut_power()
        self.b.start_netsvc()
        self.forced(self.b)
        other = self.raw()
        other.register()
        there = other.certificate(self.client.name)
        self.assertTrue(self.renewal(other, before))
        self.assertFalse(self.renewal(other, alone))
        self.a.boot()
        self.a.wait_role('standby')
        self.until(lambda: self.renewal(other, alone))
        self.assertEqual(200, raw.post(raw.account).status, 'its key is the one that it has now')
        self.b.wait_until(lambda: not self.b.status()['unmerged'], 'it is not merged')
        self.until(lambda: self.is_revoked(stolen))
        self.assertEqual(200, raw.post('revoke-cert', self.body(alone)).status)
        self.planned(self.b, self.a)
        for certificate in (before, alone, there):
            self.assertTrue(self.renewal(other, certificate))
        self.assertEqual([False, True, True, False], [self.is_revoked(each) for each in (before, stolen, alone, there)])


class Dns(AcmeOfAPair):
    def test_what_an_update_put_stays_through_a_reload_and_is_known_on_both_nodes(self):
        name = '_acme-challenge.' + self.client.name
        self.nsupdate('update add %s 60 TXT one' % name, 'update add %s 60 TXT two' % name)
        both = ['"one"', '"two"']
        self.assertEqual(both, self.texts(SERVICE, name))
        self.until(lambda: self.texts(self.b.address, name) == both)
        for node in self.pair.nodes:
            node.do('net', 'reload')
            self.assertEqual(both, self.texts(node.address, name))
        self.planned(self.a, self.b)
        self.assertEqual(both, self.texts(SERVICE, name))
        self.nsupdate('update delete %s TXT one' % name)
        self.until(lambda: self.texts(self.a.address, name) == ['"two"'])
        self.nsupdate('update delete %s TXT' % name)
        self.until(lambda: self.texts(self.a.address, name) == [])

    def test_a_node_that_was_away_hears_of_them(self):
        name = '_acme-challenge.' + self.client.name
        self.b.netsvc.end()
        self.nsupdate('update add %s 60 TXT one' % name)
        self.b.start_netsvc()
        self.until(lambda: self.texts(self.b.address, name) == ['"one"'])
