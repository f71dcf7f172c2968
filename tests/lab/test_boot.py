"""What is served when nobody is there to mend it: after a power cut, and when a child dies."""

import subprocess

from support.case import Case
from support.dns import Asker, query
from support.netsvc import Netsvc, program

GOOD = '''
[dns]
listen = 127.0.0.1
names = clinic.example=10.66.0.10
[zone files.example]
file = FOLDER/files.zone
'''
ZONE = '''$ORIGIN files.example.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 10.66.0.1
'''
CLINIC = '''
[subnet clinic]
network = 10.66.0.0/16
interface = eth0
pools = 10.66.1.0-10.66.1.255
'''


def boots(netsvc):
    """The same as a power cut, and another boot, for all that is kept on disk."""
    netsvc.crash()
    with open(netsvc.path('state', 'last-good.boot'), 'w') as file:
        file.write('11111111-2222-3333-4444-555555555555\n')


class Boot(Case):
    def setUp(self):
        super().setUp()
        self.host = self.lan.host('10.66.0.1/16')
        self.netsvc = Netsvc(self, self.host, GOOD, start=False)
        self.netsvc.write('files.zone', ZONE)
        self.netsvc.start()
        self.asker = Asker(self, self.host, '127.0.0.1')

    def rcode(self, name):
        return self.asker.ask(query(name)).rcode()

    def status(self):
        done = subprocess.run([program('lifeboat'), 'status', '--config', self.netsvc.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(1, done.returncode, done.stdout)
        return done.stdout

    def test_what_was_served_before_is_served_although_the_file_has_a_mistake(self):
        boots(self.netsvc)
        self.netsvc.configure('[dns]\nlistne = 127.0.0.1\n')
        self.netsvc.start()
        self.assertEqual(0, self.rcode('clinic.example'))
        self.assertEqual(0, self.rcode('ns.files.example'))
        self.assertIn("unknown key 'listne'", self.status())
        self.netsvc.crash()  # and still in the same boot
        self.netsvc.start()
        self.assertEqual(0, self.rcode('clinic.example'))
        self.netsvc.configure(GOOD.replace('10.66.0.10', '10.66.0.11'))
        self.netsvc.reload('serving')
        self.assertEqual('10.66.0.11', self.asker.ask(query('clinic.example')).answer[0][0].address)

    def test_who_starts_it_with_a_mistake_is_told(self):
        self.netsvc.end()
        self.netsvc.configure('[dns]\nlistne = 127.0.0.1\n')
        self.host.run(program('lifeboat-netsvc'), 'run', '--config', self.netsvc.config, expect=2)

    def test_a_zone_that_cannot_be_read_is_left_out_and_told(self):
        boots(self.netsvc)
        self.netsvc.write('files.zone', ZONE + 'nonsense\n')
        self.netsvc.start()
        self.assertEqual(0, self.rcode('clinic.example'))
        self.assertEqual(2, self.rcode('ns.files.example'))
        self.assertIn('files.zone:6', self.status())
        self.netsvc.write('files.zone', ZONE)
        self.netsvc.reload('serving')
        self.assertEqual(0, self.rcode('ns.files.example'))

    def test_a_child_that_dies_serves_what_it_still_can(self):
        self.netsvc.write('files.zone', ZONE + 'nonsense\n')
        self.netsvc.kill('dns')
        self.netsvc.process.wait_for("'dns' serves", 2)
        self.assertEqual(0, self.rcode('clinic.example'))
        self.assertEqual(2, self.rcode('ns.files.example'))

    def test_a_reload_with_such_a_zone_changes_nothing(self):
        self.netsvc.write('files.zone', ZONE + 'nonsense\n')
        self.assertIn('files.zone:6', self.netsvc.reload('serves on'))
        self.assertEqual(0, self.rcode('ns.files.example'))


class LateInterface(Case):
    def test_an_interface_that_comes_late_is_served_although_a_zone_is_left_out(self):
        host = self.lan.host()
        netsvc = Netsvc(self, host, GOOD.replace('listen = 127.0.0.1', '') + CLINIC, start=False)
        netsvc.write('files.zone', ZONE)
        netsvc.start()
        boots(netsvc)
        netsvc.write('files.zone', ZONE + 'nonsense\n')
        netsvc.start()
        host.ip('addr add 10.66.0.1/16 dev eth0')
        netsvc.process.wait_for('interfaces have changed')
        netsvc.process.wait_for('serving', 2)
        asker = Asker(self, host, '10.66.0.1')
        self.assertEqual(0, asker.ask(query('clinic.example')).rcode())
        self.assertEqual(2, asker.ask(query('ns.files.example')).rcode())
