"""`lifeboat-replicator run` in a test machine, listened to at the machine's console."""

import json
import shlex

SAFE = 'it is safe to remove'


class Replicator:
    """Runs until `end`; its log is what the console told since it began."""

    def __init__(self, test, machine):
        self.test, self.machine, self.first = test, machine, len(machine.qemu.lines)
        machine.run('mkdir -p /run/lifeboat && chown lifeboat:lifeboat /run/lifeboat')
        machine.run('setsid lifeboat-replicator run </dev/null >/dev/console 2>&1 &')
        self.wait_for('watching for drives')

    def lines_with(self, text):
        return [line for line in self.machine.qemu.lines[self.first:] if line and text in line]

    def wait_for(self, text, times=1):
        """Until that many lines have held the text; gives the last of them."""
        def found():
            lines = self.lines_with(text)
            return lines[times - 1:times]
        return self.machine.qemu.wait(found, '%r, time %d,' % (text, times))[0]

    def lifeboat(self, *arguments, expect=0):
        """The operator's command."""
        return self.machine.run(' '.join(map(shlex.quote, ('lifeboat', *arguments))), expect=expect)

    def status(self):
        answer = self.machine.ask('lifeboat status --json')
        return json.loads(answer.text)

    def drive(self, id):
        return next(drive for drive in self.status()['drives'] if drive['id'] == id)

    def end(self):
        """As its service is stopped; with the machine's power, if that is off."""
        if self.machine.qemu.process.poll() is not None:
            return
        self.machine.run('killall lifeboat-replicator || true')
        self.wait_for('ended')
