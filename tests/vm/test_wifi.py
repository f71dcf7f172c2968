"""A phone joins the clinic's Wi-Fi: a radio that mac80211_hwsim makes, hostapd on the server and wpa_supplicant in the phone, which is
a network namespace of the machine's. It gets its address, asks for names, and is told at once that there is no Internet."""

import io
import shutil
import time
import unittest

from case import shared_machine
from machine.kernel import Lacking
from machine.tree import Tree
from netsvc import Netsvc

PROGRAMS = ('hostapd', 'wpa_supplicant', 'iw')
CONFIGURATION = '''[net]
state = /run/lifeboat-net
[dns]
names = clinic.example=10.66.0.10
listen = 10.66.0.1
[subnet wifi]
network = 10.66.0.0/16
interface = wlan0
pools = 10.66.16.0-10.66.16.255
dns = 10.66.0.1;10.66.0.2
domain = lan.clinic.example
'''
ACCESS_POINT = '''interface=wlan0
driver=nl80211
ssid=clinic
hw_mode=g
channel=6
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=lifeboat1
'''
NETWORK = 'network={\nssid="clinic"\npsk="lifeboat1"\n}\n'
SCRIPT = '''#!/bin/sh
[ "$1" != bound ] || { /bin/ip address add $ip/$mask dev $interface; echo "$ip $dns $domain"; }
'''
PHONE = 'nsenter -t $(cat /run/phone) -n '  # what follows is done there
ELSEWHERE = 'connectivitycheck.gstatic.com'  # what Android asks for, to see whether there is the Internet
AT_ONCE = 5  # seconds, after which it would ask again


class Wifi(unittest.TestCase):
    def setUp(self):
        self.machine = shared_machine('clinic')
        self.machine.run('cd / && cpio -idu', self.radio_programs())
        self.machine.run('modprobe -a mac80211_hwsim ccm && udevadm settle')
        self.machine.write('/etc/hostapd.conf', ACCESS_POINT)
        self.machine.write('/etc/phone.conf', NETWORK)
        self.machine.write('/etc/phone-script', SCRIPT, '755')

    @staticmethod
    def radio_programs():
        tree = Tree()
        for name in PROGRAMS:
            path = shutil.which(name, path='/usr/sbin:/sbin:/usr/bin')
            if not path:
                raise Lacking('no %s: install hostapd, wpasupplicant and iw' % name)
            tree.program(path, 'bin/' + name)
        data = io.BytesIO()
        tree.write(data)
        return data.getvalue()

    def join(self):
        self.machine.run('hostapd -B /etc/hostapd.conf && /bin/ip address add 10.66.0.1/16 dev wlan0')
        self.machine.run("setsid unshare -n sh -c 'echo $$ >/run/phone; exec sleep 10000' </dev/null >/dev/null 2>&1 & "
                         'until [ -s /run/phone ]; do sleep 0.05; done')
        self.machine.run('iw phy phy1 set netns $(cat /run/phone)')
        self.machine.run(PHONE + 'wpa_supplicant -B -i wlan1 -c /etc/phone.conf')
        self.machine.run('until %s iw dev wlan1 link | grep Connected; do sleep 0.1; done' % PHONE)

    def test_a_phone_joins_and_has_an_address_names_and_a_name(self):
        netsvc = Netsvc(self.machine, CONFIGURATION)
        self.addCleanup(netsvc.crash)
        self.join()
        told = self.machine.run(PHONE + 'udhcpc -i wlan1 -n -q -s /etc/phone-script -V android-dhcp-14 -x hostname:phone')
        self.assertRegex(told, r'(?m)^10\.66\.16\.\d+ 10\.66\.0\.1 10\.66\.0\.2 lan\.clinic\.example$')
        lease, = netsvc.leases()
        self.assertEqual('phone.lan.clinic.example', lease['name'])
        for name, address in (('clinic.example', '10.66.0.10'), (lease['name'], lease['address'])):
            self.assertIn(address, self.machine.run(PHONE + 'nslookup -type=a %s 10.66.0.1' % name))
        began = time.monotonic()
        self.assertIn('NXDOMAIN', self.machine.run(PHONE + 'nslookup -type=a %s 10.66.0.1' % ELSEWHERE, expect=1))
        self.assertLess(time.monotonic() - began, AT_ONCE)


if __name__ == '__main__':
    unittest.main()
