"""A clinic whose server is an ACME server, and clients of it in hosts of their own.

    site = Site(self)                             # serves; site.root is its root certificate's file
    laptop = site.client('laptop')                # laptop.clinic.example, 10.66.1.1, whose DNS is the site's
    laptop.run('certbot', …, env=laptop.trust)
    laptop.serve({'/.well-known/acme-challenge/x': 'text'})       # HTTP on its port 80
"""

import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

from .netsvc import Netsvc, program
from .until import until

DOMAIN = 'clinic.example'
SERVER, SERVICE = '10.66.0.1', '10.66.0.10'
DIRECTORY = 'https://%s:8443/acme/directory' % DOMAIN
SECRET = 'c2VjcmV0IG9mIHRoZSBjbGluaWMgdGhhdCBub2JvZHkga25vd3M='
KEY = 'acme-key'
CLIENTS = 9
# Its own /etc/resolv.conf, and the site's root as the only one that it trusts.
SHIELD = '''
mount --make-rprivate / && mount --bind %(folder)s/resolv.conf /etc/resolv.conf && mount --bind %(root)s /etc/ssl/certs/ca-certificates.crt
exec "$@"
'''


class Site:
    def __init__(self, test, more=''):
        self.test, self.lan = test, test.lan
        self.host = self.lan.host(SERVER + '/16', SERVICE + '/16')
        self.netsvc = Netsvc(test, self.host, '', start=False)
        self.netsvc.write('tsig', 'key "%s" { algorithm hmac-sha256; secret "%s"; };\n' % (KEY, SECRET))
        names = ';'.join(['%s=%s' % (DOMAIN, SERVICE)] + ['%s=10.66.1.%d' % (self.name(i), i) for i in range(1, CLIENTS)])
        self.netsvc.configure('''
            [keys]
            folder = FOLDER/keys
            [dns]
            listen = %s;%s
            names = %s
            networks = 10.66.0.0/16
            tsig = FOLDER/tsig
            rate = 0
            [cert]
            name = %s
            names = *.%s
            networks = 10.66.0.0/16
            [web]
            listen = %s;%s
            acme_networks = 10.66.0.0/16
            %s
            ''' % (SERVER, SERVICE, names, DOMAIN, DOMAIN, SERVER, SERVICE, more), net='service_address = %s' % SERVICE)
        self.netsvc.host.run(program('lifeboat'), 'key', 'init', '--config', self.netsvc.config, '--user', 'nobody')
        os.chmod(self.netsvc.path('keys'), 0o755)
        self.netsvc.start()
        self.root = self.netsvc.path('root.pem')
        self.test.assertNotIn('error', self.ask('cert/init'))
        self.wait_for_https()
        self.made = 0

    @staticmethod
    def name(number):
        return 'laptop%d.%s' % (number, DOMAIN)

    def ask(self, what, **more):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(30)
            one.connect(self.netsvc.control)
            one.sendall(json.dumps({'ask': what, **more}).encode() + b'\n')
            text = b''
            while True:
                data = one.recv(65536)
                if not data:
                    return json.loads(text)
                text += data

    def wait_for_https(self):
        """Until the certificate is in force; its root is kept."""
        until(lambda: 'BEGIN' in self.host.run('curl', '-sk', '-m', '5', 'https://%s:8443/ca.pem' % SERVER, expect=None),
              lambda: self.netsvc.process.log)
        self.host.run('curl', '-sfk', '-o', self.root, 'https://%s:8443/ca.pem' % SERVER)

    def client(self):
        self.made += 1
        return Client(self, self.made)


class Client:
    def __init__(self, site, number):
        self.site, self.test, self.address, self.name = site, site.test, '10.66.1.%d' % number, site.name(number)
        self.host = site.lan.host(self.address + '/16')
        self.folder = tempfile.mkdtemp(prefix='lifeboat-acme-')
        self.test.addCleanup(shutil.rmtree, self.folder, True)
        with open(self.path('resolv.conf'), 'w') as file:
            file.write('nameserver %s\n' % SERVICE)
        self.trust = {name: site.root for name in ('REQUESTS_CA_BUNDLE', 'LEGO_CA_CERTIFICATES', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE')}
        self.trust['HOME'] = self.folder
        self.pages = {}

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def shielded(self, command):
        return ['unshare', '--mount', 'sh', '-ec', SHIELD % {'folder': self.folder, 'root': self.site.root}, 'sh', *command]

    def run(self, *command, expect=0, env=None, timeout=300, host=None):
        with (host or self.host).entered():
            done = subprocess.run(self.shielded(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors='replace', timeout=timeout, env={**os.environ, **self.trust, **(env or {})}, cwd=self.folder)
        if expect is not None:
            self.test.assertEqual(expect, done.returncode, '%s\n%s\n%s' % (' '.join(command), done.stdout, self.site.netsvc.process.log))
        return done.stdout

    def serve(self, port=80, folder=None):
        """HTTP, whose answers are the files of a folder, or else in `pages`: a text, or where to go ('>https://…'). What was asked for is in
        `asked`."""
        client = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                client.asked.append(self.path)
                page = client.pages.get(self.path, client.pages.get('*'))
                if folder and os.path.isfile(folder + self.path):
                    with open(folder + self.path) as file:
                        page = file.read()
                self.send_response(404 if page is None else 302 if page.startswith('>') else 200)
                if page and page.startswith('>'):
                    self.send_header('Location', page[1:])
                self.end_headers()
                if page and not page.startswith('>'):
                    self.wfile.write(page.encode())

            def log_message(self, *args):
                pass
        with self.host.entered():
            server = http.server.ThreadingHTTPServer(('', port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.test.addCleanup(server.server_close)
        self.test.addCleanup(server.shutdown)

    def check(self, chain, *names):
        """openssl takes it for a server's of each of the names, by the site's root alone."""
        for name in names:
            kind = '-verify_ip' if name[0].isdigit() else '-verify_hostname'
            said = subprocess.run(['openssl', 'verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', self.site.root, '-untrusted', chain, kind,
                                   name, chain], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.test.assertEqual(0, said.returncode, said.stdout)

    def serial(self, certificate):
        return subprocess.run(['openssl', 'x509', '-in', certificate, '-noout', '-serial'], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
