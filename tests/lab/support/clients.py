"""DHCP clients as people have them, each in a host of the LAN, kept from this machine's /etc and /var.

    client = Udhcpc(self, host)
    lease = client.wait('bound')             # a Lease: address, and the options as the client tells them to its script
    client.renew(); client.release(); client.stop()

Events have one name whatever the client: bound, renewed, lost, refused. Each comes from the client's script by a pipe.
"""

import os
import shutil
import signal
import stat
import tempfile
import threading

from .process import PATIENCE, Process

# Nothing of the machine's own is written to: /etc/resolv.conf, /run, and where clients keep their leases.
SHIELD = r'''
mount --make-rprivate / && mount -t tmpfs run /run && mkdir -p /run/shield /var/lib/dhcpcd && : > /run/shield/resolv.conf
mount --bind /run/shield/resolv.conf /etc/resolv.conf
mkdir -p %(folder)s/leases && mount --bind %(folder)s/leases /var/lib/dhcpcd && { [ ! -e /var/lib/dhcp ] || mount --bind %(folder)s/leases /var/lib/dhcp; }
%(more)s
exec "$@"
'''
# Tells everything that it is told, and sets the address where the client leaves that to its script.
SCRIPT = r'''#!/bin/sh
event=${reason:-$1}
case $event in
%(cases)s
esac
%(check)s
{ echo "lab_event=$event"; env; echo; } > %(pipe)s
'''


class Lease(dict):
    """What the client's script was told, with `event`."""

    @property
    def address(self):
        return next((self[name] for name in ('new_ip_address', 'ip') if name in self), None)


class Real:
    """One of a kind; the classes below say how."""

    cases, check, more = '', '', ''
    events = {}

    def __init__(self, test, host, *arguments, **options):
        self.test, self.host, self.told, self.arrived = test, host, [], threading.Condition()
        self.folder = tempfile.mkdtemp(prefix='lifeboat-client-')
        test.addCleanup(shutil.rmtree, self.folder, True)
        self.pipe, self.script = os.path.join(self.folder, 'pipe'), os.path.join(self.folder, 'script')
        os.mkfifo(self.pipe)
        self.end = os.open(self.pipe, os.O_RDWR)  # both ends, so that it never ends by itself
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        test.addCleanup(self._close)
        with open(self.script, 'w') as file:
            file.write(SCRIPT % {'cases': self.cases, 'check': self.check, 'pipe': self.pipe})
        os.chmod(self.script, stat.S_IRWXU)
        self.arguments, self.options = arguments, options
        self.process = None
        self.start()

    def shielded(self, command):
        return ['unshare', '--mount', 'sh', '-ec', SHIELD % {'folder': self.folder, 'more': self.more}, 'sh', *command]

    def start(self):
        self.process = Process(self.test, self.host, self.shielded(self.command()))

    def _close(self):
        if self.process and self.process.process.poll() is None:
            self.process.close()
        os.write(self.end, b'\nlab_event=end\n\n')
        self.thread.join(PATIENCE)
        os.close(self.end)

    def _listen(self):
        text = b''
        while True:
            text += os.read(self.end, 65536)
            *whole, text = text.split(b'\n\n')
            for one in whole:
                lease = Lease(line.split('=', 1) for line in one.decode('utf-8', 'replace').split('\n') if '=' in line)
                event = lease.get('lab_event')
                if event == 'end':
                    return
                lease.event = self.events.get(event, event)
                with self.arrived:
                    self.told.append(lease)
                    self.arrived.notify_all()

    def wait(self, event, times=1, patience=PATIENCE):
        """Until its script was told of that event so many times; gives the lease of the last."""
        def found():
            return [lease for lease in self.told if lease.event == event]
        with self.arrived:
            self.arrived.wait_for(lambda: len(found()) >= times, patience)
            self.test.assertGreaterEqual(len(found()), times, 'no %s; %s told of %s\n%s' % (
                event, type(self).__name__, [(lease.event, lease.address) for lease in self.told], self.process.log))
            return found()[times - 1]

    def count(self, event):
        with self.arrived:
            return sum(lease.event == event for lease in self.told)

    def stop(self):
        """Without giving the lease back, as when the battery is empty."""
        self.host.end_all()
        self.process.wait(expect=None)


class Udhcpc(Real):
    events = {'bound': 'bound', 'renew': 'renewed', 'deconfig': 'lost', 'nak': 'refused', 'leasefail': 'none'}
    cases = '''
    deconfig) ip addr flush dev $interface scope global ;;
    bound | renew) ip addr replace $ip/$mask dev $interface; [ -z "$router" ] || ip route replace default via ${router%% *} ;;'''

    def command(self):
        wanted = [part for name in ('subnet', 'router', 'dns', 'domain', 'mtu', 'broadcast', 'ntpsrv', 'lease', 'search', 'staticroutes')
                  for part in ('-O', name)]
        return ['udhcpc', '-f', '-i', 'eth0', '-s', self.script, '-t', '3', '-T', '1', '-A', '1', *wanted, *self.arguments]

    def renew(self):
        self.process.send(signal.SIGUSR1)

    def release(self):
        lost = self.count('lost')
        self.process.send(signal.SIGUSR2)
        self.wait('lost', lost + 1)


