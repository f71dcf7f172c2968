"""The configuration that most tests of DHCP run with: a clinic's LAN, with another network behind a relay."""

SERVER, SERVICE, RELAY = '10.66.0.1', '10.66.0.10', '10.66.0.9'
FAR = '10.77.0.1'  # the relay's, in the network behind it
DOMAIN = 'lan.clinic.example'
PORTAL = 'https://clinic.example/join'

DNS = '''
[dns]
listen = 10.66.0.1
names = clinic.example=10.66.0.10
networks = 10.66.0.0/16;10.77.0.0/16
'''
CLINIC = '''
[subnet clinic]
network = 10.66.0.0/16
interface = eth0
pools = 10.66.1.0-10.66.1.255
router = 10.66.0.1
dns = 10.66.0.1;10.66.0.2
ntp = 10.66.0.1
domain = lan.clinic.example
search = lan.clinic.example;clinic.example
lease = %d
lease_max = 86400
mtu = 1400
options = 114=https://clinic.example/join
'''
WARD = '''
[subnet ward]
network = 10.77.0.0/16
pools = 10.77.1.0-10.77.1.255
router = 10.77.0.1
dns = 10.66.0.1
domain = ward.clinic.example
lease = 600
'''
HOSTS = '''
[host printer]
mac = 52:54:00:12:34:56
address = 10.66.0.30
[host scanner]
client_id = 01:52:54:00:12:34:57
address = 10.66.0.31
[host till]
address = 10.66.0.32
'''
ADDRESSES = ('10.66.0.1/16', '10.66.0.10/16')


def whole(lease=3600, dhcp=''):
    return DNS + '[dhcp]\nauthoritative = yes\n%s\n' % dhcp + CLINIC % lease + WARD + HOSTS
