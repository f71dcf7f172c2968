"""The service address of a pair: it moves from one server to the other, and clients are reset or find it, whatever stands in the way.

Each server runs netsvc's address child alone, and the test is its parent: no more than the steps of the switch is taken for granted."""

import socket
import struct
import threading
import time

from support.address import PAIR, PORT, SERVICE, Echo, Server, connect, say
from support.case import Case
from support.child import Refused
from support.until import seconds_until, until

ETH_P_ARP = 0x0806


class OneServer(Case):
    def setUp(self):
        super().setUp()
        self.server = Server(self, '10.66.0.1/16')
        self.client = self.lan.host('10.66.1.1/16')


class Steps(OneServer):
    def test_it_begins_fenced(self):
        self.assertEqual({'held': False, 'fenced': True, 'interface': 'eth0', 'trouble': None}, self.server.child.ask('address/look'))
        self.assertFalse(self.server.has())
        self.assertIn('reject with tcp reset', self.server.rules())

    def test_it_is_taken_opened_and_given_up(self):
        child = self.server.child
        Echo(self, self.server.host)
        with self.assertRaisesRegex(Refused, 'was not taken'):
            child.ask('address/open')
        child.ask('address/take')
        self.assertTrue(self.server.has())
        self.assertEqual((True, True, None), self.server.look())
        self.assertRaises(ConnectionRefusedError, connect, self.client)
        child.ask('address/open')
        self.assertEqual((True, False, None), self.server.look())
        self.assertEqual(b'x', say(connect(self.client)))
        child.ask('address/fence')
        self.assertFalse(self.server.has())
        self.assertRaises(ConnectionRefusedError, connect, self.client)

    def test_the_machine_s_own_packets_do_not_come_from_it(self):
        self.server.open()
        self.assertIn('src 10.66.0.1', self.server.host.run('ip', 'route', 'get', '10.66.1.1'))

    def test_who_has_it_is_found_by_asking(self):
        self.assertEqual({'mac': None}, self.server.child.ask('address/probe'))
        self.client.ip('addr add %s/32 dev eth0' % SERVICE)
        self.assertEqual({'mac': self.client.mac}, self.server.child.ask('address/probe'))

    def test_silence_counts_for_nothing_without_a_link(self):
        self.server.host.pull()
        until(lambda: 'LOWER_UP' not in self.server.host.run('ip', 'link', 'show', 'dev', 'eth0'), 'the link stays')
        with self.assertRaisesRegex(Refused, 'eth0.* has no link'):
            self.server.child.ask('address/probe')

    def test_who_asks_for_it_is_about_to_use_it(self):
        with self.client.entered():
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
            link.bind(('eth0', ETH_P_ARP))
        mac = bytes.fromhex(self.client.mac.replace(':', ''))
        frame = (b'\xff' * 6 + mac + struct.pack('>HHHBBH', ETH_P_ARP, 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + socket.inet_aton(SERVICE))
        with link:
            threading.Thread(target=lambda: link.recv(100) and link.send(frame), daemon=True).start()
            self.assertEqual({'mac': self.client.mac}, self.server.child.ask('address/probe'))

    def test_it_is_not_taken_where_it_belongs_nowhere(self):
        self.server.host.move('10.99.0.1/16')
        with self.assertRaisesRegex(Refused, "no interface has an address in the service address's network"):
            self.server.child.ask('address/take')
        self.assertEqual((False, True), self.server.look()[:2])

    def test_another_interface_can_be_named(self):
        server = Server(self, '10.66.0.2/16', PAIR + '[failover]\ninterface = eth1\n')
        server.host.plug(self.lan.first, '10.99.0.1/16')
        server.open()
        self.assertIn(SERVICE + '/32', server.host.addresses('eth1'))
        self.assertFalse(server.has())


class Fence(OneServer):
    def check_resets(self, where, family=socket.AF_INET):
        """One that waits, and one that talks, are reset within a second, and nobody is answered after."""
        Echo(self, where, family=family)
        self.server.open()
        waits, talks = connect(self.client), connect(self.client)
        self.assertEqual((b'a', b'b'), (say(waits, b'a'), say(talks, b'b')))
        begun = time.monotonic()
        self.server.fence()
        self.assertLess(time.monotonic() - begun, 1)
        self.assertRaises(ConnectionResetError, waits.recv, 100)
        self.assertRaises(ConnectionResetError, say, talks)
        self.assertLess(time.monotonic() - begun, 1)
        self.assertRaises(ConnectionRefusedError, connect, self.client)

    def test_connections_are_reset(self):
        self.check_resets(self.server.host)

    def test_connections_to_a_server_of_both_families_are_reset(self):
        self.check_resets(self.server.host, socket.AF_INET6)

    def test_a_server_goes_on_listening(self):
        Echo(self, self.server.host)
        self.server.open().fence()
        self.server.open()
        self.assertEqual(b'x', say(connect(self.client)))

    def test_connections_to_a_container_are_reset(self):
        container = self.server.with_container()
        self.check_resets(container)
        self.assertNotIn('dst=%s ' % SERVICE, self.server.host.run('conntrack', '-L'))

    def test_nothing_is_translated_to_a_container_although_the_address_was_added_again(self):
        Echo(self, self.server.with_container())
        self.server.open()
        self.assertEqual(b'x', say(connect(self.client)))
        self.server.fence()
        self.server.child.stop()  # so that it is not taken away again
        self.server.host.ip('addr add %s/32 dev eth0' % SERVICE)
        self.assertRaises(ConnectionRefusedError, connect, self.client)
        self.server.child.go_on()
        until(lambda: not self.server.has(), 'the address stays')

    def test_it_is_open_again_after_a_fence(self):
        Echo(self, self.server.with_container())
        self.server.open().fence()
        self.server.open()
        self.assertEqual(b'x', say(connect(self.client)))

    def test_other_addresses_are_served_on(self):
        Echo(self, self.server.host)
        self.server.open().fence()
        with self.client.entered():
            client = socket.create_connection(('10.66.0.1', PORT), timeout=5)
        self.assertEqual(b'x', say(client))


class Meddling(OneServer):
    def test_rules_that_were_flushed_are_set_again(self):
        self.server.host.run('nft', 'flush', 'ruleset')
        took = seconds_until(lambda: 'reject with tcp reset' in self.server.rules(), 'no rules')
        self.assertLess(took, 1)
        self.server.child.process.wait_for('somebody changed the rules')

    def test_a_rule_that_was_deleted_is_set_again(self):
        self.server.host.run('nft', 'flush', 'chain', 'ip', 'lifeboat', 'fence')
        until(lambda: 'reject with tcp reset' in self.server.rules(), 'no rule')

    def test_an_element_that_somebody_added_does_not_open_it(self):
        self.server.host.run('nft', 'add', 'element', 'ip', 'lifeboat', 'open', '{', SERVICE, '}')
        until(lambda: 'elements' not in self.server.rules(), 'it stays open')

    def test_clients_are_served_on_while_rules_are_flushed(self):
        Echo(self, self.server.host)
        self.server.open()
        client = connect(self.client)
        self.server.host.run('nft', 'flush', 'ruleset')
        until(lambda: 'elements = { %s' % SERVICE in self.server.rules(), 'it is not open')
        self.assertEqual(b'x', say(client))

    def test_rules_of_others_are_left_alone(self):
        since = len(self.server.child.process.lines)
        self.server.host.run('nft', 'add table ip other; add chain ip other c { type filter hook input priority 0; }')
        self.server.child.ask('address/look')
        self.assertNotIn('somebody', '\n'.join(self.server.child.process.lines[since:]))

    def test_an_address_that_somebody_added_is_removed_and_told(self):
        for prefix in (32, 16):
            self.server.host.ip('addr add %s/%d dev eth0' % (SERVICE, prefix))
            until(lambda: len(self.server.host.addresses()) == 1, 'it stays')
        self.server.child.wait_alert('added', 'somebody added the service address')

    def test_an_address_that_somebody_removed_is_put_back(self):
        self.server.open()
        self.server.host.ip('addr del %s/32 dev eth0' % SERVICE)
        self.assertLess(seconds_until(self.server.has, 'it stays away'), 1)
        self.server.child.process.wait_for('it was put back')

    def test_one_with_another_prefix_is_removed_also_while_it_is_held(self):
        self.server.open()
        self.server.host.ip('addr add %s/16 dev eth0' % SERVICE)
        until(lambda: SERVICE + '/16' not in self.server.host.addresses(), 'it stays')
        self.assertTrue(self.server.has())

    def test_it_comes_back_with_its_interface(self):
        Echo(self, self.server.host)
        self.server.open()
        self.server.host.ip('link del eth0')
        until(lambda: self.server.look()[2] is not None, 'no trouble is told')
        self.server.host.ports.clear()
        self.server.host.plug(self.lan.first, '10.66.0.1/16')
        until(self.server.has, 'it stays away')
        until(lambda: self.server.look() == (True, False, None), 'there is trouble still')
        self.assertEqual(b'x', say(connect(self.client)))

    def test_a_cable_that_is_out_is_told(self):
        self.server.open()
        self.server.host.pull()
        until(lambda: self.server.look() == (True, False, "interface 'eth0' has no link"), 'no trouble is told')
        self.server.host.insert()
        until(lambda: self.server.look() == (True, False, None), 'there is trouble still')

    def test_another_that_claims_it_is_told(self):
        self.server.open()
        self.client.ip('addr add %s/32 dev eth0' % SERVICE)
        self.client.run('arping', '-q', '-c', '1', '-A', '-I', 'eth0', SERVICE)
        self.server.child.wait_alert('two have it', self.client.mac)


class Death(OneServer):
    def gone_within(self, seconds):
        took = seconds_until(lambda: not self.server.has(), 'it stays', 20)
        self.assertLess(took, seconds)
        return took

    def check_fenced(self):
        until(lambda: 'elements' not in self.server.rules(), 'it is open', 10)
        self.assertRaises(ConnectionRefusedError, connect, self.client)

    def setUp(self):
        super().setUp()
        Echo(self, self.server.with_container())
        self.server.open()
        self.connection = connect(self.client, 20)
        self.assertEqual(b'x', say(self.connection))

    def test_without_anybody_who_keeps_it_it_is_given_up(self):
        self.server.let_go()
        self.gone_within(12)  # after 5, and after 6 more by the kernel where a busy machine keeps it from that
        self.server.child.process.wait_for('was not kept for 5 s')
        self.assertRaises(ConnectionResetError, self.connection.recv, 1)
        self.check_fenced()
        self.assertEqual({'held': False, 'fenced': True}, self.server.child.ask('address/keep'))

    def test_when_its_process_dies_the_kernel_takes_it_away_and_fences(self):
        self.server.let_go()
        self.server.child.kill()
        self.gone_within(7)
        self.check_fenced()
        self.assertRaises(ConnectionResetError, say, self.connection)

    def test_when_its_process_hangs_the_kernel_takes_it_away_and_fences(self):
        self.server.child.stop()
        self.gone_within(7)
        self.check_fenced()
        self.server.child.go_on()  # what was to keep it alive meanwhile has waited, and counts no longer
        until(lambda: self.server.look() == (False, True, None), 'it is held again')
        self.assertFalse(self.server.has())
        self.server.child.process.wait_for('was not kept')

    def test_a_new_process_of_an_active_node_holds_it_on(self):
        self.server.let_go()
        for end in (self.server.child.hang_up, self.server.child.kill):
            end()
            self.server.child.start().role('active')
            self.assertEqual((True, False, None), self.server.look())
            self.server.child.ask('address/keep')
            self.assertEqual(b'x', say(self.connection))

    def test_a_new_process_of_another_node_fences(self):
        for role in ('wait', 'standby'):
            self.server.let_go()
            self.server.child.kill()
            self.server.child.start().role(role)
            self.assertEqual((False, True, None), self.server.look())
            self.assertFalse(self.server.has())
            self.check_fenced()
            self.server.open()