class Dhclient(Real):
    events = {'BOUND': 'bound', 'REBOOT': 'bound', 'RENEW': 'renewed', 'REBIND': 'rebound', 'EXPIRE': 'lost', 'FAIL': 'none', 'TIMEOUT': 'none',
              'RELEASE': 'released', 'STOP': 'stopped'}
    cases = '''
    BOUND | REBOOT | RENEW | REBIND) ip addr replace $new_ip_address/$new_subnet_mask dev $interface
        [ -z "$new_routers" ] || ip route replace default via ${new_routers%% *} ;;
    EXPIRE | FAIL | RELEASE | STOP) ip addr flush dev $interface scope global ;;'''
    CONFIGURATION = '''timeout 20; retry 1; reboot 3; initial-interval 1; backoff-cutoff 2; initial-delay 0;
option captive code 114 = text;
option routes code 121 = array of unsigned integer 8;
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, domain-search, interface-mtu, ntp-servers, captive, routes;
%s
'''

    def command(self, *more):
        configuration, leases = os.path.join(self.folder, 'dhclient.conf'), os.path.join(self.folder, 'dhclient.leases')
        with open(configuration, 'w') as file:
            file.write(self.CONFIGURATION % self.options.get('configuration', ''))
        return ['dhclient', '-4', '-d', '-cf', configuration, '-lf', leases, '-pf', os.path.join(self.folder, 'dhclient.pid'), '-sf', self.script,
                *more, *self.arguments, 'eth0']

    def release(self):
        """By another run of it, as `dhclient -r` is."""
        self.host.run(*self.shielded(self.command('-r')))
        self.wait('released')


class Dhcpcd(Real):
    """Asks by ARP itself unless told `--noarp`, which takes it five seconds. Where its user is unknown it is one process: as
    several, it now and then waits for one of its own for ever.
    """

    more = 'grep -v ^_dhcpcd: /etc/passwd > /run/shield/passwd && mount --bind /run/shield/passwd /etc/passwd'

    events = {'BOUND': 'bound', 'REBOOT': 'bound', 'RENEW': 'renewed', 'REBIND': 'rebound', 'EXPIRE': 'lost', 'NAK': 'refused',
              'STOP': 'released', 'STOPPED': 'stopped'}

    def command(self, *more):
        configuration = os.path.join(self.folder, 'dhcpcd.conf')
        with open(configuration, 'w') as file:
            file.write('ipv4only\nnoipv4ll\nhostname\nclientid\noption rapid_commit, domain_name_servers, domain_name, domain_search, host_name, '
                       'interface_mtu, ntp_servers, classless_static_routes\n%s\n' % self.options.get('configuration', ''))
        return ['dhcpcd', '-B', '-4', '-d', '-t', '20', '-f', configuration, '-c', self.script, '--nodev', *more, *self.arguments, 'eth0']

    def inside(self, *command, expect=0):
        """In the mount namespace of the running one, whose control socket is there."""
        return self.host.run('nsenter', '--target', str(self.process.pid), '--mount', *command, expect=expect)

    def renew(self):
        self.inside('dhcpcd', '-4', '-n', 'eth0')

    def release(self):
        said = self.inside('dhcpcd', '-4', '-k', 'eth0', expect=None)
        self.test.assertNotIn('failed', said, self.process.log)
        self.wait('released')


class Networkd(Real):
    """systemd-networkd has no script: what it got is asked of the kernel."""

    more = '''mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif 2>/dev/null || true
mount -o bind,remount,ro /sys
printf '%s' > /run/systemd/network/10-eth0.network
'''
    NETWORK = '[Match]\\nName=eth0\\n[Network]\\nDHCP=ipv4\\nLinkLocalAddressing=no\\nIPv6AcceptRA=no\\n%s'

    def __init__(self, test, host, more=''):
        self.more = self.more % (self.NETWORK % more)
        super().__init__(test, host)

    def command(self):
        return ['env', 'SYSTEMD_LOG_LEVEL=info', 'SYSTEMD_LOG_TARGET=console', '/lib/systemd/systemd-networkd']

    def lease(self):
        """As networkd writes it down, once it says that it has one."""
        self.process.wait_for('DHCPv4 address')
        index = self.host.run('ip', '-o', 'link', 'show', 'eth0').split(':')[0]
        text = self.host.run('nsenter', '--target', str(self.process.pid), '--mount', 'cat', '/run/systemd/netif/leases/' + index.strip())
        return Lease(line.split('=', 1) for line in text.split('\n') if '=' in line and not line.startswith('#'))
