"""Real DHCP clients: they get, renew, rebind, decline and give back leases of ours, on the LAN and behind a relay."""

from support import clinic
from support.case import Case, OneServer
from support.clients import Dhclient, Dhcpcd, Networkd, Udhcpc
from support.dhcp import Wire
from support.dns import Asker
from support.netsvc import Netsvc
from support.servers import Dnsmasq, Relay

SHORT = 60     # seconds of a lease that a test waits for the renewal of: the least that may be
PATIENCE = 100  # seconds


class Clients(OneServer):
    configuration = clinic.whole()

    def assert_leased(self, address, state='leased'):
        leases = self.netsvc.leases()
        self.assertEqual(state, leases.get(address, {}).get('state'), leases)

    def names(self, name, wanted):
        """Until the DNS says so of a name: it is told right after the lease."""
        asker = Asker(self, self.server, clinic.SERVER)
        for _ in range(1000):
            answer = asker.ask(name, 'A')
            found = [rdata.address for rrset in answer.answer for rdata in rrset]
            if found == wanted:
                return answer
        return self.fail('%s is %s, not %s' % (name, found, wanted))


class WithoutDns(OneServer):
    configuration = '[subnet clinic]\nnetwork = 10.66.0.0/16\npools = 10.66.1.0-10.66.1.9\n[dns]\nnames = clinic.example=10.66.0.1\n'

    def test_a_subnet_that_names_no_dns_server_has_ours(self):
        self.assertEqual('10.66.0.1', Udhcpc(self, self.lan.host()).wait('bound').get('dns'))


class OfUdhcpc(Clients):
    def test_it_gets_renews_and_gives_back_a_lease_and_sees_all_options(self):
        host = self.lan.host()
        client = Udhcpc(self, host, '-x', 'hostname:tablet')
        lease = client.wait('bound')
        self.assertEqual(['%s/16' % lease.address], host.addresses())
        self.assertEqual(('10.66.0.1', '10.66.0.1 10.66.0.2', clinic.DOMAIN, '1400', '10.66.255.255', '10.66.0.1', '3600',
                          'lan.clinic.example clinic.example'),
                         tuple(lease.get(name) for name in ('router', 'dns', 'domain', 'mtu', 'broadcast', 'ntpsrv', 'lease', 'search')))
        self.assert_leased(lease.address)
        client.renew()
        self.assertEqual(lease.address, client.wait('renewed').address)
        client.release()
        self.names('tablet.lan.clinic.example', [])
        self.assert_leased(lease.address, 'released')

    def test_its_name_is_there_with_the_lease_and_gone_with_it(self):
        client = Udhcpc(self, self.lan.host(), '-x', 'hostname:tablet')
        address = client.wait('bound').address
        self.names('tablet.lan.clinic.example', [address])
        asker = Asker(self, self.server, clinic.SERVER)
        reverse = asker.ask('.'.join(reversed(address.split('.'))) + '.in-addr.arpa', 'PTR')
        self.assertEqual(['tablet.lan.clinic.example.'], [rdata.to_text() for rrset in reverse.answer for rdata in rrset])
        client.release()
        self.names('tablet.lan.clinic.example', [])
        reverse = asker.ask('.'.join(reversed(address.split('.'))) + '.in-addr.arpa', 'PTR')
        self.assertEqual([], reverse.answer)

    def test_two_of_one_name_do_not_take_it_from_each_other(self):
        first = Udhcpc(self, self.lan.host(), '-x', 'hostname:tablet').wait('bound').address
        self.names('tablet.lan.clinic.example', [first])
        second = Udhcpc(self, self.lan.host(), '-x', 'hostname:tablet').wait('bound').address
        self.assertNotEqual(first, second)
        self.names('tablet.lan.clinic.example', [first])

    def test_it_declines_an_address_that_another_has(self):
        """Who has it keeps silent to the server, and answers clients only."""
        host = self.lan.host()
        squatter = Wire(self, self.lan.host())

        def answers(asker):
            return squatter.host.mac if asker == host.mac else None
        probe = Wire(self, self.lan.host()).client(host.mac)
        squatter.owners[probe.discover().yiaddr] = answers
        taken = next(iter(squatter.owners))
        client = Udhcpc(self, host, '-a')
        lease = client.wait('bound')
        self.assertNotEqual(taken, lease.address)
        self.assert_leased(taken, 'declined')
        self.netsvc.process.wait_for(taken)


