"""A LAN in network namespaces: hosts with an eth0 each, on switches.

    lan = Lan(self)                                  # skips the test where that is not possible
    server = lan.host('10.66.0.1/16')                # on the first switch
    client = lan.host()                              # has no address yet
    far = lan.switch()
    relay = lan.host('10.66.0.9/16').plug(far, '10.77.0.1/16')
    client.run('ip', 'addr')                         # what runs in there
    client.pull(); client.insert()                   # its cable: the carrier is gone
    client.silence(); client.speak()                 # the carrier stays, nothing gets through

The namespaces have no name: what holds them are file descriptors of this process and what runs in them, which dies with
it (process.py). So nothing stays behind whatever happens, and classes of tests run side by side.
"""

import contextlib
import ctypes
import glob
import os
import signal
import subprocess
import time
import unittest

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
CARRIER_SECONDS = 20
BRIDGE = 'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0'


def _own():
    return os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)


def _enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


class Namespace:
    """A network stack of its own. Sockets that are made, and processes that are started, while it is entered, are in it."""

    def __init__(self):
        before = _own()
        try:
            if LIBC.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), 'unshare')
            self.descriptor = _own()
        finally:
            _enter(before)
            os.close(before)

    @property
    def path(self):
        return '/proc/%d/fd/%d' % (os.getpid(), self.descriptor)

    @contextlib.contextmanager
    def entered(self):
        """Of this thread only."""
        before = _own()
        _enter(self.descriptor)
        try:
            yield self
        finally:
            _enter(before)
            os.close(before)

    def run(self, *command, expect=0, timeout=60, **how):
        """Runs a command to its end; gives what it said."""
        with self.entered():
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors='replace', timeout=timeout, **how)
        if expect is not None and done.returncode != expect:
            raise AssertionError('%s ended with %d\n%s' % (' '.join(command), done.returncode, done.stdout))
        return done.stdout

    def ip(self, *lines):
        """Several commands of ip(8)."""
        with self.entered():
            done = subprocess.run(['ip', '-batch', '-'], input='\n'.join(lines) + '\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError('%s\n%s' % ('\n'.join(lines), done.stdout))

    def end_all(self):
        """Kills what runs in it."""
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number, programs=('',)):
        """What runs in it, or those of it whose program's name begins so."""
        own = os.fstat(self.descriptor).st_ino
        for path in glob.glob('/proc/[0-9]*/ns/net'):
            try:
                pid = int(path.split('/')[2])
                if os.stat(path).st_ino == own and pid != os.getpid() and os.path.basename(os.readlink('/proc/%d/exe' % pid)).startswith(programs):
                    os.kill(pid, number)
            except OSError:  # it has ended
                pass

    def close(self):
        os.close(self.descriptor)


class Switch(Namespace):
    def __init__(self):
        super().__init__()
        self.ports = 0
        self.ip(BRIDGE, 'link set br0 up')

    def wait_forwarding(self, port):
        """The kernel tells the bridge of the carrier a moment later: frames that come before are lost."""
        begun = time.monotonic()
        while 'state forwarding' not in self.run('ip', '-d', '-o', 'link', 'show', 'dev', port):
            assert time.monotonic() - begun < CARRIER_SECONDS, '%s has no carrier' % port


class Host(Namespace):
    """`mac`, `address` (the first, as text) are of eth0."""

    def __init__(self):
        super().__init__()
        self.ports = []  # (switch, name there)
        self.mac = self.address = None
        self.ip('link set lo up')

    def plug(self, switch, *addresses):
        """One more interface, into that switch."""
        switch.ports += 1
        port, interface = 'p%d' % switch.ports, 'eth%d' % len(self.ports)
        switch.ip('link add %s netns %s type veth peer name %s' % (interface, self.path, port), 'link set %s master br0 up' % port)
        self.ip('link set %s up' % interface, *('addr add %s dev %s brd +' % (address, interface) for address in addresses))
        self.ports.append((switch, port))
        switch.wait_forwarding(port)
        if interface == 'eth0':

            self.mac = self.run('ip', '-br', 'link', 'show', 'dev', 'eth0').split()[2]
            self.address = addresses[0].partition('/')[0] if addresses else None
        return self

    def addresses(self, interface='eth0'):
        """IPv4, as 10.66.1.5/16."""
        return [word for word in self.run('ip', '-4', '-br', 'addr', 'show', 'dev', interface).split() if '/' in word]

    def pull(self, interface=0):
        switch, port = self.ports[interface]
        switch.ip('link set %s down' % port)

    def insert(self, interface=0):
        switch, port = self.ports[interface]
        switch.ip('link set %s up' % port)
        switch.wait_forwarding(port)

    def silence(self, interface=0):
        switch, port = self.ports[interface]
        switch.ip('link set %s nomaster' % port)

    def speak(self, interface=0):
        switch, port = self.ports[interface]
        switch.ip('link set %s master br0' % port)
        switch.wait_forwarding(port)

    def move(self, *addresses):
        """Has these addresses now, and no others."""
        self.ip('addr flush dev eth0 scope global', *('addr add %s dev eth0 brd +' % address for address in addresses))
        self.address = addresses[0].partition('/')[0]


class Lan:
    def __init__(self, test):
        self.test = test
        try:
            self.first = self.switch()
        except OSError as error:
            raise unittest.SkipTest('no network namespaces here: %s' % error)

    def switch(self):
        return self._kept(Switch())

    def host(self, *addresses, on=None):
        return self._kept(Host()).plug(on or self.first, *addresses)

    def _kept(self, namespace):
        self.test.addCleanup(namespace.close)
        return namespace
