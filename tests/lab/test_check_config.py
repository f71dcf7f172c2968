"""`lifeboat-netsvc check-config` on machines where something stands in the way, and on one where nothing does."""

import os
import subprocess
import tempfile
import textwrap

from support.case import Case
from support.netsvc import Netsvc, program
from support.process import Process

WELL = '''
    [dns]
    names = clinic.example=10.66.0.10
    listen = 10.66.0.1;10.66.0.10
    [subnet clinic]
    network = 10.66.0.0/16
    interface = eth0
    pools = 10.66.1.0-10.66.1.255
    router = 10.66.0.254
    dns = 10.66.0.10;10.66.0.1
    domain = lan.clinic.example
    search = lan.clinic.example
    '''
SERVICE = 'service_address = 10.66.0.10'
PAIR = '''
[node]
name = a
[peer a]
addresses = 10.66.0.1
[peer b]
addresses = 10.66.0.2
'''
LISTENS = '''
import socket, sys
listeners = [socket.create_server(('', int(port))) for port in sys.argv[1:]]
print('listens', flush=True)
listeners[0].accept()
'''


class Checking(Case):
    def setUp(self):
        super().setUp()
        self.server = self.lan.host('10.66.0.1/16', '10.66.0.10/16')
        self.netsvc = Netsvc(self, self.server, '', start=False)

    def assert_found(self, *wanted, configuration=WELL, code=None, options=()):
        """Exactly those findings: (level, part of its text)."""
        self.netsvc.configure(configuration, SERVICE)
        exit_code, found = self.netsvc.check(*options)
        self.assertEqual([level for level, _ in wanted], [level for level, _ in found], found)
        for (_, part), (_, text) in zip(wanted, found):
            self.assertIn(part, text)
        worst = {level: number for number, level in enumerate(('note', 'in the way', 'wrong'))}
        self.assertEqual(max([0, *(worst[level] for level, _ in wanted)]), exit_code)

    def change(self, **settings):
        """The same with other values in [subnet clinic]; None leaves one out."""
        lines = [line for line in textwrap.dedent(WELL).splitlines() if line.partition(' = ')[0] not in settings]
        return '\n'.join(lines + ['%s = %s' % setting for setting in settings.items() if setting[1] is not None]) + '\n'


class OfTheConfiguration(Checking):
    def test_what_is_well_is_said_to_be_served(self):
        self.assert_found()
        said = self.server.run(program('lifeboat-netsvc'), 'check-config', '--config', self.netsvc.config)
        self.assertIn('all is well: it serves names', said)
        self.assertIn('1 subnet, 256 in pools', said)

    def test_nothing_is_changed_by_it(self):
        keys = self.netsvc.path('keys')
        zone = self.netsvc.write('zone', '@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\n')
        self.assert_found(configuration=WELL + '[zone b.example]\nfile = %s\nsign = yes\nkeys = %s\n' % (zone, keys))
        self.assertFalse(os.path.exists(keys))
        self.assertFalse(os.path.exists(self.netsvc.state))

    def test_a_wildcard_at_the_top_of_a_search_domain_is_wrong(self):
        self.assert_found(('wrong', "clients append 'lan.clinic.example'"), ('wrong', "clients append 'lan.clinic.example'"),
                          configuration=WELL.replace('names = ', 'names = *.lan.clinic.example=10.66.0.10;'))
        zone = self.netsvc.write('zone', '@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\n* 60 A 10.66.0.10\n')
        self.assert_found(('wrong', "*.b.example (in '%s')" % zone),
                          configuration=self.change(search='b.example') + '[zone b.example]\nfile = %s\n' % zone)
        self.assert_found(configuration=self.change(search='x.b.example') + '[zone b.example]\nfile = %s\n' % zone)

    def test_what_clients_cannot_reach_is_wrong(self):
        self.assert_found(('wrong', 'router: clients cannot reach the router 10.67.0.1'), configuration=self.change(router='10.67.0.1'))
        self.assert_found(('wrong', 'ntp: clients cannot reach 10.67.0.1'), configuration=self.change(ntp='10.67.0.1', router=None))
        self.assert_found(configuration=self.change(ntp='10.67.0.1'))  # the router knows the way

    def test_forwarding_to_itself_is_wrong(self):
        for address in ('10.66.0.10', '10.66.0.1'):
            self.assert_found(('wrong', 'forwarders: %s is this server itself' % address),
                              configuration=WELL.replace('names = ', 'forwarders = 9.9.9.9;%s\nnames = ' % address))

    def test_a_domain_that_is_anothers_is_wrong(self):
        self.assert_found(('wrong', 'is another server'), configuration=WELL + '[zone lan.clinic.example]\nprimaries = 10.66.0.2\n')
        self.assert_found(('wrong', 'would be transferred from 10.66.0.1, which is this server itself'),
                          configuration=WELL + '[zone b.example]\nprimaries = 10.66.0.1\n')

    def test_odd_times_and_names_are_noted(self):
        self.assert_found(('note', 'for 120 s'), configuration=self.change(lease=120))
        self.assert_found(('note', 'kept for 90 days'), configuration=self.change(lease=90 * 86400))
        self.assert_found(('note', "'x.local' is not asked for"), configuration=WELL.replace('names = ', 'names = x.local=10.66.0.10;'))
        self.assert_found(('note', 'no client gets an address'), configuration=self.change(pools=None))

    def test_a_zone_file_with_a_mistake_is_wrong(self):
        zone = self.netsvc.write('zone', '@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\nx 60 A 300.1.1.1\n')
        self.assert_found(('wrong', '%s:3: ' % zone), configuration=WELL + '[zone b.example]\nfile = %s\n' % zone)
        self.assert_found(('wrong', '/does/not/exist'), configuration=WELL + '[zone b.example]\nfile = /does/not/exist\n')

    def test_keys_that_everybody_can_read_are_noted(self):
        path = self.netsvc.write('tsig.keys', 'key k { algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSBjbGluaWM="; };')
        configuration = WELL.replace('names = ', 'tsig = %s\n    names = ' % path)
        os.chmod(path, 0o604)
        self.assert_found(('note', 'everybody on this machine can read the keys'), configuration=configuration)
        os.chmod(path, 0o600)
        self.assert_found(configuration=configuration)

    def test_all_mistakes_are_told_at_once(self):
        self.assert_found(('wrong', 'router: '), ('wrong', 'listen: '),
                          configuration=self.change(router='x').replace('listen = ', 'listen = y;'))


