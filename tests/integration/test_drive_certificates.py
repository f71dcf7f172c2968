"""A drive that is inserted takes the request for a certificate along, and brings what was signed; backups do not depend on it."""

import base64
import json
import os
import socket
import subprocess
import threading

from test_drive import Plugging

REQUEST = '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n'
SIGNED = '-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n'
NOTHING = {'name': 'clinic.example', 'csr': None, 'made': None}


class Netsvc:
    """In place of lifeboat-netsvc, at a socket: answers what it is given, and notes what it is asked."""

    def __init__(self, test, path):
        self.answers, self.asked = {'cert/waiting': NOTHING}, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile('rb') as lines:
                request = json.loads(lines.readline())
                self.asked.append(request)
                client.sendall(json.dumps(self.answers.get(request['ask'], {'error': 'nobody knows'})).encode() + b'\n')

    def imports(self):
        return [request for request in self.asked if request['ask'] == 'cert/import']


class Certificates(Plugging):
    def setUp(self):
        super().setUp()
        self.path = self.site.path('netsvc.sock')

    def begin(self):
        daemon = self.daemon(overdue='3\n[net]\ncontrol = ' + self.path)
        return daemon, self.enrolled(daemon)

    def debugfs(self, stick, *commands):
        """The file system without mounting it: udev need not know."""
        done = subprocess.run(['debugfs', '-w', '-f', '-', stick.path], input='\n'.join(commands), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        return done.stdout

    def write(self, stick, name, text):
        with open(self.site.path(name), 'w') as file:
            file.write(text)
        self.debugfs(stick, 'mkdir lifeboat-cert', 'write %s lifeboat-cert/%s' % (self.site.path(name), name))

    def read(self, stick, name):
        copy = self.site.path('copy')
        self.debugfs(stick, 'dump lifeboat-cert/%s %s' % (name, copy))
        try:
            with open(copy) as file:
                return file.read()
        except FileNotFoundError:
            return None
        finally:
            if os.path.exists(copy):
                os.remove(copy)

    def test_there_and_back(self):
        netsvc = Netsvc(self, self.path)
        daemon, stick = self.begin()
        self.assertFalse(self.read(stick, 'clinic.example.csr'), 'nothing waits')
        netsvc.answers['cert/waiting'] = {'name': 'clinic.example', 'csr': REQUEST, 'made': '2026-11-29T00:00:00Z'}
        self.insert(daemon, stick)
        self.bay.unplug(stick)
        self.assertEqual(REQUEST, self.read(stick, 'clinic.example.csr'))
        self.assertIn('certbot certonly', self.read(stick, 'README.txt'))
        self.assertEqual([], netsvc.imports(), 'the request itself is no certificate')
        self.write(stick, '0001_chain.pem', SIGNED)
        netsvc.answers['cert/import'] = {'imported': True}
        self.insert(daemon, stick)
        daemon.wait_for('the certificate on the drive is in force')
        request, = netsvc.imports()
        self.assertTrue(request['drive'])
        self.assertEqual([SIGNED], [base64.b64decode(each).decode() for each in request['files']])

    def test_what_is_not_taken_does_not_keep_a_backup_from_being_good(self):
        netsvc = Netsvc(self, self.path)
        daemon, stick = self.begin()
        self.write(stick, 'x.pem', SIGNED)
        netsvc.answers['cert/import'] = {'error': 'the certificate has expired'}
        self.insert(daemon, stick)
        daemon.wait_for('the certificate has expired')
        self.assertIn('the snapshot is done', daemon.log.splitlines()[-1])

    def test_without_netsvc_all_is_as_before(self):
        daemon, stick = self.begin()
        self.insert(daemon, stick)
        self.assertNotIn('netsvc', daemon.log)
