"""Both nodes of a pair have the same certificates, in force at the same time, whichever of them makes a change."""

import json
import os
import subprocess

from support.case import Case
from support.netsvc import program
from support.pair import Pair
from support.until import until

SECONDS = 30
CERT = '''
[cert]
name = clinic.example
networks = 10.66.0.0/16
install = FOLDER/tls
[web]
enabled = no
'''


class CertificatesOfAPair(Case):
    def setUp(self):
        super().setUp()
        self.pair = Pair(self, start=False, more=CERT)
        self.a, self.b = self.pair.nodes
        for node in self.pair.nodes:
            subprocess.run([program('lifeboat'), 'key', 'init', '--site', 'kibera', '--node', node.name, '--keys', node.path('keys')],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pair.start()

    def until(self, what, *of):
        return until(lambda: what(*of), self.told, SECONDS)

    def told(self):
        return '\n'.join(node.netsvc.log + json.dumps(self.show(node), indent=1) for node in self.pair.nodes)

    def show(self, node):
        code, said = node.call('cert', 'show', '--json')
        return json.loads(said) if code == 0 else {}

    def served(self, node):
        """Fingerprint of what is in force, once nginx has it, too."""
        for each in self.show(node).get('certificates', ()):
            if each['in_force'] and each['fingerprint'] == self.installed(node):
                return each['fingerprint']
        return None

    def installed(self, node):
        path = node.path('tls', 'current', 'server.pem')
        done = subprocess.run(['openssl', 'x509', '-noout', '-fingerprint', '-sha256', '-in', path], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip().partition('=')[2]

    def alike(self):
        a, b = self.served(self.a), self.served(self.b)
        return a if a == b and self.show(self.a)['generation'] == self.show(self.b)['generation'] else None

    def state(self, node):
        with open(node.path('state', 'cert', 'state.json')) as file:
            return file.read()

    def test_what_one_makes_both_have(self):
        self.assertIn('certificates are made by the active one', self.b.do('cert', 'init', expect=1))
        self.a.do('cert', 'init')
        first = self.until(self.alike)
        self.assertEqual(self.state(self.a), self.state(self.b))
        self.assertEqual('alike', self.show(self.a)['peer'])
        with open(self.a.path('tls', 'current', 'server.key')) as a, open(self.b.path('tls', 'current', 'server.key')) as b:
            self.assertEqual(a.read(), b.read())
        self.assertTrue(first)

    def test_a_public_one_by_a_drive_at_either_node(self):
        self.a.do('cert', 'init')
        own = self.until(self.alike)
        self.authority()
        os.mkdir(self.pair.path('drive'))
        self.a.do('cert', 'request', '--to', self.pair.path('drive'))
        self.until(lambda: self.show(self.b)['request'])
        self.sign('drive/lifeboat-cert/clinic.example.csr', 'drive/lifeboat-cert/x.pem')
        self.assertIn('handed to the active node', self.b.do('cert', 'import', self.pair.path('drive')))
        public = self.until(lambda: self.alike() not in (own, None) and self.alike())
        self.assertEqual('public', self.show(self.b)['in_force'])
        self.assertTrue(public)
        self.a.do('cert', 'roll-back')
        self.until(lambda: self.alike() == own)

    def openssl(self, *words):
        subprocess.run(['openssl', *words], check=True, cwd=self.pair.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def authority(self):
        ec = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
        self.openssl('req', '-x509', *ec, '-keyout', 'x1.key', '-out', 'x1.pem', '-subj', '/O=Public/CN=Root X1', '-days', '999')
        self.openssl('req', *ec, '-keyout', 'r11.key', '-out', 'r11.csr', '-subj', '/O=Public/CN=R11')
        with open(self.pair.path('r11.ext'), 'w') as file:
            file.write('basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n')
        self.openssl('x509', '-req', '-in', 'r11.csr', '-CA', 'x1.pem', '-CAkey', 'x1.key', '-CAcreateserial', '-out', 'r11.pem', '-days', '900',
                     '-extfile', 'r11.ext')

    def sign(self, request, out, days='90'):
        self.openssl('x509', '-req', '-in', request, '-CA', 'r11.pem', '-CAkey', 'r11.key', '-CAcreateserial', '-out', out, '-days', days,
                     '-copy_extensions', 'copyall')
        with open(self.pair.path('r11.pem')) as issuer, open(self.pair.path(out), 'a') as chain:
            chain.write(issuer.read())

    def test_what_was_missed_is_made_up_for(self):
        self.a.do('cert', 'init')
        first = self.until(self.alike)
        self.b.netsvc.end()
        self.a.configure(more=CERT.replace('networks', 'names = files.clinic.example\nnetworks'))
        self.a.do('net', 'reload')
        second = self.until(lambda: self.served(self.a) != first and self.served(self.a))
        self.assertEqual('away', self.show(self.a)['peer'])
        self.b.start_netsvc()
        self.assertEqual(second, self.until(self.alike))

    def requested(self, node, name):
        """Signed, as a drive brings it."""
        os.mkdir(self.pair.path(name))
        node.do('cert', 'request', '--to', self.pair.path(name))
        self.sign('%s/lifeboat-cert/clinic.example.csr' % name, '%s/lifeboat-cert/x.pem' % name)
        return self.pair.path(name)

    def test_what_a_drive_brought_to_a_node_that_was_then_lost_both_have_when_it_is_back(self):
        self.a.do('cert', 'init')
        own = self.until(self.alike)
        self.authority()
        self.b.netsvc.end()
        self.a.do('cert', 'import', self.requested(self.a, 'first'))
        public = self.until(lambda: self.served(self.a) not in (own, None) and self.served(self.a))
        second = self.requested(self.a, 'second')
        self.a.cut_power()
        self.b.start_netsvc()
        self.b.wait_until(lambda: not self.b.status().get('link', {}).get('connected'), 'the other node is still seen')
        self.b.do('failover', '--force', '--yes', '--fenced')
        self.b.wait_role('active')
        third = self.requested(self.b, 'third')
        self.assertEqual(own, self.served(self.b))
        self.a.boot()
        self.until(lambda: self.alike() == public)
        self.b.do('cert', 'import', third)
        self.until(lambda: self.alike() not in (own, public, None))
        self.sign('second/lifeboat-cert/clinic.example.csr', 'second/lifeboat-cert/y.pem', days='91')
        self.b.do('cert', 'import', second)

    def test_the_one_that_takes_over_goes_on_making_them(self):
        self.a.do('cert', 'init')
        first = self.until(self.alike)
        self.a.kill()
        self.b.do('failover', '--force', '--yes', '--fenced')
        self.b.wait_role('active')
        self.assertEqual(first, self.served(self.b), 'the same certificate')
        self.b.configure(more=CERT.replace('networks', 'names = files.clinic.example\nnetworks'))
        self.b.do('net', 'reload')
        self.until(lambda: self.served(self.b) not in (first, None))
