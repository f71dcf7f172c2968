"""A server's own disk, whose power can fail between any two of its requests: this process is the disk, and QEMU its cable (the NBD
protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).

    disk = Disk(folder, size=2048)               # MiB: an empty ext4 file system; plugged in as a stick is
    disk.before = lambda: disk.requests == 17    # asked before each request that writes or flushes is answered
    disk.failed                                  # a threading.Event: that was so, and `disk.on_failure()` has been called
    disk.lose(random)                            # what is on it once the power has gone

As with an SSD that has a write cache: what was written counts only once it was flushed. Of the rest each write may be there or not,
and the last one in part.
"""

import contextlib
import os
import socket
import struct
import threading

from .stick import MIB, Stick
from .writes import torn

OLD_MAGIC, OPTION_MAGIC, REPLY_MAGIC = b'NBDMAGIC', b'IHAVEOPT', 0x3e889045565a9
REQUEST_MAGIC, SIMPLE_REPLY_MAGIC = 0x25609513, 0x67446698
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPTION_ABORT, OPTION_GO = 2, 7
ACK, INFO, UNSUPPORTED = 1, 3, (1 << 31) + 1
HAS_FLAGS, SEND_FLUSH, SEND_FUA = 1, 4, 8
READ, WRITE, DISCONNECT, FLUSH = range(4)
FUA = 1


class Disk(Stick):
    """`requests` counts those that write or flush."""

    def __init__(self, folder, size):
        super().__init__(folder, 'ext4', size=size, partitioned=False, caches=True)
        self.folder, self.size, self.requests = folder, size * MIB, 0
        self.before, self.on_failure, self.failed = (lambda: False), (lambda: None), threading.Event()
        self.cached = []  # (offset, data before, data, whether it was not to be cached) since the last flush
        self.socket = self.thread = None

    # ---- in a machine ----

    def node(self, name):
        """Each time it is plugged in."""
        self.failed.clear()
        self.cached = []
        path = os.path.join(self.folder, self.serial)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(1)
        self.thread = threading.Thread(target=self._serve, args=(self.socket,), daemon=True)
        self.thread.start()
        return {'driver': 'raw', 'node-name': name,
                'file': {'driver': 'nbd', 'server': {'type': 'unix', 'path': path}, 'export': ''}}

    def lose(self, random):
        """The power is off: of what was not flushed, chance decides. Gives (lost, of so many)."""
        self.thread.join()
        self.socket.close()
        share, last = random.random(), len(self.cached) - 1
        kept = [is_durable or random.random() >= share for *_, is_durable in self.cached]
        with open(self.image, 'r+b', buffering=0) as file:
            for offset, before, *_ in reversed(self.cached):  # as it was at the last flush
                os.pwrite(file.fileno(), before, offset)
            for number, (offset, _, data, is_durable) in enumerate(self.cached):
                if number == last and not is_durable:
                    data = data[:torn(offset, len(data), random)]
                if kept[number]:
                    os.pwrite(file.fileno(), data, offset)
        return kept.count(False), len(kept)

    # ---- the protocol ----

    def _serve(self, listener):
        try:
            connection, _ = listener.accept()
            with connection, open(self.image, 'r+b', buffering=0) as file:
                stream = connection.makefile('rwb')
                if _agree(stream, self.size):
                    while self._answer(stream, file):
                        pass
        except OSError:  # QEMU has ended, or the disk was closed
            pass

    def _answer(self, stream, file):
        head = stream.read(28)
        if len(head) < 28:
            return False
        magic, flags, kind, handle, offset, length = struct.unpack('>IHHQQI', head)
        assert magic == REQUEST_MAGIC
        data = stream.read(length) if kind == WRITE else b''
        if kind == DISCONNECT:
            return False
        if kind in (WRITE, FLUSH) and not self._write(file, kind, bool(flags & FUA), offset, data):
            return False
        stream.write(struct.pack('>IIQ', SIMPLE_REPLY_MAGIC, 0, handle))
        if kind == READ:
            stream.write(os.pread(file.fileno(), length, offset))
        stream.flush()
        return True

    def _write(self, file, kind, is_durable, offset, data):
        """False: the power failed, nobody hears of it any more."""
        self.requests += 1
        fails = self.before()
        if kind == WRITE:
            self.cached.append((offset, os.pread(file.fileno(), len(data), offset), data, is_durable and not fails))
        if fails:
            self.on_failure()
            self.failed.set()
            return False
        if kind == WRITE:
            os.pwrite(file.fileno(), data, offset)
        else:
            self.cached = []
        return True


def _agree(stream, size):
    """What is said before the first request."""
    stream.write(OLD_MAGIC + OPTION_MAGIC + struct.pack('>H', FIXED_NEWSTYLE | NO_ZEROES))
    stream.flush()
    stream.read(4)
    while head := stream.read(16):
        option, length = struct.unpack('>8xII', head)
        stream.read(length)
        if option == OPTION_GO:
            info = struct.pack('>HQH', 0, size, HAS_FLAGS | SEND_FLUSH | SEND_FUA)
            stream.write(_reply(option, INFO, info) + _reply(option, ACK))
            stream.flush()
            return True
        if option == OPTION_ABORT:
            return False
        stream.write(_reply(option, UNSUPPORTED))
        stream.flush()
    return False


def _reply(option, kind, data=b''):
    return struct.pack('>QIII', REPLY_MAGIC, option, kind, len(data)) + data
