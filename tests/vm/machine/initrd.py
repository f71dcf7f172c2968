"""The file system that a test machine starts from, all of it in memory: busybox, udev, our programs and their libraries.

It is a cpio archive in the `newc` form that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format).
"""

import glob
import os
import re
import shutil
import stat
import subprocess

from support.lifeboat import build_folder

from .kernel import Lacking

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = ('replicator/lifeboat', 'replicator/lifeboat-replicator', 'restore/lifeboat-restore')
TOOLS = ('mkfs.ext4', 'mkfs.vfat', 'mkfs.exfat', 'e2fsck', 'fsck.fat', 'fsck.exfat')
RULES = ('50-udev-default', '60-block', '60-persistent-storage', '80-drivers')
GROUPS = {'root': 0, 'tty': 5, 'disk': 6, 'lp': 7, 'kmem': 15, 'dialout': 20, 'cdrom': 24, 'tape': 26, 'audio': 29,
          'video': 44, 'input': 105, 'kvm': 106, 'render': 107, 'sgx': 108, 'lifeboat': 990}
FILES = {
    'etc/passwd': 'root:x:0:0::/root:/bin/sh\nlifeboat:x:990:990::/var/lib/lifeboat:/bin/false\n',
    'etc/group': ''.join('%s:x:%d:\n' % group for group in GROUPS.items()),
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
    'etc/hosts': '127.0.0.1 localhost\n',
    'etc/hostname': 'clinic\n',
    'etc/inittab': '::sysinit:/etc/start\n::respawn:/bin/nc -ll -p 7 -e /etc/ask\n'}
FOLDERS = ('dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'root', 'var/lib/lifeboat', 'etc/lifeboat')
LINKS = {'sbin': 'bin', 'usr/bin': '../bin', 'usr/sbin': '../bin', 'usr/lib': '../lib', 'lib64': 'lib', 'var/run': '../run',
         'var/tmp': '../tmp'}
LIBRARIES = 'lib/x86_64-linux-gnu'


def write(path, kernel):
    """The archive for the kernel in that folder, with the programs of the build folder that is tested."""
    tree = Tree()
    for folder in FOLDERS:
        tree.folder(folder)
    for link, target in LINKS.items():
        tree.link(link, target)
    for name, text in FILES.items():
        tree.file(name, text.encode())
    for name in ('start', 'ask'):
        tree.copy(os.path.join(HERE, 'guest-' + name), 'etc/' + name)
    _busybox(tree)
    _udev(tree)
    for program in PROGRAMS:
        tree.program(os.path.join(build_folder(), program), 'usr/local/bin/' + os.path.basename(program))
    for tool in TOOLS:
        tree.program(_tool(tool), 'bin/' + tool)
    modules = os.path.join(kernel, 'lib', 'modules')
    for parent, _, names in os.walk(modules):
        for name in names:
            tree.copy(os.path.join(parent, name), os.path.relpath(os.path.join(parent, name), kernel))
    with open(path, 'wb') as file:
        tree.write(file)


def _busybox(tree):
    busybox = shutil.which('busybox')
    if not busybox:
        raise Lacking('no busybox: install busybox-static')
    tree.program(busybox, 'bin/busybox')
    for name in subprocess.run([busybox, '--list'], stdout=subprocess.PIPE, text=True, check=True).stdout.split():
        if name != 'busybox':
            tree.link('bin/' + name, 'busybox')


def _tool(name):
    path = shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
    if not path:
        raise Lacking('no %s: install e2fsprogs, dosfstools and exfatprogs' % name)
    return path


def _udev(tree):
    udevadm = shutil.which('udevadm')
    rules = {name: glob.glob('/usr/lib/udev/rules.d/%s.rules' % name) for name in RULES}
    if not udevadm or not all(rules.values()):
        raise Lacking('no udev: install udev')
    tree.program(udevadm, 'bin/udevadm')
    tree.link('lib/systemd/systemd-udevd', '/bin/udevadm')
    for name, (path,) in rules.items():
        tree.copy(path, 'lib/udev/rules.d/%s.rules' % name)


class Tree:
    """Files by path, with the folders that they need."""

    def __init__(self):
        self.entries = {}  # path -> (mode, bytes)

    def folder(self, path):
        if path and path not in self.entries:
            self._add(path, stat.S_IFDIR | 0o755, b'')

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
