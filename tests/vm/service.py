"""lifeboat-replicator as systemd's service in a test machine, set up as README.md tells: its log is the journal, which the
machine's console shows."""

from replicator import Replicator

UNIT = 'lifeboat-replicator'
DROP_IN = '/run/systemd/system/%s.service.d/%s.conf'
PROCESSES = 'for process in $(cat /sys/fs/cgroup/system.slice/%s.service/cgroup.procs); do cat /proc/$process/status; done' % UNIT


class Service(Replicator):
    """Has been started when it is made; its settings there may be made others for the test."""

    def __init__(self, test, machine, expect=0, **settings):
        self.test, self.machine, self.first = test, machine, len(machine.qemu.lines)
        machine.write(DROP_IN % (UNIT, 'test'), '[Service]\n' + ''.join('%s=%s\n' % setting for setting in settings.items()))
        machine.run('systemctl daemon-reload; systemctl reset-failed')
        machine.run('systemctl enable --now %s 2>&1' % UNIT, expect=expect)

    def show(self, name):
        """One of its properties."""
        return self.machine.run('systemctl show --value -p %s %s' % (name, UNIT)).strip()

    def processes(self):
        """Each one's fields of /proc/PID/status."""
        blocks = self.machine.run(PROCESSES).split('Name:')[1:]
        return [dict(line.split(':', 1) for line in ('Name:' + block).splitlines() if ':' in line) for block in blocks]

    def wait_until_started(self, times):
        """That often in all."""
        return self.wait_for('watching for drives', times)

    def end(self):
        self.machine.run('systemctl stop ' + UNIT)
