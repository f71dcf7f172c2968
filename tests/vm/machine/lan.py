"""A LAN that test machines are plugged into, in a network namespace of this process; this process has an address there, too.

    lan = Lan('10.66.9.9/16')
    card = Card(machine, lan)                    # a USB network adapter; its interface in the machine is card.interface
    lan.connect('10.66.0.10', 443)               # a socket
    lan.send(frame); lan.receive()               # as Cable has it
"""

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import time

from .cable import FRAME_MAX, INTERFACE, QUIET
from .kernel import Lacking

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000
ETH_P_ALL = 3
UDP, CLIENT_PORT = 17, struct.pack('>H', 68)
BRIDGE = '''link set lo up
link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
address add %s dev br0
link set br0 up promisc on
'''


class Lan:
    def __init__(self, address):
        self.taps = 0
        before = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        try:
            if LIBC.unshare(CLONE_NEWNET) != 0:
                raise Lacking('no network namespaces here')
            self.descriptor = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        finally:
            LIBC.setns(before, CLONE_NEWNET)
            os.close(before)
        self._ip(BRIDGE % address)
        with self.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(('br0', ETH_P_ALL))

    @contextlib.contextmanager
    def entered(self):
        """By this thread only."""
        before = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        LIBC.setns(self.descriptor, CLONE_NEWNET)
        try:
            yield
        finally:
            LIBC.setns(before, CLONE_NEWNET)
            os.close(before)

    def _ip(self, lines):
        with self.entered():
            subprocess.run(['ip', '-batch', '-'], input=lines, text=True, check=True)

    def tap(self):
        """One more port of the switch; the descriptor is what is plugged in there."""
        self.taps += 1
        name = 'tap%d' % self.taps
        try:
            with self.entered():
                tap = os.open('/dev/net/tun', os.O_RDWR | os.O_CLOEXEC)
                fcntl.ioctl(tap, TUNSETIFF, struct.pack('16sH22x', name.encode(), IFF_TAP | IFF_NO_PI))
        except OSError as error:
            raise Lacking('no /dev/net/tun here: %s' % error) from None
        self._ip('link set %s master br0 up\n' % name)
        return tap

    def connect(self, address, port, timeout):
        with self.entered():
            return socket.create_connection((address, port), timeout)

    def send(self, frame):
        self.socket.send(frame)

    def receive(self, patience=QUIET):
        """Of all that passes, what DHCP clients listen for."""
        end = time.monotonic() + patience
        while select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            frame = self.socket.recv(FRAME_MAX)
            if frame[12:14] == b'\x08\x00' and frame[23] == UDP and frame[36:38] == CLIENT_PORT:
                return frame
        return None

    def close(self):
        self.socket.close()
        os.close(self.descriptor)


class Card:
    """In a machine's USB port until that is off."""

    def __init__(self, machine, lan, mac):
        tap = lan.tap()
        machine.qemu.give('lan', tap)
        os.close(tap)
        machine.qemu.ask('netdev_add', type='tap', id='lan', fd='lan')
        machine.qemu.ask('device_add', driver='usb-net', id='lan', bus='usb.0', netdev='lan', mac=mac)
        self.machine, self.interface = machine, machine.run(INTERFACE).strip()

    def up(self, address):
        self.machine.run('/bin/ip link set {0} up && /bin/ip address add {1} dev {0}'.format(self.interface, address))