class OfTheMachine(Checking):
    def test_another_server_on_a_port_is_named(self):
        for options, where in ((('-p53', '-z', '-a10.66.0.1'), 'of 10.66.0.1'), (('-p53',), 'of all addresses'),
                               (('-p0', '-z', '-ieth0', '--dhcp-range=10.66.2.1,10.66.2.9'), 'port 67 (UDP)')):
            with self.subTest(options=options):
                other = Process(self, self.server, ['dnsmasq', '-k', '-C/dev/null', '--pid-file', '-u', 'nobody', '--log-facility=-',
                                                    '--dhcp-leasefile=/dev/null', *options])
                other.wait_for('started')
                self.assert_found(('in the way', "'dnsmasq' (process %d) serves at port" % other.pid))
                self.assertIn(where, self.netsvc.check()[1][0][1])
                other.end()
        self.assert_found()

    def test_another_server_on_a_port_of_pages_or_of_the_link_is_named(self):
        self.server.move('10.66.0.1/16')
        other = Process(self, self.server, ['/usr/bin/python3', '-c', LISTENS, '8080', '7402'])
        other.wait_for('listens')
        self.netsvc.configure(PAIR + '[cert]\nname = clinic.example\n' + WELL, SERVICE)
        code, found = self.netsvc.check()
        self.assertEqual((1, 2), (code, len(found)), found)
        for port in (7402, 8080):  # the kernel lists them in any order
            self.assertTrue(any('serves at port %d (TCP)' % port in text for level, text in found if level == 'in the way'), found)

    def test_one_at_another_address_is_not_in_the_way(self):
        other = Process(self, self.server, ['dnsmasq', '-k', '-C/dev/null', '--pid-file', '-u', 'nobody', '--log-facility=-', '-p53',
                                            '-z', '-a127.0.0.1'])
        other.wait_for('started')
        self.assert_found()

    def test_itself_is_not_in_the_way(self):
        self.netsvc.configure(WELL, SERVICE)
        self.netsvc.start()
        self.assert_found()
        self.netsvc.end()

    def test_a_service_address_that_no_interface_has_is_noted(self):
        self.server.move('10.66.0.1/16')
        self.assert_found(('note', 'no interface here has 10.66.0.10'))

    def test_a_node_of_two_that_has_what_it_needs_is_well(self):
        self.server.move('10.66.0.1/16')
        self.assert_found(configuration=PAIR + WELL)
        self.assertNotIn('lifeboat', self.server.run('nft', 'list', 'ruleset'))

    def test_a_pair_s_service_address_that_is_there_for_good_is_in_the_way(self):
        self.assert_found(('in the way', "10.66.0.10 is set up on interface 'eth0' for good"), configuration=PAIR + WELL)
        self.server.move('10.66.0.1/16')
        self.server.ip('addr add 10.66.0.10/32 dev eth0 valid_lft 600 preferred_lft 600')  # as lifeboat-netsvc puts it there
        self.assert_found(configuration=PAIR + WELL)

    def test_a_node_that_is_called_as_the_other_is_in_the_way(self):
        self.server.move('10.66.0.1/16')
        self.assert_found(('in the way', "has the address of [peer a], but is called 'b'"), configuration=PAIR.replace('name = a', 'name = b') + WELL)
        self.assert_found(('in the way', 'none of the addresses of [peer a]'), configuration=PAIR.replace('0.1', '0.3') + WELL)

    def test_a_program_that_cannot_be_run_at_a_switch_is_in_the_way(self):
        self.server.move('10.66.0.1/16')
        hook = self.netsvc.write('hook', '#!/bin/sh\n')
        configuration = PAIR + '[failover]\nstart = %s\nstop = %s\n' % (hook, hook) + WELL
        for mode, part in ((0o644, 'it is not executable'), (0o777, 'others than root may write to it')):
            os.chmod(hook, mode)
            self.assert_found(('in the way', part), ('in the way', part), configuration=configuration)
        os.chmod(hook, 0o755)
        self.assert_found(configuration=configuration)
        self.assert_found(('in the way', "'/nowhere' cannot be run: No such file"), configuration=configuration.replace('start = ' + hook, 'start = /nowhere'))
        self.assert_found(('note', 'one of the two is missing'), configuration=configuration.replace('stop = ' + hook, ''))
        self.assert_found(('in the way', 'cannot be run'), configuration=PAIR + WELL + '[cert]\nname = clinic.example\nhook = /nowhere\n')

    def test_taking_over_by_itself_needs_a_fence_hook_and_a_second_path(self):
        self.server.move('10.66.0.1/16')
        hook = self.netsvc.write('hook', '#!/bin/sh\n')
        os.chmod(hook, 0o755)
        asked = '[failover]\nautomatic = yes\nstart = %s\nstop = %s\nfence = %s\n' % (hook, hook, hook) + WELL
        two = PAIR.replace('10.66.0.1', '10.66.0.1;192.168.77.1').replace('10.66.0.2', '10.66.0.2;192.168.77.2')
        self.assert_found(configuration=two + asked)
        self.assert_found(('wrong', 'it needs a hook that surely cuts the other node off'), configuration=two + asked.replace('fence', '#fence'))
        self.assert_found(('wrong', 'it needs a second path'), configuration=PAIR + asked)
        self.assert_found(('wrong', 'it needs a second path'), configuration=two.replace(';192.168.77.1', '') + asked)
        self.assert_found(('wrong', 'it needs a second path'), configuration=asked)
        self.assert_found(('wrong', 'all addresses of [peer a] are in one network'), configuration=two.replace('192.168.77.', '10.66.9.') + asked)

    def test_a_pair_s_service_address_that_belongs_nowhere_is_in_the_way(self):
        self.server.move('10.66.0.1/16')
        self.assert_found(('in the way', "there is no interface 'eth9' for the service address"), configuration=PAIR + '[failover]\ninterface = eth9\n' + WELL)

    def test_an_interface_that_is_not_there_is_in_the_way(self):
        self.assert_found(('in the way', "there is no interface 'eth7' here; there is eth0"), configuration=self.change(interface='eth7'))
        self.server.ip('addr flush dev eth0')
        self.assert_found(('in the way', "interface 'eth0' has no address in 10.66.0.0/16"), ('note', 'no interface here has 10.66.0.10'))
        self.server.ip('addr add 10.66.0.1/24 dev eth0')
        self.assert_found(('in the way', "interface 'eth0' has 10.66.0.1/24"), ('note', 'no interface here has 10.66.0.10'))

    def test_a_network_that_overlaps_is_in_the_way(self):
        self.server.ip('link add br-0123456789ab type bridge', 'link set br-0123456789ab up', 'addr add 10.66.128.1/20 dev br-0123456789ab')
        self.assert_found(('in the way', "what is sent to 10.66.128.0/20 goes to Docker's network at 'br-0123456789ab'"))
        self.server.ip('link del br-0123456789ab', 'link add tun9 type bridge', 'link set tun9 up', 'addr add 10.9.0.1/24 dev tun9',
                       'route add 10.66.0.0/16 via 10.9.0.2 metric 5')
        self.assert_found(('in the way', "goes to interface 'tun9'"))
        self.server.ip('route del 10.66.0.0/16 via 10.9.0.2', 'route add 10.0.0.0/8 via 10.9.0.2')
        self.assert_found()  # the narrower one counts

    def test_an_address_that_somebody_else_has_is_found_only_where_that_is_asked(self):
        self.lan.host('10.66.0.1/16', '10.66.0.10/16')
        self.assert_found()
        self.assert_found(('in the way', "this node's address 10.66.0.1 is that of "), ('note', 'the service address 10.66.0.10 is that of '),
                          options=['--ask-lan'])

    def test_a_folder_that_cannot_be_written_to_is_in_the_way(self):
        with tempfile.NamedTemporaryFile() as file:
            self.netsvc.state = file.name
            self.assert_found(('in the way', 'is no folder'))

    def test_a_clock_that_went_back_is_in_the_way(self):
        os.mkdir(self.netsvc.state)
        with open(os.path.join(self.netsvc.state, 'clock'), 'w') as file:
            file.write('2090-01-01T00:00:00Z\n')
        self.assert_found(('in the way', 'the clock is wrong'))


