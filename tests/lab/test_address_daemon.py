"""The service address and the whole daemon: what its end leaves behind, and that nothing else is disturbed when the address comes and goes."""

import json
import os
import signal
import socket
import time

from support.address import PAIR, SERVICE, Echo, connect, say
from support.case import Case
from support.netsvc import Netsvc, program
from support.until import until

MORE = '''
[subnet s]
network = 10.66.0.0/16
interface = eth0
[dns]
names = clinic.example=10.66.0.10
[failover]
boot_wait = 1
'''


class Whole(Case):
    """With a pair whose nodes never met: so this one holds the address."""

    def setUp(self):
        super().setUp()
        self.server, self.client = self.lan.host('10.66.0.1/16'), self.lan.host('10.66.1.1/16')
        self.netsvc = Netsvc(self, self.server, '', start=False)
        self.netsvc.configure(PAIR + MORE, net='service_address = ' + SERVICE)
        self.netsvc.start()

    def ask(self, what):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(self.netsvc.control)
            control.sendall(json.dumps({'ask': what}).encode() + b'\n')
            answer = b''
            while data := control.recv(65536):
                answer += data
        return json.loads(answer)

    def is_open(self):
        try:
            told = self.ask('address/look')
        except OSError:
            return False
        return told.get('held') and not told.get('fenced')

    def hold(self):
        """As it never met another node, it holds the address soon."""
        until(self.is_open, 'it is not held')
        self.assertIn(SERVICE + '/32', self.server.addresses())

    def rules(self):
        return self.server.run('nft', 'list', 'ruleset')

    def check_fenced(self):
        self.assertEqual(['10.66.0.1/16'], self.server.addresses())
        self.assertNotIn('elements', self.rules())
        self.assertIn('reject with tcp reset', self.rules())

    def test_whoever_may_ask_how_it_stands_does_not_move_it(self):
        self.hold()
        for what in ('address/fence', 'address/take', 'address/open', 'address/keep', 'dhcp/peer', 'failover/send', 'cert/key', 'web/certificate'):
            self.assertIn('not known', self.ask(what).get('error', ''), what)
        self.assertTrue(self.is_open())

    def test_its_end_fences(self):
        Echo(self, self.server)
        self.hold()
        client = connect(self.client)
        self.assertEqual(b'x', say(client))
        self.netsvc.end()
        self.assertRaises(ConnectionResetError, client.recv, 1)
        self.check_fenced()

    def test_when_all_of_it_dies_the_unit_fences(self):
        self.hold()
        fence = [program('lifeboat-netsvc'), 'fence', '--config', self.netsvc.config]
        self.assertIn('lifeboat-netsvc runs', self.server.run(*fence, expect=75))
        self.netsvc.crash()
        self.assertIn(SERVICE + '/32', self.server.addresses())
        self.server.run(*fence)
        self.check_fenced()

    def test_nothing_is_started_again_when_the_address_comes_and_goes(self):
        children = self.netsvc.children()
        self.assertIn('dns', children)
        self.hold()
        self.assertIn('10.66.0.10', self.client.run('dig', '+short', 'clinic.example', '@' + SERVICE))
        self.server.ip('addr del %s/32 dev eth0' % SERVICE)
        until(lambda: SERVICE + '/32' in self.server.addresses(), 'it stays away')
        self.assertIn('10.66.0.10', self.client.run('dig', '+short', 'clinic.example', '@' + SERVICE))
        self.assertEqual(children, self.netsvc.children())
        self.assertNotIn('interfaces have changed', self.netsvc.process.log)

    def check_goes_on(self, disturb):
        """A connection stays, and the address is kept for longer than it would last by itself."""
        Echo(self, self.server)
        self.hold()
        client = connect(self.client)
        pid = self.netsvc.children()['address']
        disturb(pid)
        until(lambda: self.netsvc.children().get('address', pid) != pid and self.is_open(), 'there is no new process')
        self.assertEqual(b'x', say(client))
        begun = time.monotonic()
        while time.monotonic() - begun < 7:
            self.assertTrue(self.is_open())
            self.assertIn(SERVICE + '/32', self.server.addresses())
            time.sleep(0.5)
        self.assertEqual(b'x', say(client))

    def test_clients_do_not_notice_when_its_process_dies(self):
        self.check_goes_on(lambda pid: os.kill(pid, signal.SIGKILL))

    def test_it_is_taken_again_after_what_keeps_it_hung(self):
        self.hold()
        pid = self.netsvc.children()['failover']
        os.kill(pid, signal.SIGSTOP)
        until(lambda: SERVICE + '/32' not in self.server.addresses(), 'it stays')
        os.kill(pid, signal.SIGCONT)
        until(self.is_open, 'it is not taken again')

    def test_clients_do_not_notice_a_reload(self):
        self.check_goes_on(lambda pid: self.netsvc.reload('serving'))

    def test_without_a_pair_nothing_of_it_is_left(self):
        self.assertIn('lifeboat', self.rules())
        self.netsvc.configure(MORE, net='service_address = ' + SERVICE)
        self.netsvc.reload('serving')
        self.assertNotIn('lifeboat', self.rules())
        self.server.ip('addr add %s/16 dev eth0' % SERVICE)
        self.netsvc.end()
        self.assertIn(SERVICE + '/16', self.server.addresses())
        self.assertNotIn('lifeboat', self.rules())

    def test_the_child_has_one_right_and_no_files(self):
        with open('/proc/%d/status' % self.netsvc.children()['address']) as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
        net_admin = '%016x' % (1 << 12)
        self.assertEqual({'CapInh': '0' * 16, 'CapPrm': net_admin, 'CapEff': net_admin, 'CapBnd': '0' * 16, 'CapAmb': '0' * 16},
                         {name: status[name] for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')})
        self.assertEqual(('2', '1'), (status['Seccomp'], status['NoNewPrivs']))
        self.assertNotIn('0', status['Uid'].split())
        self.assertEqual(self.netsvc.path('state', 'address'), os.readlink('/proc/%d/root' % self.netsvc.children()['address']))
