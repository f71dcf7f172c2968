"""Lifeboat, restic and borg, each with a stick of its own, from insertion until it may be pulled."""

import json
import os
import socket
import subprocess
import time

import measure
from peers import NO_CONFIGURATION
from stick import wait_until

PASSWORD = 'bench'
PATIENCE = 3600  # seconds for one insertion


class Round:
    """One insertion. Seconds are those of its steps, `unchecked` without those that only check; CPU and memory are the program's."""

    def __init__(self, seconds, unchecked, cpu, memory, written):
        self.seconds, self.unchecked, self.cpu, self.memory, self.written = seconds, unchecked, cpu, memory, written

    def as_json(self):
        return dict(self.__dict__)


class Steps:
    """Adds up the time of what is done to the stick; what the benchmark itself does in between does not count."""

    def __init__(self, stick, couch, log, environment=None):
        self.stick, self.couch, self.log, self.environment = stick, couch, log, environment
        self.seconds, self.cpu, self.memory = 0.0, 0.0, 0.0

    def here(self, function):
        begun = time.monotonic()
        function()
        self.seconds += time.monotonic() - begun

    def command(self, *command):
        measured = measure.run(list(command), self.couch, self.log, environment=self.environment)
        self.seconds += measured.wall
        self.cpu += measured.cpu
        self.memory = max(self.memory, measured.memory)
        return measured


class Mounted:
    """Who is run by a script: wait for the disk, mount, back up, unmount; and to check, all but the backing up again,
    as what was just written would be read from memory otherwise."""

    environment = {}

    def __init__(self, bench, stick):
        self.stick, self.couch, self.log = stick, bench.couch, bench.log
        self.folder = bench.folder
        self.repository = stick.mounted_at + '/repository'

    def begin(self):
        """The first, full one."""
        return self.insert(first=True)

    def insert(self, first=False):
        steps = Steps(self.stick, self.couch, self.log, self.environment)
        before = self.stick.written()
        steps.here(self.stick.insert)
        steps.here(self.stick.mount)
        if first:
            self.initialise(steps)
        self.back_up(steps)
        steps.here(self.stick.unmount)
        unchecked, written = steps.seconds, self.stick.written() - before
        if self.check:
            steps.here(self.stick.mount)
            self.check(steps, written)
            steps.here(self.stick.unmount)
        found = Round(steps.seconds, unchecked if self.check else None, steps.cpu, steps.memory, self.stick.written() - before)
        self.stick.remove()
        return found

    def prove(self, snapshots):
        """After all rounds; not measured."""

    def close(self):
        pass


