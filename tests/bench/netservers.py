"""Servers that tests/bench/net compares: each with the same names, or the same pool, in a host of a LAN of its own.

    server = Knot(bench); server.dns()       # or .dhcp(): starts it on its processor, gives when it answers
    server.cpu(), server.memory()            # of all its processes: seconds, MB
    server.end()
"""

import glob
import json
import os
import shutil
import socket
import struct
import tempfile
import time
import unittest

from support.lan import Lan
from support.netsvc import program
from support.process import Process

ZONE = 'bench.example'
ADDRESS = '10.66.0.1'
NETWORK, PREFIX, MASK = '10.64.0.0', 10, '255.192.0.0'
POOL = ('10.80.0.0', '10.95.255.255')  # a million: nobody is refused
LEASE = 3600
READY_SECONDS = 120  # Knot needs some for a zone of a million names
TICKS = os.sysconf('SC_CLK_TCK')


class Failed(Exception):
    """A contender did not do its job."""


def host_name(number):
    return 'h%06d.%s' % (number, ZONE)


def host_address(number):
    return '10.%d.%d.%d' % (128 + (number >> 16), number >> 8 & 255, number & 255)


def write_zone(path, count):
    with open(path, 'w') as file:
        file.write('$ORIGIN %s.\n$TTL 3600\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A %s\n' % (ZONE, ADDRESS))
        file.writelines('h%06d A %s\n' % (number, host_address(number)) for number in range(count))


def write_hosts(path, count):
    with open(path, 'w') as file:
        file.writelines('%s %s\n' % (host_address(number), host_name(number)) for number in range(count))


