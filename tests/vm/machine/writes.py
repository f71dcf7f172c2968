"""The log of all writes to a stick, and what was on it when the power failed at any moment.

The log is what QEMU's blklogwrites and Linux' dm-log-writes write: a sector with the head, then for each request a sector
of `sector, sectors, flags, length` and the data. The head lags behind, so it is not asked, and all complete entries are
read.
"""

import bisect
import shutil
import struct

SECTOR = 512
PAGE = 4096  # bytes that a stick writes whole or not at all; ext4's journal cannot do with less
FLUSH, FUA, DISCARD = 1, 2, 4


class Write:
    def __init__(self, offset, length, flags, data):
        self.offset, self.length, self.flags, self.data = offset, length, flags, data


class Writes:
    """The log as it stands. `len(writes)` grows with each request."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            log = memoryview(file.read())
        self.list, self.ends = [], []
        at = SECTOR
        while at + SECTOR <= len(log):
            sector, sectors, flags, _ = struct.unpack_from('<QQQQ', log, at)
            length = sectors * SECTOR
            end = at + SECTOR + (0 if flags & DISCARD else length)
            if end > len(log):
                break
            data = None if flags & DISCARD else log[at + SECTOR:end]
            self.list.append(Write(sector * SECTOR, length, flags, data))
            self.ends.append(end)
            at = end

    def within(self, size):
        """How many requests there were when the log had so many bytes."""
        return bisect.bisect_right(self.ends, size)

    def __len__(self):
        return len(self.list)

    def __iter__(self):
        return iter(self.list)

    @property
    def size(self):
        return sum(len(write.data or b'') for write in self.list)

    def cut(self, base, image, count, random, cached):
        """Makes the image that a power cut leaves when `count` requests had been given to the stick. The last of them may be done
        in part. If it caches, so may each that was not flushed, or not at all; how many, chance decides too."""
        shutil.copyfile(base, image)
        done = self.list[:count]
        flushed = max((i for i, write in enumerate(done) if write.flags & FLUSH), default=0) if cached else count - 1
        lost = random.random() if cached else 0
        with open(image, 'r+b') as file:
            for i, write in enumerate(done):
                data = bytes(write.length) if write.data is None else write.data
                if i >= flushed and not write.flags & FUA:
                    if random.random() < lost:
                        continue
                    if i == count - 1:
                        data = data[:torn(write.offset, len(data), random)]
                file.seek(write.offset)
                file.write(data)


def torn(offset, length, random):
    """How much of a write was done."""
    ends = [end - offset for end in range(offset - offset % PAGE + PAGE, offset + length, PAGE)]
    return random.choice([0, *ends, length])
