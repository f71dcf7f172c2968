"""`lifeboat-netsvc run` in a test machine without systemd, listened to at the machine's console."""

import json

CONFIGURATION = '/etc/lifeboat/lifeboat.conf'
ALL = 'lifeboat-netsvc'
GONE = 'while pidof %s; do :; done' % ALL


class Netsvc:
    """Serves when it is made."""

    def __init__(self, machine, configuration):
        self.machine, self.first = machine, len(machine.qemu.lines)
        machine.write(CONFIGURATION, configuration)
        machine.run('setsid lifeboat-netsvc run </dev/null >/dev/console 2>&1 &')
        self.wait_for('serving')

    def lines_with(self, text):
        return [line for line in self.machine.qemu.lines[self.first:] if line and text in line]

    def wait_for(self, text):
        return self.machine.qemu.wait(lambda: self.lines_with(text), repr(text))[0]

    def leases(self):
        told = map(json.loads, self.machine.run('lifeboat net leases --json').splitlines())
        return [each for each in told if each['event'] == 'lease']

    def crash(self):
        """The parent and its children at once."""
        self.machine.run('killall -KILL {0}; {1}'.format(ALL, GONE))
