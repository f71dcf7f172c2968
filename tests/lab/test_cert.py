"""The site's certificates, with a real lifeboat-netsvc: made, shown, renewed, asked for by drive, put in force, taken back."""

import base64
import json
import os
import shutil
import socket
import subprocess
import unittest

from support.case import OneServer
from support.clock import shifted
from support.netsvc import program
from support.process import Process
from support.until import until

SECONDS = 20
CLINIC = 'clinic.example'


class Certificates(OneServer):
    configuration = '''
        service_address = 10.66.0.10
        [keys]
        folder = FOLDER/keys
        [cert]
        name = clinic.example
        names = *.clinic.example
        organisation = Kibera Clinic
        networks = 10.66.0.0/16
        install = FOLDER/tls
        hook = FOLDER/hook
        [web]
        enabled = no
        '''
    keys = True

    def setUp(self):
        super().setUp()
        if self.keys:
            self.make_keys()

    def make_keys(self):
        self.sheet = subprocess.run([program('lifeboat'), 'key', 'init', '--site', 'kibera', '--keys', self.path('keys')], check=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        self.netsvc.reload('serving')

    def path(self, *names):
        return self.netsvc.path(*names)

    def hook(self, text='echo "$LIFEBOAT_NAME $LIFEBOAT_FINGERPRINT" >> %s/ran'):
        with open(self.path('hook'), 'w') as file:
            file.write('#!/bin/sh\n' + text % ((self.netsvc.folder,) * text.count('%s')) + '\n')
        os.chmod(self.path('hook'), 0o755)

    def cert(self, *words, code=0):
        done = subprocess.run([program('lifeboat'), 'cert', *words, '--config', self.netsvc.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(code, done.returncode, done.stdout + self.netsvc.process.log)
        return done.stdout

    def show(self):
        return json.loads(self.cert('show', '--json'))

    def ask(self, what, **more):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.netsvc.control)
            connection.sendall(json.dumps({'ask': what, **more}).encode() + b'\n')
            return json.loads(b''.join(iter(lambda: connection.recv(65536), b'')))

    def until(self, what):
        return until(what, lambda: self.netsvc.process.log, SECONDS)

    def openssl(self, *words, code=0, stdin=None):
        done = subprocess.run(['openssl', *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              cwd=self.netsvc.folder)
        self.assertEqual(code, done.returncode, done.stdout)
        return done.stdout

    def write(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)

    def read(self, *names):
        try:
            with open(self.path(*names)) as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def installed(self):
        """The fingerprint of what is there for nginx."""
        text = self.read('tls', 'current', 'server.pem')
        return text and self.openssl('x509', '-noout', '-fingerprint', '-sha256', stdin=text).strip().partition('=')[2]

    def in_force(self):
        return next(each['fingerprint'] for each in self.show()['certificates'] if each['in_force'])

    def until_installed(self):
        return self.until(lambda: self.installed() == self.in_force() and self.installed())

    # ---- a public authority ----

    def authority(self):
        ec = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
        self.openssl('req', '-x509', *ec, '-keyout', 'root.key', '-out', 'root.pem', '-subj', '/O=Public/CN=Root X1', '-days', '999')
        self.openssl('req', *ec, '-keyout', 'r11.key', '-out', 'r11.csr', '-subj', '/O=Public/CN=R11')
        with open(self.path('r11.ext'), 'w') as file:
            file.write('basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n')
        self.openssl('x509', '-req', '-in', 'r11.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-out', 'r11.pem',
                     '-days', '900', '-extfile', 'r11.ext')

    def sign(self, request, out, days='90', only=None):
        """As asked for, or only for one of the names."""
        with open(self.path('only.ext'), 'w') as file:
            file.write('subjectAltName=DNS:%s\n' % only)
        self.openssl('x509', '-req', '-in', request, '-CA', 'r11.pem', '-CAkey', 'r11.key', '-CAcreateserial', '-out', out,
                     '-days', days, *(('-extfile', 'only.ext') if only else ('-copy_extensions', 'copyall')))
        with open(self.path(out), 'a') as file:
            file.write(self.read('r11.pem'))


class Own(Certificates):
    def test_init_makes_what_openssl_and_a_browser_accept(self):
        self.hook()
        said = self.cert('init')
        root = self.ask('cert/public')
        self.assertIn(root['fingerprint'], said)
        self.assertIn('`enabled` and `http` under [web]', said)
        with open(self.path('ca.pem'), 'w') as file:
            file.write(root['root'])
        self.until_installed()
        verify = ('verify', '-CAfile', 'ca.pem', '-purpose', 'sslserver', '-x509_strict', '-untrusted', 'tls/current/chain.pem')
        for host in (CLINIC, 'x.' + CLINIC):
            self.openssl(*verify, '-verify_hostname', host, 'tls/current/server.pem')
        self.openssl(*verify, '-verify_ip', '10.66.0.10', 'tls/current/server.pem')
        self.openssl(*verify, '-verify_hostname', 'bank.example', 'tls/current/server.pem', code=2)
        for authority in ('ca.pem', 'tls/current/chain.pem'):
            self.assertIn('X509v3 Name Constraints: critical', self.openssl('x509', '-noout', '-text', '-in', authority))
        self.assertEqual(0o600, os.stat(self.path('tls/current/server.key')).st_mode & 0o777)
        self.assertEqual(0, os.stat(self.path('tls/current/server.key')).st_uid)
        self.until(lambda: self.installed() in self.read('ran'))
        self.assertIn(CLINIC, self.read('ran'))
        self.assertIn('never overwritten', self.cert('init', code=1))

    def test_a_stolen_issuing_key_signs_for_the_clinic_alone(self):
        self.cert('init')
        state = json.loads(self.read('state', 'cert', 'state.json'))
        for name in ('root', 'issuing', 'issuing_key'):
            self.write(name, state[name])
        verify = ('verify', '-CAfile', 'root', '-untrusted', 'issuing', '-purpose', 'sslserver')
        self.openssl(*verify, self.stolen('DNS:x.' + CLINIC, 'IP:10.66.7.7'))
        for name in ('DNS:bank.example', 'IP:192.0.2.1', 'IP:2001:db8::1'):
            self.assertIn('permitted subtree violation', self.openssl(*verify, self.stolen(name), code=2))

    def stolen(self, *names):
        """A certificate for these, by whoever has the issuing key."""
        self.write('leaf.ext', 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' % ','.join(names))
        self.openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'leaf.key', '-out', 'leaf.csr',
                     '-subj', '/O=Thief')
        self.openssl('x509', '-req', '-in', 'leaf.csr', '-CA', 'issuing', '-CAkey', 'issuing_key', '-CAcreateserial', '-out', 'leaf',
                     '-extfile', 'leaf.ext')
        return 'leaf'

    def test_keys_are_one_processs_alone(self):
        self.hook()
        self.cert('init')
        self.assertIn('error', self.ask('cert/key'))
        state = os.stat(self.path('state', 'cert', 'state.json'))
        self.assertEqual(0o600, state.st_mode & 0o777)
        self.assertNotEqual(0, state.st_uid)
        self.assertNotIn('PRIVATE', json.dumps(self.ask('cert/public')) + json.dumps(self.show()))

    @unittest.skipUnless(shutil.which('age'), 'there is no age')
    def test_the_roots_key_opens_with_the_recovery_sheet_alone(self):
        self.cert('init')
        with open(self.path('state', 'cert', 'state.json')) as file:
            sealed = base64.b64decode(json.load(file)['root_key'])
        with open(self.path('recovery.key'), 'w') as file:
            file.write(next(word for word in self.sheet.split() if word.startswith('AGE-SECRET-KEY-1')))
        done = subprocess.run(['age', '-d', '-i', self.path('recovery.key')], input=sealed, stdout=subprocess.PIPE, check=True)
        root = self.openssl('x509', '-noout', '-pubkey', stdin=self.ask('cert/public')['root'])
        self.assertEqual(root, self.openssl('pkey', '-pubout', stdin=done.stdout.decode()))
        done = subprocess.run(['age', '-d', '-i', self.path('keys', 'identity.age')], input=sealed, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        self.assertNotEqual(0, done.returncode, "a stolen server's own key opens it not")

    def test_all_is_as_it_was_after_a_crash(self):
        self.hook()
        self.cert('init')
        before = self.until_installed()
        self.until(lambda: before in self.read('ran'))
        self.netsvc.crash()
        self.netsvc.start()
        self.until(lambda: self.ask('cert/show').get('in_force'))
        self.assertEqual(before, self.until_installed())
        self.assertEqual(1, self.read('ran').count('\n'), 'the hook runs for what is new alone')

    def test_a_hook_that_fails_is_told(self):
        self.hook('echo nginx is not there; exit 3')
        self.cert('init')
        self.until(lambda: 'nginx is not there' in self.netsvc.process.log)
        self.until(lambda: 'may go on with the certificate before' in json.dumps(self.ask('status')))


class WithoutKeys(Certificates):
    keys = False

    def test_keys_come_first(self):
        self.assertIn('lifeboat key init', self.cert('init', code=1))
        self.assertIsNone(self.show()['authority'])
        self.make_keys()
        self.cert('init')
        self.assertIsNotNone(self.show()['authority'])


class Clock(Certificates):
    def test_no_certificate_is_made_with_a_date_that_is_not_believed(self):
        self.netsvc.end()
        with open(self.path('state', 'clock'), 'w') as file:
            file.write('2031-01-01T00:00:00Z\n')
        self.netsvc.start()
        self.assertIn('the clock is not believed', self.cert('init', code=1))
        self.until(lambda: 'no certificate is made or renewed' in json.dumps(self.ask('status')))


class Public(Certificates):
    def test_from_the_request_to_the_way_back(self):
        self.hook()
        self.cert('init')
        own = self.until_installed()
        self.authority()
        os.mkdir(self.path('drive'))
        self.cert('request', '--to', self.path('drive'))
        request = 'drive/lifeboat-cert/clinic.example.csr'
        self.assertIn('certbot', self.read('drive/lifeboat-cert/README.txt'))
        self.openssl('req', '-in', request, '-verify', '-noout')
        self.sign(request, 'drive/lifeboat-cert/0001_chain.pem')
        said = self.cert('import', self.path('drive'))
        self.assertIn("signed by 'R11'", said)
        if os.path.exists('/etc/ssl/certs/ca-certificates.crt'):
            self.assertIn("list of public authorities does not have 'Root X1'", said)
        public = self.until_installed()
        self.assertNotEqual(own, public)
        self.until(lambda: public in self.read('ran'))
        self.openssl('verify', '-CAfile', 'root.pem', '-untrusted', 'tls/current/chain.pem', '-verify_hostname', CLINIC,
                     'tls/current/server.pem')
        key = self.openssl('pkey', '-in', 'tls/current/server.key', '-pubout')
        self.assertEqual(key, self.openssl('x509', '-in', 'tls/current/server.pem', '-noout', '-pubkey'))
        self.cert('roll-back')
        self.assertEqual(own, self.until_installed())
        self.cert('import', '--drive', self.path('drive'))
        self.assertEqual(own, self.in_force(), 'a drive does not undo what a person has done')
        self.cert('roll-back')
        self.assertEqual(public, self.until_installed())

    def test_a_drive_takes_the_request_and_brings_a_certificate_of_those_that_are_known(self):
        self.hook()
        self.cert('init')
        self.authority()
        os.mkdir(self.path('drive'))
        self.cert('import', '--drive', self.path('drive'))
        self.assertEqual([], os.listdir(self.path('drive')), 'nothing waits')
        self.assertIn('next Lifeboat drive', self.cert('request'))
        self.cert('import', '--drive', self.path('drive'))
        request = 'drive/lifeboat-cert/clinic.example.csr'
        self.sign(request, 'drive/lifeboat-cert/fullchain.cer')
        if os.path.exists('/etc/ssl/certs/ca-certificates.crt'):  # whoever has a drive could have it signed by an authority of his own
            self.cert('import', '--drive', self.path('drive'), code=1)
            self.until(lambda: "list of public authorities does not have 'Root X1'" in json.dumps(self.ask('status')))
            self.assertEqual('own', self.show()['in_force'])
            self.cert('import', self.path('drive'))
        else:
            self.cert('import', '--drive', self.path('drive'))
        self.assertEqual('public', self.show()['in_force'])

    def test_names_that_it_is_not_for_are_told(self):
        self.cert('init')
        self.authority()
        os.mkdir(self.path('drive'))
        self.cert('request', '--to', self.path('drive'))
        self.sign('drive/lifeboat-cert/clinic.example.csr', 'drive/lifeboat-cert/x.pem', only=CLINIC)
        self.assertIn('the certificate is not for *.clinic.example', self.cert('import', self.path('drive')))
        self.assertIn('NOT FOR *.clinic.example', self.cert('show'))
        self.until(lambda: "the public certificate is not for '*.clinic.example'" in json.dumps(self.ask('status')))
        self.cert('roll-back')
        self.assertNotIn('NOT FOR', self.cert('show'))
        self.until(lambda: 'the public certificate is not for' not in json.dumps(self.ask('status')))

    def test_more_than_is_taken_is_refused_with_the_limit(self):
        self.cert('init')
        os.makedirs(self.path('drive', 'lifeboat-cert'))
        block = '-----BEGIN CERTIFICATE-----\n' + 'M' * 41000 + '\n-----END CERTIFICATE-----\n'
        self.write('large.pem', block)
        self.assertRegex(self.cert('import', self.path('large.pem'), code=2), r"large\.pem' has more .*40000 bytes")
        for name in 'xy':
            self.write('drive/lifeboat-cert/%s.pem' % name, block[:30000])
        self.assertRegex(self.cert('import', self.path('drive'), code=2), r"drive' has more .*42000 bytes(.|\n)*fullchain")
        self.assertEqual('own', self.show()['in_force'])

    def test_what_a_drive_brings_in_vain_is_told(self):
        self.cert('init')
        self.authority()
        os.makedirs(self.path('drive', 'lifeboat-cert'))
        self.openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'other.key', '-out', 'other.csr',
                     '-subj', '/CN=' + CLINIC, '-addext', 'subjectAltName=DNS:' + CLINIC)
        self.sign('other.csr', 'drive/lifeboat-cert/x.pem')
        self.assertIn('a key that this server has not', self.cert('import', self.path('drive'), code=1))
        self.cert('import', '--drive', self.path('drive'), code=1)
        self.until(lambda: 'the certificate on the drive is not taken' in json.dumps(self.ask('status')))
        self.assertEqual('own', self.show()['in_force'])


@unittest.skipUnless(shutil.which('pebble') and shutil.which('certbot'), 'there is no pebble or no certbot')
class AsTheReadmeSays(Certificates):
    """What README.txt on the drive tells a person to type, at a public authority of our own; its DNS is always content."""

    def pebble(self):
        self.openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'pebble.key', '-out', 'pebble.pem', '-days', '30',
                     '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1')
        settings = {'listenAddress': '127.0.0.1:14000', 'managementListenAddress': '127.0.0.1:15000', 'certificate': self.path('pebble.pem'),
                    'privateKey': self.path('pebble.key'), 'httpPort': 5002, 'tlsPort': 5001}
        with open(self.path('pebble.json'), 'w') as file:
            json.dump({'pebble': settings}, file)
        Process(self, self.server, ['env', 'PEBBLE_VA_ALWAYS_VALID=1', 'PEBBLE_VA_NOSLEEP=1', 'pebble', '-config', self.path('pebble.json')]
                ).wait_for('Listening on: 127.0.0.1:14000')

    def test_certbot(self):
        self.cert('init')
        self.pebble()
        os.mkdir(self.path('drive'))
        self.cert('request', '--to', self.path('drive'))
        command = next(line.split('certbot:')[1].split() for line in self.read('drive/lifeboat-cert/README.txt').splitlines() if 'certbot:' in line)
        own = [word for name in ('config', 'work', 'logs') for word in ('--%s-dir' % name, self.path('certbot', name))]
        self.server.run('env', '-C', self.path('drive', 'lifeboat-cert'), 'REQUESTS_CA_BUNDLE=' + self.path('pebble.pem'), *command, *own,
                        '--server', 'https://127.0.0.1:14000/dir', '--manual-auth-hook', '/bin/true', '--agree-tos', '-n',
                        '-m', 'a@clinic.example', '--no-eff-email')
        self.assertIn("signed by 'Pebble Intermediate", self.cert('import', self.path('drive')))
        self.until_installed()


class Later(Certificates):
    """The same server days later: its clock is ahead of ours."""

    configuration = Certificates.configuration.replace('install =', 'days = 9\n        install =')

    def at(self, number):
        self.netsvc.end()
        self.netsvc.before = shifted('%+dd' % number)
        self.netsvc.start()
        self.until(lambda: 'error' not in self.ask('cert/show'))

    def told(self):
        return ' '.join(alert['text'] for alert in self.ask('status')['alerts'])

    def test_renewed_at_two_thirds_of_its_life(self):
        self.hook()
        self.cert('init')
        first = self.until_installed()
        self.at(5)
        self.assertEqual(first, self.until_installed())
        self.at(6)
        self.until(lambda: self.in_force() != first)
        second = self.until_installed()
        self.until(lambda: second in self.read('ran'))
        self.assertEqual(2, self.read('ran').count('\n'))
        self.assertNotIn('HAS EXPIRED', self.told())
        self.at(200)  # it was off for long, and is back
        self.until(lambda: self.in_force() != second)
        self.until_installed()
        self.until(lambda: 'HAS EXPIRED' not in self.told())

    def test_a_public_one_is_told_of_until_it_ends_and_then_the_sites_own_is_better_than_none(self):
        self.hook()
        self.cert('init')
        self.authority()
        os.mkdir(self.path('drive'))
        self.cert('request', '--to', self.path('drive'))
        self.sign('drive/lifeboat-cert/clinic.example.csr', 'drive/lifeboat-cert/x.pem')
        self.cert('import', self.path('drive'))
        public = self.until_installed()
        for day, words in ((46, '50 % of its life'), (70, '25 % of its life'), (82, '10 % of its life')):
            self.at(day)
            self.until(lambda: words in self.told())
            self.assertIn('lifeboat cert request', self.told())
            self.assertEqual(public, self.until_installed())
        self.at(91)
        self.until(lambda: 'the public certificate HAS EXPIRED' in self.told())
        self.assertEqual('own', self.show()['in_force'])
        self.assertNotEqual(public, self.until_installed())