class OfDhclient(Clients):
    def test_it_gets_a_lease_and_sees_all_options(self):
        lease = Dhclient(self, self.lan.host()).wait('bound')
        self.assertEqual(('10.66.0.1', '10.66.0.1 10.66.0.2', clinic.DOMAIN, '1400', '10.66.0.1', clinic.PORTAL),
                         tuple(lease.get('new_' + name) for name in ('routers', 'domain_name_servers', 'domain_name', 'interface_mtu', 'ntp_servers',
                                                                     'captive')))
        self.assertEqual('lan.clinic.example. clinic.example.', lease.get('new_domain_search'))

    def test_it_gives_a_lease_back(self):
        client = Dhclient(self, self.lan.host())
        lease = client.wait('bound')
        client.release()
        Wire(self, self.lan.host()).client().discover()  # is taken after it
        self.assert_leased(lease.address, 'released')

    def test_it_keeps_its_address_when_it_restarts(self):
        host = self.lan.host()
        client = Dhclient(self, host)
        lease = client.wait('bound')
        client.stop()
        host.ip('addr flush dev eth0')
        client.start()
        self.assertEqual(lease.address, client.wait('bound', 2).address)


class OfDhclientThatRenews(Clients):
    configuration = clinic.whole(lease=SHORT)

    def test_it_renews_by_itself(self):
        client = Dhclient(self, self.lan.host())
        lease = client.wait('bound')
        self.assertEqual(lease.address, client.wait('renewed', patience=PATIENCE).address)


class OfDhclientThatRebinds(Clients):
    configuration = clinic.whole(lease=SHORT)

    def test_it_rebinds_when_the_server_has_moved(self):
        client = Dhclient(self, self.lan.host())
        lease = client.wait('bound')
        self.netsvc.end()
        self.server.silence()
        self.netsvc.host = self.lan.host('10.66.0.2/16')
        self.netsvc.configure(self.configuration.replace('listen = 10.66.0.1', 'listen = 10.66.0.2'))
        self.netsvc.start()
        again = client.wait('renewed', patience=PATIENCE)  # its word for both
        self.assertEqual((lease.address, '10.66.0.2'), (again.address, again['new_dhcp_server_identifier']))


class OfDhclientThatIsLeftAlone(Clients):
    configuration = clinic.whole(lease=SHORT)

    def test_it_loses_its_address_when_nobody_is_there_any_more(self):
        client = Dhclient(self, self.lan.host())
        client.wait('bound')
        self.server.silence()
        client.wait('lost', patience=PATIENCE)
        self.server.speak()
        client.wait('bound', 2, patience=PATIENCE)


