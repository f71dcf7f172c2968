"""A USB stick: an image file on this host, with one file system on it, as a person buys or formats one.

    stick = Stick(folder, 'vfat')                # partitioned, as most are
    stick.record()                               # from now on each write is kept: writes.py

The file system is made here, without mounting anything; it is read in a test machine, as this host may lack its driver.
"""

import errno
import hashlib
import os
import shutil
import struct
import subprocess

from .kernel import Lacking

MIB = 1 << 20
SECTOR = 512
MAKE = {'ext4': ['mkfs.ext4', '-q', '-F', '-L'], 'vfat': ['mkfs.vfat', '-F', '32', '-n'], 'exfat': ['mkfs.exfat', '-L'],
        'ntfs': ['mkfs.ntfs', '-q', '-F', '-f', '-L'], 'xfs': ['mkfs.xfs', '-q', '-f', '-L'], 'btrfs': ['mkfs.btrfs', '-q', '-f', '-L']}
CHECK = {'ext4': ['e2fsck', '-fn'], 'vfat': ['fsck.vfat', '-n'], 'exfat': ['fsck.exfat', '-n']}
DIRTY = {'vfat': (0x41, 1), 'exfat': (106, 2)}  # place and bit of the flag that it was not unmounted
LOST = 14000  # a cluster that files do not come to
MBR_TYPE = {'ext4': 0x83, 'vfat': 0x0c, 'exfat': 0x07, 'ntfs': 0x07, 'xfs': 0x83, 'btrfs': 0x83}
KINDS = ('ext4', 'vfat', 'exfat')  # on which drives can be


class Stick:
    """`partitioned`: else the file system begins at the first byte. `caches`: it tells of a write cache that must be
    flushed, as an SSD does; else the machine takes each write that it did for durable, as with most sticks."""

    count = 0

    def __init__(self, folder, kind, size=64, label='BLUE', partitioned=True, caches=False):
        Stick.count += 1
        self.kind, self.label, self.caches = kind, label, caches
        self.serial = '%s%04d' % (kind.upper(), Stick.count)
        self.image = os.path.join(folder, self.serial + '.img')
        self.lost = LOST
        self.log = None
        self.speed = None  # bytes per second that it can write; None: as fast as it goes
        self.faults = []   # what it cannot do any more
        self.protected = False  # by its switch
        self.start = MIB if partitioned else 0
        self.part = '-part1' if partitioned else ''
        self._make(size * MIB)

    def _make(self, size):
        part = self.image + '.part' if self.start else self.image
        with open(part, 'wb') as file:
            file.truncate(size)
        _tool([*MAKE[self.kind], self.label, part])
        if self.start:
            _copy(part, self.image, at=self.start)
            os.unlink(part)
            with open(self.image, 'r+b') as file:
                entry = struct.pack('<8B2I', 0, 0, 0, 0, MBR_TYPE[self.kind], 0, 0, 0, self.start // SECTOR, size // SECTOR)
                file.seek(446)
                file.write(entry + bytes(48) + b'\x55\xaa')

    # ---- in a machine ----

    def record(self):
        """Begins a log of the writes from the image as it is now, which is kept as `base`."""
        self.base, self.log = self.image + '.base', self.image + '.log'
        shutil.copyfile(self.image, self.base)
        open(self.log, 'wb').close()

    def fail(self, act, first=None, last=None):
        """From now on it answers with an error: to each 'read' or 'write', or to those of one place in each 32 KiB from the byte
        `first` to `last`."""
        places = [-1] if first is None else [at // SECTOR for at in range(first, last, 1 << 15)]
        self.faults = [{'event': 'none', 'iotype': act, 'errno': errno.EIO, 'once': False, 'sector': place} for place in places]

    def node(self, name):
        """The block node that QEMU gives the machine: the image, its faults above it, its log above those, and its speed."""
        node = {'driver': 'file', 'filename': self.image}
        if self.faults:
            node = {'driver': 'blkdebug', 'image': node, 'inject-error': self.faults}
        if self.log:
            node = {'driver': 'blklogwrites', 'file': node, 'log': {'driver': 'file', 'filename': self.log}}
        if self.speed:
            node = {'driver': 'throttle', 'throttle-group': name, 'file': node}
        return {'driver': 'raw', 'node-name': name, 'file': node, 'read-only': self.protected}

    # ---- from outside ----

    def digest(self):
        with open(self.image, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()

    def check(self):
        """What the file system's own checker complains of, changing nothing; empty when it is sound."""
        part = self.image + '.check'
        _copy(self.image, part, skip=self.start)
        try:
            done = subprocess.run([*CHECK[self.kind], part], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        finally:
            os.unlink(part)
        return done.stdout if done.returncode else ''

    @property
    def dirty(self):
        """Whether it is marked as one that was not unmounted. With a journal, none is."""
        place, bit = DIRTY.get(self.kind, (0, 0))
        with open(self.image, 'rb') as file:
            file.seek(self.start + place)
            return file.read(1)[0] & bit != 0

    def lose_clusters(self):
        """Two more clusters of a FAT or exFAT are taken and no file's, as when the power fails between the one and the other."""
        self.lost += 8
        with open(self.image, 'r+b') as file:
            for at, data in self._lost_on_vfat(file) if self.kind == 'vfat' else self._lost_on_exfat(file):
                os.pwrite(file.fileno(), data, at)

    def has_them_back(self):
        """Whether the clusters that were lost last are free."""
        with open(self.image, 'rb') as file:
            places = self._lost_on_vfat(file) if self.kind == 'vfat' else self._lost_on_exfat(file)
            return not any(any(os.pread(file.fileno(), len(data), at)) for at, data in places)

    def _lost_on_vfat(self, file):
        """A chain in each FAT."""
        boot = os.pread(file.fileno(), SECTOR, self.start)
        reserved, fats, length = *struct.unpack_from('<HB', boot, 14), *struct.unpack_from('<I', boot, 36)
        return [(self.start + (reserved + fat * length) * SECTOR + self.lost * 4, struct.pack('<II', self.lost + 1, 0x0fffffff))
                for fat in range(fats)]

    def _lost_on_exfat(self, file):
        """Bits in the allocation bitmap, which mkfs.exfat puts into the first cluster."""
        heap = struct.unpack('<I', os.pread(file.fileno(), 4, self.start + 88))[0]
        return [(self.start + heap * SECTOR + self.lost // 8, b'\x03')]


def _copy(source, target, at=0, skip=0):
    """Leaves holes where there is nothing but zeros."""
    subprocess.run(['dd', 'if=' + source, 'of=' + target, 'bs=%d' % MIB, 'seek=%d' % (at // MIB), 'skip=%d' % (skip // MIB),
                    'conv=sparse', 'status=none'], check=True)


def _tool(command):
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    except FileNotFoundError:
        raise Lacking('no %s: install e2fsprogs, dosfstools, exfatprogs, ntfs-3g, xfsprogs and btrfs-progs' % command[0]) from None


def disk(path, size=64):
    """The server's own disk, an empty ext4 file system."""
    with open(path, 'wb') as file:
        file.truncate(size * MIB)
    _tool([*MAKE['ext4'], 'STATE', path])
    return path
