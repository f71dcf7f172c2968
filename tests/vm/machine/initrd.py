"""The file system that a test machine starts from, all of it in memory: busybox, udev, our programs and their libraries.

`under_busybox` is the smallest that there can be, and `with_couch` has the stand-in for CouchDB besides. `under_systemd` is a
server as people have it: systemd with its own units for udev and the journal, and Lifeboat as `meson install` puts it there, with
nothing set up yet.
"""

import glob
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile

from support.lifeboat import ROOT, build_folder

from .kernel import Lacking
from .tree import Tree

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = ('replicator/lifeboat', 'replicator/lifeboat-replicator', 'restore/lifeboat-restore', 'netsvc/lifeboat-netsvc')
TOOLS = ('mkfs.ext4', 'mkfs.vfat', 'mkfs.exfat', 'e2fsck', 'fsck.fat', 'fsck.exfat')
RULES = ('50-udev-default', '60-block', '60-persistent-storage', '80-drivers')
GROUPS = {'root': 0, 'tty': 5, 'disk': 6, 'lp': 7, 'kmem': 15, 'dialout': 20, 'cdrom': 24, 'tape': 26, 'audio': 29,
          'video': 44, 'input': 105, 'kvm': 106, 'render': 107, 'sgx': 108}
PASSWD, GROUP = 'root:x:0:0::/root:/bin/sh\n', ''.join('%s:x:%d:\n' % group for group in GROUPS.items())
FILES = {
    'etc/passwd': PASSWD,
    'etc/group': GROUP,
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
    'etc/hosts': '127.0.0.1 localhost\n',
    'etc/hostname': 'clinic\n'}
BUSYBOX_FILES = {
    'etc/passwd': PASSWD + 'lifeboat:x:990:990::/var/lib/lifeboat:/bin/false\nlifeboat-net:x:991:991::/:/bin/false\n',
    'etc/group': GROUP + 'lifeboat:x:990:\nlifeboat-net:x:991:\n',
    'etc/inittab': '::sysinit:/etc/start\n::respawn:/bin/nc -ll -p 7 -e /etc/ask\n'}
FOLDERS = ('dev', 'proc', 'sys', 'run', 'mnt', 'root', 'var/lib/lifeboat', 'etc/lifeboat')
LINKS = {'sbin': 'bin', 'usr/bin': '../bin', 'usr/sbin': '../bin', 'usr/lib': '../lib', 'lib64': 'lib', 'var/run': '../run',
         'var/tmp': '../tmp'}

SYSTEMD = ('lib/systemd/systemd', 'lib/systemd/systemd-journald', 'bin/systemctl', 'bin/journalctl', 'bin/systemd-sysusers')
UNITS = (
    'basic.target', 'local-fs-pre.target', 'local-fs.target', 'multi-user.target', 'network.target', 'paths.target', 'shutdown.target',
    'slices.target', 'sockets.target', 'swap.target', 'sysinit.target', 'timers.target', 'umount.target',
    'systemd-journald-dev-log.socket', 'systemd-journald.socket', 'systemd-journald.service',
    'systemd-udev-trigger.service', 'systemd-udevd-control.socket', 'systemd-udevd-kernel.socket', 'systemd-udevd.service')
WANTED = {'sockets': ('systemd-journald-dev-log.socket', 'systemd-journald.socket', 'systemd-udevd-control.socket',
                      'systemd-udevd-kernel.socket'),
          'sysinit': ('systemd-journald.service', 'systemd-udev-trigger.service', 'systemd-udevd.service'),
          'multi-user': ('machine.service', 'ask.service')}
SYSTEMD_FILES = {
    'etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    'etc/systemd/journald.conf': '[Journal]\nForwardToConsole=yes\nMaxLevelConsole=info\n',
    'etc/systemd/system/machine.service': '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/etc/devices\nStandardOutput=tty\n',
    'etc/systemd/system/ask.service': '[Service]\nExecStart=/bin/nc -ll -p 7 -e /etc/ask\nStandardError=null\n'}