class Restic(Mounted):
    name, title = 'restic', 'restic backup, check of as much'

    def __init__(self, bench, stick):
        super().__init__(bench, stick)
        self.data = bench.data
        self.environment = {'RESTIC_REPOSITORY': self.repository, 'RESTIC_PASSWORD': PASSWORD,
                            'RESTIC_CACHE_DIR': self.folder + '/restic-cache'}

    def initialise(self, steps):
        steps.command('restic', 'init')

    def back_up(self, steps):
        steps.command('restic', 'backup', '--quiet', self.data)

    def check(self, steps, written):
        """Its structure, and as many bytes as were written: which ones cannot be chosen."""
        steps.command('restic', 'check', '--read-data-subset', '%dK' % max(written // 1024, 1))


class Borg(Mounted):
    name, title = 'borg', 'borg create, check --last 1'

    def __init__(self, bench, stick):
        super().__init__(bench, stick)
        self.data, self.count = bench.data, 0
        self.environment = {'BORG_REPO': self.repository, 'BORG_PASSPHRASE': PASSWORD, 'BORG_BASE_DIR': self.folder + '/borg',
                            'BORG_RELOCATED_REPO_ACCESS_IS_OK': 'yes'}

    def initialise(self, steps):
        steps.command('borg', 'init', '--encryption=repokey')

    def back_up(self, steps):
        self.count += 1
        steps.command('borg', 'create', '::%d' % self.count, self.data)

    def check(self, steps, written):
        """The whole repository's checksums, and the newest archive's structure."""
        steps.command('borg', 'check', '--last', '1')


class Snapshot(Mounted):
    """Ours without the daemon: as a script would run it. It always checks."""

    name, title, check = 'snapshot', 'lifeboat snapshot, by a script', None

    def __init__(self, bench, stick):
        super().__init__(bench, stick)
        self.site = bench.site

    def initialise(self, steps):
        pass

    def back_up(self, steps):
        steps.command(self.site.lifeboat, 'snapshot', '--source', self.couch.url, '--to', self.stick.mounted_at, '--keys',
                      self.site.keys, '--state', self.site.state, *NO_CONFIGURATION)

    def prove(self, snapshots):
        """Each insertion made one snapshot, and all is there."""
        self.stick.insert()
        self.stick.mount()
        try:
            command = [self.site.restorer, 'verify', self.stick.mounted_at, '--keys', self.site.keys, '--json', *NO_CONFIGURATION]
            told = json.loads(measure.run(command, self.couch, self.log).lines[-1][1])
            if told['snapshots'] != snapshots:
                raise measure.Failed('%d snapshots instead of %d' % (told['snapshots'], snapshots))
        finally:
            self.stick.unmount()
            self.stick.remove()


class Drive(Snapshot):
    """Ours as people have it: the daemon hears of the disk from udev, and does the rest."""

    name, title = 'drive', 'lifeboat-replicator run'

    def __init__(self, bench, stick):
        super().__init__(bench, stick)
        self.state, self.control = self.folder + '/daemon', self.folder + '/run/replicator.sock'
        self.config = self.folder + '/lifeboat.conf'
        for folder in (self.state, self.folder + '/run'):
            os.mkdir(folder)
        with open(self.config, 'w') as file:
            file.write('[source]\nurl = %s\n[keys]\nfolder = %s\n[node]\nstate = %s\ncontrol = %s\n[drive]\ndevices = %s\nhooks = %s\n' % (
                self.couch.url, self.site.keys, self.state, self.control, self.stick.device, self.folder + '/no-hooks'))
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([self.site.lifeboat + '-replicator', 'run', '--config', self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: os.path.exists(self.control), 'lifeboat-replicator')

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.control)
            client.sendall(json.dumps(question).encode() + b'\n')
            answer = b''.join(iter(lambda: client.recv(65536), b''))
        if not answer:
            raise measure.Failed('lifeboat-replicator hung up')
        return json.loads(answer)

    def drive(self):
        return next(iter(self.ask(ask='status')['drives']), {})

    def begin(self):
        self.stick.insert()
        wait_until(lambda: self.stick.device in [one['device'] for one in self.ask(ask='status')['unknown']], 'the daemon to see the disk')
        return self.watch(lambda: self.ask(ask='drive add', device=self.stick.device, label='bench'))

    def insert(self):
        return self.watch(self.stick.insert)

    def watch(self, begin):
        """From what `begin` does until the drive may be pulled."""
        before, cpu, last = self.stick.written(), self.used(), self.drive().get('snapshot')
        begun = time.monotonic()
        answer = begin()
        if isinstance(answer, dict) and 'error' in answer:
            raise measure.Failed(answer['error'])
        self.wait_for(lambda drive: drive.get('safe') and not drive['doing'] and drive['snapshot'] != last)
        seconds = time.monotonic() - begun
        self.stick.flush()
        found = Round(seconds, None, self.used() - cpu, None, self.stick.written() - before)
        self.stick.remove()
        self.wait_for(lambda drive: not drive['attached'])
        return found

    def wait_for(self, condition):
        until = time.monotonic() + PATIENCE
        drive = self.drive()
        while not condition(drive):
            if drive.get('exit') or time.monotonic() > until:
                raise measure.Failed('the daemon says: %s' % drive)
            time.sleep(0.01)
            drive = self.drive()

    def used(self):
        """Processor time of the daemon, and of its runs that have ended."""
        with open('/proc/%d/stat' % self.process.pid) as file:
            return sum(map(int, file.read().rpartition(')')[2].split()[11:15])) / os.sysconf('SC_CLK_TCK')

    def prove(self, snapshots):
        self.close()
        super().prove(snapshots)

    def close(self):
        self.process.terminate()
        self.process.wait()
