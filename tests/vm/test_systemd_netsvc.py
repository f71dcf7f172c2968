"""lifeboat-netsvc under a real systemd, installed as README.md tells: confined and no less able for it; it serves on whatever
happens to one of its processes, and to its configuration."""

import random
import re
import socket
import struct
import unittest

from case import shared_machine
from dhcp_clients import Client, Clients
from machine import initrd
from machine.cable import Cable
from support.server import wait_until

UNIT = 'lifeboat-netsvc'
CONFIGURATION = '''[net]
service_address = 127.0.66.10
[dns]
names = clinic.example=10.66.0.10
listen = 127.0.66.10
[dhcp]
probe = no
[subnet clinic]
network = 127.0.0.0/8
interface = lo
pools = 127.1.0.1-127.1.0.99
'''  # not QEMU's network: the machine is asked through that
LAN = '''[dns]
names = clinic.example=10.66.0.10
listen = 10.66.0.1
[subnet clinic]
network = 10.66.0.0/16
pools = 10.66.16.0-10.66.16.255
domain = lan.clinic.example
'''
PAIR = '''[node]
name = a
[net]
service_address = 10.66.0.10
[dns]
names = clinic.example=10.66.0.10
listen = 10.66.0.10
[peer a]
addresses = 10.66.0.1
[peer b]
addresses = 10.66.0.2
[failover]
boot_wait = 1
'''
RIGHTS = 'CHOWN DAC_OVERRIDE KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_ADMIN NET_RAW SYS_CHROOT'.split()
NUMBERS = {'CHOWN': 0, 'DAC_OVERRIDE': 1, 'KILL': 5, 'SETGID': 6, 'SETUID': 7, 'SETPCAP': 8, 'NET_BIND_SERVICE': 10, 'NET_ADMIN': 12,
           'NET_RAW': 13, 'SYS_CHROOT': 18}
SYN, RST = 2, 4
STATUS = ('for process in $(cat /sys/fs/cgroup/system.slice/%s.service/cgroup.procs); do cat /proc/$process/status; '
          'echo "Root: $(readlink /proc/$process/root)"; done' % UNIT)


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack('>H', total ^ 0xffff)


class Caller:
    """A client at the other end of a cable, 10.66.9.9, which begins TCP connections and says what came of it."""

    MAC = bytes.fromhex('020000000909')

    def __init__(self, machine, cable):
        self.cable, self.port = cable, 20000
        self.machine = bytes.fromhex(machine.run('cat /sys/class/net/%s/address' % cable.interface).strip().replace(':', ''))

    def call(self, address, port):
        self.port += 1
        ends = socket.inet_aton('10.66.9.9') + socket.inet_aton(address)
        tcp = struct.pack('>HHIIBBHHH', self.port, port, 1, 0, 5 << 4, SYN, 8192, 0, 0)
        tcp = tcp[:16] + checksum(ends + struct.pack('>BBH', 0, 6, len(tcp)) + tcp) + tcp[18:]
        ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends
        self.cable.send(self.machine + self.MAC + b'\x08\x00' + ip[:10] + checksum(ip) + ip[12:] + tcp)
        while frame := self.cable.receive():
            if frame[12:14] == b'\x08\x06' and frame[21] == 1 and frame[38:42] == ends[:4]:  # who has 10.66.9.9?
                self.cable.send(self.machine + self.MAC + frame[12:21] + b'\x02' + self.MAC + ends[:4] + frame[22:32])
            elif frame[12:14] == b'\x08\x00' and frame[23] == 6 and frame[34:38] == struct.pack('>HH', port, self.port):
                return 'reset' if frame[47] & RST else 'accepted' if frame[47] & SYN else 'answered'
        return 'silence'


