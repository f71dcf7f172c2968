"""Other servers of the LAN: Knot and NSD with a zone, dnsmasq, dhcrelay. Each ends with the test."""

import os
import shutil
import tempfile

from .process import Process


class Server:
    def __init__(self, test, host):
        self.test, self.host = test, host
        self.folder = tempfile.mkdtemp(prefix='lifeboat-server-')
        test.addCleanup(shutil.rmtree, self.folder, True)
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def run(self, *command, ready):
        self.process = Process(self.test, self.host, command)
        self.process.wait_for(ready)
        return self


class Knot(Server):
    """zones: {name: {file: …, …}}; more: further sections of knot.conf."""

    def __init__(self, test, host, zones, listen='127.0.0.1', port=53, more='', server=''):
        super().__init__(test, host)
        self.address, self.port = listen, port
        text = '''server:
  listen: %s@%d
  rundir: "%s"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  identity: ""
  version: ""
%s
log:
 - target: stderr
   any: info
database:
  storage: "%s"
%s
template:
 - id: default
   storage: "%s"
   zonefile-load: whole
   semantic-checks: off
zone:
''' % (listen, port, self.folder, server, self.folder, more, self.folder)
        for name, settings in zones.items():
            text += ' - domain: "%s"\n' % name + ''.join('   %s: %s\n' % setting for setting in settings.items())
        self.run('knotd', '-c', self.write('knot.conf', text), ready='server started')
        for name in zones:
            if 'master' not in zones[name]:
                self.process.wait_for('[%s.] loaded' % name.rstrip('.'))

    def control(self, *words):
        return self.host.run('knotc', '-c', os.path.join(self.folder, 'knot.conf'), *words)


class Nsd(Server):
    """zones: {name: lines of its section}; more: further sections of nsd.conf."""

    def __init__(self, test, host, zones, listen='127.0.0.1', port=53, more=''):
        super().__init__(test, host)
        self.address, self.port = listen, port
        text = '''server:
 ip-address: %s@%d
 server-count: 1
 username: ""
 chroot: ""
 zonesdir: "%s"
 pidfile: "%s/nsd.pid"
 database: ""
 xfrdfile: "%s/xfrd.state"
 zonelistfile: "%s/zone.list"
 xfrdir: "%s"
 rrl-ratelimit: 0
 hide-version: yes
 minimal-responses: yes
 verbosity: 2
remote-control:
 control-enable: no
%s
''' % (listen, port, *[self.folder] * 5, more)
        for name, lines in zones.items():
            text += 'zone:\n name: "%s"\n' % name + ''.join(' %s\n' % line for line in lines)
        self.run('nsd', '-d', '-c', self.write('nsd.conf', text), ready='nsd started')


class Dnsmasq(Server):
    def __init__(self, test, host, *options, ready='started'):
        super().__init__(test, host)
        self.run('dnsmasq', '--keep-in-foreground', '--log-facility=-', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--user=root',
                 '--pid-file=', '--dhcp-leasefile=' + os.path.join(self.folder, 'leases'), '--no-ping', *options, ready=ready)


class Relay(Server):
    """dhcrelay between two switches; `host` is on both. Adds option 82 with `-a`."""

    def __init__(self, test, host, server, *options, upstream='eth0', downstream=('eth1',)):
        super().__init__(test, host)
        host.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        ports = [part for interface in downstream for part in ('-id', interface)]
        self.run('dhcrelay', '-4', '-d', '--no-pid', *options, '-iu', upstream, *ports, server, ready='Sending on   Socket')