class OfDhcpcd(Clients):
    configuration = clinic.whole()

    def test_it_gets_renews_and_gives_back_a_lease(self):
        host = self.lan.host()
        client = Dhcpcd(self, host, '--noarp', '-h', 'phone')
        lease = client.wait('bound')
        self.assertEqual(['%s/16' % lease.address], host.addresses())
        self.assertEqual(('10.66.0.1', '10.66.0.1 10.66.0.2', clinic.DOMAIN, '1400', 'lan.clinic.example clinic.example'),
                         tuple(lease.get('new_' + name) for name in ('routers', 'domain_name_servers', 'domain_name', 'interface_mtu', 'domain_search')))
        self.names('phone.lan.clinic.example', [lease.address])
        client.renew()
        self.assertEqual(lease.address, client.wait('renewed').address)
        client.release()
        self.names('phone.lan.clinic.example', [])

    def test_it_looks_itself_whether_the_address_is_free(self):
        lease = Dhcpcd(self, self.lan.host()).wait('bound')
        self.assert_leased(lease.address)

    def test_it_keeps_its_address_when_it_restarts(self):
        client = Dhcpcd(self, self.lan.host(), '--noarp')
        lease = client.wait('bound')
        client.stop()
        client.start()
        self.assertEqual(lease.address, client.wait('bound', 2).address)

    def test_it_takes_an_address_at_once(self):
        """RFC 4039; dhcpcd asks for it."""
        lease = Dhcpcd(self, self.lan.host(), '--noarp').wait('bound')
        self.assert_leased(lease.address)


class OfNetworkd(Clients):
    def test_it_gets_a_lease_and_sees_its_options(self):
        host = self.lan.host()
        client = Networkd(self, host)
        lease = client.lease()
        self.assertEqual(['%s/16' % lease['ADDRESS']], host.addresses())
        self.assertEqual(('10.66.0.1', '10.66.0.1 10.66.0.2', '10.66.0.1', clinic.DOMAIN),
                         tuple(lease.get(name) for name in ('ROUTER', 'DNS', 'NTP', 'DOMAINNAME')))
        self.assert_leased(lease['ADDRESS'])


class BehindARelay(Clients):
    def setUp(self):
        super().setUp()
        self.far = self.lan.switch()
        self.relay = self.lan.host('%s/16' % clinic.RELAY).plug(self.far, '%s/16' % clinic.FAR)
        self.server.run('ip', 'route', 'add', '10.77.0.0/16', 'via', clinic.RELAY)
        Relay(self, self.relay, clinic.SERVER, '-a')

    def test_udhcpc_gets_renews_and_gives_back_a_lease_of_its_network(self):
        host = self.lan.host(on=self.far)
        client = Udhcpc(self, host, '-x', 'hostname:bed7')
        lease = client.wait('bound')
        self.assertTrue(lease.address.startswith('10.77.1.'), lease.address)
        self.assertEqual(('10.77.0.1', 'ward.clinic.example', '600'), (lease['router'], lease['domain'], lease['lease']))
        self.names('bed7.ward.clinic.example', [lease.address])
        client.renew()  # by unicast, past the relay
        self.assertEqual(lease.address, client.wait('renewed').address)
        client.release()
        self.names('bed7.ward.clinic.example', [])

    def test_dhclient_and_dhcpcd_get_leases_of_their_network(self):
        clients = Dhclient(self, self.lan.host(on=self.far)), Dhcpcd(self, self.lan.host(on=self.far), '--noarp')
        addresses = {client.wait('bound').address for client in clients}
        self.assertEqual(2, len(addresses))
        for address in addresses:
            self.assertTrue(address.startswith('10.77.1.'), address)

    def test_who_moves_between_networks_gets_an_address_of_the_new_one(self):
        host = self.lan.host()
        client = Udhcpc(self, host)
        self.assertTrue(client.wait('bound').address.startswith('10.66.1.'))
        client.stop()
        host.ip('addr flush dev eth0')
        host.silence()
        port = host.ports.pop(0)
        port[0].ip('link del ' + port[1])
        host.plug(self.far)
        client.start()
        self.assertTrue(client.wait('bound', 2).address.startswith('10.77.1.'))


class AnotherServer(Case):
    def test_it_is_noticed_and_told(self):
        server, other = self.lan.host(*clinic.ADDRESSES), self.lan.host('10.66.0.99/16')
        netsvc = Netsvc(self, server, clinic.whole())
        Dnsmasq(self, other, '--port=0', '--dhcp-range=10.66.9.0,10.66.9.255,255.255.0.0', ready='DHCP, IP range')
        netsvc.process.wait_for('10.66.0.99')
