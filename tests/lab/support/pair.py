"""Two nodes with a CouchDB each behind a TLS front, as a clinic has them, and clients that write all the time.

    pair = Pair(self)                          # both run and are paired; a is active
    pair.a.do('failover', '--yes')
    writer = Writer(self, pair)                # through the service name's address, in a thread
    writer.wait(20)                            # until so many more were acknowledged

The CouchDB is the stand-in of tests/integration, or what LIFEBOAT_TEST_COUCHDB_RUN starts: a command that is given a name
and a port, starts a CouchDB on 127.0.0.1 in the namespace that it is called in, and prints its URL with the administrator's
name and password; LIFEBOAT_TEST_COUCHDB_STOP ends it by name.

The front is what CHT's nginx is to clients: hooks start and stop it. Both have the same certificate, which signs itself and is no
matter of Lifeboat's; test_failover_certificate.py has them serve what netsvc installs.
"""

import base64
import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.parse

from .lan import Lan
from .netsvc import READY, USER, program
from .process import PATIENCE, Process
from .terminal import Terminal
from .until import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RUN, STOP = os.environ.get('LIFEBOAT_TEST_COUCHDB_RUN'), os.environ.get('LIFEBOAT_TEST_COUCHDB_STOP')
STANDIN = '''
import sys, threading
sys.path.insert(0, %r)
from support.standin import ADMIN, HASHED, Standin
standin = Standin()
standin.config['admins']['admin'], standin.config['chttpd_auth']['secret'] = sys.argv[1:]
HASHED[sys.argv[1]] = ADMIN[1]
standin.port = 5984
standin.start()
print('URL', standin.url, flush=True)
threading.Event().wait()
''' % os.path.join(ROOT, 'tests', 'integration')
SERVICE = '10.66.0.10'
NAME = 'clinic.example'

CONFIGURATION = '''
[node]
name = %(name)s
state = FOLDER/replicator
control = FOLDER/run/replicator.sock
user = nobody
[source]
url = http://127.0.0.1:5984
credentials = FOLDER/credentials
[keys]
folder = FOLDER/keys
[net]
state = FOLDER/state
control = FOLDER/control
user = %(user)s
service_address = 10.66.0.10
[dns]
names = clinic.example=10.66.0.10
[subnet clinic]
network = 10.66.0.0/16
interface = eth0
pools = 10.66.1.0-10.66.1.255
domain = lan.clinic.example
[peer a]
addresses = 10.66.0.1;192.168.77.1
[peer b]
addresses = 10.66.0.2;192.168.77.2
[failover]
boot_wait = 3
start = FOLDER/start
stop = FOLDER/stop
%(failover)s
%(more)s
'''

NGINX = '''
daemon on; pid FOLDER/nginx.pid; error_log FOLDER/nginx.log;
events { worker_connections 512; }
http {
    access_log off; client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u;
    scgi_temp_path FOLDER/s; client_max_body_size 64m;
    server {
        listen 0.0.0.0:443 ssl; ssl_certificate FOLDER/front.pem; ssl_certificate_key FOLDER/front.key;
        location / { proxy_pass http://127.0.0.1:5984; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 3600s; proxy_set_header Host $host; }
    }
}
'''


def basic(account):
    return 'Basic ' + base64.b64encode(('%s:%s' % account).encode()).decode()


