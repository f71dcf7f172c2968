"""A USB network adapter in a test machine, with the other end of its cable here: frames, as they are.

    cable = Cable(machine)                 # plugged in; its interface in the machine is cable.interface
    cable.send(frame); cable.receive()     # a frame, or None when none came for a while

What comes out here has left the machine.
"""

import os
import select
import socket

FRAME_MAX = 65536
QUIET = 2  # seconds after which nothing more is to be expected
INTERFACE = 'until ls /sys/class/net | grep usb; do sleep 0.05; done'


class Cable:
    count = 0

    def __init__(self, machine):
        Cable.count += 1
        self.machine, self.name = machine, 'cable%d' % Cable.count
        ours, self.theirs = (os.path.join(machine.qemu.folder, '%s-%s' % (self.name, end)) for end in ('here', 'there'))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(ours)
        ends = {key: {'type': 'unix', 'path': path} for key, path in (('local', self.theirs), ('remote', ours))}
        machine.qemu.ask('netdev_add', type='dgram', id=self.name, **ends)
        machine.qemu.ask('device_add', driver='usb-net', id=self.name, bus='usb.0', netdev=self.name)
        self.interface = machine.run(INTERFACE).strip()

    def up(self, address):
        self.machine.run('/bin/ip link set {0} up && /bin/ip address add {1} dev {0}'.format(self.interface, address))

    def send(self, frame):
        self.socket.sendto(frame, self.theirs)

    def receive(self, patience=QUIET):
        if not select.select([self.socket], [], [], patience)[0]:
            return None
        return self.socket.recv(FRAME_MAX)

    def pull(self):
        """Nobody is at this end any more."""
        self.machine.qemu.ask('device_del', id=self.name)
        self.machine.qemu.wait_for_event('DEVICE_DELETED', device=self.name)
        self.machine.qemu.ask('netdev_del', id=self.name)
        self.socket.close()
