"""Lifeboat, restic and borg, each with a stick of its own, from insertion until it may be pulled."""

import json
import os
import time

import measure
from peers import NO_CONFIGURATION

PASSWORD = 'bench'


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
        self.site, self.changed = bench.site, None

    def initialise(self, steps):
        pass

    def back_up(self, steps):
        measured = steps.command(self.site.lifeboat, 'snapshot', '--source', self.couch.url, '--to', self.stick.mounted_at, '--keys',
                                 self.site.keys, '--state', self.site.state, '--json', *NO_CONFIGURATION)
        self.changed = json.loads(measured.lines[-1][1])['documents']