class Netsvc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = shared_machine('clinic', tree=initrd.under_systemd)
        cls.machine.run('systemd-sysusers 2>&1')

    def setUp(self):
        self.configure(CONFIGURATION)
        self.machine.run('rm -rf /var/lib/lifeboat-net')
        self.machine.write('/run/systemd/system/%s.service.d/test.conf' % UNIT, '[Service]\nRestartSec=100ms\nWatchdogSec=3s\nTimeoutStopSec=10s\n')
        self.machine.run('systemctl daemon-reload; systemctl reset-failed')
        self.addCleanup(self.machine.run, 'systemctl stop ' + UNIT)

    def configure(self, text):
        self.machine.write('/etc/lifeboat/lifeboat.conf', text)

    def start(self, expect=0):
        return self.machine.run('systemctl start %s 2>&1' % UNIT, expect=expect)

    def show(self, name):
        return self.machine.run('systemctl show --value -p %s %s' % (name, UNIT)).strip()

    def assert_answered(self, name='clinic.example', address='10.66.0.10', server='127.0.66.10'):
        said = self.machine.run('nslookup -type=a %s %s 2>&1' % (name, server))
        self.assertIn(address, said)

    def processes(self):
        """Each one's fields of /proc/PID/status, and its root folder; the parent's first."""
        blocks = self.machine.run(STATUS).split('Name:')[1:]
        found = [{key: value.strip() for key, value in (line.split(':', 1) for line in ('Name:' + block).splitlines() if ':' in line)}
                 for block in blocks]
        return sorted(found, key=lambda each: each['Pid'] != self.show('MainPID'))

    def test_it_is_active_when_it_serves_and_has_no_more_rights_than_it_needs(self):
        self.start()
        self.assertEqual(('active', 'running'), (self.show('ActiveState'), self.show('SubState')))
        self.assert_answered()
        parent, *children = self.processes()
        user = self.machine.run('id -u lifeboat-net').strip()
        granted = sum(1 << NUMBERS[right] for right in RIGHTS)
        self.assertEqual(2, len(children))
        self.assertEqual(['0'] * 4, parent['Uid'].split())
        for kind in ('CapPrm', 'CapEff', 'CapBnd'):
            self.assertEqual(granted, int(parent[kind], 16), kind)
        for each in children:
            self.assertEqual([user] * 4, each['Uid'].split())
            self.assertNotIn('0', each['Gid'].split() + each['Groups'].split())
            self.assertRegex(each['Root'], r'^/var/lib/(private/)?lifeboat-net/(dns|dhcp)$')
            for kind in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
                self.assertEqual(0, int(each[kind], 16), kind)
        for each in (parent, *children):
            self.assertEqual(('1', '2'), (each['NoNewPrivs'], each['Seccomp']))

    def test_a_reload_waits_until_it_is_in_force_and_fails_where_there_is_a_mistake(self):
        self.start()
        self.configure(CONFIGURATION.replace('names = ', 'names = new.example=10.66.0.11;'))
        self.machine.run('systemctl reload ' + UNIT)
        self.assert_answered('new.example', '10.66.0.11')
        self.configure(CONFIGURATION.replace('names = ', 'names = wrong;'))
        self.machine.run('systemctl reload %s 2>&1' % UNIT, expect=1)
        self.assert_answered('new.example', '10.66.0.11')
        self.assertEqual('active', self.show('ActiveState'))
        said = self.machine.run('lifeboat status 2>&1', expect=1)
        self.assertRegex(said, re.compile(r'MISTAKE +/etc/lifeboat/lifeboat.conf:4: names: '))

    def test_killed_or_stuck_it_serves_again(self):
        self.start()
        for number in ('KILL', 'STOP'):
            process = self.show('MainPID')
            self.machine.run('kill -%s %s' % (number, process))
            wait_until(lambda: self.show('MainPID') not in ('0', process) and self.show('ActiveState') == 'active', 60)
            self.assert_answered()
        self.assertEqual('2', self.show('NRestarts'))
        children = [each['Pid'] for each in self.processes()[1:]]
        self.machine.run('kill -KILL ' + ' '.join(children))
        wait_until(lambda: len(self.processes()) == 3 and not {each['Pid'] for each in self.processes()} & set(children), 60)
        self.assert_answered()
        self.assertEqual('2', self.show('NRestarts'))

    def test_a_mistake_at_the_start_is_told_once(self):
        self.configure(CONFIGURATION + 'mistaken = 1\n')
        self.start(expect=1)
        self.assertEqual(('failed', '2', '0'), tuple(map(self.show, ('ActiveState', 'ExecMainStatus', 'NRestarts'))))

    def test_what_it_knows_of_the_time_survives(self):
        self.start()
        self.machine.run('systemctl stop ' + UNIT)
        self.assertRegex(self.machine.run('cat /var/lib/lifeboat-net/clock'), r'^20\d\d-')
        now = int(self.machine.run('date +%s'))
        self.addCleanup(self.machine.run, 'date -s @%d' % now)
        self.machine.run('date -s 2001-01-01 && systemctl start ' + UNIT)
        said = self.machine.run('lifeboat status 2>&1', expect=1)
        self.assertIn('ALERT        the clock is wrong: it says 2001-01-01', said)

    def test_an_adapter_that_is_plugged_in_later_is_served_each_time(self):
        self.configure(LAN)
        self.start()
        client = Client()
        for _ in range(2):
            cable = Cable(self.machine)
            cable.up('10.66.0.1/16')
            clients = Clients(cable, random.Random(self.id()))
            clients.ask(client)
            clients.finish()
            self.assertRegex(client.address, r'^10\.66\.16\.')
            self.assert_answered(server='10.66.0.1')
            self.assert_answered(client.asked[-1] + '.lan.clinic.example', client.address, '10.66.0.1')
            cable.pull()
        self.assertEqual('0', self.show('NRestarts'))

    def test_a_pair_s_clients_are_fenced_off_however_it_ends(self):
        """With the kernel and the confinement that a server has."""
        self.configure(PAIR)
        cable = Cable(self.machine)
        cable.up('10.66.0.1/16')
        client = Caller(self.machine, cable)
        for end in ('systemctl stop %s' % UNIT, 'systemctl kill -s KILL %s; systemctl stop %s' % (UNIT, UNIT)):
            self.start()
            wait_until(lambda: '10.66.0.10/32' in self.machine.run('/bin/ip -4 -o address'), 60)
            wait_until(lambda: client.call('10.66.0.10', 53) == 'accepted', 60)
            self.machine.run(end)
            self.assertNotIn('10.66.0.10', self.machine.run('/bin/ip -4 -o address'))
            self.assertEqual('reset', client.call('10.66.0.10', 53))
        cable.pull()

    def test_stopped_it_ends_in_time_and_leaves_what_it_must_keep(self):
        self.start()
        children = self.processes()[1:]
        self.assertEqual('755 root', self.machine.run("stat -c '%a %U' /run/lifeboat-net").strip())
        self.machine.run('systemctl stop ' + UNIT)
        self.assertEqual(('inactive', 'success', '0'), tuple(map(self.show, ('ActiveState', 'Result', 'ExecMainStatus'))))
        self.machine.run('ls -d /run/lifeboat-net', expect=1)
        self.assertEqual('755 root', self.machine.run("stat -c '%a %U' /var/lib/lifeboat-net").strip())
        self.assertEqual(2, len(children))
        for child in children:
            self.machine.run('ls -d /proc/' + child['Pid'], expect=1)
            self.assertEqual('700 lifeboat-net', self.machine.run("stat -c '%a %U' " + child['Root']).strip())
        self.machine.run('test -s /var/lib/lifeboat-net/dhcp/leases.db')


if __name__ == '__main__':
    unittest.main()
