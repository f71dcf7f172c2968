"""A clinic's server for tests: boots in seconds, with udev, USB ports, our programs and nothing else.

    machine = Machine()                                   # is ready
    machine = Machine(tree=under_systemd)                 # with systemd too; initrd.py
    machine.run('ls /dev')                                # its output; another exit code than 0 fails
    plugged = machine.plug(stick)                         # into a USB port; stick.py
    machine.pull(plugged)                                 # surprise removal
    machine.cut_power()

The tests' CouchDB, which listens on this host's loopback address, is at 10.0.2.2 for it.
"""

import os
import re
import shlex
import socket
import time

from support.server import wait_until

from . import initrd, kernel, prepared, qemu

HOST = '10.0.2.2'
MEMORY = 640  # MiB


class Machine:
    """`disk`: an image file that is mounted at /var/lib/lifeboat. Sticks that are given here are there from the start. `tree`
    makes the file system."""

    def __init__(self, disk=None, sticks=(), tree=initrd.under_busybox):
        self.count, self.inserted, self.tree = 0, set(), tree
        if disk or sticks:
            self._boot(disk, sticks)
            return
        with prepared.kept('booted', tree) as path:
            if os.path.exists(path):
                self._go_on_from(path)
            else:
                self._boot()
                self.qemu.save(path)

    def _boot(self, disk=None, sticks=()):
        arguments = []
        if disk:
            arguments += ['-blockdev', 'driver=raw,node-name=disk,file.driver=file,file.filename=' + disk,
                          '-device', 'virtio-blk-pci,drive=disk']
        if sticks:
            arguments += ['-S']
        self._start(*arguments)
        self.plugged = [self.insert(stick) for stick in sticks]
        if sticks:
            self.qemu.ask('cont')
        self.qemu.wait(lambda: 'machine: ready' in self.qemu.lines, 'the machine')
        wait_until(lambda: self._answers() or self.qemu.process.poll() is not None, qemu.PATIENCE)

    def _go_on_from(self, path):
        """Its time stood still, and its random numbers would be those of all that went on from there."""
        self._start('-incoming', 'exec:cat ' + shlex.quote(path))
        wait_until(lambda: self.qemu.ask('query-status')['status'] != 'inmigrate', qemu.PATIENCE, 0.02)
        self.qemu.ask('cont')
        self.run('cat >/dev/urandom && date -s @%d' % time.time(), os.urandom(64))

    def _start(self, *arguments):
        self.qemu = qemu.Qemu(os.path.join(kernel.kernel(), 'vmlinux'), prepared.archive(self.tree), MEMORY, '-netdev',
                              'user,id=net,hostfwd=tcp:127.0.0.1:0-:7', '-device', 'virtio-net-pci,netdev=net,romfile=', *arguments)
        self.port = self._forwarded(7)

    def _forwarded(self, port):
        told = self.qemu.ask('human-monitor-command', **{'command-line': 'info usernet'})
        return int(re.search(r'HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+%d\s' % port, told).group(1))

    def forward(self, address, port):
        """Another port of this host's loopback address, which leads to an address in the machine, whatever its network."""
        said = self.qemu.ask('human-monitor-command', **{'command-line': 'hostfwd_add net tcp:127.0.0.1:0-%s:%d' % (address, port)})
        if said:
            raise AssertionError(said)
        return self._forwarded(port)

    def _answers(self):
        try:
            return self.ask('true').code == 0
        except OSError:
            return False

    # ---- asking it ----

    def ask(self, command, data=b'', timeout=qemu.PATIENCE):
        """Runs a shell command, one line, with these bytes as standard input."""
        return self.start(command, data).finish(timeout)

    def start(self, command, data=b''):
        """As `ask`, without waiting: `finish` of what this gives does."""
        return Asked(self.port, command, data)

    def run(self, command, data=b'', expect=0):
        """What the command prints, as text."""
        answer = self.ask(command, data)
        if answer.code != expect:
            raise AssertionError('%s\n%s' % (answer, self.ask('dmesg | tail -n 20').text))
        return answer.text

    def write(self, path, text, mode='644'):
        self.run('mkdir -p {0} && cat >{1} && chmod {2} {1}'.format(
            shlex.quote(os.path.dirname(path)), shlex.quote(path), mode), text.encode())

    # ---- USB ----

    def insert(self, stick):
        """Into a port; gives the name that QEMU knows it by. The machine may not have seen it yet."""
        self.count += 1
        name = 'stick%d' % self.count
        if stick.speed:
            self.qemu.ask('object-add', **{'qom-type': 'throttle-group', 'id': name, 'limits': {'bps-write': stick.speed}})
        self.qemu.ask('blockdev-add', **stick.node(name))
        self.inserted.add(name)
        self.qemu.ask('device_add', driver='usb-storage', id=name, bus='usb.0', drive=name, serial=stick.serial, removable=True)
        return name

    def plug(self, stick):
        """Inserts it and waits until udev has told of its file system. Gives QEMU's name for it and the device's path."""
        name = self.insert(stick)
        link = '/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_%s-0:0%s' % (stick.serial, stick.part)
        device = self.run('udevadm wait --timeout=60 {0} && udevadm settle && readlink -f {0}'.format(link)).split()[0]
        if not stick.caches:
            self.run('echo write through >/sys/block/%s/queue/write_cache' % os.path.basename(device)[:3])
        return name, device

    def pull(self, name):
        """Pulls it out, whatever is going on; once is enough. Afterwards its image is no longer in use."""
        if name not in self.inserted:
            return
        try:
            self.qemu.ask('device_del', id=name)
            self.qemu.wait_for_event('DEVICE_DELETED', device=name)
        except qemu.QmpError as error:
            if 'not found' not in str(error):  # it was powered off and is gone already
                raise
        self.wait_until_free(name)

    def wait_until_free(self, name):
        """Requests that are under way hold the image for a moment more."""
        def removed():
            try:
                self.qemu.ask('blockdev-del', **{'node-name': name})
            except qemu.QmpError as error:
                if 'in use' in str(error):
                    return False
                raise
            return True
        if not wait_until(removed, qemu.PATIENCE):
            raise AssertionError('%s stays in use' % name)
        self.inserted.remove(name)

    # ---- a card reader: one USB device that stays, whatever is in its slot ----

    def plug_reader(self, card):
        """An empty one; `card` is taken out again before the machine sees it. Gives QEMU's name for it."""
        self.count += 1
        name = 'reader%d' % self.count
        self.qemu.ask('device_add', driver='usb-bot', id=name, bus='usb.0')
        self.qemu.ask('blockdev-add', **card.node(name + '-card'))
        self.qemu.ask('device_add', driver='scsi-hd', id=name + '-slot', bus=name + '.0', lun=0, removable=True, drive=name + '-card')
        self.take_card_out(name)
        self.qemu.ask('qom-set', path='/machine/peripheral/' + name, property='attached', value=True)
        return name

    def put_card_in(self, name, card):
        self.qemu.ask('blockdev-add', **card.node(name + '-card'))
        self.qemu.ask('blockdev-insert-medium', id=name + '-slot', **{'node-name': name + '-card'})
        self.qemu.ask('blockdev-close-tray', id=name + '-slot')

    def take_card_out(self, name):
        self.inserted.add(name + '-card')
        self.qemu.ask('blockdev-open-tray', id=name + '-slot', force=True)
        self.qemu.ask('blockdev-remove-medium', id=name + '-slot')
        self.wait_until_free(name + '-card')

    def has(self, name):
        """Whether a USB device is still one of the machine's."""
        return any(each['name'] == name for each in self.qemu.ask('qom-list', path='/machine/peripheral'))

    def unplug_reader(self, name):
        for part in (name + '-slot', name):
            self.qemu.ask('device_del', id=part)
            self.qemu.wait_for_event('DEVICE_DELETED', device=part)

    def forget(self):
        """What a test left plugged in, and what was told of it."""
        for name in list(self.inserted):
            self.pull(name)
        self.qemu.forget_events()

    # ---- the end ----

    def cut_power(self):
        self.qemu.end()

    close = cut_power


class Asked:
    """A command that runs in the machine."""

    def __init__(self, port, command, data):
        if '\n' in command:
            raise ValueError('more than one line: ' + command)
        self.command = command
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=qemu.PATIENCE)
        self.socket.sendall(command.encode() + b'\n' + data)
        self.socket.shutdown(socket.SHUT_WR)

    def finish(self, timeout=qemu.PATIENCE):
        self.socket.settimeout(timeout)
        with self.socket:
            parts = iter(lambda: self.socket.recv(1 << 20), b'')
            answer = b''.join(parts)
        found = re.search(rb'\nexit (\d+)\n$', answer)
        if not found:
            raise ConnectionError('no end: %s\n%r' % (self.command, answer[-500:]))
        return Answer(self.command, int(found.group(1)), answer[:found.start()])


class Answer:
    def __init__(self, command, code, data):
        self.command, self.code, self.data = command, code, data

    @property
    def text(self):
        return self.data.decode('utf-8', 'replace')

    def __str__(self):
        return '%s\nexit %d\n%s' % (self.command, self.code, self.text[-3000:])
