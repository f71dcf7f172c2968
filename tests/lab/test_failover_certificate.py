"""The front of each node serves what `[cert]` installs: clients that trust the site's root, and nothing else, see one certificate
through a switch, whichever node serves."""

import os
import socket
import ssl

from support.netsvc import program
from support.pair import NAME, NGINX, ROOT, SERVICE, Pair
from support.process import PATIENCE
from support.until import until
from support.web import Web
from support.writing import Writing

CERT = '''
[cert]
name = clinic.example
networks = 10.66.0.0/16
install = FOLDER/tls
hook = FOLDER/reload
'''
MORE = CERT.replace('networks', 'names = files.clinic.example\nnetworks')
FRONT = NGINX.replace('FOLDER/front.pem', 'FOLDER/tls/current/fullchain.pem').replace('FOLDER/front.key', 'FOLDER/tls/current/server.key')
# The hook as it is, which finds the front of this node by these.
RELOAD = '#!/bin/sh\nPATH=FOLDER/bin:/usr/sbin:/usr/bin:/sbin:/bin LIFEBOAT_NGINX_PID=FOLDER/nginx.pid exec %s/etc/hooks/nginx-reload "$@"\n' % ROOT


class OneCertificate(Writing):
    more = {'more': CERT}

    def make_pair(self):
        pair = Pair(self, start=False, **self.more)
        for node in pair.nodes:
            node.host.run(program('lifeboat'), 'key', 'init', '--site', 'kibera', '--node', node.name, '--keys', node.path('keys'))
            os.mkdir(node.path('bin'))
            node.write('bin/nginx', '#!/bin/sh\nexec /usr/sbin/nginx -c FOLDER/nginx.conf "$@"\n', 0o755)
            node.write('reload', RELOAD, 0o755)
        return pair.start()

    def prepare(self):
        """As it is set up where CHT is in use already: certificates, then nginx is pointed at them, which is read once by hand."""
        self.a, self.b = self.pair.nodes
        self.a.do('cert', 'init')
        first = until(lambda: self.leaf_file(self.a), lambda: self.a.netsvc.log)
        self.b.wait_until(lambda: self.leaf_file(self.b) == first, 'it has not the same')
        for node in self.pair.nodes:
            node.write('nginx.conf', FRONT)
        self.a.host.run(self.a.path('bin', 'nginx'), '-s', 'reload')
        self.visitor = self.pair.client('10.66.9.10/16')
        with open(self.pair.path('root.pem'), 'wb') as file:
            file.write(Web(self, self.visitor, self.a.address).get('/ca.pem').body)
        self.pair.trust = lambda: ssl.create_default_context(cafile=self.pair.path('root.pem'))
        until(lambda: self.seen() == first, 'the front does not serve it')

    def leaf_file(self, node):
        """What netsvc installed, as DER."""
        try:
            with open(node.path('tls', 'current', 'server.pem')) as file:
                return ssl.PEM_cert_to_DER_cert(file.read())
        except FileNotFoundError:
            return None

    def seen(self):
        """What a client sees at the service address, or None where it does not trust that."""
        with self.visitor.entered():
            raw = socket.create_connection((SERVICE, 443), PATIENCE)
        with raw:
            try:
                with self.pair.trust().wrap_socket(raw, server_hostname=NAME) as connection:
                    return connection.getpeercert(True)
            except ssl.SSLCertVerificationError:
                return None

    def untrusted(self):
        return [status for _, status in self.writer.refused if 'CERTIFICATE_VERIFY' in str(status)]

    def fronts(self):
        """Nodes on which the front runs."""
        return [node.name for node in self.pair.nodes if os.path.exists(node.path('nginx.pid'))]

    def check_after(self, switch):
        before = self.seen()
        switch()
        self.writer.wait(20)
        self.assertEqual(['b'], self.fronts())
        self.assertEqual(before, self.seen())
        self.assertEqual([], self.untrusted())

    def planned(self):
        self.a.do('failover', '--yes')
        self.b.wait_role('active')
        self.a.wait_role('standby')

    def forced(self):
        self.a.cut_power()
        self.until_alone()
        self.force()

    def test_it_is_the_same_after_a_planned_switch(self):
        self.check_after(self.planned)

    def test_it_is_the_same_after_a_forced_switch(self):
        self.check_after(self.forced)

    def test_what_was_renewed_before_the_switch_is_served_after_it(self):
        """nginx reads it on a by the hook; on b, where none runs, when it starts."""
        before = self.seen()
        for node in self.pair.nodes:
            node.configure(more=MORE)
            node.do('net', 'reload')
        until(lambda: self.seen() not in (None, before), lambda: self.a.netsvc.log)
        self.b.wait_until(lambda: self.leaf_file(self.b) == self.leaf_file(self.a), 'it has not the same')
        self.pair.ready()
        self.check_after(self.planned)

    def test_what_is_renewed_after_the_switch_is_served_by_the_hook(self):
        self.check_after(self.planned)
        before = self.seen()
        for node in self.pair.nodes:
            node.configure(more=MORE)
            node.do('net', 'reload')
        until(lambda: self.seen() not in (None, before), lambda: self.b.netsvc.log)
        self.assertEqual([], self.untrusted())