class Node:
    def __init__(self, test, pair, name, address, cable):
        self.test, self.pair, self.name, self.address, self.cable = test, pair, name, address, cable
        self.host = pair.lan.host('%s/16' % address).plug(pair.cable, '%s/24' % cable)
        self.folder = tempfile.mkdtemp(prefix='lifeboat-node-%s-' % name)
        os.chmod(self.folder, 0o755)
        test.addCleanup(shutil.rmtree, self.folder, True)
        self.config, self.netsvc, self.replicator, self.couch = self.path('lifeboat.conf'), None, None, None
        self.before = pair.before.get(name, ())

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), 'w') as file:
            file.write(textwrap.dedent(text).replace('FOLDER', self.folder))
        os.chmod(self.path(name), mode)
        return self.path(name)

    # ---- CouchDB and its front ----

    def start_couch(self):
        if RUN:
            self.couch_name = 'lab%s%s' % (self.name, secrets.token_hex(3))
            self.test.addCleanup(lambda: self.stop_couch())
            said = self.host.run(RUN, self.couch_name, '5984', timeout=120)
            self.url = next(word for word in said.split() if word.startswith('http://'))
        else:
            self.couch = Process(self.test, self.host, [*self.before, sys.executable, '-c', STANDIN, *self.pair.shared])
            self.url = self.couch.wait_for('URL ').split()[1]
        split = urllib.parse.urlsplit(self.url)
        self.account = (split.username, split.password)
        self.write_credentials()

    def write_credentials(self):
        shutil.chown(self.write('credentials', '%s:%s\n' % self.account, 0o600), USER)

    def stop_couch(self):
        if RUN and self.couch_name:
            subprocess.run([STOP, self.couch_name, 'kill'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.couch_name = None

    def ask(self, method, path, body=None):
        """CouchDB itself, past all fronts."""
        with self.host.entered():
            connection = http.client.HTTPConnection('127.0.0.1', 5984, timeout=PATIENCE)
            connection.connect()
        connection.request(method, path, body=None if body is None else json.dumps(body),
                           headers={'Content-Type': 'application/json', 'Authorization': basic(self.account)})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text or b'null')

    def documents(self, database):
        status, answer = self.ask('GET', '/%s/_all_docs' % database)
        return {row['id'] for row in answer['rows']} if status == 200 else set()

    def write_front(self):
        """Started and stopped by the hooks."""
        self.write('nginx.conf', NGINX)
        for name in ('front.pem', 'front.key'):
            shutil.copy(self.pair.path(name), self.path(name))
        self.write('start', '#!/bin/sh\n[ -e FOLDER/nginx.pid ] || nginx -c FOLDER/nginx.conf\necho started >> FOLDER/hooks\n', 0o755)
        self.write('stop', '#!/bin/sh\n[ ! -e FOLDER/nginx.pid ] || nginx -c FOLDER/nginx.conf -s stop\nrm -f FOLDER/nginx.pid\n'
                           'echo stopped >> FOLDER/hooks\n', 0o755)

    # ---- Lifeboat ----

    def configure(self, failover='', more=''):
        self.write('lifeboat.conf', CONFIGURATION % {'name': self.name, 'user': USER, 'failover': failover, 'more': more})

    def start_netsvc(self, wait=True):
        self.netsvc = Process(self.test, self.host, [*self.before, program('lifeboat-netsvc'), 'run', '--config', self.config])
        if wait:
            self.netsvc.wait_for(READY)
        return self

    def start_replicator(self):
        os.makedirs(self.path('replicator'), exist_ok=True)
        self.replicator = Process(self.test, self.host, [*self.before, program('lifeboat-replicator'), 'run', '--config', self.config])
        return self

    def call(self, *arguments, timeout=120):
        """(exit code, what it said) of lifeboat."""
        with self.host.entered():
            done = subprocess.run([program('lifeboat'), *arguments, '--config', self.config], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return done.returncode, done.stdout

    def do(self, *arguments, expect=0, timeout=120):
        code, said = self.call(*arguments, timeout=timeout)
        self.test.assertEqual(expect, code, '%s\n%s\n---- %s\n%s\n----\n%s' % (
            ' '.join(arguments), said, self.name, self.netsvc.log, self.replicator.log if self.replicator else ''))
        return said

    def at_terminal(self, *arguments):
        """lifeboat, as a person runs it."""
        return Terminal(self.test, self.host, [program('lifeboat'), *arguments, '--config', self.config])

    def status(self):
        done = self.call('status', '--json')[1].splitlines()
        for line in done:
            if line.startswith('{'):
                return json.loads(line).get('netsvc', {}).get('failover', {})
        return {}

    def role(self):
        return self.status().get('role')

    def wait_role(self, role, patience=PATIENCE):
        self.wait_until(lambda: self.role() == role, 'node %s is not %s' % (self.name, role), patience)

    def wait_until(self, condition, what, patience=PATIENCE):
        until(condition, lambda: '%s\n%s\n%s\n%s' % (what, json.dumps(self.status(), indent=1), self.netsvc.log,
                                                     self.replicator.log if self.replicator else ''), patience)

    def has_service(self):
        return any(address.startswith(SERVICE + '/') for address in self.host.addresses())

    def kill(self):
        """The power is cut: all at once, and the cable says nothing any more."""
        self.go_silent()
        self.host.end_all()

    def go_silent(self):
        """So that who is killed says no goodbye: without an address and its routes, the kernel sends none for him."""
        self.host.signal_all(signal.SIGSTOP)
        self.host.ip('addr flush dev eth0', 'addr flush dev eth1')

    def cut_power(self):
        """The same, but for CouchDB, which has all on its disk: so it can boot again."""
        self.go_silent()
        self.host.signal_all(signal.SIGKILL, ('lifeboat', 'nginx'))
        self.host.signal_all(signal.SIGCONT)
        self.host.run('nft', 'flush', 'ruleset')
        with contextlib.suppress(FileNotFoundError):  # the node was not active
            os.unlink(self.path('nginx.pid'))

    def boot(self):
        """Without waiting for anything."""
        self.host.ip('addr add %s/16 dev eth0 brd +' % self.address, 'addr add %s/24 dev eth1' % self.cable)
        self.start_replicator()
        return self.start_netsvc(wait=False)


class Pair:
    """`before`: what a node's programs are run by, as {'b': ('faketime', '+1d')}."""

    def __init__(self, test, start=True, couch=True, before=None, **configuration):
        self.before = before or {}
        self.test, self.lan = test, getattr(test, 'lan', None) or Lan(test)
        self.cable = self.lan.switch()
        self.folder = tempfile.mkdtemp(prefix='lifeboat-pair-')
        test.addCleanup(shutil.rmtree, self.folder, True)
        self.make_certificate()
        # the administrator's hash and the secret, which the stand-ins have from the beginning
        self.shared = '-pbkdf2:sha256-%s,%s,600000' % (secrets.token_hex(32), secrets.token_hex(16)), secrets.token_hex(16)
        self.a, self.b = (Node(test, self, name, '10.66.0.%d' % (place + 1), '192.168.77.%d' % (place + 1)) for place, name in enumerate('ab'))
        self.nodes = (self.a, self.b)
        for node in self.nodes:
            node.configure(**configuration)
            node.write_front()
            if couch:
                node.start_couch()
        if couch and RUN:
            self.make_alike()
        if start:
            self.start()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def make_certificate(self):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                        '-subj', '/CN=' + NAME, '-addext', 'subjectAltName=DNS:%s,IP:%s' % (NAME, SERVICE),
                        '-keyout', self.path('front.key'), '-out', self.path('front.pem')], check=True, stderr=subprocess.DEVNULL)

    def trust(self):
        """What clients verify the front against."""
        return ssl.create_default_context(cafile=self.path('front.pem'))

    def make_alike(self):
        """Secret, administrators and session settings, as lifeboat checks them: b gets a's."""
        for section in ('chttpd_auth', 'admins'):
            status, values = self.a.ask('GET', '/_node/_local/_config/' + section)
            for key, value in (values if status == 200 else {}).items():
                raw = '?raw=true' if section == 'admins' else ''
                self.b.ask('PUT', '/_node/_local/_config/%s/%s%s' % (section, key, raw), value)
        self.b.account = self.a.account
        self.b.write_credentials()

    def start(self):
        for node in self.nodes:
            node.start_replicator()
            node.start_netsvc()
            if node is self.a:
                node.wait_role('alone')
        self.pair_nodes()
        return self

    def pair_nodes(self):
        shown = Process(self.test, self.a.host, [program('lifeboat'), 'peer', 'pair', '--config', self.a.config])
        line = shown.wait_for('lifeboat peer pair ')
        code = line.split('lifeboat peer pair ')[1].split()[0]
        self.b.do('peer', 'pair', code)
        shown.wait()
        self.a.wait_role('active')
        self.b.wait_role('standby')

    def ready(self):
        """Until the standby has followed so far that a switch is possible."""
        self.a.wait_until(lambda: self.a.call('failover', '--dry-run')[0] == 0, 'no switch is possible', 2 * PATIENCE)

    def active(self):
        return next((node for node in self.nodes if node.role() == 'active'), None)

    def client(self, *addresses):
        return self.lan.host(*(addresses or ('10.66.9.9/16',)))