class OfTheFirewall(Checking):
    def rules(self, *lines):
        rules = 'flush ruleset\ntable inet filter {\nchain input { type filter hook input priority 0; policy drop;\n%s\n}\n}\n'
        with self.server.entered():
            subprocess.run(['nft', '-f', '-'], input=rules % '\n'.join(lines), text=True, check=True)

    def test_one_that_drops_is_in_the_way(self):
        self.rules('ct state established,related accept', 'iifname lo accept', 'tcp dport { 22, 443 } accept')
        self.assert_found(('in the way', 'keeps clients from UDP port 53, TCP port 53, UDP port 67'), ('note', 'drops TCP port 853'))
        self.rules('udp dport 53 accept', 'tcp dport 853 reject with tcp reset')
        self.assert_found(('in the way', 'keeps clients from TCP port 53, UDP port 67'))
        self.rules('ip saddr 10.66.0.0/16 accept')
        self.assert_found(('in the way', 'keeps clients from UDP port 67'))  # who has no address yet

    def test_the_mend_that_is_told_mends_it(self):
        self.rules('ct state established,related accept')
        self.netsvc.configure(WELL, SERVICE)
        said = self.server.run(program('lifeboat-netsvc'), 'check-config', '--config', self.netsvc.config, expect=1)
        hints = [line for line in said.splitlines() if 'nft insert' in line]
        for command in ' '.join(hints).split('`')[1::2]:
            self.server.run('sh', '-c', command.replace('{', "'{").replace('}', "}'"))
        self.assert_found()

    def test_one_that_drops_the_pages_is_in_the_way(self):
        pages = WELL + '[cert]\nname = clinic.example\n[web]\nlisten = 10.66.0.1\n'
        others = ('iifname eth0 udp dport { 53, 67 } accept', 'iifname eth0 tcp dport 53 accept', 'tcp dport 853 reject')
        self.rules(*others)
        self.assert_found(('in the way', 'keeps clients from TCP port 8080 and 8443'), configuration=pages)
        said = self.server.run(program('lifeboat-netsvc'), 'check-config', '--config', self.netsvc.config, expect=1)
        mend, = [command for command in said.split('`') if command.startswith('nft insert')]
        self.server.run('sh', '-c', mend.replace('{', "'{").replace('}', "}'"))
        self.assert_found(configuration=pages)
        self.rules('tcp dport 8443 accept', *others)
        self.assert_found(('in the way', 'keeps clients from TCP port 8080,'), configuration=pages)

    def test_one_that_lets_clients_in_is_not(self):
        self.rules('iifname eth0 udp dport { 53, 67 } accept', 'iifname eth0 tcp dport 53 accept', 'iifname eth0 reject')
        self.assert_found()

    def test_what_is_not_understood_is_only_noted(self):
        self.rules('meta mark 7 accept', 'tcp dport 853 reject')
        self.assert_found(('note', 'may keep clients from'))


if __name__ == '__main__':
    import unittest
    unittest.main()
