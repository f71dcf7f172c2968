"""The link between two nodes: pairing at the command line, cuts of every kind, strangers, and the tunnel."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

from support.case import Case
from support.netsvc import program
from support.pair import Pair
from support.process import Process

AWAY_SECONDS = 2.0     # from a cut until it is noticed: one, and what a busy machine adds
REACHED_SECONDS = 2.0  # from the cut's end: the same
AWAY, REACHED = 'the other node is not reached', 'the other node is reached'
PORT = 7402


class Nodes(Case):
    """Two nodes without a CouchDB of their own, with a LAN and a cable between them. a is active."""

    def setUp(self):
        super().setUp()
        self.pair = Pair(self, start=False, couch=False)
        self.a, self.b = self.pair.nodes
        self.a.start_netsvc().wait_until(self.a.has_service, 'a does not serve')
        self.b.start_netsvc()

    def tearDown(self):
        for node in self.pair.nodes:
            for wrong in ('AddressSanitizer', 'runtime error', 'ended by signal 11', 'ended by signal 6'):
                self.assertNotIn(wrong, node.netsvc.log)
        super().tearDown()

    def show(self, node, *command):
        """The command that shows a code, and the code."""
        shown = Process(self, node.host, [program('lifeboat'), *command, '--config', node.config])
        line = shown.wait_for('lifeboat peer pair ')
        return shown, line.split('lifeboat peer pair ')[1].split()[0]

    def process_of(self, node):
        return int(node.netsvc.wait_for("'failover' serves").split('process ')[1].rstrip(')'))

    def drop(self, node, *rules):
        """Of what comes in at the node, what the rules say is dropped; without any, nothing is."""
        node.host.run('nft', 'flush ruleset')
        if rules:
            node.host.run('nft', 'add table inet cut; add chain inet cut in { type filter hook input priority -300; }; %s' %
                          '; '.join('add rule inet cut in %s drop' % rule for rule in rules))


class Pairing(Nodes):
    def test_it_says_what_to_type_and_both_are_paired(self):
        shown, code = self.show(self.a, 'peer', 'pair')
        self.assertIn("On node 'b'", shown.log)
        self.assertIn("paired with 'a'", self.b.do('peer', 'pair', code))
        self.assertEqual(0, shown.wait())
        self.assertIn("paired with 'b'", shown.log)
        self.a.wait_role('active')
        self.b.wait_role('standby')
        self.assertTrue(self.a.status()['link']['connected'])

    def test_another_code_is_refused(self):
        shown, _ = self.show(self.a, 'peer', 'pair')
        self.assertIn('not the code', self.b.do('peer', 'pair', '0000-0000-0000-0000-0000', expect=1))
        self.assertIn("'0000' is no code", self.b.do('peer', 'pair', '0000', expect=1))
        self.assertIsNone(shown.process.poll())

    def test_ctrl_c_takes_the_code_back(self):
        shown, code = self.show(self.a, 'peer', 'pair')
        shown.end(signal.SIGINT, expect=75)
        self.assertIn('good no longer', shown.log)
        said = self.b.do('peer', 'pair', code, expect=1)
        self.assertIn('cannot be reached', said)
        self.assertIn('`lifeboat peer pair` must wait there', said)

    def test_what_a_firewall_blocks_is_named_on_both(self):
        self.drop(self.b, 'ip saddr 192.168.77.1 tcp dport %d' % PORT)
        shown, code = self.show(self.a, 'peer', 'pair')
        wanted = 'a does not get through to 192.168.77.2:7402'
        self.assertIn(wanted, self.b.do('peer', 'pair', code, expect=3))
        shown.wait(3)
        self.assertIn(wanted, shown.log)
        self.b.wait_role('standby')
        said = self.b.host.run(program('lifeboat-netsvc'), 'check-config', '--config', self.b.config, expect=None)
        self.assertIn('keeps the other node, 192.168.77.1, from TCP port 7402', said)
        self.assertNotIn('10.66.0.1, from', said)

    def test_a_packet_that_is_lost_is_no_firewall(self):
        self.drop(self.a, *('iifname %s tcp dport %d tcp flags & (syn | ack) == syn numgen inc mod 2 == 0' % (interface, PORT)
                            for interface in ('eth0', 'eth1')))
        shown, code = self.show(self.a, 'peer', 'pair')
        self.b.do('peer', 'pair', code)
        self.assertEqual(0, shown.wait())

    def test_a_node_is_replaced_and_the_old_one_is_told(self):
        self.pair.pair_nodes()
        self.b.netsvc.end()
        os.rename(self.b.path('state'), self.b.path('old'))
        self.a.netsvc.wait_for(AWAY)
        self.b.start_netsvc()
        shown, code = self.show(self.a, 'peer', 'replace')
        self.b.do('peer', 'pair', code)
        shown.wait()
        self.b.wait_role('standby')
        self.b.netsvc.end()
        os.rename(self.b.path('state'), self.b.path('new'))
        os.rename(self.b.path('old'), self.b.path('state'))
        self.b.start_netsvc()
        self.b.wait_until(lambda: 'has parted from this one' in (self.b.status()['link']['problem'] or ''), 'b does not know that it was replaced')
        self.assertNotEqual('active', self.b.role())
        self.a.wait_role('active')

    def test_forgotten_it_is_alone(self):
        self.pair.pair_nodes()
        self.assertIn('not the active one', self.b.do('peer', 'forget', '--yes', expect=1))
        self.a.do('peer', 'forget', '--yes')
        self.a.wait_until(lambda: not self.a.status()['link']['paired'], 'a is paired still')
        self.b.wait_until(lambda: 'has parted from this one' in (self.b.status()['link']['problem'] or ''), 'b does not know that it was left')
        self.assertTrue(self.a.has_service())


class Cuts(Nodes):
    def setUp(self):
        super().setUp()
        self.pair.pair_nodes()

    def noticed(self, node, what, since, limit, begun):
        node.netsvc.wait_for(what, since=since)
        passed = time.monotonic() - begun
        self.assertLess(passed, limit, node.netsvc.log)
        return passed

    def cut_and_heal(self, cut, heal):
        marks = [len(node.netsvc.lines) for node in self.pair.nodes]
        begun = time.monotonic()
        cut()
        times = [self.noticed(node, AWAY, mark, AWAY_SECONDS, begun) for node, mark in zip(self.pair.nodes, marks)]
        begun = time.monotonic()
        heal()
        times += [self.noticed(node, REACHED, mark, REACHED_SECONDS, begun) for node, mark in zip(self.pair.nodes, marks)]
        print('away after %.2f s, %.2f s; reached after %.2f s, %.2f s' % tuple(times))

    def test_nothing_gets_through(self):
        everything = 'ip saddr { 10.66.0.1, 10.66.0.2, 192.168.77.0/24 }'
        self.cut_and_heal(lambda: (self.drop(self.a, everything), self.drop(self.b, everything)),
                          lambda: (self.drop(self.a), self.drop(self.b)))

    def test_one_way_only(self):
        for node in self.pair.nodes:
            self.cut_and_heal(lambda: self.drop(node, 'ip saddr { 10.66.0.1, 10.66.0.2, 192.168.77.0/24 }'), lambda: self.drop(node))

    def test_a_process_that_hangs(self):
        for node, other in ((self.a, self.b), (self.b, self.a)):
            pid = self.process_of(node)
            mark = len(other.netsvc.lines)
            begun = time.monotonic()
            os.kill(pid, signal.SIGSTOP)
            self.noticed(other, AWAY, mark, AWAY_SECONDS, begun)
            begun = time.monotonic()
            os.kill(pid, signal.SIGCONT)
            self.noticed(other, REACHED, mark, REACHED_SECONDS, begun)

    def test_the_other_path_takes_over(self):
        for place, (rule, path) in enumerate((('ip saddr 10.66.0.1', '192.168.77.2'), ('ip saddr 192.168.77.0/24', '10.66.0.2'))):
            mark = len(self.a.netsvc.lines)
            begun = time.monotonic()
            self.drop(self.b, rule)
            self.a.wait_until(lambda: (self.a.status()['link']['path'] or '').startswith(path), 'the link stays where it was')
            self.noticed(self.a, REACHED, mark, AWAY_SECONDS + 1, begun)


class Strangers(Nodes):
    def setUp(self):
        super().setUp()
        self.pair.pair_nodes()
        self.client = self.lan.host('10.66.0.77/16')

    def connect(self):
        with self.client.entered():
            return socket.create_connection(('10.66.0.1', PORT), 10)

    def test_200_that_say_nothing_keep_nobody_out(self):
        mark = len(self.a.netsvc.lines)
        held = [self.connect() for _ in range(200)]
        for each in held[:-8]:  # all but the last eight are hung up on
            each.settimeout(10)
            self.assertEqual(b'', each.recv(1))
        begun = time.monotonic()
        for each in held[-8:]:  # and those after 5 s
            each.settimeout(20)
            self.assertEqual(b'', each.recv(1))
        self.assertLess(time.monotonic() - begun, 10)
        held = [self.connect() for _ in range(200)]
        begun = time.monotonic()
        while len(os.listdir('/proc/%d/fd' % self.process_of(self.a))) >= 64:  # they are hung up on as it comes to them
            self.assertLess(time.monotonic() - begun, 4, 'before they had their time')
        os.kill(self.process_of(self.b), signal.SIGKILL)
        self.a.netsvc.wait_for(AWAY, since=mark)
        self.a.netsvc.wait_for(REACHED, since=mark)
        for each in held:
            each.close()

    def test_one_with_a_key_of_its_own_gets_no_further_than_the_handshake(self):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '30', '-subj', '/CN=' + 32 * '0',
                        '-keyout', self.pair.path('own.key'), '-out', self.pair.path('own.pem')], check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for with_key in (False, True):
            if with_key:
                context.load_cert_chain(self.pair.path('own.pem'), self.pair.path('own.key'))
            with self.assertRaises(ssl.SSLError), context.wrap_socket(self.connect()) as connection:
                connection.recv(1)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode, old.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            old.wrap_socket(self.connect())


class TakenOver(Nodes):
    """Node b is somebody else's: it has its key, and says whatever it likes."""

    PROTOCOL, RELAY, NOTE, HELLO, BEAT = 0, 1, 2, 64, 65

    def setUp(self):
        super().setUp()
        self.pair.pair_nodes()
        self.b.netsvc.end(signal.SIGKILL, expect=-signal.SIGKILL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        identity = self.b.path('state', 'failover', 'identity.pem')
        context.load_cert_chain(identity)
        name = subprocess.run(['openssl', 'x509', '-in', identity, '-noout', '-subject'], check=True, stdout=subprocess.PIPE).stdout
        mark = len(self.a.netsvc.lines)
        with self.b.host.entered():
            self.link = context.wrap_socket(socket.create_connection(('10.66.0.1', PORT), 10))
        self.lock = threading.Lock()
        self.send(self.HELLO, b'LBL1\0' + name.strip()[-32:] + os.urandom(8) + b'b'.ljust(32, b'\0'))
        self.over = threading.Event()
        for work in (self.beat, self.drain):
            threading.Thread(target=work, daemon=True).start()
        self.addCleanup(self.over.set)
        self.a.netsvc.wait_for(REACHED, since=mark)

    def send(self, kind, data):
        with self.lock:
            self.link.sendall(len(data).to_bytes(4, 'big') + bytes([kind]) + data)

    def beat(self):
        while not self.over.wait(0.05):
            try:
                self.send(self.BEAT, bytes(4))
            except OSError:
                return

    def drain(self):
        try:
            while self.link.recv(65536):
                pass
        except OSError:
            pass

    def test_it_ends_nothing_and_gets_at_nothing_else(self):
        process = self.process_of(self.a)
        for whom in ('address/take', 'hook/start', 'replicator/fresh', 'replicator/role","role":"active","x":"', 'web', 'failover', '', '\n'):
            self.send(self.RELAY, whom.encode() + b'\0{"token":"x"}')
        for body in (b'cert\0', b'dhcp\0', b'cert', b'dhcp\0' + os.urandom(60000), b'cert\0{"say":"part"}\n' + bytes(50000)):
            self.send(self.RELAY, body)
        for _ in range(2000):
            self.send(self.NOTE, b'{"question":1,"what":"check to"}')
        for note in (b'{"x":"%s"}' % (b'y' * 65000), b'[' * 60000, b'[' * 30000 + b']' * 30000, b'{"node":"%s"}' % (b'\\u001b[2J' * 4000)):
            self.send(self.NOTE, note)
            self.send(self.PROTOCOL, note)
            self.assertEqual('active', self.a.role())
        self.send(self.NOTE, b'{"node":"b","role":"\\u001b[2J"}')  # all before it was taken
        self.a.wait_until(lambda: ((self.a.status().get('other') or {}).get('told') or {}).get('role') == '\x1b[2J', 'the note is not told')
        self.assertNotIn('\x1b', self.a.call('status')[1])
        self.assertEqual(process, self.process_of(self.a))
        self.assertNotIn('which it may not', self.a.netsvc.log)


class Tunnel(Nodes):
    SIZE = 200 * 1024 * 1024

    def setUp(self):
        super().setUp()
        self.pair.pair_nodes()
        with open(self.a.path('large'), 'wb') as file:
            file.write(os.urandom(1024 * 1024) * (self.SIZE // 1024 // 1024))
        Process(self, self.a.host, ['/usr/bin/python3', '-u', '-m', 'http.server', '5984', '--bind', '127.0.0.1', '--directory', self.a.folder]).wait_for('Serving')

    def test_a_large_body_comes_whole(self):
        begun = time.monotonic()
        said = self.b.host.run('curl', '-sS', '--fail', '-o', self.b.path('got'), 'http://127.0.0.1:7403/large')
        passed = time.monotonic() - begun
        print('%d MB/s' % (self.SIZE / 1e6 / passed))
        self.assertEqual('', said)
        self.b.host.run('cmp', self.a.path('large'), self.b.path('got'))
        self.assertNotIn(AWAY, self.a.netsvc.log)

    def test_it_is_of_this_machine_alone(self):
        client = self.lan.host('10.66.0.77/16')
        client.run('curl', '-sS', '--connect-timeout', '5', 'http://10.66.0.2:7403/large', expect=7)

    def test_it_is_not_for_every_user(self):
        as_another = ('setpriv', '--reuid', '12345', '--clear-groups')
        said = self.b.host.run(*as_another, 'curl', '-sS', 'http://127.0.0.1:7403/large', expect=None)
        self.assertRegex(said, r'^curl: \((7|56)\)')  # reset before it saw that it was connected, or after
        self.b.netsvc.wait_for('the user with number 12345 tried to reach')
        with open(self.a.path('small'), 'w') as file:
            file.write('for root')
        said = self.b.host.run('curl', '-sS', '--fail', '--retry', '20', '--retry-delay', '1', '--retry-all-errors', 'http://127.0.0.1:7403/small')
        self.assertIn('for root', said)

    def test_cut_off_it_is_an_error(self):
        with self.b.host.entered():
            connection = http.client.HTTPConnection('127.0.0.1', 7403, timeout=20)
            connection.connect()
        connection.request('GET', '/large')
        answer = connection.getresponse()
        answer.read(1024)
        self.a.netsvc.process.kill()
        with self.assertRaises((ConnectionResetError, http.client.IncompleteRead)):
            answer.read()