class Server:
    """`bench` has `folder`, `zone`, `hosts`, `processor`, `options`."""

    name = ''

    def __init__(self, bench):
        self.bench, self.test = bench, unittest.TestCase()
        self.folder = tempfile.mkdtemp(prefix=self.name + '-', dir=bench.folder)
        self.lan = Lan(self.test)
        self.host, self.client = self.lan.host('%s/%d' % (ADDRESS, PREFIX)), self.lan.host('10.66.0.2/%d' % PREFIX)
        self.process = self.begun = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def run(self, *command):
        self.begun = time.monotonic()
        self.process = Process(self.test, self.host, ['taskset', '-c', str(self.bench.processor), *command])

    def wait_for_dns(self):
        """Until it knows the last of the names; gives the seconds since its start."""
        question = b''.join(bytes((len(label),)) + label.encode() for label in host_name(self.bench.options.names - 1).split('.')) + b'\0\0\1\0\1'
        with self.client.entered():
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asker:
            asker.settimeout(0.05)
            asker.connect((ADDRESS, 53))
            while time.monotonic() < self.begun + READY_SECONDS:
                self.check_alive()
                try:
                    asker.send(struct.pack('!HHHHHH', 1, 0, 1, 0, 0, 0) + question)
                    answer = asker.recv(4096)
                    if answer[3] & 15 == 0 and answer[7] == 1:
                        return time.monotonic() - self.begun
                except socket.timeout:
                    pass
                except ConnectionRefusedError:
                    time.sleep(0.02)  # there is nothing yet that one could wait for
        raise Failed('%s does not answer\n%s' % (self.name, self.process.log))

    def check_alive(self):
        if self.process.process.poll() is not None:
            raise Failed('%s has ended\n%s' % (self.name, self.process.log[-2000:]))

    def pids(self):
        parents = {}
        for path in glob.glob('/proc/[0-9]*/stat'):
            try:
                with open(path) as file:
                    pid, _, rest = file.read().partition(' (')
                parents[int(pid)] = int(rest.rpartition(') ')[2].split()[1])
            except OSError:  # it has ended
                pass
        found = {self.process.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            if not more:
                return found
            found |= more

    def cpu(self):
        """Seconds of processor time, with those of children that have ended."""
        total = 0
        for pid in self.pids():
            try:
                with open('/proc/%d/stat' % pid) as file:
                    fields = file.read().rpartition(')')[2].split()
            except OSError:  # it has ended, and its parent has its time
                continue
            total += sum(map(int, fields[11:15]))
        return total / TICKS

    def memory(self):
        """MB that it has for itself, and its part of what is shared."""
        total = 0
        for pid in self.pids():
            with open('/proc/%d/smaps_rollup' % pid) as file:
                total += next(int(line.split()[1]) for line in file if line.startswith('Pss:'))
        return total / 1024

    def end(self):
        self.test.doCleanups()
        shutil.rmtree(self.folder, True)


class Netsvc(Server):
    name = 'netsvc'

    def start(self, text):
        os.chmod(self.folder, 0o755)
        configuration = '[net]\nstate = %s\ncontrol = %s\nuser = nobody\n%s' % (self.folder + '/state', self.folder + '/control', text)
        self.run(program('lifeboat-netsvc'), 'run', '--config', self.write('lifeboat.conf', configuration))
        self.process.wait_for('serving')

    def dns(self):
        self.start('[dns]\nlisten = %s\nrate = 0\n[zone %s]\nfile = %s\n' % (ADDRESS, ZONE, self.bench.zone))

    def dhcp(self):
        self.start('[dhcp]\nauthoritative = yes\nprobe = %s\n[subnet bench]\nnetwork = %s/%d\ninterface = eth0\npools = %s\nlease = %d\n'
                   'router = %s\ndns = %s\n' % ('yes' if self.bench.options.probe else 'no', NETWORK, PREFIX, '-'.join(POOL), LEASE, ADDRESS, ADDRESS))


class Knot(Server):
    name = 'knot'

    def dns(self):
        self.run('knotd', '-c', self.write('knot.conf', '''server:
  listen: %s@53
  rundir: "%s"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  tcp-max-clients: 1000
log:
 - target: stderr
   any: warning
database:
  storage: "%s"
zone:
 - domain: %s
   file: "%s"
''' % (ADDRESS, self.folder, self.folder, ZONE, self.bench.zone)))


class Nsd(Server):
    name = 'nsd'

    def dns(self):
        self.run('nsd', '-d', '-c', self.write('nsd.conf', '''server:
 ip-address: %s@53
 server-count: 1
 username: ""
 chroot: ""
 zonesdir: "%s"
 pidfile: "%s/pid"
 database: ""
 xfrdfile: "%s/state"
 zonelistfile: "%s/list"
 xfrdir: "%s"
 rrl-ratelimit: 0
 tcp-query-count: 0
 tcp-count: 1000
remote-control:
 control-enable: no
zone:
 name: %s
 zonefile: "%s"
''' % (ADDRESS, *[self.folder] * 5, ZONE, self.bench.zone)))


class Dnsmasq(Server):
    name = 'dnsmasq'
    COMMON = ('--keep-in-foreground', '--log-facility=-', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root', '--pid-file=')

    def dns(self):
        self.run('dnsmasq', *self.COMMON, '--addn-hosts=' + self.bench.hosts, '--local=/%s/' % ZONE, '--local-ttl=3600')

    def dhcp(self):
        self.run('dnsmasq', *self.COMMON, '--port=0', '--dhcp-range=%s,%s,%s,%d' % (*POOL, MASK, LEASE), '--dhcp-authoritative',
                 '--dhcp-lease-max=1000000', '--quiet-dhcp', '--no-ping', '--dhcp-leasefile=' + self.folder + '/leases')
        self.process.wait_for('DHCP, IP range')


class Kea(Server):
    name = 'kea'

    def dhcp(self):
        text = json.dumps({'Dhcp4': {
            'interfaces-config': {'interfaces': ['eth0'], 'dhcp-socket-type': 'raw'},
            'lease-database': {'type': 'memfile', 'persist': True, 'name': self.folder + '/leases.csv', 'lfc-interval': 0},
            'valid-lifetime': LEASE, 'authoritative': True, 'multi-threading': {'enable-multi-threading': False},
            'subnet4': [{'id': 1, 'subnet': '%s/%d' % (NETWORK, PREFIX), 'pools': [{'pool': ' - '.join(POOL)}],
                         'option-data': [{'name': 'routers', 'data': ADDRESS}, {'name': 'domain-name-servers', 'data': ADDRESS}]}],
            'loggers': [{'name': name, 'severity': severity, 'output_options': [{'output': 'stdout'}]}
                        for name, severity in (('kea-dhcp4', 'INFO'), ('kea-dhcp4.leases', 'WARN'))]}})
        environment = ['env', 'KEA_PIDFILE_DIR=' + self.folder, 'KEA_LOCKFILE_DIR=' + self.folder, 'KEA_LOGGER_DESTINATION=stdout']
        self.run(*environment, 'kea-dhcp4', '-c', self.write('kea.conf', text))
        self.process.wait_for('DHCP4_STARTED')


DNS = {kind.name: kind for kind in (Netsvc, Knot, Nsd, Dnsmasq)}
DHCP = {kind.name: kind for kind in (Netsvc, Kea, Dnsmasq)}
