"""A USB stick that is none: an ext4 image on a loop device, which a systemd-udevd of our own shows as a USB disk.

    stick.in_private()              # once, first of all: runs the program again where /dev, /run and mounts are its own
    with stick.Udev(folder) as udev, stick.Stick(udev, 'blue', megabytes) as drive:
        drive.insert()              # udev tells all who listen: a disk with ID_BUS=usb and a file system
        drive.remove()

The network stays that of the machine, as the CouchDB is there and udev's messages are netlink's. Every udevd on the
machine hears the kernel's events; only ours makes USB disks of them. Takes root.
"""

import glob
import os
import subprocess
import sys
import time

INSIDE = 'LIFEBOAT_BENCH_PRIVATE'
PATIENCE = 30  # seconds
SECTOR = 512
UDEVD = '/lib/systemd/systemd-udevd'
RULE = 'SUBSYSTEM=="block", KERNEL=="loop*", ATTR{loop/backing_file}=="%s/*", ENV{ID_BUS}="usb", ENV{ID_SERIAL}="$kernel"\n'
OPTIONS = 'nosuid,nodev,noexec,noatime'  # what ours mounts with


def in_private():
    if os.environ.get(INSIDE):
        return
    if os.geteuid() != 0 or not os.path.exists(UDEVD):
        sys.exit('takes root, and the Debian packages udev and mount')
    os.environ[INSIDE] = 'yes'
    os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', '/usr/bin/python3', *sys.argv])


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError('%s: %s' % (' '.join(command), done.stderr.strip()))
    return done.stdout.strip()


def wait_until(condition, what):
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError('waited %d s for %s' % (PATIENCE, what))
        time.sleep(0.002)


class Udev:
    """/run and /dev of our own, and the udevd that rules there."""

    def __init__(self, folder):
        self.folder = os.path.realpath(folder)
        self.process = None

    def __enter__(self):
        os.makedirs('/run', exist_ok=True)
        run('mount', '-t', 'tmpfs', 'run', '/run')
        self.make_dev(self.folder + '/dev')
        os.makedirs('/run/udev/rules.d')
        with open('/run/udev/rules.d/10-lifeboat-bench.rules', 'w') as file:
            file.write(RULE % self.folder)
        self.process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', UDEVD, '--children-max=4'], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: os.path.exists('/run/udev/control'), 'systemd-udevd')
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @staticmethod
    def make_dev(folder):
        os.makedirs(folder)
        run('mount', '-t', 'tmpfs', 'dev', folder)
        nodes = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty', *glob.glob('/dev/loop*'),
                 *filter(os.path.islink, ('/dev/fd', '/dev/stdin', '/dev/stdout', '/dev/stderr'))]
        run('cp', '-a', *nodes, folder)
        for name in ('pts', 'shm'):
            os.mkdir(folder + '/' + name)
            run('mount', '--rbind', '/dev/' + name, folder + '/' + name)
        run('mount', '--move', folder, '/dev')


class Stick:
    """The image is written past the page cache of the machine, so that a disk's speed and its own cache are all there is."""

    def __init__(self, udev, name, megabytes):
        self.name, self.image, self.mounted_at = name, '%s/%s.img' % (udev.folder, name), '%s/%s' % (udev.folder, name)
        os.mkdir(self.mounted_at)
        with open(self.image, 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, megabytes << 20)
        run('mkfs.ext4', '-q', '-F', '-L', name, '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0', self.image)
        self.uuid = run('blkid', '-p', '-s', 'UUID', '-o', 'value', self.image)
        self.device = None

    def __enter__(self):
        number = run('losetup', '--find')[len('/dev/loop'):]
        if not os.path.exists('/dev/loop' + number):
            run('mknod', '/dev/loop' + number, 'b', '7', number)
        self.device = run('losetup', '--find', '--show', '--direct-io=on', self.image)
        self.block = '/sys/block/' + self.device[len('/dev/'):]
        self.remove()
        return self

    def __exit__(self, *_):
        subprocess.run(['umount', '-q', self.device])
        run('losetup', '--detach', self.device)
        os.unlink(self.image)

    def event(self, action):
        with open(self.block + '/uevent', 'w') as file:
            file.write(action)

    def known(self):
        return os.path.exists('/dev/disk/by-uuid/' + self.uuid)

    def insert(self):
        self.event('add')

    def remove(self):
        """And nothing of it is in memory any more."""
        run('udevadm', 'settle')
        self.event('remove')
        wait_until(lambda: not self.known(), 'udev to forget ' + self.device)
        self.flush()

    def flush(self):
        run('blockdev', '--flushbufs', self.device)

    # What a script of the operator's would do.

    def mount(self):
        wait_until(self.known, 'udev to show ' + self.device)
        run('mount', '-o', OPTIONS, self.device, self.mounted_at)

    def unmount(self):
        run('umount', self.mounted_at)
        self.flush()

    def written(self):
        """Bytes since the device was made."""
        with open(self.block + '/stat') as file:
            return int(file.read().split()[6]) * SECTOR