PYTHON = '''
import sys
sys.path.insert(0, %r)
import encodings.ascii, encodings.idna, encodings.latin_1, os, pickle, support.standin
print(*sorted({module.__file__ for module in sys.modules.values() if getattr(module, '__file__', None)}), sep='\\n')
'''


def under_busybox(kernel):
    """The tree for the kernel in that folder, with the programs of the build folder that is tested."""
    tree = _base(kernel, BUSYBOX_FILES)
    tree.copy(os.path.join(HERE, 'guest-start'), 'etc/start')
    tree.link('lib/systemd/systemd-udevd', '/bin/udevadm')
    for program in PROGRAMS:
        tree.program(os.path.join(build_folder(), program), 'usr/local/bin/' + os.path.basename(program))
    return tree


def with_couch(kernel):
    tree = under_busybox(kernel)
    tree.copy(os.path.join(HERE, 'guest-couch'), 'bin/guest-couch')
    for pattern in ('__init__', 'rawjson', 'standin*'):
        for path in glob.glob(os.path.join(ROOT, 'tests', 'integration', 'support', pattern + '.py')):
            tree.copy(path, 'lib/couch/support/' + os.path.basename(path))
    _python(tree)
    return tree


def _python(tree):
    """With the modules that the stand-in uses, compiled: where the processor is emulated that takes seconds."""
    listed = subprocess.run([sys.executable, '-I', '-c', PYTHON % os.path.join(ROOT, 'tests', 'integration')],
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    home = os.path.dirname(os.__file__)
    tree.program(os.path.realpath(sys.executable), 'bin/python3')
    for path in listed.splitlines():
        target = os.path.join('lib', os.path.basename(home), os.path.relpath(path, home))
        if path.endswith('.so'):
            tree.program(path, target)
        elif path.startswith(home):
            with tempfile.NamedTemporaryFile() as file:
                py_compile.compile(path, file.name, doraise=True,
                                   invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
                tree.copy(file.name, target + 'c')


def under_systemd(kernel):
    tree = _base(kernel, SYSTEMD_FILES)
    if not all(os.path.exists('/' + path) for path in SYSTEMD):
        raise Lacking('no systemd: install systemd')
    for path in SYSTEMD:
        tree.program('/' + path, path)
    tree.link('bin/init', '/lib/systemd/systemd')
    tree.link('lib/systemd/systemd-udevd', '/bin/udevadm')
    for unit in UNITS:
        tree.copy('/lib/systemd/system/' + unit, 'lib/systemd/system/' + unit)
    tree.link('lib/systemd/system/default.target', 'multi-user.target')
    for target, units in WANTED.items():
        for unit in units:
            tree.link('etc/systemd/system/%s.target.wants/%s' % (target, unit), unit)
    tree.copy('/lib/udev/rules.d/99-systemd.rules', 'lib/udev/rules.d/99-systemd.rules')
    _install(tree)
    return tree


def _install(tree):
    """What is tested, where `meson install` puts it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['meson', 'install', '-C', build_folder(), '--no-rebuild', '--quiet', '--destdir', folder], check=True,
                       stdout=subprocess.DEVNULL)
        for parent, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(parent, name)
                tree.program(path, os.path.relpath(path, folder))


def _base(kernel, files):
    tree = Tree()
    for folder in FOLDERS:
        tree.folder(folder)
    tree.folder('tmp', 0o1777)
    for link, target in LINKS.items():
        tree.link(link, target)
    for name, text in {**FILES, **files}.items():
        tree.file(name, text.encode())
    for name in ('ask', 'devices'):
        tree.copy(os.path.join(HERE, 'guest-' + name), 'etc/' + name)
    _busybox(tree)
    _udev(tree)
    for tool in TOOLS:
        tree.program(_tool(tool), 'bin/' + tool)
    modules = os.path.join(kernel, 'lib', 'modules')
    for parent, _, names in os.walk(modules):
        for name in names:
            tree.copy(os.path.join(parent, name), os.path.relpath(os.path.join(parent, name), kernel))
    return tree


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
    for name, (path,) in rules.items():
        tree.copy(path, 'lib/udev/rules.d/%s.rules' % name)
