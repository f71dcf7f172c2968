"""Files by path, for the file system that a test machine starts from.

It becomes a cpio archive in the `newc` form that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format).
"""

import os
import re
import stat
import subprocess

LIBRARIES = 'lib/x86_64-linux-gnu'


class Tree:
    """With the folders that they need."""

    def __init__(self):
        self.entries = {}  # path -> (mode, bytes)

    def folder(self, path, mode=0o755):
        if path and path not in self.entries:
            self._add(path, stat.S_IFDIR | mode, b'')

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def file(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def copy(self, source, path):
        with open(source, 'rb') as file:
            self.file(path, file.read(), 0o755 if os.access(source, os.X_OK) else 0o644)

    def program(self, source, path):
        """With the libraries that it is linked to."""
        self.copy(source, path)
        linked = subprocess.run(['ldd', source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        for library in re.findall(r'(/\S+) \(0x', linked):
            folder = 'lib' if os.path.basename(library).startswith('ld-') else LIBRARIES
            target = '%s/%s' % (folder, os.path.basename(library))
            if target not in self.entries:
                self.copy(library, target)

    def _add(self, path, mode, data):
        self.folder(os.path.dirname(path))
        self.entries[path] = mode, data

    def write(self, file):
        number = 0
        for number, (path, (mode, data)) in enumerate(self.entries.items(), 1):
            _entry(file, number, path, mode, data)
        _entry(file, number + 1, 'TRAILER!!!', 0, b'')


def _entry(file, number, path, mode, data):
    name = path.encode() + b'\0'
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    file.write(b'070701' + b''.join(b'%08x' % field for field in fields))
    file.write(name + bytes(-(110 + len(name)) % 4))
    file.write(data + bytes(-len(data) % 4))
