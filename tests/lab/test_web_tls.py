"""The pages over HTTPS, with the site's own certificate, and what devices and containers do with them."""

import hashlib
import os
import plistlib
import shutil
import ssl
import subprocess
import threading
import time
import unittest
import uuid

from support.case import Case
from support.netsvc import Netsvc, program
from support.until import until
from support.web import Web, parse, read_all

SECONDS = 20
NAME, SERVER = 'clinic.example', '10.66.0.1'
REQUEST = b'GET /health HTTP/1.1\r\nHost: clinic.example\r\n\r\n'
PROFILE = 'application/x-apple-aspen-config'
CHROMIUM = ('chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--timeout=20000', '--dump-dom',
            '--host-resolver-rules=MAP %s %s' % (NAME, SERVER))

CONFIGURATION = '''
    [keys]
    folder = FOLDER/keys
    [cert]
    name = clinic.example
    organisation = Kibera Clinic
    networks = 10.66.0.0/16
    [web]
    listen = 10.66.0.1
    key_networks = 10.66.0.5
    '''


class Secure(Case):
    def setUp(self):
        super().setUp()
        self.server, self.host, self.container = (self.lan.host(address + '/16') for address in (SERVER, '10.66.0.3', '10.66.0.5'))
        self.netsvc = Netsvc(self, self.server, CONFIGURATION, start=False)
        self.lifeboat('key', 'init', '--site', 'kibera', '--keys', self.path('keys'))
        self.netsvc.start()
        self.web = Web(self, self.host, SERVER)
        self.assertIn('open http://clinic.example:8080/ or http://10.66.0.1:8080/', self.cert('init'))
        self.until(lambda: self.web.get('/').status == 200)
        self.write('ca.pem', self.web.get('/ca.pem').body)
        self.tls = ssl.create_default_context(cafile=self.path('ca.pem'))
        self.secure = Web(self, self.host, SERVER, 8443, self.tls)

    def tearDown(self):
        self.netsvc.end()

    def path(self, *names):
        return self.netsvc.path(*names)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'wb') as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), 'rb') as file:
            return file.read()

    def lifeboat(self, *words):
        done = subprocess.run([program('lifeboat'), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def cert(self, *words):
        return self.lifeboat('cert', *words, '--config', self.netsvc.config)

    def until(self, what):
        until(what, lambda: self.netsvc.process.log, SECONDS)

    def openssl(self, *words):
        done = subprocess.run(['openssl', *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.netsvc.folder)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout


class Tls(Secure):
    def test_it_is_trusted_with_the_root_and_not_without(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.tls.minimum_version = self.tls.maximum_version = version
            self.assertEqual(200, self.secure.get('/').status)
        self.secure.tls = ssl.create_default_context()
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.secure.get('/')
        self.secure.tls, self.secure.name = self.tls, 'other.example'
        self.tls.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.secure.get('/')

    def test_older_versions_are_not_spoken(self):
        said = self.host.run('openssl', 's_client', '-connect', SERVER + ':8443', '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0', expect=None)
        self.assertIn('alert', said)
        self.assertIn('no peer certificate available', said)

    def test_http_at_the_https_port_ends(self):
        plain = Web(self, self.host, SERVER, 8443)
        connection = plain.connect()
        connection.sendall(REQUEST)
        self.assertNotIn(b'HTTP/', read_all(connection))

    def swap(self):
        """A certificate of a public authority is in force."""
        ec = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes')
        by = ('-CAcreateserial', '-days', '90', '-copy_extensions', 'copyall')
        self.openssl('req', '-x509', *ec, '-keyout', 'root.key', '-out', 'root.pem', '-subj', '/CN=Public root')
        self.openssl('req', *ec, '-keyout', 'middle.key', '-out', 'middle.csr', '-subj', '/CN=Public', '-addext', 'basicConstraints=critical,CA:TRUE')
        self.openssl('x509', '-req', '-in', 'middle.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-out', 'middle.pem', *by)
        os.mkdir(self.path('drive'))
        self.cert('request', '--to', self.path('drive'))
        request = 'drive/lifeboat-cert/clinic.example.csr'
        self.openssl('x509', '-req', '-in', request, '-CA', 'middle.pem', '-CAkey', 'middle.key', '-out', 'leaf.pem', *by)
        self.write('drive/lifeboat-cert/chain.pem', b''.join(self.read(name) for name in ('leaf.pem', 'middle.pem')))
        self.cert('import', self.path('drive'))

    def ask_health(self, connection):
        connection.sendall(REQUEST)
        heard = b''
        while not heard.endswith(b'ok\n'):
            part = connection.recv(4096)
            self.assertNotEqual(b'', part, heard)
            heard += part
        self.assertTrue(heard.startswith(b'HTTP/1.1 200 '))

    def in_force(self):
        with self.secure.connect() as connection:
            return connection.getpeercert(True)

    def test_another_certificate_comes_in_force_while_downloads_go_on(self):
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        before = self.in_force()
        kept, slow = self.secure.connect(), self.secure.connect()
        self.ask_health(kept)
        slow.sendall(b'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        begin = slow.recv(1000)
        self.swap()
        self.until(lambda: self.in_force() != before)
        self.ask_health(kept)
        self.assertEqual(before, kept.getpeercert(True))
        answer = parse(begin + read_all(slow), ['GET'])[0][0]
        self.assertEqual(int(answer.headers['Content-Length']), len(answer.body))
        self.assertEqual(self.in_force(), ssl.PEM_cert_to_DER_cert(self.web.get('/server.pem').body.decode()))

    def test_a_reload_is_not_noticed(self):
        ends, failed, asked = threading.Event(), [], []

        def ask():
            while not ends.is_set():
                for web in (self.web, self.secure):
                    try:
                        self.assertEqual(200, web.get('/').status)
                        asked.append(web)
                    except (AssertionError, IndexError, OSError) as error:
                        failed.append(error)
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(3):
                self.netsvc.configure(CONFIGURATION + '\n    [dns]\n    rate = %d\n' % (number + 10))
                self.netsvc.reload('serving')
                count = len(asked)
                self.until(lambda count=count: len(asked) > count + 50)
        finally:
            ends.set()
            for thread in threads:
                thread.join()
        self.assertEqual([], failed)

    def test_a_flood_of_handshakes_does_not_keep_another_waiting(self):
        stranger = Web(self, self.container, SERVER, 8443)
        half = [stranger.connect() for _ in range(40)]  # that say nothing
        began = time.perf_counter()
        self.assertEqual(200, self.secure.get('/').status)
        self.assertLess(time.perf_counter() - began, 1)
        self.assertEqual(40, len(half))


class Devices(Secure):
    def test_each_form_is_the_same_root(self):
        der, pem = self.web.get('/ca.crt'), self.web.get('/ca.pem')
        self.assertEqual('application/x-x509-ca-cert', der.headers['Content-Type'])
        self.assertEqual(der.body, self.web.get('/ca.der').body)
        self.assertEqual(der.body, ssl.PEM_cert_to_DER_cert(pem.body.decode()))
        digest = hashlib.sha256(der.body).hexdigest().upper()
        shown = ':'.join(digest[i:i + 2] for i in range(0, 64, 2))
        self.assertIn(shown, self.cert('show'))
        page = self.web.get('/').body.decode()
        for line in range(0, len(shown), 24):
            self.assertIn('<span>%s</span>' % shown[line:line + 24], page)

    def test_the_root_is_what_android_takes(self):
        """A CA certificate, as DER, by that type; Android offers anything else as one of the device's own, or not at all."""
        answer = self.web.get('/ca.crt')
        self.assertEqual('application/x-x509-ca-cert', answer.headers['Content-Type'])
        self.write('ca.crt', answer.body)
        told = self.openssl('x509', '-inform', 'DER', '-in', 'ca.crt', '-noout', '-ext', 'basicConstraints,keyUsage')
        self.assertRegex(told, r'Basic Constraints: critical\s+CA:TRUE')
        self.assertIn('Certificate Sign', told)
        self.openssl('x509', '-inform', 'DER', '-in', 'ca.crt', '-out', 'android.pem')
        self.write('served.pem', self.web.get('/server.pem').body + self.web.get('/chain.pem').body)
        self.openssl('verify', '-CAfile', 'android.pem', '-untrusted', 'served.pem', '-verify_hostname', NAME, 'served.pem')

    @unittest.skipUnless(shutil.which('rsvg-convert') and shutil.which('zbarimg'), 'rsvg-convert and zbarimg are wanted')
    def test_a_camera_reads_where_the_page_is(self):
        page = self.web.get('/').body
        self.assertEqual(1, page.count(b'<svg '))
        self.write('code.svg', page[page.index(b'<svg '):page.index(b'</svg>') + len(b'</svg>')])
        self.host.run('rsvg-convert', '--zoom', '3', '--output', self.path('code.png'), self.path('code.svg'))
        read = self.host.run('zbarimg', '--quiet', '--nodbus', '--raw', self.path('code.png')).strip()
        self.assertEqual('http://%s:8080/' % NAME, read)
        self.assertEqual(page, self.web.get(read.partition(':8080')[2]).body)

    def test_the_profile_is_what_an_iphone_takes(self):
        answer = self.web.get('/lifeboat.mobileconfig')
        self.assertEqual(PROFILE, answer.headers['Content-Type'])
        profile = plistlib.loads(answer.body, fmt=plistlib.FMT_XML)
        payload, = profile['PayloadContent']
        self.assertEqual(('Configuration', 1, False), (profile['PayloadType'], profile['PayloadVersion'], profile['PayloadRemovalDisallowed']))
        self.assertEqual(('com.apple.security.root', 1), (payload['PayloadType'], payload['PayloadVersion']))
        self.assertEqual(self.web.get('/ca.crt').body, payload['PayloadContent'])
        self.assertEqual('Kibera Clinic', profile['PayloadOrganization'])
        for each in (profile, payload):
            self.assertEqual(each['PayloadUUID'], str(uuid.UUID(each['PayloadUUID'])).upper())
            self.assertTrue(each['PayloadIdentifier'] and each['PayloadDisplayName'] and each['PayloadDescription'])
        self.assertNotEqual(profile['PayloadUUID'], payload['PayloadUUID'])
        self.assertEqual(answer.body, self.web.get('/lifeboat.mobileconfig').body)

    def test_what_was_revoked_can_be_fetched_where_the_certificates_say(self):
        for path, issuer in (('/ca.crl', '/issuing.crt'), ('/root.crl', '/ca.crt')):
            answer = self.web.get(path)
            self.assertEqual('application/pkix-crl', answer.headers['Content-Type'])
            self.write('list', answer.body)
            self.write('issuer', self.web.get(issuer).body)
            self.assertIn('verify OK', self.openssl('crl', '-inform', 'DER', '-in', 'list', '-noout', '-CAfile', self.issuer()))
        self.write('leaf', self.web.get('/server.pem').body)
        self.assertIn('URI:http://clinic.example:8080/ca.crl', self.openssl('x509', '-in', 'leaf', '-noout', '-ext', 'crlDistributionPoints'))

    def issuer(self):
        self.openssl('x509', '-in', 'issuer', '-inform', 'DER', '-out', 'issuer.pem')
        return 'issuer.pem'

    def fetch(self, path):
        """As a container does: `curl -sS --max-time 15 URL -o FILE`."""
        file = self.path(path.strip('/').replace('/', '-') + '.fetched')
        self.container.run('curl', '-sS', '--max-time', '15', 'http://%s:8080%s' % (SERVER, path), '-o', file)
        return self.read(file).decode()

    def serves_nginx(self, chained, key):
        """What nginx would do with them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.write('chained', chained.encode()), self.write('key', key.encode()))
        self.openssl('verify', '-CAfile', 'ca.pem', '-untrusted', 'chained', '-verify_hostname', NAME, 'chained')

    def test_containers_that_know_local_ip_services_get_theirs(self):
        for leaf, key, chain in (('/cert/server.pem', '/cert/server.key', '/cert/chain.pem'), ('/server.pem', '/server.key', '/chain.pem'),
                                 ('/cert', '/key', '/chain')):
            got = [self.fetch(path) for path in (leaf, key, chain)]
            self.assertEqual(1, got[0].count('BEGIN CERTIFICATE'), leaf)
            self.serves_nginx(got[0] + got[2], got[1])
            self.netsvc.process.wait_for("private key goes to 10.66.0.5, which asks for '%s'" % key)
        self.serves_nginx(self.fetch('/fullchain'), self.fetch('/key'))
        self.assertIn('"privkey":', self.fetch('/keys'))

    def test_others_do_not_get_the_key(self):
        for path in ('/cert/server.key', '/server.key', '/key', '/keys'):
            for web in (self.web, self.secure):
                answer = web.get(path)
                self.assertEqual(403, answer.status)
                self.assertIn(b'key_networks = 10.66.0.3', answer.body)
                self.assertNotIn(b'KEY-----', answer.body)
        self.assertNotIn('private key goes', self.netsvc.process.log)


@unittest.skipUnless(shutil.which('chromium') and shutil.which('certutil'), 'chromium and certutil are wanted')
class Browser(Secure):
    def browse(self, url, *certutil):
        home = self.path('home-%d' % len(os.listdir(self.netsvc.folder)))
        os.makedirs(os.path.join(home, '.pki', 'nssdb'))
        store = 'sql:' + os.path.join(home, '.pki', 'nssdb')
        self.host.run('certutil', '-d', store, '-N', '--empty-password')
        if certutil:
            self.host.run('certutil', '-d', store, *certutil)
        return self.host.run('env', 'HOME=' + home, *CHROMIUM, '--user-data-dir=' + os.path.join(home, 'profile'), url, timeout=120)

    def test_with_the_root_there_is_no_warning(self):
        page = self.browse('https://clinic.example:8443/', '-A', '-t', 'C,,', '-n', 'lifeboat', '-i', self.path('ca.pem'))
        self.assertIn('Trust the server clinic.example', page)
        self.assertNotIn('ERR_CERT', page)

    def test_without_the_root_there_is_one(self):
        page = self.browse('https://clinic.example:8443/')
        self.assertIn('ERR_CERT_AUTHORITY_INVALID', page)
        self.assertNotIn('Trust the server', page)