class Writer:
    """Writes one document after the other to the service address, as a client that knows it already; notes each that was
    acknowledged, and when. A refused or broken request is tried again at once, as a new document. It logs in once, and again only where
    its cookie is not taken any more."""

    def __init__(self, test, pair, host=None, database='clinic', timeout=2.0):
        self.pair, self.database, self.timeout = pair, database, timeout
        self.host = host or pair.client()
        self.acknowledged, self.refused, self.times = [], [], []
        self.ended, self.arrived = threading.Event(), threading.Condition()
        self.cookie = None
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()
        test.addCleanup(self.stop)

    def _connect(self):
        context = self.pair.trust()
        connection = http.client.HTTPSConnection(NAME, 443, timeout=self.timeout, context=context)
        with self.host.entered():
            raw = socket.create_connection((SERVICE, 443), self.timeout)
        connection.sock = context.wrap_socket(raw, server_hostname=NAME)
        return connection

    def _log_in(self, connection):
        """Its status. From then on the cookie alone says who writes."""
        user, password = self.pair.a.account
        connection.request('POST', '/_session', body=json.dumps({'name': user, 'password': password}), headers={'Content-Type': 'application/json'})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            self.cookie = answer.getheader('Set-Cookie').partition(';')[0]
        return answer.status

    def _write(self, connection, number):
        if self.cookie is None and (status := self._log_in(connection)) != 200:
            return None, status
        id = 'doc-%06d-%s' % (number, secrets.token_hex(2))
        connection.request('PUT', '/%s/%s' % (self.database, id), body=json.dumps({'n': number}),
                           headers={'Content-Type': 'application/json', 'Cookie': self.cookie})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 401:
            self.cookie = None
        return id if answer.status in (201, 202) else None, answer.status

    def _work(self):
        connection, number = None, 0
        while not self.ended.is_set():
            number += 1
            try:
                connection = connection or self._connect()
                id, status = self._write(connection, number)
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                connection, id, status = None, None, repr(error)
            with self.arrived:
                if id:
                    self.acknowledged.append(id)
                    self.times.append(time.monotonic())
                else:
                    self.refused.append((time.monotonic(), status))
                self.arrived.notify_all()
            if not id:
                self.ended.wait(0.01)

    def wait(self, more, patience=PATIENCE):
        with self.arrived:
            wanted = len(self.acknowledged) + more
            assert self.arrived.wait_for(lambda: len(self.acknowledged) >= wanted, patience), \
                'no writes any more; the last refusals: %s' % self.refused[-3:]

    def outage(self, since=0.0):
        """The longest time between two that were acknowledged."""
        times = [moment for moment in self.times if moment >= since]
        return max((b - a for a, b in zip(times, times[1:])), default=float('inf'))

    def stop(self):
        self.ended.set()
        self.thread.join(PATIENCE)
