"""The LAN itself, with dnsmasq for a server: what fails here is no fault of ours."""

from support import clients, dhcp
from support.case import Case
from support.servers import Dnsmasq, Relay


class WithDnsmasq(Case):
    def setUp(self):
        super().setUp()
        self.server = self.lan.host('10.66.0.1/16')
        self.dnsmasq = Dnsmasq(self, self.server, '--dhcp-range=10.66.1.0,10.66.1.255,255.255.0.0,120', '--dhcp-range=10.77.1.0,10.77.1.255,255.255.0.0,120',
                               '--dhcp-authoritative', '--log-dhcp', '--domain=lan.clinic.example', ready='DHCP, IP range')
        self.client = self.lan.host()

    def test_udhcpc_has_a_lease_renews_it_and_gives_it_back(self):
        client = clients.Udhcpc(self, self.client)
        lease = client.wait('bound')
        self.assertEqual(['%s/16' % lease.address], self.client.addresses())
        client.renew()
        self.assertEqual(lease.address, client.wait('renewed').address)
        client.release()
        self.dnsmasq.process.wait_for('DHCPRELEASE')

    def test_dhclient_has_a_lease_and_gives_it_back(self):
        client = clients.Dhclient(self, self.client)
        lease = client.wait('bound')
        self.assertEqual(['%s/16' % lease.address], self.client.addresses())
        client.release()
        self.dnsmasq.process.wait_for('DHCPRELEASE')

    def test_dhcpcd_has_a_lease_renews_it_and_gives_it_back(self):
        client = clients.Dhcpcd(self, self.client, '--noarp')
        lease = client.wait('bound')
        client.renew()
        self.assertEqual(lease.address, client.wait('renewed').address)
        client.release()
        self.dnsmasq.process.wait_for('DHCPRELEASE')

    def test_networkd_has_a_lease(self):
        lease = clients.Networkd(self, self.client).lease()
        self.assertEqual(['%s/16' % lease['ADDRESS']], self.client.addresses())

    def test_a_client_behind_a_relay_has_a_lease_of_its_network(self):
        far = self.lan.switch()
        relay = self.lan.host('10.66.0.9/16').plug(far, '10.77.0.1/16')
        Relay(self, relay, '10.66.0.1')
        self.server.run('ip', 'route', 'add', '10.77.0.0/16', 'via', '10.66.0.9')
        lease = clients.Udhcpc(self, self.lan.host(on=far)).wait('bound')
        self.assertTrue(lease.address.startswith('10.77.1.'), lease.address)

    def test_packets_made_by_hand_are_understood(self):
        client = dhcp.Wire(self, self.client).client()
        ack = client.get()
        self.assertEqual(ack.yiaddr, client.renew().yiaddr)
        self.assertEqual(ack.yiaddr, client.rebind().yiaddr)
        self.assertEqual(ack.yiaddr, client.reboot().yiaddr)
        client.ignores(client.packet(dhcp.DISCOVER, op=2))
        client.release()
        self.dnsmasq.process.wait_for('DHCPRELEASE')
