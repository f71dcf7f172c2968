"""Block devices that tests may write to: files behind loop devices, and what stands on them.

    stick = Medium(test, megabytes=64)           # blank; gone with the test
    stick.path                                   # /dev/loop3
    stick.partition(1)                           # /dev/loop3p1, after stick.table('label: dos', '2048,,c')
    with stick.mounted() as folder: …
"""

import contextlib
import hashlib
import os
import subprocess
import tempfile
import unittest

TOOLS = dict(os.environ, PATH=os.environ.get('PATH', '') + ':/usr/sbin:/sbin', LC_ALL='C.UTF-8')


def run(*command, input=None):
    done = subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=TOOLS)
    if done.returncode != 0:
        raise RuntimeError('%s ended with %d: %s' % (' '.join(command), done.returncode, done.stdout))
    return done.stdout


def why_not():
    """What keeps us from making loop devices; None: nothing."""
    if os.geteuid() != 0:
        return 'only root can make loop devices'
    if not os.path.exists('/dev/loop-control'):
        return 'this system has no loop devices'
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(1 << 20)
        try:
            run('losetup', '--detach', run('losetup', '--find', '--show', file.name).strip())
        except (RuntimeError, OSError) as error:
            return 'loop devices cannot be made here: %s' % error
    return None


def kernel_has(filesystem):
    with open('/proc/filesystems') as file:
        return filesystem in file.read().split()


class Medium:
    def __init__(self, test, megabytes=64, folder=None, options=()):
        self.test, self.image = test, os.path.join(folder or tempfile.mkdtemp(prefix='lifeboat-medium-', dir='/var/tmp'), 'image')
        if not folder:
            test.addCleanup(os.rmdir, os.path.dirname(self.image))
        with open(self.image, 'wb') as file:
            file.truncate(megabytes << 20)
        test.addCleanup(os.unlink, self.image)
        self.read_only = '--read-only' in options
        self.path = run('losetup', '--find', '--show', '--partscan', *options, self.image).strip()
        test.addCleanup(run, 'losetup', '--detach', self.path)

    def partition(self, number):
        return '%sp%d' % (self.path, number)

    def table(self, *lines):
        run('sfdisk', '--quiet', '--wipe', 'never', self.path, input='\n'.join(lines) + '\n')
        if not os.path.exists(self.partition(1)):
            run('partx', '--add', self.path)  # a kernel that reads no such tables takes them from us
        for number in range(1, len(lines)):
            if not os.path.exists(self.partition(number)):
                raise unittest.SkipTest('this kernel shows no partitions of loop devices')

    def ext4(self, path=None, label='photos', *options):
        run('mkfs.ext4', '-q', '-F', '-L', label, *options, path or self.path)

    def write(self, offset, data):
        with open(self.path, 'r+b') as device:
            device.seek(offset)
            device.write(data)
            device.flush()
            os.fsync(device.fileno())

    @contextlib.contextmanager
    def mounted(self, path=None):
        with tempfile.TemporaryDirectory(prefix='lifeboat-mount-') as folder:
            run('mount', path or self.path, folder)
            try:
                yield folder
            finally:
                run('umount', folder)

    def digest(self):
        """Of every byte, as the device gives them."""
        run('blockdev', '--flushbufs', self.path)
        with open(self.path, 'rb') as device:
            return hashlib.file_digest(device, 'sha256').hexdigest() if hasattr(hashlib, 'file_digest') else \
                hashlib.sha256(device.read()).hexdigest()

    def told(self, name, path=None):
        """What libblkid tells of it: TYPE, LABEL, …"""
        return run('blkid', '--probe', '--output', 'value', '--match-tag', name, path or self.path).strip()

    def owner(self, path=None):
        with self.mounted(path) as folder:
            status = os.stat(folder)
            return status.st_uid, status.st_gid
